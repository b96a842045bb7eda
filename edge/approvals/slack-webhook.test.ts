// Slack through an incoming webhook alone: buttons, clicks and updates without a bot, against a server
// that behaves as Slack's documentation says. And what a held statement looks like in Slack.

import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { AccessAnswer, RequestDetail } from '../../core/api.ts';
import { Approval } from '../../core/approval/approval.ts';
import { newId } from '../../core/ids.ts';
import { secret } from '../../core/secret.ts';
import { createApp } from '../app.ts';
import { createDeps } from '../deps.ts';
import type { Env } from '../env.ts';
import { remote } from '../objects/rpc.ts';
import { parseSettings } from '../settings.ts';
import { EDGE } from '../test/browser.ts';
import { resource, TestConnector } from '../test/connector.ts';
import { type Caller, callerAs } from '../test/people.ts';
import { type PlannedAnswer, SIGNING_SECRET, type SlackCall, TEAM } from '../test/slack-facts.ts';
import type { NoticeKind } from './notifier.ts';
import { slackNotifier } from './slack.ts';
import { slackMessageOf } from './slack-messages.ts';
import { responsePlaceOf } from './slack-response.ts';
import { audit } from '../test/grants.ts';

const slack = new URL(env.SLACK_API_URL).origin;
const WEBHOOK = `${slack}/services/T/B/token`;
const MEMBERS = 'UBOB=bob@example.com, UALICE=Alice@Example.com,UNEW=new@example.com';
const members = { SLACK_MEMBERS: MEMBERS };
const webhookApp = (settings: object = members) => {
  const { SLACK_BOT_TOKEN: _, ...rest } = { ...env } as unknown as Record<string, unknown>;
  return createApp(createDeps({ ...rest, SLACK_WEBHOOK_URL: WEBHOOK, ...settings } as unknown as Env));
};
let alice: Caller;
let next = 0;
beforeAll(async () => {
  alice = await callerAs('alice');
  await callerAs('bob');
  const names = Array.from({ length: 30 }, (_, index) => resource(`hook-${index}`, { env: 'guarded' }));
  await (await TestConnector.join('hooks')).link(names);
});

async function ask(): Promise<Approval['id']> {
  const answer = AccessAnswer.parse(
    await (await alice.send('POST', '/requests', { resource: `hook-${next++}`, reason: 'SHOP-1' })).json(),
  );
  if (!('request' in answer)) throw new Error('nothing waits');
  // As if no bot had ever posted: what the tests' own bot remembers is taken away.
  const stub = env.APPROVAL.get(env.APPROVAL.idFromName(answer.request.id));
  for (let tries = 0; tries < 400; tries++) {
    const done = await runInDurableObject(stub, (_object, state) => {
      if (state.storage.sql.exec('SELECT 1 FROM outbox').toArray().length > 0) return false;
      state.storage.sql.exec('DELETE FROM memories');
      return true;
    });
    if (done) return answer.request.id;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('the notices were not delivered');
}
const stateOf = async (id: string) => RequestDetail.parse(await (await alice.get(`/requests/${id}`)).json()).approval;
const plan = (method: string, ...answers: PlannedAnswer[]) =>
  fetch(`${slack}/plan`, { method: 'POST', body: JSON.stringify({ method, answers }) });
const all = async () => (await fetch(`${slack}/calls`)).json<SlackCall[]>();
const callsTo = async (method: string) => (await all()).filter((call) => call.method === method);
const memoryOf = (id: string) =>
  runInDurableObject(env.APPROVAL.get(env.APPROVAL.idFromName(id)), (_object, state) => {
    const [row] = state.storage.sql.exec(`SELECT memory FROM memories WHERE notifier = 'slack'`).toArray();
    return row && (JSON.parse(String(row.memory)) as { responseUrl?: string; uses?: number });
  });

async function click(
  action: 'approve' | 'deny',
  id: string,
  { user = 'UBOB', response = `${slack}/response/${id}`, app = webhookApp(), secretKey = SIGNING_SECRET } = {},
): Promise<Response> {
  const payload = {
    type: 'block_actions',
    user: { id: user, username: 'someone', team_id: TEAM },
    trigger_id: `1.2.${Math.random()}`,
    team: { id: TEAM, domain: 'tests' },
    channel: { id: 'C0000APPROVALS', name: 'approvals' },
    container: { type: 'message', message_ts: '1.1', channel_id: 'C0000APPROVALS', is_ephemeral: false },
    response_url: response,
    actions: [{ type: 'button', action_id: `gatehouse_${action}`, value: id, action_ts: '1.1' }],
  };
  const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  const timestamp = Math.floor(Date.now() / 1000);
  const bytes = new TextEncoder();
  const key = await crypto.subtle.importKey('raw', bytes.encode(secretKey), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ]);
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes.encode(`v0:${timestamp}:${body}`)));
  return app.request(`${EDGE}/slack/interactions`, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': String(timestamp),
      'x-slack-signature': `v0=${Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join('')}`,
    },
  });
}
const bodyOf = (call: SlackCall | undefined) =>
  JSON.parse(call?.body ?? '{}') as {
    text: string;
    response_type?: string;
    replace_original?: boolean;
    blocks?: { type: string; elements?: { action_id: string; confirm?: object }[] }[];
  };
