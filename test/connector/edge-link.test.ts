// The control link against a real WebSocket server that speaks core/control.ts.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Report } from '../../core/control.ts';
import { newId, type SessionId } from '../../core/ids.ts';
import { ResourceName } from '../../core/resource.ts';
import { secret } from '../../core/secret.ts';
import { createEdgeLink, type EdgeLink, type EdgeLinkTiming } from '../../connector/control/edge-link.ts';
import { joinEdge } from '../../connector/control/edge-http.ts';
import { createAuthorizer } from '../../connector/control/edge-token.ts';
import { MAX_KEPT_ATTEMPTS, openOutbox, type Outbox } from '../../connector/control/outbox.ts';
import { createLogger } from '../../connector/logger.ts';
import { admitted, answerAll, type FakeEdge, JOIN_TOKEN, RULES, startFakeEdge } from './fake-edge.ts';

const FAST: Partial<EdgeLinkTiming> = {
  welcomeMs: 2_000,
  callMs: 300,
  pingMs: 50,
  graceMs: 150,
  backoffBaseMs: 20,
  backoffCapMs: 60,
};

let directory: string;
let edge: FakeEdge;
let outbox: Outbox;
let link: EdgeLink;
let live: SessionId[];
let lines: { event: string; message?: string }[];
let makeLink: (timing?: Partial<EdgeLinkTiming>) => EdgeLink;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-link-'));
  edge = await startFakeEdge();
  outbox = openOutbox({ directory, onFault: (message) => expect.fail(message) });
  live = [];
  lines = [];
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const key = publicKey.export({ format: 'jwk' }).x ?? '';
  const joined = await joinEdge(edge.origin, { token: secret(JOIN_TOKEN), name: 'test', key });
  if (!joined.ok) throw new Error(joined.error.message);
  makeLink = (timing = FAST) =>
    createEdgeLink({
      edge: edge.origin,
      connector: joined.value,
      build: 'test',
      authorize: createAuthorizer({ connector: joined.value, privateKey, edge: edge.origin }),
      describe: () => ({ resources: [], live }),
      outbox,
      log: createLogger((line) => lines.push(JSON.parse(line)), { level: 'debug' }),
      saltKey: secret(Buffer.alloc(32, 1)),
      random: () => 0.99,
      timing,
    });
  link = makeLink();
});

afterEach(async () => {
  await link.stop(0);
  outbox.close();
  await edge.close();
  rmSync(directory, { recursive: true });
});

const claim = { email: 'Alice@Example.com ', resource: 'demo' };
const ended = (session = newId('ses')): Report => ({
  kind: 'session.ended',
  session,
  reason: 'client_closed',
  message: '',
  at: new Date().toISOString(),
});
const attempt = (email: string): Report => ({
  kind: 'attempt.refused',
  email,
  resource: 'demo',
  protocol: 'postgres',
  reason: 'credentials_wrong',
  clientAddress: '127.0.0.1',
  at: new Date().toISOString(),
});
const reports = () => edge.messages.filter((it) => it.kind === 'report');
const linked = () => vi.waitFor(() => expect(link.status().state).toBe('linked'), 15_000);

test('says hello with its live sessions, then answers calls', async () => {
  live = [newId('ses')];
  link.start();
  await link.firstLinked;
  expect(edge.messages[0]).toMatchObject({ kind: 'hello', build: 'test', live });

  const found = await link.lookUp(claim, 'postgres');
  expect(found).toMatchObject({ ok: true, value: { iterations: 4096, candidates: [] } });
  expect(edge.messages.at(-1)).toMatchObject({ kind: 'grants.look_up', email: 'alice@example.com', resource: 'demo' });

  const session = newId('ses');
  const grant = newId('grt');
  const opened = await link.openSession({ session, grant, client: { address: '127.0.0.1' } });
  expect(opened).toMatchObject({ ok: true, value: { opened: { session, grant: { id: grant } }, rules: RULES } });
});

