// Statements that wait in a session, from the connector's asking to its claim.

import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AccessAnswer, ApiError, ApprovalList, RequestDetail } from '../../core/api.ts';
import type { Approval } from '../../core/approval/approval.ts';
import { newId } from '../../core/ids.ts';
import { remote } from '../objects/rpc.ts';
import { resource, STATEMENT, TestConnector, type TestLink } from '../test/connector.ts';
import { type Caller, callerAs } from '../test/people.ts';

const MINUTE = 60_000;
let alice: Caller;
let bob: Caller;
let carol: Caller;
let mallory: Caller;
let connector: TestConnector;
let link: TestLink;
let session: string;

const RULED = `administrators: ["demo:administrators"]
auditors: ["demo:auditors"]
groups: { dba: ["demo:dba"] }
rules:
  - name: ruled
    resources: { env: ruled }
    who: [everyone]
    access: { ttl: 1h }
    statements:
      - { block: [drop] }
      - { hold: [grant, revoke], approval: { from: [dba, "demo:developers"], within: 5m } }
      - { hold: [alter], approval: { from: ["demo:auditors", dba], count: 2, within: 10m } }
    unparsable: hold
`;
const apply = async (text: string) => {
  const applied = await bob.send('PUT', '/policy', { text });
  if (applied.status !== 200) throw new Error(await applied.text());
};
const open = async (who = alice, on = link, name = 'held-db') => {
  const answer = AccessAnswer.parse(
    await (await who.send('POST', '/requests', { resource: name, reason: 'SHOP-1' })).json(),
  );
  if (!('grant' in answer)) throw new Error('no grant');
  const admitted = await on.openSession(answer.grant.id);
  if (admitted.kind !== 'session.admitted') throw new Error(admitted.message);
  return { session: admitted.opened.session as string, grant: answer.grant.id as string };
};
const decide = (who: Caller, id: string, decision: 'approve' | 'deny', comment = '') =>
  who.send('POST', `/approvals/${id}/decision`, { decision, comment });
const detail = async (who: Caller, id: string) =>
  RequestDetail.parse(await (await who.get(`/requests/${id}`)).json()).approval;
const decided = (id: string, on = link) => on.next('hold.decided', ({ request }) => request === id);
const asked = async (change = {}) => {
  const request = newId('req');
  const answer = await link.askHold(session, request, change);
  if (answer.kind !== 'hold.asked') throw new Error(answer.message);
  return { request, answer };
};
const stub = (id: string) => env.APPROVAL.get(env.APPROVAL.idFromName(id));
const audit = async (limit = 200) => (await remote(env.AUDIT_LOG).list({ limit })).entries;
const auditOf = async (id: string) =>
  (await audit())
    .filter(({ kind, object, details }) => kind !== 'request.viewed' && (object === id || details.request === id))
    .map(({ kind, actor }) => `${kind} ${actor.split('@')[0]}`)
    .reverse();
const newestFault = async () => (await audit(1)).find(({ kind }) => kind === 'connector.fault')?.details;
const ended = (of: string) => ({
  kind: 'session.ended',
  session: of,
  reason: 'client_closed',
  message: '',
  at: new Date().toISOString(),
});
/** What a clock would have done. */
const age = (id: string, ms: number) =>
  runInDurableObject(stub(id), async (_object, state) => {
    const row = state.storage.sql.exec('SELECT document FROM approval').one();
    const approval = JSON.parse(String(row.document)) as Record<'askedAt' | 'decideBy' | 'workUntil', string>;
    for (const name of ['askedAt', 'decideBy', 'workUntil'] as const)
      if (approval[name]) approval[name] = new Date(Date.parse(approval[name]) - ms).toISOString();
    state.storage.sql.exec('UPDATE approval SET document = ?', JSON.stringify(approval));
  });

beforeAll(async () => {
  [alice, bob, carol, mallory] = await Promise.all([
    callerAs('alice'),
    callerAs('bob'),
    callerAs('carol'),
    callerAs('mallory'),
  ]);
  await alice.get('/me');
  connector = await TestConnector.join('holds');
  link = await connector.link([resource('held-db', { env: 'ruled' })]);
});
beforeEach(async () => {
  await apply(RULED);
  ({ session } = await open());
});