const buttonsOf = (call: SlackCall | undefined) =>
  (bodyOf(call).blocks ?? []).flatMap(({ elements }) => elements ?? []);

describe('a webhook with a signing secret', () => {
  const notifier = (now: () => number = Date.now) =>
    slackNotifier({ api: undefined, channel: '#x', webhook: secret(WEBHOOK), signed: true, now });
  const deliver = async (id: Approval['id'], kind: NoticeKind, memory: object | undefined, now?: () => number) => {
    const approval = await remote(env.APPROVAL, id).read();
    if (!approval) throw new Error('no request');
    const notice = { id: `${id}-1`, kind, at: approval.askedAt, approval };
    const context = { current: approval, link: `${EDGE}/requests/${id}`, memory: memory && JSON.stringify(memory) };
    return notifier(now).deliver(notice, context);
  };

  test('gets buttons, and Deny asks whether it is meant, since no form can ask for the reason', async () => {
    const id = await ask();
    expect(await deliver(id, 'asked', undefined)).toEqual({ kind: 'delivered' });
    const call = (await callsTo('/services/T/B/token')).find(({ body }) => body.includes(id));
    expect(buttonsOf(call).map(({ action_id }) => action_id)).toEqual([
      'gatehouse_approve',
      'gatehouse_deny',
      'gatehouse_open',
    ]);
    expect(buttonsOf(call).map(({ confirm }) => confirm !== undefined)).toEqual([false, true, false]);
  });

  test('approves as the member whom the settings name, and keeps where the message can be changed', async () => {
    const id = await ask();
    expect((await click('approve', id)).status).toBe(200);
    expect(await stateOf(id)).toMatchObject({
      state: 'approved',
      votes: [{ email: 'bob@example.com', via: 'slack' }],
    });
    const memory = await memoryOf(id);
    expect(memory).toMatchObject({ responseUrl: `${slack}/response/${id}`, uses: 4 });
    expect(await deliver(id, 'approved', memory)).toMatchObject({ kind: 'delivered', memory: expect.any(String) });
    const [replaced] = await callsTo(`/response/${id}`);
    expect(bodyOf(replaced)).toMatchObject({ replace_original: true, text: expect.stringContaining('Approved by') });
    expect(buttonsOf(replaced).map(({ action_id }) => action_id)).toEqual(['gatehouse_open']);
  });

  test('denies at once with words that say that no reason was given', async () => {
    const id = await ask();
    await click('deny', id);
    expect(await stateOf(id)).toMatchObject({
      state: 'denied',
      ended: { by: 'bob@example.com', reason: 'Denied in Slack, without a reason.' },
    });
  });

  test.each([
    ['is not in the settings', 'UMALLORY', 'Gatehouse cannot tell from here who you are'],
    ['never signed in', 'UNEW', 'does not know new@example.com yet'],
    ['asked for it', 'UALICE', 'Nobody decides on what they asked for themselves.'],
  ])('tells whoever %s, alone, and decides nothing', async (_who, user, words) => {
    const id = await ask();
    expect((await click('approve', id, { user })).status).toBe(200);
    expect((await stateOf(id)).state).toBe('pending');
    const [told] = await callsTo(`/response/${id}`);
    expect(bodyOf(told)).toMatchObject({ response_type: 'ephemeral', replace_original: false });
    expect(bodyOf(told).text).toContain(words);
    const { entries } = await audit.list({ kind: 'decision.refused', limit: 1 });
    expect(entries[0]).toMatchObject({ object: id });
  });

  test('knows nobody without SLACK_MEMBERS, and leads to the portal', async () => {
    const id = await ask();
    await click('approve', id, { app: webhookApp({}) });
    expect((await stateOf(id)).state).toBe('pending');
    expect(bodyOf((await callsTo(`/response/${id}`))[0]).text).toContain(`${EDGE}/requests/${id}`);
  });

  test('takes a message that was left behind out of use when it is clicked', async () => {
    const id = await ask();
    await click('deny', id);
    const response = `${slack}/response/${id}-old`;
    await click('approve', id, { response });
    expect((await stateOf(id)).state).toBe('denied');
    const [told, replaced] = await callsTo(`/response/${id}-old`);
    expect(bodyOf(told).response_type).toBe('ephemeral');
    expect(bodyOf(replaced)).toMatchObject({ replace_original: true, text: expect.stringContaining('Denied by') });
    expect(buttonsOf(replaced).map(({ action_id }) => action_id)).toEqual(['gatehouse_open']);
  });

  test.each([
    ['another host', 'https://evil.example/response/1'],
    ['the same host over plain http', 'http://hooks.slack.com/actions/1'],
    ['credentials in front', 'https://hooks.slack.com@evil.example/1'],
    ['no address', 'nonsense'],
  ])('calls no response_url with %s', async (_what, response) => {
    expect(responsePlaceOf(response, 0, [slack])).toBeUndefined();
    const id = await ask();
    expect((await click('approve', id, { response })).status).toBe(200);
    expect((await stateOf(id)).state).toBe('approved');
    expect((await memoryOf(id))?.responseUrl).toBeUndefined();
  });

  test('is believed for its signature alone', async () => {
    const id = await ask();
    expect((await click('approve', id, { secretKey: 'wrong' })).status).toBe(401);
    expect((await stateOf(id)).state).toBe('pending');
  });

  describe('changes its message', () => {
    const place = (id: string, changes: object = {}) => ({
      responseUrl: `${slack}/response/${id}`,
      untilMs: Date.now() + 60_000,
      uses: 4,
      ...changes,
    });
    const newMessages = async (id: string) =>
      (await callsTo('/services/T/B/token')).filter(({ body }) => body.includes(id)).length;

    test('later, when Slack says that it is too much or does not answer', async () => {
      const id = await ask();
      await plan(`/response/${id}`, { status: 429, headers: { 'retry-after': '7' } }, { status: 503 });
      expect(await deliver(id, 'voted', place(id))).toEqual({
        kind: 'failed',
        ok: false,
        reason: 'rate_limited',
        afterMs: 7000,
      });
      expect(await deliver(id, 'voted', place(id))).toMatchObject({ kind: 'failed', reason: 'status_503' });
      expect(await deliver(id, 'voted', place(id))).toMatchObject({ kind: 'delivered' });
      expect(await newMessages(id)).toBe(0);
    });

    test.each<[string, (id: string) => object]>([
      ['after half an hour', (id) => place(id, { untilMs: Date.now() - 1 })],
      ['after five uses', (id) => place(id, { uses: 0 })],
      ['when Slack has forgotten the address', (id) => place(id, { responseUrl: `${slack}/response/${id}-expired` })],
    ])('no more %s: the outcome is another message', async (_when, memory) => {
      const id = await ask();
      await (await callerAs('bob')).send('POST', `/approvals/${id}/decision`, { decision: 'deny', comment: 'no' });
      expect(await deliver(id, 'denied', memory(id))).toEqual({ kind: 'delivered' });
      expect(await newMessages(id)).toBe(1);
    });

    test('counts its uses', async () => {
      const id = await ask();
      let memory: object = place(id);
      for (let uses = 4; uses > 0; uses--) {
        const done = await deliver(id, 'voted', memory);
        memory = JSON.parse((done as { memory: string }).memory) as object;
        expect(memory).toMatchObject({ uses: uses - 1 });
      }
      expect(await callsTo(`/response/${id}`)).toHaveLength(4);
    });
  });
});

