// The control link against a real WebSocket server that speaks core/control.ts.

import { CONNECTOR_UNDERSTANDS } from '../../core/control.ts';
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { newId, type SessionId } from '../../core/ids.ts';
import { ResourceName } from '../../core/resource.ts';
import type { EdgeLink, EdgeLinkTiming } from '../../connector/control/edge-link.ts';
import type { Outbox } from '../../connector/control/outbox.ts';
import { admitted, answerAll, type FakeEdge, RULES, startFakeEdge } from './fake-edge.ts';
import { FAST, startLinkParts } from './link-parts.ts';

let directory: string;
let edge: FakeEdge;
let outbox: Outbox;
let link: EdgeLink;
let live: SessionId[];
let lines: { event: string; message?: string }[];
let makeLink: (timing?: Partial<EdgeLinkTiming>) => EdgeLink;

beforeEach(async () => {
  live = [];
  ({ directory, edge, outbox, lines, makeLink } = await startLinkParts(() => live));
  link = makeLink();
});

afterEach(async () => {
  await link.stop(0);
  outbox.close();
  await edge.close();
  rmSync(directory, { recursive: true });
});

const claim = { email: 'Alice@Example.com ', resource: 'demo' };
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

test('knows the authority that the edge last said, and none without the edge', async () => {
  expect(await link.userAuthority()).toMatchObject({ ok: false, error: { reason: 'edge_unreachable' } });
  const line = `ssh-ed25519 ${Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x20'.padEnd(51, 'k'), 'latin1').toString('base64')}`;
  let userAuthority: string | undefined = line;
  edge.onMessage = (message, reply) => {
    if (message.kind !== 'hello') return answerAll(message, reply);
    reply({ kind: 'welcome', policyVersion: 1, understands: [], ...(userAuthority && { userAuthority }) });
  };
  link.start();
  await link.firstLinked;
  expect(await link.userAuthority()).toEqual({
    ok: true,
    value: new Uint8Array(Buffer.from(line.split(' ')[1] ?? '', 'base64')),
  });

  // An edge of an earlier release, or one whose words are none.
  for (const said of [undefined, 'ssh-ed25519 AAAA']) {
    userAuthority = said;
    edge.cut();
    await vi.waitFor(async () => expect(await link.userAuthority()).toEqual({ ok: true, value: undefined }), 15_000);
  }
});

test('finds the grant of a registered key, where the edge can', async () => {
  const candidate = { id: newId('grt'), until: new Date().toISOString(), revoked: false };
  edge.onMessage = (message, reply) => {
    if (message.kind !== 'grants.of_key') return answerAll(message, reply);
    const found = { salt: Buffer.alloc(16).toString('base64'), iterations: 4096, email: 'alice@example.com' };
    const verifier = { storedKey: '', serverKey: '' };
    reply({ kind: 'grants.found', call: message.call, ...found, candidates: [{ ...candidate, verifier }] });
  };
  const find = () => link.findOfKey(`SHA256:${'A'.repeat(43)}`, ResourceName.parse('demo'), 'postgres');
  expect(await find()).toMatchObject({ ok: false, error: { reason: 'edge_unreachable' } });
  link.start();
  await link.firstLinked;
  expect(await find()).toMatchObject({ ok: true, value: { email: 'alice@example.com', grant: candidate } });

  // An edge of an earlier release has no keys, and would end the link over a message that it does not know.
  edge.onMessage = (message, reply) => {
    if (message.kind === 'hello') return reply({ kind: 'welcome', policyVersion: 1, understands: ['grants.find'] });
    answerAll(message, reply);
  };
  edge.cut();
  await vi.waitFor(async () => expect(await find()).toEqual({ ok: true, value: undefined }), 15_000);
  expect(edge.messages.filter(({ kind }) => kind === 'grants.of_key')).toHaveLength(1);
});

test('a sign-in by the browser is looked at until it is confirmed, denied, or the edge is away', async () => {
  const grant = { id: newId('grt'), until: new Date().toISOString(), revoked: false };
  const looks: object[] = [];
  edge.onMessage = (message, reply) => {
    const { kind } = message;
    const asked = { signIn: 'gdc_test', userCode: 'BCDF-GHJK', link: 'https://gatehouse.test/device' };
    if (kind === 'sign_in.ask') reply({ kind: 'sign_in.asked', call: message.call, ...asked });
    else if (kind !== 'sign_in.look') answerAll(message, reply);
    else
      reply({
        ...{ kind: 'sign_in.standing' as const, call: message.call, state: 'waiting' as const },
        ...looks.shift(),
      });
  };
  const told: string[] = [];
  const ask = () => link.signIn(ResourceName.parse('demo'), 'ssh', '10.0.0.9');
  const outcome = async (signal = new AbortController().signal) => {
    const asked = await ask();
    if (!asked.ok) throw new Error(asked.error.message);
    expect(asked.value).toMatchObject({ link: 'https://gatehouse.test/device', userCode: 'BCDF-GHJK' });
    return asked.value.outcome(signal, (words) => told.push(words));
  };
  expect(await ask()).toMatchObject({ ok: false, error: { reason: 'edge_unreachable' } });
  link.start();
  await link.firstLinked;
  const confirmed = { state: 'confirmed', message: 'No grant yet.' };
  looks.push({}, confirmed, confirmed, { state: 'granted', granted: { email: 'bob@example.com', grant } });
  expect(await outcome()).toEqual({ ok: true, value: { email: 'bob@example.com', grant } });
  expect([told, looks]).toEqual([['No grant yet.'], []]);
  looks.push({ state: 'denied' });
  expect(await outcome()).toMatchObject({ ok: false, error: { reason: 'credentials_wrong' } });
  const left = new AbortController();
  const waits = outcome(left.signal);
  left.abort();
  expect(await waits).toMatchObject({ ok: false, error: { reason: 'deadline_exceeded' } });

  // An edge of an earlier release would end the link over a message that it does not know.
  edge.onMessage = (message, reply) => {
    if (message.kind === 'hello') return reply({ kind: 'welcome', policyVersion: 1, understands: ['grants.of_key'] });
    answerAll(message, reply);
  };
  edge.cut();
  const refused = { ok: false, error: { reason: 'not_supported' } };
  await vi.waitFor(async () => expect(await ask()).toMatchObject(refused), 15_000);
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
  expect(edge.messages[0]).toMatchObject({ kind: 'hello', understands: [...CONNECTOR_UNDERSTANDS] });
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
