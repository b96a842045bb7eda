// Statements that wait in a session, from the connector's asking to its claim.

import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { AccessAnswer, ApiError, ApprovalList } from '../../core/api.ts';
import { newId } from '../../core/ids.ts';
import { remote } from '../objects/rpc.ts';
import { resource, STATEMENT, TestConnector } from '../test/connector.ts';
import {
  age,
  alice,
  apply,
  asked,
  audit,
  auditOf,
  bob,
  carol,
  decide,
  decided,
  detail,
  ended,
  link,
  mallory,
  MINUTE,
  newestFault,
  open,
  RULED,
  session,
  stub,
  withHeldSessions,
} from '../test/holds.ts';

withHeldSessions();

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
