// What ends a session while it is opened, or while its target is dialled.

import { afterEach, expect, test } from 'vitest';
import { PassThrough } from 'node:stream';
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

const JOINED = { join: 'kubectl', idleMs: 10_000 };
const until = async (condition: () => boolean) => {
  while (!condition()) await turn();
};

test.each([
  ['its grant is revoked', 'grant_revoked', 'no longer needed'],
  ['its client hangs up', 'client_closed', 'hung up'],
  ['the gateway stops', 'connector_stopped', 'is stopping'],
  ['a person ends it', 'ended_by_person', 'not now'],
])('a credential that does not come is not waited for when %s', async (what, reason, words) => {
  const it = build(undefined);
  const come = it.stallCredential();
  const stream = new PassThrough();
  const carried = it.connect(undefined, stream);
  await until(() => it.targets() === 1);
  if (reason === 'grant_revoked') it.edge.revoke(it.grant.id);
  else if (reason === 'client_closed') stream.destroy();
  else if (reason === 'ended_by_person') it.edge.endSession(it.edge.opened[0] as never, 'carol@example.com', 'not now');
  else void it.sessions.close(0);
  await carried;
  expect(it.refused, what).toEqual([expect.stringContaining(words)]);
  expect(it.log.last.ended?.reason).toBe(reason);
  expect(it.edge.reported('session.ended')).toMatchObject([{ reason }]);
  come();
  await turn();
  expect(it.entered).toEqual([]);
  expect(it.edge.reported('session.ended')).toHaveLength(1);
});

test('who opens a session for others too may hang up: those who wait get in', async () => {
  const it = build(JOINED);
  const admit = it.edge.stallOpen();
  const stream = new PassThrough();
  const opener = it.connect(undefined, stream);
  void it.connect();
  await until(() => it.edge.asked === 1);
  await turn();
  stream.destroy();
  await opener;
  admit();
  await it.until(1);
  // The same session: the edge was not asked for another.
  expect(it.edge.asked).toBe(1);
  expect(it.log.sessions).toHaveLength(1);
  expect(it.log.last.ended).toBeUndefined();
});

test('when all who wait for a session have hung up, it is given up, and the next one opens another', async () => {
  const it = build(JOINED);
  const admit = it.edge.stallOpen();
  const streams = [new PassThrough(), new PassThrough()];
  const carried = streams.map((stream) => it.connect(undefined, stream));
  await until(() => it.edge.asked === 1);
  await turn();
  for (const stream of streams) stream.destroy();
  await Promise.all(carried);
  void it.connect();
  await until(() => it.edge.asked === 2);
  admit();
  await it.until(1);
  expect(it.log.sessions).toHaveLength(1);
  expect(it.edge.reported('session.ended')).toMatchObject([
    { session: it.edge.opened[0], reason: 'client_closed', neverBegan: true },
  ]);
  expect(it.sessions.live()).toEqual([it.edge.opened[1]]);
});

test('a client that hangs up while it dials leaves a session that others are in', async () => {
  const it = build(JOINED, 'dials');
  const stream = new PassThrough();
  const first = it.connect(undefined, stream);
  await until(() => it.entered.length === 1);
  void it.connect();
  await until(() => it.entered.length === 2);
  stream.destroy();
  await first;
  expect(it.refused).toEqual(['The client hung up before its session began.']);
  expect(it.entered.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  expect(it.log.last.ended).toBeUndefined();
});

test('what broke off the dialling is told, and nothing is said against the target', async () => {
  const it = build(undefined, 'dials');
  const carried = it.connect();
  await until(() => it.entered.length === 1);
  it.edge.revoke(it.grant.id, 'left the team');
  await carried;
  expect(it.refused).toEqual([
    'The grant was revoked: left the team. Ask for a new one in the portal, then connect again.',
  ]);
  expect(it.log.last.ended).toMatchObject({
    reason: 'grant_revoked',
    message: 'The grant was revoked: left the team. Ask for a new one in the portal, then connect again.',
  });
  expect(it.edge.reported('attempt.refused')).toMatchObject([{ reason: 'grant_revoked' }]);
  expect(it.seen).toEqual([]);
});

test('a signal is of its connection: it aborts when its part is over, and no more for its client once it is carried', async () => {
  const it = build(JOINED);
  const stream = new PassThrough();
  const first = it.connect();
  await it.until(1);
  void it.connect(undefined, stream);
  await it.until(2);
  it.conversations[0]?.finish();
  await first;
  expect(it.entered.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  // What its client does from now on is its conversation's to see.
  stream.end();
  stream.resume();
  await turn();
  expect(it.entered[1]?.signal.aborted).toBe(false);
  expect(it.conversations[1]?.told).toEqual([]);
});
