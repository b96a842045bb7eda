// Approvals under attack: texts that would break a message, clicks that were not made, people who are
// not who they seem, and decisions of one moment from everywhere.

import { SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { AccessAnswer, RequestDetail } from '../../core/api.ts';
import { Approval } from '../../core/approval/approval.ts';
import { newId, systemIdSource } from '../../core/ids.ts';
import { type Identity, Identity as IdentityDocument } from '../../core/identity.ts';
import { secret } from '../../core/secret.ts';
import { hashToken, newToken } from '../keys.ts';
import { remote } from '../objects/rpc.ts';
import { newUserCode } from '../storage/device-codes.ts';
import { EDGE } from '../test/browser.ts';
import { resource, STATEMENT, TestConnector } from '../test/connector.ts';
import { type Caller, callerAs, person } from '../test/people.ts';
import { SIGNING_SECRET, type SlackCall, TEAM } from '../test/slack-facts.ts';
import type { Notice } from './notifier.ts';
import { slackMessageOf } from './slack-messages.ts';
import { checkSlackSignature, SIGNATURE_WINDOW_MS } from './slack-signature.ts';
import { teamsMessage } from './teams.ts';
import { written } from './words.ts';
import { audit } from '../test/grants.ts';

const slack = new URL(env.SLACK_API_URL).origin;
const encoder = new TextEncoder();
const LINK = 'https://gatehouse.example/requests/1';
let alice: Caller;
let bob: Caller;
let carol: Caller;
let next = 0;

beforeAll(async () => {
  [alice, bob, carol] = await Promise.all([callerAs('alice'), callerAs('bob'), callerAs('carol')]);
  await callerAs('mallory');
  const names = Array.from({ length: 60 }, (_, index) => resource(`attacked-${index}`, { env: 'guarded' }));
  await (await TestConnector.join('attacked')).link(names);
});

async function ask(reason = 'SHOP-1'): Promise<Approval['id']> {
  const body = { resource: `attacked-${next++}`, reason };
  const answer = AccessAnswer.parse(await (await alice.send('POST', '/requests', body)).json());
  if (!('request' in answer)) throw new Error('nothing waits');
  return answer.request.id;
}
const stateOf = async (id: string) => RequestDetail.parse(await (await alice.get(`/requests/${id}`)).json()).approval;
const decide = (who: Caller, id: string, decision: string, comment = '') =>
  who.send('POST', `/approvals/${id}/decision`, { decision, comment });
const auditOf = async (id: string) =>
  (await audit.list({ limit: 300 })).entries.filter(({ object }) => object === id).reverse();
const calls = async (method: string, id: string) =>
  (await (await fetch(`${slack}/calls`)).json<SlackCall[]>()).filter(
    (call) => call.method === method && call.body.includes(id),
  );

async function sign(timestamp: number | string, body: string, key = SIGNING_SECRET): Promise<string> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const imported = await crypto.subtle.importKey('raw', encoder.encode(key), algorithm, false, ['sign']);
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', imported, encoder.encode(`v0:${timestamp}:${body}`)));
  return `v0=${Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
async function send(body: string, timestamp = Math.floor(Date.now() / 1000)): Promise<Response> {
  return SELF.fetch(`${EDGE}/slack/interactions`, {
    method: 'POST',
    body,
    headers: { 'x-slack-request-timestamp': String(timestamp), 'x-slack-signature': await sign(timestamp, body) },
  });
}
const formOf = (payload: object) => new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
let triggers = 0;
const click = (id: string, user = 'UBOB') => ({
  type: 'block_actions',
  user: { id: user, team_id: TEAM },
  team: { id: TEAM },
  trigger_id: `attack.${++triggers}`,
  channel: { id: 'C0000APPROVALS' },
  actions: [{ type: 'button', action_id: 'gatehouse_approve', value: id }],
});
const denial = (id: string, user = 'UBOB') => ({
  type: 'view_submission',
  user: { id: user, team_id: TEAM },
  team: { id: TEAM },
  view: {
    id: `V${++triggers}`,
    callback_id: 'gatehouse_deny_reason',
    private_metadata: id,
    state: { values: { reason: { text: { value: 'no' } } } },
  },
});

const EVIL = [
  '<!channel> <@U1> <https://evil.example|Approve> *b* _i_ ~s~ `c` ```x``` > q',
  '\u202egnp.exe\u2066\u2069\u200b\u00ad\u0000\u001b[2J\u009b31m',
  '[a](https://evil.example) ![i](https://evil.example/i.png) <at>bob</at>',
  ...[38, 39, 40, 149, 150, 198, 199, 200, 253, 498, 499, 500, 1_198, 1_199, 1_200, 2_899, 2_900, 8_699, 8_700].map(
    (length) => `${'x'.repeat(length)}\u{1f600}${'y'.repeat(3)}`,
  ),
  '\u{1f600}'.repeat(9_000),
  '\ud83d'.repeat(600),
  '\u202e'.repeat(15_000),
  '&'.repeat(15_000),
];

const heldWith = (text: string): Approval =>
  Approval.parse({
    id: newId('req'),
    subject: {
      ...STATEMENT,
      kind: 'statement',
      resource: 'orders',
      reason: text.slice(0, 1_000),
      labels: { task: text.slice(0, 200) },
      session: newId('ses'),
      text: text.slice(0, 20_000),
      parameters: [text.slice(0, 2_000), null, text.slice(0, 200)],
      tables: [text.slice(0, 200), 'b'],
      pattern: text.slice(0, 400),
      estimate: { rows: 1, cost: 1 },
    },
    requester: { subject: 'https://idp#eve', email: 'eve@example.com', name: text.slice(0, 200) },
    rule: 'r'.repeat(63),
    policyVersion: 1,
    state: 'pending',
    askedAt: '2026-11-20T10:00:00.000Z',
    decideBy: '2026-11-20T11:00:00.000Z',
    workMs: 1,
    needed: 10,
    votes: Array.from({ length: 9 }, (_, index) => ({
      by: {
        subject: `s${index}`,
        email: `${'v'.repeat(240)}${index}@example.com`,
        name: text.slice(0, 200),
        groups: [],
      },
      at: '2026-11-20T10:00:00.000Z',
      comment: text.slice(0, 1_000),
      via: 'slack',
    })),
    warned: false,
  });

interface Block {
  readonly type: string;
  readonly text?: { readonly type: string; readonly text: string };
}

describe('what people wrote', () => {
  test.each(EVIL.map((text, index) => [index, text] as const))(
    'breaks no message of Slack and acts in none: %i',
    (_, text) => {
      for (const kind of ['asked', 'expiring', 'glass_broken', 'denied'] as const) {
        const approval = heldWith(text);
        const ended = { at: '2026-11-20T10:00:00.000Z', by: 'bob@example.com', reason: text.slice(0, 1_000) };
        const shown = kind === 'denied' ? { ...approval, state: 'denied' as const, ended } : approval;
        const message = slackMessageOf(kind, shown, { link: LINK, buttons: true, form: true });
        // Half of a character is refused by Slack, and a refused message is one that nobody reads.
        expect(JSON.stringify(message)).not.toMatch(/(?<!\\)\\ud[89a-f]/i);
        const written = kind === 'glass_broken' ? message.text.replace('<!channel> ', '') : message.text;
        expect(written.replace(` <${LINK}|Open in Gatehouse>`, '')).not.toMatch(/[<>]|&(?!amp;|lt;|gt;)/);
        const blocks = message.blocks as readonly Block[];
        expect(blocks.length).toBeLessThanOrEqual(50);
        for (const { type, text: block } of blocks) {
          if (!block) continue;
          expect(block.text.length).toBeGreaterThan(0);
          expect(block.text.length).toBeLessThanOrEqual(type === 'header' ? 150 : 3_000);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
          expect(block.text).not.toMatch(/[\u0000-\u0008\u001b\u009b\u200b\u202e\u2066-\u2069\u00ad]/);
          const isOurs = block.text === '<!channel> *In force now, without an approval.*';
          expect(block.type).toBe(isOurs ? 'mrkdwn' : 'plain_text');
        }
        // The digest and the time are not pushed out by what stands in front of them.
        const facts = blocks.map((block) => block.text?.text ?? '').join('\n');
        if (kind === 'asked') expect(facts).toContain(`Digest: ${STATEMENT.digest}`);
      }
    },
  );

  test('breaks no card of Teams', () => {
    for (const text of EVIL) {
      const approval = heldWith(text);
      const notice: Notice = { id: `${approval.id}-1`, kind: 'asked', at: approval.askedAt, approval };
      const card = JSON.stringify(teamsMessage(notice, LINK));
      expect(card).not.toMatch(/(?<!\\)\\ud[89a-f]/i);
      expect(card).not.toMatch(/"type":"TextBlock"|"type":"FactSet"/);
      // Of a message: 28 KB.
      expect(encoder.encode(card).length).toBeLessThan(28_000);
      expect(card).toContain(STATEMENT.digest);
    }
  });

  test('is cut between characters', () => {
    for (let most = 2; most < 20; most++) {
      const cut = written(`a${'\u{1f600}'.repeat(20)}`, most);
      expect(cut.isWellFormed()).toBe(true);
      expect(cut.length).toBeLessThanOrEqual(most);
      expect(cut.endsWith('…')).toBe(true);
    }
  });
});

describe('a signature', () => {
  const check = async (ageMs: number, more: Record<string, string> = {}) => {
    const now = 1_800_000_000_000;
    const timestamp = Math.floor((now - ageMs) / 1000);
    const body = new Uint8Array(encoder.encode('payload=1'));
    const headers = new Headers({
      'x-slack-request-timestamp': String(timestamp),
      'x-slack-signature': await sign(timestamp, 'payload=1'),
      ...more,
    });
    const checked = await checkSlackSignature(headers, body, secret(SIGNING_SECRET), now);
    return checked.ok ? 'ok' : checked.error;
  };
  test('is good for five minutes to the second, either way', async () => {
    expect(SIGNATURE_WINDOW_MS).toBe(300_000);
    expect(await check(300_000)).toBe('ok');
    expect(await check(301_000)).toBe('timestamp_wrong');
    expect(await check(-300_000)).toBe('ok');
    expect(await check(-301_000)).toBe('timestamp_wrong');
  });
  test.each([
    [{ 'x-slack-signature': `v1=${'0'.repeat(64)}` }, 'signature_missing'],
    [{ 'x-slack-signature': `v0=${'0'.repeat(63)}` }, 'signature_missing'],
    [{ 'x-slack-signature': `v0=${'0'.repeat(64)}` }, 'signature_wrong'],
    [{ 'x-slack-signature': `v0=${'A'.repeat(64)}` }, 'signature_missing'],
    [{ 'x-slack-request-timestamp': '1e9' }, 'signature_missing'],
    [{ 'x-slack-request-timestamp': ' 1800000000' }, 'signature_wrong'],
    [{ 'x-slack-request-timestamp': '+1800000000' }, 'signature_missing'],
    [{ 'x-slack-request-timestamp': '01800000000' }, 'signature_wrong'],
    [{ 'x-slack-request-timestamp': '' }, 'signature_missing'],
  ])('is none: %j', async (headers, fault) => {
    expect(['ok', fault]).toContain(await check(0, headers as Record<string, string>));
    if (fault !== 'signature_wrong') expect(await check(0, headers as Record<string, string>)).toBe(fault);
  });
});

describe('a click', () => {
  test('with the same body and time counts once, also when both come at once, and once more for another body', async () => {
    const id = await ask();
    const body = formOf(click(id, 'UMALLORY'));
    const timestamp = Math.floor(Date.now() / 1000);
    const answers = await Promise.all([send(body, timestamp), send(body, timestamp), send(body, timestamp)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await auditOf(id)).filter(({ kind }) => kind === 'decision.refused')).toHaveLength(1);
  });

  test.each([
    ['two payloads: the first counts', (id: string, other: string) => `${formOf(click(id))}&${formOf(click(other))}`],
    ['another field in front', (id: string) => `x=1&${formOf(click(id))}`],
    [
      'names in another case are others',
      (id: string, other: string) =>
        `Payload=1&PAYLOAD=${encodeURIComponent(JSON.stringify(click(other)))}&${formOf(click(id))}`,
    ],
  ])('with %s', async (_, body) => {
    const [id, other] = [await ask(), await ask()];
    expect((await send(body(id, other))).status).toBe(200);
    expect((await stateOf(id)).state).toBe('approved');
    expect((await stateOf(other)).state).toBe('pending');
  });

  test.each([
    ['nothing', ''],
    ['no payload', 'x=1'],
    ['a payload that is no JSON', 'payload=%7B'],
    ['an array', 'payload=%5B%5D'],
    ['deep nesting', `payload=${encodeURIComponent('['.repeat(20_000))}`],
    ['bytes that are no text', 'payload=%ff%fe%00'],
    ['a payload in JSON and not in a form', JSON.stringify(click(newId('req')))],
  ])('that is %s is acknowledged and means nothing', async (_, body) => {
    expect((await send(body)).status).toBe(200);
  });

  test.each([
    ['an id that is none', { actions: [{ action_id: 'gatehouse_approve', value: 'req_../../x' }] }],
    ['an id that nobody knows', { actions: [{ action_id: 'gatehouse_approve', value: newId('req') }] }],
    ['no action', { actions: [] }],
    ['a user id that is a path', { user: { id: '../UBOB', team_id: TEAM } }],
    ['a prototype for a user', { user: { id: '__PROTO__'.toUpperCase(), team_id: TEAM } }],
  ])('with %s decides nothing', async (_, change) => {
    const id = await ask();
    expect((await send(formOf({ ...click(id), ...change }))).status).toBe(200);
    expect((await stateOf(id)).state).toBe('pending');
  });

  test.each(['UMALLORY', 'UALICE', 'UUNCONFIRMED', 'USTRANGER', 'UOTHERTEAM', 'UGONE', 'UNOEMAIL', 'UNOBODY'])(
    'of %s approves nothing and denies nothing',
    async (user) => {
      const id = await ask();
      await send(formOf(click(id, user)));
      await send(formOf(denial(id, user)));
      expect((await stateOf(id)).state).toBe('pending');
      expect((await auditOf(id)).filter(({ kind }) => kind === 'decision.refused')).toHaveLength(2);
    },
  );

  test('of somebody whose group was taken away since the message counts no more once they signed in again', async () => {
    const id = await ask();
    const directory = remote(env.DIRECTORY);
    const remember = async (who: Identity) => {
      const hash = await hashToken(newToken('gdc', systemIdSource.random));
      const userCode = newUserCode(systemIdSource.random);
      await directory.startDeviceLogin({ hash, userCode, address: 'tests', userAgent: 'tests' });
      await directory.decideDeviceLogin(userCode, who);
    };
    await remember({ ...person('bob'), groups: [] });
    await send(formOf(click(id)));
    expect((await stateOf(id)).state).toBe('pending');
    await remember(person('bob'));
    await send(formOf({ ...click(id), trigger_id: 'again' }));
    expect((await stateOf(id)).state).toBe('approved');
  });
});

describe('the requester', () => {
  test('under another subject, with the e-mail in other letters, is still the requester', async () => {
    const id = await ask();
    for (const email of ['ALICE@EXAMPLE.COM', ' alice@Example.com ']) {
      const other = IdentityDocument.parse({ ...person('bob'), subject: `https://other#${email.length}`, email });
      const hash = await hashToken(newToken('gdc', systemIdSource.random));
      const userCode = newUserCode(systemIdSource.random);
      const directory = remote(env.DIRECTORY);
      await directory.startDeviceLogin({ hash, userCode, address: 'tests', userAgent: 'tests' });
      await directory.decideDeviceLogin(userCode, other);
      const token = newToken('gat', systemIdSource.random);
      await directory.redeemDeviceLogin(hash, await hashToken(token));
      for (const decision of ['approve', 'deny']) {
        const answer = await SELF.fetch(`${EDGE}/api/v1/approvals/${id}/decision`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token.reveal()}`, 'content-type': 'application/json' },
          body: JSON.stringify({ decision, comment: 'me' }),
        });
        expect(answer.status).toBe(403);
      }
    }
    await send(formOf(click(id, 'UALICE')));
    expect((await stateOf(id)).state).toBe('pending');
    await callerAs('alice');
  });
});

test('decisions of one moment from everywhere come to one outcome, which all show', async () => {
  for (let round = 0; round < 6; round++) {
    const id = await ask();
    await expect.poll(async () => (await calls('chat.postMessage', id)).length, { timeout: 10_000 }).toBe(1);
    const race = [
      () => decide(bob, id, 'approve'),
      () => decide(bob, id, 'deny', 'no'),
      () => send(formOf(click(id))),
      () => send(formOf(denial(id))),
      () => alice.send('POST', `/requests/${id}/withdraw`),
      () => decide(carol, id, 'approve'),
    ];
    await Promise.all([...race.slice(round), ...race.slice(0, round)].map((act) => act()));
    const { state } = await stateOf(id);
    expect(['approved', 'denied', 'withdrawn']).toContain(state);
    const entries = await auditOf(id);
    const outcomes = entries.filter(({ kind }) => /^request\.(approved|denied|withdrawn|expired)$/.test(kind));
    // Whoever asked may withdraw what was approved a moment before.
    const kinds = outcomes.map(({ kind }) => kind);
    if (kinds.length > 1) expect(kinds).toEqual(['request.approved', 'request.withdrawn']);
    expect(kinds.at(-1)).toBe(`request.${state}`);
    const shown = {
      approved: 'Approved by bob@example.com',
      denied: 'Denied by bob@example.com',
      withdrawn: 'Withdrawn',
    };
    await expect
      .poll(async () => (await calls('chat.update', id)).at(-1)?.body ?? '', { timeout: 10_000 })
      .toContain(shown[state as keyof typeof shown]);
    for (const method of ['/webhook', '/teams'])
      await expect
        .poll(async () => (await calls(method, id)).at(-1)?.body ?? '', { timeout: 10_000 })
        .toMatch(new RegExp(state, 'i'));
  }
});

test('a Slack that is too busy, fails and hangs up gets one message in the end, which shows the outcome, and others wait for none of it', async () => {
  const answers = [{ status: 429, headers: { 'retry-after': '1' } }, { status: 500 }, { status: 0 }];
  await fetch(`${slack}/plan`, { method: 'POST', body: JSON.stringify({ method: 'chat.postMessage', answers }) });
  const id = await ask();
  await expect.poll(async () => (await calls('chat.postMessage', id)).length, { timeout: 10_000 }).toBe(1);
  const [first] = await calls('chat.postMessage', id);
  await decide(bob, id, 'deny', 'no');
  await expect.poll(async () => (await calls('/webhook', id)).length, { timeout: 3_000 }).toBe(2);
  await expect.poll(async () => (await calls('chat.update', id)).length, { timeout: 30_000 }).toBe(1);
  const posts = await calls('chat.postMessage', id);
  expect(posts).toHaveLength(4);
  // Not before it was said to be welcome again.
  expect((posts[1]?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(990);
  expect(posts.at(-1)?.body).toContain('Denied by bob@example.com');
  expect(posts.at(-1)?.body).not.toContain('gatehouse_approve');
  expect((await calls('/webhook', id)).map(({ body }) => JSON.parse(body).type)).toEqual([
    'request.asked',
    'request.denied',
  ]);
}, 60_000);
