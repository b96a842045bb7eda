// Notices against a server that behaves as Slack's documentation says, and clicks as Slack sends them.

import { runDurableObjectAlarm, runInDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { AccessAnswer, RequestDetail } from '../../core/api.ts';
import { newId } from '../../core/ids.ts';
import { fromBase64, toBase64 } from '../../core/scram.ts';
import { secret } from '../../core/secret.ts';
import { remote } from '../objects/rpc.ts';
import { EDGE } from '../test/browser.ts';
import { resource, TestConnector } from '../test/connector.ts';
import { type Caller, callerAs } from '../test/people.ts';
import {
  BOT_TOKEN,
  type PlannedAnswer,
  SIGNING_SECRET,
  type SlackCall,
  TEAM,
  WEBHOOK_SECRET,
} from '../test/slack-facts.ts';
import { SlackApi } from './slack-api.ts';
import { slackNotifier } from './slack.ts';

const slack = new URL(env.SLACK_API_URL).origin;
const encoder = new TextEncoder();
let alice: Caller;
let bob: Caller;
let next = 0;
beforeAll(async () => {
  alice = await callerAs('alice');
  bob = await callerAs('bob');
  await callerAs('carol');
  await callerAs('mallory');
  const names = Array.from({ length: 60 }, (_, index) => resource(`slack-${index}`, { env: 'guarded' }));
  await (await TestConnector.join('slack')).link(names);
});

async function ask(reason = 'SHOP-1', more: object = {}): Promise<string> {
  const name = `slack-${next++}`;
  const answer = AccessAnswer.parse(
    await (await alice.send('POST', '/requests', { resource: name, reason, ...more })).json(),
  );
  if (!('request' in answer)) throw new Error('nothing waits');
  return answer.request.id;
}

const stateOf = async (id: string) => RequestDetail.parse(await (await alice.get(`/requests/${id}`)).json()).approval;
const decide = (who: Caller, id: string, decision: string, comment = '') =>
  who.send('POST', `/approvals/${id}/decision`, { decision, comment });
const stub = (id: string) => env.APPROVAL.get(env.APPROVAL.idFromName(id));
const plan = (method: string, ...answers: PlannedAnswer[]) =>
  fetch(`${slack}/plan`, { method: 'POST', body: JSON.stringify({ method, answers }) });
const all = async () => (await fetch(`${slack}/calls`)).json<SlackCall[]>();
/** Calls of a method that name the request; updates name it too, in their link. */
const calls = async (method: string, id: string) =>
  (await all()).filter((call) => call.method === method && call.body.includes(id));

async function until<T>(find: () => Promise<T | undefined | false>, withinMs = 10_000): Promise<T> {
  for (const end = Date.now() + withinMs; ; ) {
    const found = await find();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`it did not happen: ${find.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
const delivered = (id: string) =>
  until(async () =>
    runInDurableObject(
      stub(id),
      (_object, state) => state.storage.sql.exec('SELECT 1 FROM outbox').toArray().length === 0,
    ),
  );
const nth = (method: string, id: string, count = 1) =>
  until(async () => {
    const found = await calls(method, id);
    return found.length >= count && found;
  });
interface Message {
  channel: string;
  ts?: string;
  text: string;
  blocks: {
    type: string;
    text?: { type: string; text: string };
    elements?: { action_id: string; value?: string; url?: string }[];
  }[];
  thread_ts?: string;
}
const messageOf = (call: SlackCall | undefined) => JSON.parse(call?.body ?? '{}') as Message;
const buttonsOf = (message: Message) =>
  message.blocks.flatMap((block) => block.elements ?? []).map(({ action_id }) => action_id);

async function signatureOf(timestamp: number, body: string, key = SIGNING_SECRET): Promise<string> {
  const imported = await crypto.subtle.importKey('raw', encoder.encode(key), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ]);
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', imported, encoder.encode(`v0:${timestamp}:${body}`)));
  return `v0=${Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
const bodyOf = (payload: object) => new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
async function interact(
  payload: object,
  change: { ageSeconds?: number; key?: string; sent?: string; headers?: Record<string, string> } = {},
) {
  const body = bodyOf(payload);
  const timestamp = Math.floor(Date.now() / 1000) - (change.ageSeconds ?? 0);
  return SELF.fetch(`${EDGE}/slack/interactions`, {
    method: 'POST',
    body: change.sent ?? body,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': String(timestamp),
      'x-slack-signature': await signatureOf(timestamp, body, change.key),
      ...change.headers,
    },
  });
}
let triggers = 0;
const click = (action: 'approve' | 'deny' | 'open', id: string, user = 'UBOB', trigger = `1.2.${++triggers}`) => ({
  type: 'block_actions',
  user: { id: user, username: 'someone', team_id: TEAM },
  api_app_id: 'A1',
  token: 'deprecated',
  trigger_id: trigger,
  team: { id: TEAM, domain: 'tests' },
  channel: { id: 'C0000APPROVALS', name: 'approvals' },
  container: { type: 'message', message_ts: '1.1', channel_id: 'C0000APPROVALS' },
  response_url: `${slack}/never-called`,
  actions: [
    {
      type: 'button',
      action_id: `gatehouse_${action}`,
      block_id: 'x',
      ...(action !== 'open' && { value: id }),
      action_ts: '1.1',
    },
  ],
});
const submission = (id: string, reason: string | null, user = 'UBOB') => ({
  type: 'view_submission',
  user: { id: user, team_id: TEAM },
  team: { id: TEAM },
  view: {
    id: `V${++triggers}`,
    callback_id: 'gatehouse_deny_reason',
    private_metadata: id,
    state: { values: { reason: { text: { type: 'plain_text_input', value: reason } } } },
  },
});

describe('a message', () => {
  test('carries the request with its buttons, and what people wrote cannot act in it', async () => {
    const id = await ask('<!channel> *now* & \u202eevil');
    const message = messageOf((await nth('chat.postMessage', id))[0]);
    expect(message.channel).toBe('#approvals');
    expect(buttonsOf(message)).toEqual(['gatehouse_approve', 'gatehouse_deny', 'gatehouse_open']);
    const elements = message.blocks.flatMap((block) => block.elements ?? []);
    expect(elements.map(({ value, url }) => value ?? url)).toEqual([id, id, `${EDGE}/requests/${id}`]);
    expect(message.text).not.toContain('<!channel>');
    expect(message.blocks.every((block) => block.text === undefined || block.text.type === 'plain_text')).toBe(true);
    const facts = message.blocks.map((block) => block.text?.text ?? '').join('\n');
    expect(facts).toContain('Why: <!channel> *now* & U+202Eevil');
    expect(facts).toContain('For: 30 min');
    const [call] = await calls('chat.postMessage', id);
    expect(call?.headers.authorization).toBe(`Bearer ${BOT_TOKEN}`);
  });

  test('is updated in place when somebody decides elsewhere', async () => {
    const id = await ask();
    await nth('chat.postMessage', id);
    await delivered(id);
    await decide(bob, id, 'approve');
    const update = messageOf((await nth('chat.update', id))[0]);
    expect(update.channel).toBe('C0000APPROVALS');
    expect(update.ts).toMatch(/^1700000000\./);
    expect(buttonsOf(update)).toEqual(['gatehouse_open']);
    expect(JSON.stringify(update.blocks)).toContain('Approved by bob@example.com');
    expect((await calls('chat.postMessage', id)).length).toBe(1);
  });

  test('that is gone is made anew', async () => {
    const id = await ask();
    await nth('chat.postMessage', id);
    await delivered(id);
    await plan('chat.update', { status: 200, body: '{"ok":false,"error":"message_not_found"}' });
    await decide(bob, id, 'deny', 'not today');
    const posts = await nth('chat.postMessage', id, 2);
    expect(JSON.stringify(messageOf(posts[1]).blocks)).toContain('Denied by bob@example.com: not today');
  });

  test('warns in its thread before the request expires', async () => {
    const id = await ask();
    await nth('chat.postMessage', id);
    await delivered(id);
    await runInDurableObject(stub(id), (_object, state) => {
      const row = state.storage.sql.exec('SELECT document FROM approval').one();
      const approval = JSON.parse(String(row.document));
      approval.askedAt = new Date(Date.now() - 3_600_000).toISOString();
      approval.decideBy = new Date(Date.now() + 60_000).toISOString();
      state.storage.sql.exec('UPDATE approval SET document = ?', JSON.stringify(approval));
    });
    await runDurableObjectAlarm(stub(id));
    const warning = messageOf((await nth('chat.postMessage', id, 2))[1]);
    expect(warning.thread_ts).toMatch(/^1700000000\./);
    expect(warning.text).toContain('Expires soon');
  });

  test('of a broken glass is loud', async () => {
    const name = `slack-${next++}`;
    await alice.send('POST', '/requests', { resource: name, reason: 'down', breakGlass: true });
    const call = await until(async () =>
      (await all()).find((each) => each.method === 'chat.postMessage' && each.body.includes(name)),
    );
    const message = messageOf(call);
    expect(message.text).toMatch(/^<!channel> alice@example\.com broke the glass/);
    expect(buttonsOf(message)).toEqual(['gatehouse_open']);
    expect(call.body).not.toContain('ght_');
  });
});

describe('when Slack does not take a message', () => {
  test.each<[string, PlannedAnswer[], number]>([
    [
      'it waits as long as Retry-After says',
      [{ status: 429, headers: { 'retry-after': '2' }, body: '{"ok":false,"error":"ratelimited"}' }],
      2000,
    ],
    ['it tries again after a 5xx', [{ status: 503, body: 'busy' }], 900],
    [
      'it tries again after an error that passes',
      [{ status: 200, body: '{"ok":false,"error":"internal_error"}' }],
      900,
    ],
    ['it tries again after an answer that is none', [{ status: 200, body: '<html>' }], 900],
    [
      'it tries again after an error that somebody has to mend',
      [{ status: 200, body: '{"ok":false,"error":"not_in_channel"}' }],
      900,
    ],
    ['it follows no redirect', [{ status: 302, headers: { location: '/stolen' } }], 900],
  ])('%s', async (_name, answers, afterMs) => {
    await plan('chat.postMessage', ...answers);
    const id = await ask();
    const posts = await nth('chat.postMessage', id, answers.length + 1);
    expect((posts[1]?.at ?? 0) - (posts[0]?.at ?? 0)).toBeGreaterThanOrEqual(afterMs);
    await delivered(id);
    expect((await all()).some(({ method }) => method === '/stolen')).toBe(false);
  });

  test('the others hear of it all the same, and the late message shows how it stands by then', async () => {
    await plan('chat.postMessage', { status: 500 });
    const id = await ask();
    await nth('/teams', id);
    await nth('/webhook', id);
    await decide(bob, id, 'approve');
    const posts = await nth('chat.postMessage', id, 2);
    expect(buttonsOf(messageOf(posts[1]))).toEqual(['gatehouse_open']);
    await delivered(id);
    expect((await stateOf(id)).state).toBe('approved');
  });

  test('it is given up after a day, and the audit log says so', async () => {
    await plan('chat.postMessage', { status: 500 });
    const id = await ask();
    await nth('chat.postMessage', id);
    await plan('chat.postMessage', { status: 500 });
    await until(async () =>
      runInDurableObject(stub(id), (_object, state) => {
        const at = new Date(Date.now() - 25 * 3_600_000).toISOString();
        return state.storage.sql.exec('UPDATE outbox SET at = ? WHERE tries = 1', at).rowsWritten > 0;
      }),
    );
    await delivered(id);
    const { entries } = await remote(env.AUDIT_LOG).list({ kind: 'notice.failed', limit: 1 });
    expect(entries[0]).toMatchObject({
      object: id,
      details: { notifier: 'slack', notice: 'asked', reason: 'status_500' },
    });
  });
});

describe('a click', () => {
  test('approves as the person whom Slack says it is', async () => {
    const id = await ask();
    await nth('chat.postMessage', id);
    await delivered(id);
    const response = await interact(click('approve', id));
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect(await stateOf(id)).toMatchObject({ state: 'approved', votes: [{ email: 'bob@example.com', via: 'slack' }] });
    expect(buttonsOf(messageOf((await nth('chat.update', id))[0]))).toEqual(['gatehouse_open']);
  });

  test('of an approver by name, whose e-mail Slack says nothing about but that it is theirs, counts', async () => {
    const id = await ask();
    expect((await interact(click('approve', id, 'UCAROL'))).status).toBe(200);
    expect((await stateOf(id)).state).toBe('approved');
  });

  test('on Deny opens a form, and the form denies with its reason', async () => {
    const id = await ask();
    expect((await interact(click('deny', id))).status).toBe(200);
    const [opened] = await nth('views.open', id);
    const { view } = JSON.parse(opened?.body ?? '{}');
    expect([view.type, view.callback_id, view.private_metadata]).toEqual(['modal', 'gatehouse_deny_reason', id]);
    expect((await stateOf(id)).state).toBe('pending');

    const empty = await interact(submission(id, null));
    expect(await empty.json()).toMatchObject({
      response_action: 'errors',
      errors: { reason: expect.stringContaining('Say why') },
    });
    const response = await interact(submission(id, 'not on a Friday'));
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect(await stateOf(id)).toMatchObject({
      state: 'denied',
      ended: { by: 'bob@example.com', reason: 'not on a Friday' },
    });
  });

  test('whose trigger has expired is told to click again', async () => {
    const id = await ask();
    expect((await interact(click('deny', id, 'UBOB', 'expired.1'))).status).toBe(200);
    const told = await until(async () => (await all()).filter(({ method }) => method === 'chat.postEphemeral').at(-1));
    expect(JSON.parse(told.body)).toMatchObject({ user: 'UBOB', text: expect.stringContaining('Click Deny again') });
    expect((await stateOf(id)).state).toBe('pending');
  });

  test.each([
    ['asked for it', 'UALICE', 'Nobody decides on what they asked for'],
    ['is no approver', 'UMALLORY', 'There is no such request'],
    ['never signed in', 'UNOBODY', 'Sign in once'],
    ['has no confirmed e-mail', 'UUNCONFIRMED', 'no confirmed e-mail'],
    ['shows no e-mail', 'UNOEMAIL', 'no confirmed e-mail'],
    ['comes from another organisation', 'USTRANGER', 'Only members'],
    ['is of another team', 'UOTHERTEAM', 'Only members'],
    ['has left', 'UGONE', 'Only members'],
  ])('of somebody who %s decides nothing, and they are told why', async (_what, user, said) => {
    const id = await ask();
    expect((await interact(click('approve', id, user))).status).toBe(200);
    const told = (await all())
      .filter(({ method, body }) => method === 'chat.postEphemeral' && body.includes(user))
      .at(-1);
    expect(JSON.parse(told?.body ?? '{}').text).toContain(said);
    const answer = await (await interact(submission(id, 'no', user))).json<{ errors: { reason: string } }>();
    expect(answer.errors.reason).toContain(said);
    expect((await stateOf(id)).state).toBe('pending');
    if (user === 'UMALLORY') return;
    const { entries } = await remote(env.AUDIT_LOG).list({ kind: 'decision.refused', limit: 2 });
    expect(entries.map(({ object }) => object)).toEqual([id, id]);
  });

  test('on the link asks for nothing', async () => {
    const id = await ask();
    expect((await interact(click('open', id))).status).toBe(200);
    expect((await interact({ type: 'view_closed', user: { id: 'UBOB' } })).status).toBe(200);
    expect((await stateOf(id)).state).toBe('pending');
  });

  test('fails for all to see when Slack does not say who it was', async () => {
    const id = await ask();
    await plan('users.info', { status: 502 });
    expect((await interact(click('approve', id))).status).toBe(503);
    expect((await stateOf(id)).state).toBe('pending');
    expect((await interact(click('approve', id))).status).toBe(200);
    expect((await stateOf(id)).state).toBe('approved');
  });
});

describe('what did not come from Slack', () => {
  test.each<[string, Parameters<typeof interact>[1]]>([
    ['is signed with another key', { key: 'another' }],
    ['is older than five minutes', { ageSeconds: 301 }],
    ['comes from the future', { ageSeconds: -302 }],
    ['was changed on its way', { sent: `${bodyOf({})}x` }],
    ['has no signature', { headers: { 'x-slack-signature': '' } }],
    ['has a signature of another version', { headers: { 'x-slack-signature': `v1=${'0'.repeat(64)}` } }],
    [
      'has another time than the signed one',
      { headers: { 'x-slack-request-timestamp': String(Math.floor(Date.now() / 1000) - 60) } },
    ],
    ['has no time', { headers: { 'x-slack-request-timestamp': 'now' } }],
  ])('is refused: %s', async (_name, change) => {
    const id = await ask();
    expect((await interact(click('approve', id), change)).status).toBe(401);
    expect((await stateOf(id)).state).toBe('pending');
  });

  test('is refused when it is too big, before anything else', async () => {
    expect((await interact({ ...click('approve', newId('req')), filler: 'x'.repeat(200_000) })).status).toBe(413);
  });

  test('works once: delivered again it is acknowledged and does nothing', async () => {
    const id = await ask();
    const body = bodyOf(click('deny', id));
    const timestamp = Math.floor(Date.now() / 1000);
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': String(timestamp),
      'x-slack-signature': await signatureOf(timestamp, body),
    };
    const send = (more: object) =>
      SELF.fetch(`${EDGE}/slack/interactions`, { method: 'POST', body, headers: { ...headers, ...more } });
    expect((await send({})).status).toBe(200);
    expect((await send({ 'x-slack-retry-num': '1', 'x-slack-retry-reason': 'http_timeout' })).status).toBe(200);
    expect((await calls('views.open', id)).length).toBe(1);
  });

  test("calls no address but the settings'", async () => {
    // Other tests of this run use a webhook of Slack, and clicks on its messages.
    const others = /^\/(services|response)\//;
    const seen = new Set((await all()).map(({ method }) => method));
    const called = [...seen].filter((method) => method.startsWith('/') && !others.test(method));
    expect(called.sort()).toEqual(['/teams', '/webhook']);
  });
});

describe('others hear of it', () => {
  test('a webhook, signed, with one id for all tries', async () => {
    await plan('/webhook', { status: 500 });
    const id = await ask();
    const [first, second] = await nth('/webhook', id, 2);
    if (!first || !second) throw new Error('two tries');
    expect(second.headers['webhook-id']).toBe(first.headers['webhook-id']);
    const { 'webhook-id': notice, 'webhook-timestamp': at, 'webhook-signature': signature } = second.headers;
    const key = await crypto.subtle.importKey(
      'raw',
      fromBase64(WEBHOOK_SECRET.slice(6)),
      { name: 'HMAC', hash: 'SHA-256' },
      false,
      ['sign'],
    );
    const mac = await crypto.subtle.sign('HMAC', key, encoder.encode(`${notice}.${at}.${second.body}`));
    expect(signature).toBe(`v1,${toBase64(new Uint8Array(mac))}`);
    expect(JSON.parse(second.body)).toMatchObject({
      type: 'request.asked',
      data: {
        request: id,
        state: 'pending',
        requester: { email: 'alice@example.com' },
        link: `${EDGE}/requests/${id}`,
      },
    });
    expect(second.body).not.toContain('subject');
    await decide(bob, id, 'approve');
    const events = await nth('/webhook', id, 3);
    expect(JSON.parse(events[2]?.body ?? '{}')).toMatchObject({
      type: 'request.approved',
      data: { votes: [{ email: 'bob@example.com' }] },
    });
  });

  test('Teams, as an Adaptive Card whose texts are read as they are', async () => {
    const id = await ask('[click](http://evil.test)');
    const [call] = await nth('/teams', id);
    const { type, attachments } = JSON.parse(call?.body ?? '{}');
    expect([type, attachments[0].contentType]).toEqual(['message', 'application/vnd.microsoft.card.adaptive']);
    const { body, actions } = attachments[0].content;
    expect(new Set(body.map((block: { type: string }) => block.type))).toEqual(new Set(['RichTextBlock']));
    expect(actions).toEqual([{ type: 'Action.OpenUrl', title: 'Open in Gatehouse', url: `${EDGE}/requests/${id}` }]);
  });
});

describe('an incoming webhook of Slack', () => {
  const api = new SlackApi(`${slack}/api`, secret(BOT_TOKEN));
  const webhook = secret(`${slack}/services/T/B/token`);
  const noticeOf = async (id: string) => {
    const approval = await remote(env.APPROVAL, id).read();
    if (!approval) throw new Error('no request');
    const notice = { id: `${id}-1`, kind: 'asked' as const, at: approval.askedAt, approval };
    return [notice, { current: approval, link: `${EDGE}/requests/${id}`, memory: undefined }] as const;
  };

  test('gets a message with a link and no buttons when clicks cannot be checked', async () => {
    const id = await ask();
    const notifier = slackNotifier({ api: undefined, channel: '#approvals', webhook, signed: false, now: Date.now });
    expect(await notifier.deliver(...(await noticeOf(id)))).toEqual({ kind: 'delivered' });
    const message = messageOf((await calls('/services/T/B/token', id))[0]);
    expect(buttonsOf(message)).toEqual(['gatehouse_open']);
    expect(message.text).toContain(`<${EDGE}/requests/${id}|Open in Gatehouse>`);
  });

  test('says it when the bot cannot, and not when the bot merely has to wait', async () => {
    const id = await ask();
    const notifier = slackNotifier({ api, channel: '#nowhere', webhook, signed: true, now: Date.now });
    expect(await notifier.deliver(...(await noticeOf(id)))).toEqual({ kind: 'delivered' });
    expect((await calls('/services/T/B/token', id)).length).toBe(1);
    await plan('chat.postMessage', { status: 429, headers: { 'retry-after': '30' } });
    expect(await notifier.deliver(...(await noticeOf(id)))).toEqual({
      kind: 'failed',
      reason: 'rate_limited',
      afterMs: 30_000,
    });
  });

  test('that is no more is a failure to try again', async () => {
    const id = await ask();
    await plan('/services/T/B/token', { status: 404, body: 'no_service' });
    const notifier = slackNotifier({ api: undefined, channel: '#approvals', webhook, signed: true, now: Date.now });
    expect(await notifier.deliver(...(await noticeOf(id)))).toMatchObject({ kind: 'failed', reason: 'status_404' });
  });

  test('has no buttons from a bot either when clicks cannot be checked', async () => {
    const id = await ask();
    await delivered(id);
    const notifier = slackNotifier({ api, channel: '#approvals', webhook: undefined, signed: false, now: Date.now });
    expect(await notifier.deliver(...(await noticeOf(id)))).toMatchObject({ kind: 'delivered' });
    expect(buttonsOf(messageOf((await calls('chat.postMessage', id)).at(-1)))).toEqual(['gatehouse_open']);
  });
});