test('finds a grant by the digest of a secret, where the edge can', async () => {
  const digest = 'ab'.repeat(16);
  const candidate = { id: newId('grt'), verifier: { storedKey: '', serverKey: '' }, until: new Date().toISOString() };
  edge.onMessage = (message, reply) => {
    if (message.kind !== 'grants.find') return answerAll(message, reply);
    const found = { salt: Buffer.alloc(16).toString('base64'), iterations: 4096, email: 'alice@example.com' };
    reply({ kind: 'grants.found', call: message.call, ...found, candidates: [{ ...candidate, revoked: false }] });
  };
  link.start();
  await link.firstLinked;
  const find = () => link.find(digest, ResourceName.parse('demo'), 'postgres');
  expect(await find()).toMatchObject({ ok: true, value: { email: 'alice@example.com', candidates: [candidate] } });

  // An edge of an earlier release would end the link over a message that it does not know.
  edge.onMessage = (message, reply) => {
    if (message.kind === 'hello') return reply({ kind: 'welcome', policyVersion: 1, understands: ['hold.action'] });
    answerAll(message, reply);
  };
  edge.cut();
  const refused = { ok: false, error: { reason: 'not_supported' } };
  await vi.waitFor(async () => expect(await find()).toMatchObject(refused), 15_000);
  expect(edge.messages.filter(({ kind }) => kind === 'grants.find')).toHaveLength(1);
});

test('calls that overlap get their own answers, in whatever order these come', async () => {
  const held: (() => void)[] = [];
  edge.onMessage = (message, reply) => {
    if (message.kind !== 'grants.look_up') return answerAll(message, reply);
    const salt = Buffer.from(message.email.padEnd(16)).toString('base64');
    held.unshift(() => reply({ kind: 'grants.found', call: message.call, salt, iterations: 4096, candidates: [] }));
    if (held.length === 3) for (const release of held) release();
  };
  link.start();
  await link.firstLinked;
  const answers = await Promise.all(
    ['a@x', 'b@x', 'c@x'].map((email) => link.lookUp({ email, resource: 'demo' }, 'postgres')),
  );
  const salts = answers.map((it) => (it.ok ? Buffer.from(it.value.salt).toString().trim() : it.error.reason));
  expect(salts).toEqual(['a@x', 'b@x', 'c@x']);
});

test("passes the edge's refusal of a session on", async () => {
  edge.onMessage = (message, reply) => {
    if (message.kind === 'session.open')
      reply({ kind: 'session.refused', call: message.call, reason: 'too_many_sessions', message: 'Two at most.' });
    else answerAll(message, reply);
  };
  link.start();
  await link.firstLinked;
  const opened = await link.openSession({
    session: newId('ses'),
    grant: newId('grt'),
    client: { address: '127.0.0.1' },
  });
  expect(opened).toEqual({ ok: false, error: { reason: 'too_many_sessions', message: 'Two at most.' } });
});

test('law 4: with the edge away, calls are refused within the grace', async () => {
  link.start();
  await link.firstLinked;
  await edge.close();
  await vi.waitFor(() => expect(link.status().state).not.toBe('linked'), 15_000);
  const begun = performance.now();
  expect(await link.lookUp(claim, 'postgres')).toMatchObject({ ok: false, error: { reason: 'edge_unreachable' } });
  expect(
    await link.openSession({ session: newId('ses'), grant: newId('grt'), client: { address: '1' } }),
  ).toMatchObject({
    ok: false,
    error: { reason: 'edge_unreachable' },
  });
  expect(performance.now() - begun).toBeLessThan(2_000);
  edge = await startFakeEdge();
});

test('a call made while the link comes back waits for it', async () => {
  await link.stop(0);
  link = makeLink({ ...FAST, graceMs: 2_000, backoffBaseMs: 300, backoffCapMs: 300 });
  link.start();
  await link.firstLinked;
  edge.hangUp();
  await vi.waitFor(() => expect(link.status().state).not.toBe('linked'), 15_000);
  expect(await link.lookUp(claim, 'postgres')).toMatchObject({ ok: true });
});

