// Connections that share a session, with a protocol that does nothing but enter and wait.

import { afterEach, expect, test } from 'vitest';
import { ok } from '../../core/result.ts';
import { buildSessions, turn } from '../../test/harness/session/waiting-sessions.ts';
import type { Sessions } from './sessions.ts';

const running: Sessions[] = [];

afterEach(async () => {
  for (const sessions of running.splice(0)) await sessions.close(0);
});

function build(...options: Parameters<typeof buildSessions>) {
  const it = buildSessions(...options);
  running.push(it.sessions);
  return it;
}

test('connections that come while a session opens wait for it, and are one session with lanes of their own', async () => {
  const it = build({ join: 'kubectl', idleMs: 10_000 });
  const carried = [it.connect(), it.connect(), it.connect()];
  await it.until(3);
  expect(it.log.sessions).toHaveLength(1);
  expect(it.targets()).toBe(1);
  const lanes = it.entered.map((session) => session.openLane({ of: 'exchange', label: 'GET /' }).number);
  expect(lanes).toEqual([1, 2, 3]);
  for (const conversation of it.conversations) conversation.finish();
  await Promise.all(carried);
  expect(it.log.last.ended).toBeUndefined();
  expect(it.sessions.live()).toHaveLength(1);
});

test('each connection is in the recording: who it is, when it came and left, and which lanes are its own', async () => {
  const it = build({ join: 'kubectl', idleMs: 10_000 });
  const first = it.connect();
  await it.until(1);
  void it.connect();
  await it.until(2);
  const [one, other] = it.entered;
  one?.openLane({ of: 'exchange', label: 'GET /one' });
  other?.openLane({ of: 'exchange', label: 'GET /other' }).close();
  const open = one?.openLane({ of: 'exchange', label: 'GET /open' });
  it.conversations[0]?.finish();
  await first;
  const { last } = it.log;
  expect(last.facts('connection.joined', 0)).toEqual([
    {
      kind: 'connection.joined',
      connection: 2,
      client: { address: '10.0.0.1', application: 'test' },
      details: { as: 'a test' },
    },
  ]);
  expect(last.facts('connection.left', 0)).toEqual([{ kind: 'connection.left', connection: 1 }]);
  expect(last.facts('lane.opened').map(({ lane, connection }) => [lane, connection])).toEqual([
    [1, 1],
    [2, 2],
    [3, 1],
  ]);
  // It left two open.
  expect(last.facts('lane.closed').map(({ lane }) => lane)).toEqual([2, 1, 3]);
  open?.close();
  expect(last.facts('lane.closed')).toHaveLength(3);
  expect(() => one?.openLane({ of: 'exchange', label: 'GET /late' })).toThrow('left');
  expect([one?.nextAction(), other?.nextAction(), other?.nextAction()]).toEqual([1, 2, 3]);
});

test('a connection that leaves withdraws what it holds, and nothing of another', async () => {
  const it = build({ join: 'kubectl', idleMs: 10_000 });
  const first = it.connect();
  await it.until(1);
  void it.connect();
  await it.until(2);
  const ran: number[] = [];
  const take = (index: number) => {
    const approval = { from: ['dba'], count: 1, within: 300_000 };
    it.entered[index]?.guard.gate.take({
      lane: 0,
      number: index + 1,
      decision: { section: 'requests', verdict: 'hold', why: '', approval },
      judge: () => ({ section: 'requests', verdict: 'hold', why: '', approval }),
      describe: () => ({ kind: 'statement', text: '', parameters: [], digest: 'ab'.repeat(32), touches: [] }),
      forward: () => ran.push(index),
      refuse: () => undefined,
      notify: () => undefined,
    });
  };
  take(0);
  take(1);
  it.conversations[0]?.finish();
  await first;
  for (const held of it.edge.held) held.decide({ kind: 'approved', by: ['bob@example.com'], comment: '' });
  await turn();
  expect(ran).toEqual([1]);
  expect(it.log.last.facts('hold.resolved').map(({ action, outcome }) => [action, outcome])).toEqual([
    [1, 'withdrawn'],
    [2, 'approved'],
  ]);
});

test('bytes of connections that share a session never meet on one lane', async () => {
  const it = build({ join: 'kubectl', idleMs: 10_000 });
  void it.connect();
  await it.until(1);
  expect(() => it.entered[0]?.lane.record('client', Buffer.from('x'))).toThrow('lane 0');
  const alone = build(undefined);
  void alone.connect();
  await alone.until(1);
  alone.entered[0]?.lane.record('client', Buffer.from('x'));
  expect(alone.log.last.facts('connection.joined')).toEqual([]);
});