describe('a held statement in Slack', () => {
  const held = (text: string, more: object = {}): Approval =>
    Approval.parse({
      id: newId('req'),
      subject: {
        kind: 'statement',
        resource: 'orders',
        reason: 'SHOP-1',
        labels: {},
        session: newId('ses'),
        text,
        parameters: ['1', null],
        digest: 'ab12'.repeat(16),
        tables: ['public.orders'],
        pattern: 'update',
        inTransaction: true,
        ...more,
      },
      requester: { subject: 'x', email: 'alice@example.com', name: 'Alice' },
      rule: 'orders-prod',
      policyVersion: 3,
      state: 'pending',
      askedAt: '2026-11-20T10:00:00.000Z',
      decideBy: '2026-11-20T10:05:00.000Z',
      workMs: 60_000,
      needed: 1,
      votes: [],
      warned: false,
    });
  const shown = (approval: Approval) =>
    slackMessageOf('asked', approval, { link: `${EDGE}/x`, buttons: true, form: true }) as unknown as {
      text: string;
      blocks: { type: string; text?: { type: string; text: string } }[];
    };
  const words = (approval: Approval) =>
    shown(approval)
      .blocks.map(({ text }) => text?.text ?? '')
      .join('\n');

  test('of another kind is called what it is', () => {
    const command = held('rm -rf /srv', { kind: 'command', title: 'in web-1', parameters: [], tables: ['/srv'] });
    const said = words(command);
    expect(shown(command).text).toContain('alice@example.com waits to run a command on orders');
    expect(said).toContain('Where: in web-1');
    expect(said).toContain('Files: /srv');
    expect(said).toContain('\nrm -rf /srv');
    expect(said).not.toContain('Command: rm');
    expect(words(held('GET /x', { kind: 'request' }))).toContain('waits to send a request on orders');
  });

  test('says what it is, on what, by whom, until when, and what is sent', () => {
    const text = words(held('update orders set status = 1'));
    for (const each of [
      'alice@example.com waits to run a statement on orders',
      'update orders set status = 1',
      'public.orders',
      '$1 = 1, $2 = NULL',
      'ab12'.repeat(16),
      '2026-11-20 10:05 UTC',
      'orders-prod',
    ])
      expect(text).toContain(each);
  });

  test('cannot act: it is plain text, with what hides or reorders named', () => {
    const { text, blocks } = shown(held('<!channel> *bold* <https://evil|click> \u202E `x` :smile: @here'));
    expect(text).not.toContain('<!channel>');
    const section = blocks.find((block) => block.text?.text.includes('evil'));
    expect(section?.text).toMatchObject({ type: 'plain_text', emoji: false });
    expect(section?.text?.text).toContain('\\u202e');
  });

  test.each([
    ['x'.repeat(20_000)],
    ['\u{1f512}'.repeat(9_999)],
    [`${'y'.repeat(2_899)}\u{1f512}z`],
    ['\n'.repeat(5_000)],
  ])('stays within what Slack takes, and says what was cut (%#)', (text) => {
    const { blocks } = shown(held(text, { tables: Array.from({ length: 200 }, (_, i) => `${'t'.repeat(190)}${i}`) }));
    expect(blocks.length).toBeLessThanOrEqual(50);
    for (const { type, text: object } of blocks) {
      if (type === 'section') expect(object?.text.length).toBeLessThanOrEqual(3000);
      if (object) expect(object.text.isWellFormed()).toBe(true);
      if (type !== 'actions') expect(object?.text.trim()).not.toBe('');
    }
    if (text.length > 9_000) expect(JSON.stringify(blocks)).toContain('characters more in Gatehouse');
  });
});

test.each(['UBOB', 'bob@example.com', 'U1=x', 'UBOB=bob@example.com,UBOB=eve@example.com', 'ubob=bob@example.com'])(
  'SLACK_MEMBERS %j is refused at the start',
  (text) => {
    expect(() => parseSettings({ ...env, SLACK_MEMBERS: text } as unknown as Env)).toThrow('SLACK_MEMBERS');
  },
);