describe('a held statement', () => {
  test('is asked for in the name of who holds the grant, and goes on once somebody else approved it', async () => {
    const { request, answer } = await asked();
    expect(answer).toMatchObject({
      state: 'pending',
      by: [],
      comment: '',
      link: `http://localhost:8787/requests/${request}`,
    });
    const left = Date.parse(answer.decideBy) - Date.now();
    expect(left > 4.9 * MINUTE && left <= 5 * MINUTE).toBe(true);
    expect(await detail(bob, request)).toMatchObject({
      kind: 'statement',
      requester: { email: 'alice@example.com' },
      rule: 'ruled',
      needed: 1,
      mayDecide: true,
      reason: 'SHOP-1',
      statement: {
        session,
        text: STATEMENT.text,
        digest: STATEMENT.digest,
        tables: ['public.orders'],
        inTransaction: true,
      },
    });
    const inbox = ApprovalList.parse(await (await bob.get('/approvals')).json()).approvals;
    expect(inbox.find(({ id }) => id === request)).toMatchObject({
      mayDecide: true,
      statement: { text: STATEMENT.text },
    });

    expect(await link.claimHold(session, request)).toMatchObject({ kind: 'hold.refused' });
    expect((await decide(bob, request, 'approve', 'fine by me')).status).toBe(200);
    expect(await decided(request)).toMatchObject({ state: 'approved', by: ['bob@example.com'], comment: 'fine by me' });
    expect((await link.claimHold(session, request)).kind).toBe('hold.claimed');
    expect((await detail(bob, request)).state).toBe('claimed');
    expect(await auditOf(request)).toEqual([
      'request.made alice',
      'request.voted bob',
      'request.approved bob',
      'request.claimed alice',
    ]);
    const made = (await audit()).find(({ kind, details }) => kind === 'request.made' && details.request === request);
    expect(made).toMatchObject({
      object: 'held-db',
      details: { kind: 'statement', session, digest: STATEMENT.digest, tables: 1, rule: 'ruled' },
    });
    for (const entry of await audit()) expect(JSON.stringify(entry)).not.toContain('grant all');
  });

  test('of any kind is asked for under its own section; two of one session are decided each by itself', async () => {
    const { tables: touches, ...rest } = STATEMENT;
    const [one, other] = [newId('req'), newId('req')];
    for (const request of [one, other]) {
      const answer = await link.askAction(session, request, {
        ...rest,
        kind: 'statement',
        title: 'on lane 1',
        touches,
      });
      expect(answer.kind).toBe('hold.asked');
    }
    expect(await detail(bob, one)).toMatchObject({
      kind: 'statement',
      held: { kind: 'statement', title: 'on lane 1', text: STATEMENT.text, touches, session },
      statement: { text: STATEMENT.text, tables: touches, session },
    });
    expect((await decide(bob, one, 'deny', 'no')).status).toBe(200);
    expect((await decide(bob, other, 'approve')).status).toBe(200);
    expect(await link.claimHold(session, one)).toMatchObject({ kind: 'hold.refused' });
    expect((await link.claimHold(session, other)).kind).toBe('hold.claimed');
    // The rule holds no commands, whatever pattern a connector names.
    const command = { ...rest, kind: 'command', touches: [] };
    expect(await link.askAction(session, newId('req'), command)).toMatchObject({ kind: 'hold.refused' });
  });

  test('is long in its own page and short in lists, so that lists stay small', async () => {
    const text = `grant all on orders to ${'x'.repeat(19_000)}`;
    const { request } = await asked({ text });
    expect((await detail(bob, request)).statement?.text).toBe(text);
    const inbox = ApprovalList.parse(await (await bob.get('/approvals')).json()).approvals;
    expect(inbox.find(({ id }) => id === request)?.statement?.text).toMatch(/^grant all on orders to x{1900,}…$/);
    await decide(bob, request, 'deny', 'no');
    expect((await detail(bob, request)).statement?.text).toBe(text);
  });

  test('is claimed once, and whoever claimed it is answered alike when that answer was lost', async () => {
    const { request } = await asked();
    await decide(bob, request, 'approve');
    const both = await Promise.all([link.claimHold(session, request), link.claimHold(session, request)]);
    expect(both.map(({ kind }) => kind)).toContain('hold.claimed');
    expect((await link.claimHold(session, request)).kind).toBe('hold.claimed');
    expect((await auditOf(request)).filter((entry) => entry.startsWith('request.claimed'))).toHaveLength(1);
  });

  test('that was claimed is claimed by nobody else and for nothing else', async () => {
    const { request } = await asked();
    await decide(bob, request, 'approve');
    expect((await link.claimHold(session, request)).kind).toBe('hold.claimed');
    expect((await link.claimHold(session, request, 'cd'.repeat(32))).kind).toBe('hold.refused');
    const another = await open();
    expect((await link.claimHold(another.session, request)).kind).toBe('hold.refused');
    const stranger = await TestConnector.join('claims-again');
    const its = await stranger.link([resource('claims-again-db', { env: 'ruled' })]);
    const { session: own } = await open(alice, its, 'claims-again-db');
    for (const of of [session, own]) expect((await its.claimHold(of, request)).kind).toBe('hold.refused');
    expect((await link.claimHold(session, request)).kind).toBe('hold.claimed');
    its.close();
  });

  test('that was claimed is not claimed again once its session, its grant, its time or the rule is gone', async () => {
    const { request } = await asked();
    await decide(bob, request, 'approve');
    expect((await link.claimHold(session, request)).kind).toBe('hold.claimed');
    await apply(RULED.replace('from: [dba, "demo:developers"]', 'from: ["demo:auditors"]'));
    expect(await link.claimHold(session, request)).toMatchObject({
      message: expect.stringMatching(/policy has changed/),
    });
    await apply(RULED);
    expect((await link.claimHold(session, request)).kind).toBe('hold.claimed');
    await age(request, 24 * 60 * MINUTE);
    expect(await link.claimHold(session, request)).toMatchObject({ message: expect.stringMatching(/used already/) });
    await age(request, -24 * 60 * MINUTE);
    expect((await link.claimHold(session, request)).kind).toBe('hold.claimed');
    await link.report(200, ended(session));
    expect((await link.claimHold(session, request)).kind).toBe('hold.refused');
  });

  test('is claimed for the digest that was approved and for no other', async () => {
    const { request } = await asked();
    await decide(bob, request, 'approve');
    expect((await link.claimHold(session, request, 'cd'.repeat(32))).kind).toBe('hold.refused');
    expect(await newestFault()).toMatchObject({ reason: 'hold_claimed_for_another', request, session });
    expect((await detail(bob, request)).state).toBe('approved');
    expect((await link.claimHold(session, request)).kind).toBe('hold.claimed');
  });

  test('is claimed by its own session only', async () => {
    const { request } = await asked();
    await decide(bob, request, 'approve');
    const another = await open();
    expect((await link.claimHold(another.session, request)).kind).toBe('hold.refused');
    expect(await newestFault()).toMatchObject({ reason: 'hold_claimed_for_another', session: another.session });
    expect((await detail(bob, request)).state).toBe('approved');
  });

  test('is never approved by whoever runs it, even where the rule names them', async () => {
    const { request } = await asked();
    const refused = await decide(alice, request, 'approve');
    expect([refused.status, ApiError.parse(await refused.json()).error.reason]).toEqual([403, 'forbidden']);
    expect((await detail(alice, request)).mayDecide).toBe(false);
    expect((await decide(alice, request, 'deny', 'no')).status).toBe(403);
    expect((await detail(alice, request)).state).toBe('pending');
    expect(await auditOf(request)).toEqual(['request.made alice', 'decision.refused alice', 'decision.refused alice']);
  });

  test('gives no access when its approval is claimed as if it were a request for access', async () => {
    const { request } = await asked();
    await decide(bob, request, 'approve');
    const claimed = await alice.send('POST', `/requests/${request}/claim`);
    expect([claimed.status, ApiError.parse(await claimed.json()).error.message]).toEqual([
      409,
      'A held statement goes on by itself once it is approved.',
    ]);
    expect((await link.claimHold(session, request)).kind).toBe('hold.claimed');
  });

  test('takes the approvers and the number of its own entry', async () => {
    const { request, answer } = await asked({ pattern: 'alter' });
    expect(Date.parse(answer.decideBy) - Date.now()).toBeGreaterThan(9 * MINUTE);
    expect(await detail(bob, request)).toMatchObject({ needed: 2, mayDecide: true });
    await decide(bob, request, 'approve', 'one');
    expect((await detail(bob, request)).state).toBe('pending');
    await decide(carol, request, 'approve', 'two');
    expect(await decided(request)).toMatchObject({
      state: 'approved',
      by: ['bob@example.com', 'carol@example.com'],
      comment: 'one / two',
    });
  });

  test('that could not be read is decided on by whom the first hold entry names', async () => {
    const request = newId('req');
    expect((await link.askHold(session, request, { pattern: undefined as never })).kind).toBe('hold.asked');
    expect(await detail(bob, request)).toMatchObject({ needed: 1, mayDecide: true });
    // An auditor sees it, and is an approver of the second entry only.
    expect(await detail(carol, request)).toMatchObject({ mayDecide: false });
    expect((await mallory.get(`/requests/${request}`)).status).toBe(404);
  });

  test('that is denied says who and why', async () => {
    const { request } = await asked();
    await decide(bob, request, 'deny', 'not on a Friday');
    expect(await decided(request)).toMatchObject({
      state: 'denied',
      by: ['bob@example.com'],
      comment: 'not on a Friday',
    });
    expect((await link.claimHold(session, request)).kind).toBe('hold.refused');
  });

  test('that nobody decides on warns, expires by its alarm, and its connector hears of it', async () => {
    const { request } = await asked();
    await age(request, 4 * MINUTE);
    await runDurableObjectAlarm(stub(request));
    await age(request, MINUTE);
    await runDurableObjectAlarm(stub(request));
    expect(await decided(request)).toMatchObject({ state: 'expired', by: [] });
    expect(await auditOf(request)).toEqual([
      'request.made alice',
      'request.expiring gatehouse',
      'request.expired gatehouse',
    ]);
  });

  test('reaches its connector later when it could not be told at once', async () => {
    const { request } = await asked();
    const grants = env.GRANTS.get(env.GRANTS.idFromName('only'));
    const rename = (from: string, to: string) =>
      runInDurableObject(grants, (_object, state) => {
        state.storage.sql.exec(`ALTER TABLE ${from} RENAME TO ${to}`);
      });
    await rename('sessions', 'sessions_away');
    expect((await decide(bob, request, 'approve')).status).toBe(200);
    await rename('sessions_away', 'sessions');
    await runDurableObjectAlarm(stub(request));
    expect(await decided(request)).toMatchObject({ state: 'approved' });
  });

  test('does not stand in the way of a request for access, nor the other way round', async () => {
    const { request } = await asked();
    await apply(RULED.replace('access: { ttl: 1h }', 'access: { ttl: 1h, approval: { from: [dba] } }'));
    const fresh = await remote(env.GRANTS).list('alice@example.com');
    for (const { id, state } of fresh)
      if (state === 'active') await alice.send('POST', `/grants/${id}/revoke`, { reason: 'tests' });
    const answer = AccessAnswer.parse(
      await (await alice.send('POST', '/requests', { resource: 'held-db', reason: 'again' })).json(),
    );
    if (!('request' in answer)) throw new Error('nothing waits');
    expect(await detail(alice, answer.request.id)).toMatchObject({ kind: 'access', reason: 'again' });
    expect((await detail(alice, request)).kind).toBe('statement');
    await alice.send('POST', `/requests/${answer.request.id}/withdraw`);
  });
});