test('a call without an answer ends at its deadline', async () => {
  edge.onMessage = (message, reply) => {
    if (message.kind !== 'grants.look_up') answerAll(message, reply);
  };
  link.start();
  await link.firstLinked;
  expect(await link.lookUp(claim, 'postgres')).toMatchObject({ ok: false, error: { reason: 'edge_unreachable' } });
  expect(link.status().state).toBe('linked');
});

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

test('a pending call ends at once when the link is lost', async () => {
  await link.stop(0);
  link = makeLink({ ...FAST, callMs: 60_000 });
  edge.onMessage = (message, reply) => {
    if (message.kind === 'grants.look_up') edge.cut();
    else answerAll(message, reply);
  };
  link.start();
  await link.firstLinked;
  expect(await link.lookUp(claim, 'postgres')).toMatchObject({ ok: false, error: { reason: 'edge_unreachable' } });
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

test('delivers a revocation at once, and remembers it for admissions under way', async () => {
  link.start();
  await link.firstLinked;
  const heard: string[] = [];
  const stop = link.onGrantRevoked((grant, reason) => heard.push(`${grant} ${reason}`));
  const grant = newId('grt');
  const session = newId('ses');
  edge.onMessage = (message, reply) => {
    if (message.kind === 'session.open') reply({ kind: 'grant.revoked', grant, reason: 'left the team' });
    answerAll(message, reply);
  };
  const opened = await link.openSession({ session, grant, client: { address: '127.0.0.1' } });
  expect(heard).toEqual([`${grant} left the team`]);
  expect(opened).toMatchObject({ ok: false, error: { reason: 'grant_revoked' } });
  await vi.waitFor(
    () => expect(reports().at(-1)).toMatchObject({ report: { kind: 'session.ended', session } }),
    15_000,
  );
  stop();
  edge.send({ kind: 'grant.revoked', grant: newId('grt'), reason: 'x' });
  await link.lookUp(claim, 'postgres');
  expect(heard).toHaveLength(1);
});

test('says that it knows how to end one session, and delivers it to who listens', async () => {
  link.start();
  await link.firstLinked;
  expect(edge.messages[0]).toMatchObject({ kind: 'hello', understands: ['session.end'] });
  const heard: string[][] = [];
  const stop = link.onSessionEnd((...said) => heard.push(said));
  const session = newId('ses');
  edge.send({ kind: 'session.end', session, by: 'carol@example.com', reason: 'runaway query' });
  await link.lookUp(claim, 'postgres');
  expect(heard).toEqual([[session, 'carol@example.com', 'runaway query']]);
  stop();
  edge.send({ kind: 'session.end', session, by: 'carol@example.com', reason: 'again' });
  await link.lookUp(claim, 'postgres');
  expect(heard).toHaveLength(1);
});

test('tells what sessions found of targets to an edge that takes it, and to no other', async () => {
  const demo = ResourceName.parse('demo');
  const targets = () => edge.messages.filter(({ kind }) => kind === 'targets.seen');
  edge.onMessage = (message, reply) => {
    if (message.kind === 'hello') reply({ kind: 'welcome', policyVersion: 1, understands: [] });
    else answerAll(message, reply);
  };
  link.start();
  await link.firstLinked;
  link.sawTarget(demo, 'The database is not reachable (ECONNREFUSED).');
  const earlier = edge.dials;
  edge.onMessage = answerAll;
  edge.cut();
  await vi.waitFor(() => expect(targets()).toHaveLength(1), 15_000);
  expect(edge.dials).toBe(earlier + 1);
  expect(targets()[0]).toMatchObject({ targets: [{ resource: demo, fault: expect.stringContaining('ECONNREFUSED') }] });
  link.sawTarget(demo, undefined);
  await vi.waitFor(() => expect(targets()).toHaveLength(2), 15_000);
  expect(targets()[1]).toMatchObject({ targets: [{ resource: demo }] });
});

test('a revocation that happened while the link was down arrives with the next hello', async () => {
  live = [newId('ses')];
  link.start();
  await link.firstLinked;
  const grant = newId('grt');
  const heard: string[] = [];
  link.onGrantRevoked((revoked) => heard.push(revoked));
  edge.onMessage = (message, reply) => {
    if (message.kind === 'hello' && message.live[0] === live[0]) reply({ kind: 'grant.revoked', grant, reason: '' });
    answerAll(message, reply);
  };
  edge.cut();
  await vi.waitFor(() => expect(heard).toEqual([grant]), 15_000);
});

test('notices an edge that went silent, and dials again', async () => {
  link.start();
  await link.firstLinked;
  edge.answerPings = false;
  await vi.waitFor(() => expect(edge.dials).toBeGreaterThan(1), 3_000);
  expect(lines.find((it) => it.event === 'link.down')?.message).toBe('the edge went silent');
  edge.answerPings = true;
  await linked();
});

test('law 3: a message that it does not understand ends the link, and a new one begins', async () => {
  link.start();
  await link.firstLinked;
  edge.sendText('{"kind":"grant.paused","grant":"x"}');
  await vi.waitFor(() => expect(edge.dials).toBe(2), 15_000);
  expect(lines.find((it) => it.event === 'link.down')?.message).toContain('update the connector');
  await linked();
});

test('law 4: rules that this build does not know end the sessions they are for, admit nobody, and the link stays', async () => {
  const heard: unknown[] = [];
  link.onRulesChanged((sessions, rules) => heard.push([sessions, rules]));
  link.start();
  await link.firstLinked;
  const newer = { ...RULES, statements: [{ quarantine: ['drop'] }] };
  const running = newId('ses');
  edge.sendText(JSON.stringify({ kind: 'rules.in_force', policyVersion: 2, sessions: [running], rules: newer }));
  await vi.waitFor(() => expect(heard).toEqual([[[running], 'unknown']]), 15_000);
  edge.onMessage = (message, reply) => {
    if (message.kind !== 'session.open') return answerAll(message, reply);
    const opened = admitted(message.session, message.grant);
    edge.sendText(JSON.stringify({ kind: 'session.admitted', call: message.call, opened, rules: newer }));
  };
  const session = newId('ses');
  const answer = await link.openSession({ session, grant: newId('grt'), client: { address: '127.0.0.1' } });
  expect(answer).toMatchObject({ ok: false, error: { reason: 'policy_denied' } });
  await vi.waitFor(
    () => expect(reports().at(-1)).toMatchObject({ report: { kind: 'session.ended', session } }),
    15_000,
  );
  expect(edge.dials).toBe(1);
});

test('more live sessions than a hello carries: says so, and leaves none of them out', async () => {
  live = Array.from({ length: 35_000 }, () => newId('ses'));
  link.start();
  await vi.waitFor(() => expect(link.status().problem).toMatch(/^35000 live sessions do not fit into a hello/), 15_000);
  expect(edge.messages).toEqual([]);
  live = live.slice(0, 28_000);
  await linked();
  expect(edge.messages[0]).toMatchObject({ kind: 'hello', live });
});

test('keeps trying when the edge refuses it, and says why', async () => {
  edge.refuseDials = 401;
  link.start();
  await vi.waitFor(() => expect(edge.dials).toBeGreaterThan(2), 3_000);
  expect(link.status()).toMatchObject({ problem: 'this connector is not known' });
  edge.refuseDials = undefined;
  await linked();
});

test('claims that cannot be true are not sent, and look like others', async () => {
  link.start();
  await link.firstLinked;
  const before = edge.messages.length;
  const strange = { email: 'a@b', resource: 'no such; name' };
  const first = await link.lookUp(strange, 'postgres');
  const second = await link.lookUp(strange, 'postgres');
  expect(first).toMatchObject({ ok: true, value: { iterations: 4096, candidates: [] } });
  expect(first).toEqual(second);
  expect(edge.messages).toHaveLength(before);
});

test('stopping waits for the last reports', async () => {
  link.start();
  await link.firstLinked;
  for (let i = 0; i < 20; i++) link.report(ended());
  await link.stop(2_000);
  expect(outbox.size).toBe(0);
  expect(reports()).toHaveLength(20);
});
