// What a connector reports over the control link arrives, once the edge is there to take it.

import { rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { newId, type SessionId } from '../../core/ids.ts';
import type { EdgeLink, EdgeLinkTiming } from '../../connector/control/edge-link.ts';
import { MAX_KEPT_ATTEMPTS, type Outbox } from '../../connector/control/outbox.ts';
import { admitted, answerAll, type FakeEdge, RULES } from './fake-edge.ts';
import { attempt, ended, FAST, startLinkParts } from './link-parts.ts';

let directory: string;
let edge: FakeEdge;
let outbox: Outbox;
let link: EdgeLink;
let makeLink: (timing?: Partial<EdgeLinkTiming>) => EdgeLink;

beforeEach(async () => {
  ({ directory, edge, outbox, makeLink } = await startLinkParts(() => []));
  link = makeLink();
});

afterEach(async () => {
  await link.stop(0);
  outbox.close();
  await edge.close();
  rmSync(directory, { recursive: true });
});

const reports = () => edge.messages.filter((it) => it.kind === 'report');

test('reports the end of a session whose admission came after the deadline', async () => {
  let late = () => {};
  edge.onMessage = (message, reply) => {
    if (message.kind !== 'session.open') return answerAll(message, reply);
    late = () =>
      reply({
        kind: 'session.admitted',
        call: message.call,
        opened: admitted(message.session, message.grant),
        rules: RULES,
      });
  };
  link.start();
  await link.firstLinked;
  const session = newId('ses');
  const opened = await link.openSession({ session, grant: newId('grt'), client: { address: '127.0.0.1' } });
  expect(opened).toMatchObject({ ok: false, error: { reason: 'edge_unreachable' } });
  late();
  await vi.waitFor(
    () => expect(reports().at(-1)).toMatchObject({ report: { kind: 'session.ended', session } }),
    15_000,
  );
});

test('reports the end of a session whose admission may have been lost with the link, and of no other', async () => {
  await link.stop(0);
  link = makeLink({ ...FAST, callMs: 60_000 });
  edge.onMessage = (message, reply) => {
    if (message.kind !== 'session.open') return answerAll(message, reply);
    if (message.session === refused)
      reply({ kind: 'session.refused', call: message.call, reason: 'grant_revoked', message: 'no' });
    else edge.cut();
  };
  link.start();
  await link.firstLinked;
  const [session, refused] = [newId('ses'), newId('ses')];
  const open = (id: SessionId) =>
    link.openSession({ session: id, grant: newId('grt'), client: { address: '127.0.0.1' } });
  expect(await open(refused)).toMatchObject({ ok: false, error: { reason: 'grant_revoked' } });
  expect(await open(session)).toMatchObject({ ok: false, error: { reason: 'edge_unreachable' } });
  await vi.waitFor(
    () => expect(reports()).toMatchObject([{ report: { kind: 'session.ended', session, neverBegan: true } }]),
    15_000,
  );
});

test('sends reports again after a reconnect, in order and until acknowledged', async () => {
  edge.onMessage = (message, reply) => {
    if (message.kind !== 'report') answerAll(message, reply);
  };
  link.start();
  await link.firstLinked;
  const first = ended();
  const second = ended();
  link.report(first);
  link.report(second);
  await vi.waitFor(() => expect(reports()).toHaveLength(2), 15_000);
  edge.onMessage = answerAll;
  edge.cut();
  await vi.waitFor(() => expect(outbox.size).toBe(0), 15_000);
  const seen = reports().map((it) => ({
    seq: it.seq,
    session: 'session' in it.report ? it.report.session : undefined,
  }));
  expect(seen).toHaveLength(4);
  expect(seen.slice(2)).toEqual(seen.slice(0, 2));
  expect(seen[1]?.seq).toBeGreaterThan(seen[0]?.seq ?? 0);
});

test('sends a report again on the same link when the edge could not take it', async () => {
  await link.stop(0);
  link = makeLink({ ...FAST, resendMs: 100 });
  edge.onMessage = (message, reply) => {
    if (message.kind !== 'report') answerAll(message, reply);
    else edge.onMessage = answerAll;
  };
  link.start();
  await link.firstLinked;
  link.report(ended());
  await vi.waitFor(() => expect(outbox.size).toBe(0), 15_000);
  expect(reports()).toHaveLength(2);
  expect(edge.dials).toBe(1);
});

test('sends what gathered while the edge was away, all of it, with a bounded number under way', async () => {
  const count = 1_000;
  for (let i = 0; i < count; i++) link.report(ended());
  const release: (() => void)[] = [];
  edge.onMessage = (message, reply) => {
    if (message.kind === 'report') release.push(() => reply({ kind: 'acknowledged', seq: message.seq }));
    else answerAll(message, reply);
  };
  link.start();
  await vi.waitFor(() => expect(reports()).toHaveLength(256), 15_000);
  edge.onMessage = answerAll;
  for (const acknowledge of release) acknowledge();
  await vi.waitFor(() => expect(outbox.size).toBe(0), 5_000);
  const numbers = reports().map((it) => it.seq);
  expect(new Set(numbers).size).toBe(count);
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
});

test('drops the oldest attempts when there are too many, says how many, and keeps every end', async () => {
  const session = newId('ses');
  link.report(ended(session));
  for (let i = 0; i < MAX_KEPT_ATTEMPTS + 5; i++) link.report(attempt(`a${i}@example.com`));
  expect(outbox.size).toBe(MAX_KEPT_ATTEMPTS + 1);
  link.start();
  await link.firstLinked;
  await vi.waitFor(() => expect(outbox.size).toBe(0), 5_000);
  const sent = reports().map((it) => it.report);
  expect(sent[0]).toMatchObject({ kind: 'session.ended', session });
  expect(sent[1]).toMatchObject({ kind: 'attempt.refused', email: 'a5@example.com' });
  expect(sent.at(-1)).toMatchObject({
    kind: 'connector.fault',
    reason: 'attempts_dropped',
    message: expect.stringMatching(/^5 /),
  });
});

test('says how many attempts were dropped also when the edge was there all the time, and slower than they came', async () => {
  link.start();
  await link.firstLinked;
  const release: (() => void)[] = [];
  edge.onMessage = (message, reply) => {
    if (message.kind === 'report') release.push(() => reply({ kind: 'acknowledged', seq: message.seq }));
    else answerAll(message, reply);
  };
  for (let i = 0; i < MAX_KEPT_ATTEMPTS + 7; i++) link.report(attempt(`a${i}@example.com`));
  await vi.waitFor(() => expect(release.length).toBeGreaterThan(0), 15_000);
  edge.onMessage = answerAll;
  for (const acknowledge of release) acknowledge();
  await vi.waitFor(() => expect(outbox.size).toBe(0), 5_000);
  const faults = reports().flatMap(({ report }) => (report.kind === 'connector.fault' ? [report] : []));
  expect(faults).toMatchObject([{ reason: 'attempts_dropped', message: expect.stringMatching(/^7 /) }]);
  expect(edge.dials).toBe(1);
});

test('clips what a client said to what the link carries, so that nothing behind it is blocked', async () => {
  link.start();
  await link.firstLinked;
  link.report(attempt(`${'x'.repeat(5_000)}@example.com`));
  link.report(ended());
  await vi.waitFor(() => expect(outbox.size).toBe(0), 15_000);
  expect(reports()).toHaveLength(2);
});

test('stopping waits for the last reports', async () => {
  link.start();
  await link.firstLinked;
  for (let i = 0; i < 20; i++) link.report(ended());
  await link.stop(2_000);
  expect(outbox.size).toBe(0);
  expect(reports()).toHaveLength(20);
});