describe('under another policy', () => {
  test('votes that no longer suffice claim nothing', async () => {
    const { request } = await asked();
    await decide(bob, request, 'approve');
    await apply(RULED.replace('from: [dba, "demo:developers"]', 'from: ["demo:auditors"]'));
    expect(await link.claimHold(session, request)).toMatchObject({
      kind: 'hold.refused',
      message: 'The policy has changed since. Run it again.',
    });
    expect((await auditOf(request)).at(-1)).toBe('request.denied alice');
    await apply(RULED);
    expect((await link.claimHold(session, request)).kind).toBe('hold.claimed');
  });

  test('what it blocks by now claims nothing, and what it does not hold is not asked for', async () => {
    const { request } = await asked();
    await decide(bob, request, 'approve');
    await apply(
      RULED.replace('block: [drop]', 'block: [drop, grant]').replace('hold: [grant, revoke]', 'hold: [revoke]'),
    );
    expect((await link.claimHold(session, request)).kind).toBe('hold.refused');
    expect(await link.askHold(session, newId('req'))).toMatchObject({ kind: 'hold.refused' });
    expect(await link.askHold(session, newId('req'), { rule: 'another' })).toMatchObject({ kind: 'hold.refused' });
  });

  test('that gives no access any more nothing is held and nothing goes on', async () => {
    const { request } = await asked();
    await decide(bob, request, 'approve');
    await apply(RULED.replace('who: [everyone]', 'who: [dba]'));
    expect((await link.claimHold(session, request)).kind).toBe('hold.refused');
    expect((await link.askHold(session, newId('req'))).kind).toBe('hold.refused');
  });

  test('its rules have come to the connector before the claim is answered, so that it can judge by them', async () => {
    const { request } = await asked();
    await decide(bob, request, 'approve');
    const directory = remote(env.DIRECTORY);
    const text = RULED.replace('block: [drop]', 'block: [drop, "grant on orders"]');
    const { version } = (await directory.policy()) ?? { version: 0 };
    // As if nobody had told the links yet.
    await directory.applyPolicy(text, 'bob@example.com', version);
    expect((await link.claimHold(session, request)).kind).toBe('hold.claimed');
    const isNew = ({ policyVersion }: { policyVersion: number }) => policyVersion === version + 1;
    expect(link.pending('rules.in_force')).toBeGreaterThan(0);
    expect(await link.next('rules.in_force', isNew)).toMatchObject({ sessions: expect.arrayContaining([session]) });
  });

  test('whoever it names as approver now decides', async () => {
    const { request } = await asked();
    await apply(RULED.replace('from: [dba, "demo:developers"]', 'from: ["demo:auditors"], count: 2'));
    expect((await decide(bob, request, 'approve')).status).toBe(403);
    await decide(carol, request, 'approve');
    expect(await detail(carol, request)).toMatchObject({ state: 'pending', needed: 2 });
  });
});

