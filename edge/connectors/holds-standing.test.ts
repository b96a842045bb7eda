// Statements that wait while something changes: the policy, their connector, their session.

import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import type { Approval } from '../../core/approval/approval.ts';
import { newId } from '../../core/ids.ts';
import { remote } from '../objects/rpc.ts';
import { resource, TestConnector } from '../test/connector.ts';
import {
  alice,
  apply,
  asked,
  auditOf,
  bob,
  carol,
  decide,
  decided,
  detail,
  ended,
  link,
  mallory,
  newestFault,
  open,
  RULED,
  session,
  withHeldSessions,
} from '../test/holds.ts';

withHeldSessions();

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