test('the last connection to leave ends it after the idle gap, and one that comes in the gap goes on with it', async () => {
  const it = build({ join: 'kubectl', idleMs: 60 });
  const first = it.connect();
  await it.until(1);
  it.conversations[0]?.finish();
  await first;
  const second = it.connect();
  await it.until(2);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(it.log.sessions).toHaveLength(1);
  expect(it.log.last.ended).toBeUndefined();
  it.conversations[1]?.finish();
  await second;
  while (!it.log.last.ended) await turn();
  expect(it.edge.reported('session.ended')).toMatchObject([{ reason: 'client_closed' }]);
  // What comes then is a session of its own.
  void it.connect();
  await it.until(3);
  expect(it.log.sessions).toHaveLength(2);
});

test('another address, or another word, is another session', async () => {
  const it = build({ join: 'kubectl', idleMs: 10_000 });
  void it.connect('10.0.0.1');
  void it.connect('10.0.0.2');
  await it.until(2);
  expect(it.log.sessions).toHaveLength(2);
});

test('revoking the grant ends every connection of it, and a session that only waits for one', async () => {
  const it = build({ join: 'kubectl', idleMs: 10_000 });
  const carried = [it.connect(), it.connect()];
  await it.until(2);
  it.edge.revoke(it.grant.id, 'left the team');
  await Promise.all(carried);
  expect(it.conversations.map(({ told }) => told)).toEqual([
    ['The grant was revoked: left the team. Ask for a new one in the portal, then connect again.'],
    ['The grant was revoked: left the team. Ask for a new one in the portal, then connect again.'],
  ]);
  expect(it.log.last.ended?.reason).toBe('grant_revoked');

  const other = build({ join: 'kubectl', idleMs: 10_000 });
  const gone = other.connect();
  await other.until(1);
  other.conversations[0]?.finish();
  await gone;
  other.edge.revoke(other.grant.id);
  expect(other.log.last.ended?.reason).toBe('grant_revoked');
  expect(other.sessions.live()).toEqual([]);
});

test('a grant that was revoked joins no session that is still open, told of the revocation or not', async () => {
  const it = build({ join: 'kubectl', idleMs: 10_000 });
  void it.connect();
  await it.until(1);
  const lookUp = it.edge.lookUp.bind(it.edge);
  it.edge.lookUp = async (...asked) => {
    const known = await lookUp(...asked);
    if (!known.ok) return known;
    return ok({ ...known.value, candidates: known.value.candidates.map((one) => ({ ...one, revoked: true })) });
  };
  await it.connect();
  expect(it.conversations).toHaveLength(1);
  expect(it.edge.reported('attempt.refused')).toMatchObject([{ reason: 'grant_revoked' }]);
});

test('while one connection is left the session goes on, however long', async () => {
  const it = build({ join: 'kubectl', idleMs: 20 });
  const first = it.connect();
  await it.until(1);
  void it.connect();
  await it.until(2);
  it.conversations[0]?.finish();
  await first;
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(it.log.last.ended).toBeUndefined();
});

test('what is about to end is joined by nobody', async () => {
  const it = build({ join: 'kubectl', idleMs: 10_000 }, 'lingers');
  void it.connect();
  await it.until(1);
  it.edge.endSession(it.edge.opened[0] as never, 'carol@example.com', 'runaway');
  void it.connect();
  await it.until(2);
  expect(it.log.sessions).toHaveLength(2);
  for (const conversation of it.conversations) conversation.finish();
});

test('law 1: every connection hears that the log failed, and who waits for a commit does', async () => {
  const it = build({ join: 'kubectl', idleMs: 10_000 });
  const carried = Array.from({ length: 8 }, () => it.connect());
  await it.until(8);
  it.log.fault = { reason: 'log_unavailable', message: 'EIO' };
  const committed = it.entered.map(({ lane }) => lane.committed());
  await Promise.all(carried);
  expect(await Promise.all(committed)).toEqual(committed.map(() => false));
  expect(it.conversations.map(({ told }) => told)).toEqual(it.conversations.map(() => ['EIO']));
  expect(it.log.last.ended?.reason).toBe('log_failed');
});

test('a protocol that enters and then neither carries nor fails has ended its session all the same', async () => {
  const it = build(undefined, 'abandons');
  await it.connect();
  expect(it.log.last.ended).toMatchObject({ reason: 'protocol_fault', message: expect.stringContaining('failed') });
  expect(it.edge.reported('session.ended')).toHaveLength(1);
});