describe('a connector', () => {
  test('that asks again hears how it stands, whatever happened while it was away', async () => {
    const away = await TestConnector.join('away-holds');
    const before = await away.link([resource('away-held', { env: 'ruled' })]);
    const { session: carried } = await open(alice, before, 'away-held');
    const [approved, denied, pending] = [newId('req'), newId('req'), newId('req')];
    for (const request of [approved, denied, pending]) await before.askHold(carried, request);
    before.close();
    await before.whenClosed();
    await decide(bob, approved, 'approve', 'go');
    await decide(bob, denied, 'deny', 'stop');
    const after = await away.link([resource('away-held', { env: 'ruled' })], [carried]);
    expect(await after.askHold(carried, approved)).toMatchObject({ state: 'approved', by: ['bob@example.com'] });
    expect(await after.askHold(carried, denied)).toMatchObject({ state: 'denied', comment: 'stop' });
    expect(await after.askHold(carried, pending)).toMatchObject({ state: 'pending' });
    expect((await after.claimHold(carried, approved)).kind).toBe('hold.claimed');
    expect(await after.askHold(carried, approved)).toMatchObject({ state: 'claimed' });
    expect((await auditOf(pending)).filter((entry) => entry.startsWith('request.made'))).toHaveLength(1);
    after.close();
  });

  test('that asks twice at once begins one request', async () => {
    const request = newId('req');
    const both = await Promise.all([link.askHold(session, request), link.askHold(session, request)]);
    expect(both.map(({ kind }) => kind)).toEqual(['hold.asked', 'hold.asked']);
    expect(await auditOf(request)).toEqual(['request.made alice']);
  });

  test('cannot ask for sessions it does not carry, nor use the id of another statement', async () => {
    const stranger = await TestConnector.join('stranger-holds');
    const held = await stranger.link([resource('stranger-db', { env: 'ruled' })]);
    const { session: own } = await open(alice, held, 'stranger-db');
    const request = newId('req');
    expect((await held.askHold(session, request)).kind).toBe('hold.refused');
    expect(await newestFault()).toMatchObject({ reason: 'hold_of_foreign_session', session });
    const { request: known } = await asked();
    await decide(bob, known, 'approve');
    expect((await held.askHold(own, known)).kind).toBe('hold.refused');
    expect(await newestFault()).toMatchObject({ reason: 'hold_id_known', request: known });
    expect((await held.claimHold(session, known)).kind).toBe('hold.refused');
    expect((await held.claimHold(own, known)).kind).toBe('hold.refused');
    await held.report(1, withdrawal(session, known));
    await held.report(2, withdrawal(own, known));
    expect(await newestFault()).toMatchObject({ reason: 'hold_of_foreign_session', request: known });
    // Its own connector cannot put another statement under the id either.
    expect((await link.askHold(session, known, { digest: 'cd'.repeat(32) })).kind).toBe('hold.refused');
    expect((await detail(bob, known)).state).toBe('approved');
    held.close();
  });

  const withdrawal = (of: string, request: string) => ({
    kind: 'hold.withdrawn',
    session: of,
    request,
    reason: 'cancelled',
    at: new Date().toISOString(),
  });

  test('withdraws what its client cancelled, as often as it says so', async () => {
    const { request } = await asked();
    await link.report(1, withdrawal(session, request));
    await link.report(1, withdrawal(session, request));
    expect(await detail(bob, request)).toMatchObject({ state: 'withdrawn', ended: { reason: 'cancelled' } });
    expect(await auditOf(request)).toEqual(['request.made alice', 'request.withdrawn alice']);
    expect((await decide(bob, request, 'approve')).status).toBe(409);
    expect((await link.claimHold(session, request)).kind).toBe('hold.refused');
  });

  test('withdraws with the end of a session what waits in it', async () => {
    const { request: pending } = await asked();
    const { request: approved } = await asked();
    await decide(bob, approved, 'approve');
    await link.report(2, ended(session));
    for (const request of [pending, approved])
      expect(await detail(bob, request)).toMatchObject({ state: 'withdrawn', ended: { reason: 'the session ended' } });
    expect((await link.claimHold(session, approved)).kind).toBe('hold.refused');
  });

  test('withdraws what it is only just asking for: no ghost waits for approvers', async () => {
    const [cancelled, over] = [newId('req'), newId('req')];
    const { session: short } = await open();
    const asks = [link.askHold(session, cancelled), link.askHold(short, over)];
    const reports = [link.report(300, withdrawal(session, cancelled)), link.report(301, ended(short))];
    await Promise.all([...asks, ...reports]);
    for (const request of [cancelled, over])
      expect(await remote(env.APPROVAL, request).read()).toMatchObject({ state: 'withdrawn' });
  });

  test('that comes back without a session, killed and started again, leaves nothing of it waiting', async () => {
    const crashed = await TestConnector.join('crashed-holds');
    const before = await crashed.link([resource('crashed-db', { env: 'ruled' })]);
    const { session: gone } = await open(alice, before, 'crashed-db');
    const { session: kept } = await open(alice, before, 'crashed-db');
    const [pending, approved, waits] = [newId('req'), newId('req'), newId('req')];
    for (const request of [pending, approved]) await before.askHold(gone, request);
    await before.askHold(kept, waits);
    await decide(bob, approved, 'approve');
    before.close();
    await before.whenClosed();
    const after = await crashed.link([resource('crashed-db', { env: 'ruled' })], [kept]);
    for (const request of [pending, approved])
      expect(await detail(bob, request)).toMatchObject({
        state: 'withdrawn',
        ended: { reason: 'the session ended' },
        mayDecide: false,
      });
    expect((await decide(bob, pending, 'approve')).status).toBe(409);
    expect(await detail(bob, waits)).toMatchObject({ state: 'pending', mayDecide: true });
    // It is not told to sessions that are no more, and what it says of them later changes nothing.
    await after.report(1, ended(gone));
    expect(await auditOf(pending)).toEqual(['request.made alice', 'request.withdrawn alice']);
    after.close();
  });

  test('hears of a withdrawal at the portal', async () => {
    const { request } = await asked();
    await alice.send('POST', `/requests/${request}/withdraw`);
    expect(await decided(request)).toMatchObject({ state: 'withdrawn' });
  });

  test('asks for nothing in a session whose grant was revoked', async () => {
    const { session: revoked, grant } = await open();
    await alice.send('POST', `/grants/${grant}/revoke`, { reason: 'done' });
    expect((await link.askHold(revoked, newId('req'))).kind).toBe('hold.refused');
  });

  test('does not flood approvers', async () => {
    const { session: busy } = await open(mallory);
    expect((await link.askHold(busy, newId('req'))).kind).toBe('hold.asked');
    await runInDurableObject(env.DIRECTORY.get(env.DIRECTORY.idFromName('only')), (_object, state) => {
      state.storage.sql.exec("UPDATE buckets SET level = 1000 WHERE key = 'hold mallory@example.com'");
    });
    expect(await link.askHold(busy, newId('req'))).toMatchObject({
      kind: 'hold.refused',
      message: expect.stringMatching(/too many approvals/),
    });
  });
});

test('a session that was lost withdraws what waited in it', async () => {
  const { request } = await asked();
  const grants = env.GRANTS.get(env.GRANTS.idFromName('only'));
  await runInDurableObject(grants, (_object, state) => {
    state.storage.sql.exec('UPDATE sessions SET lost_ms = 1 WHERE session = ?', session);
  });
  await runDurableObjectAlarm(grants);
  const approval = (await remote(env.APPROVAL, request).read()) as Approval;
  expect(approval).toMatchObject({ state: 'withdrawn', ended: { reason: 'the session ended' } });
});
