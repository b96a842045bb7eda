// Two connectors of one site, as processes, with the real edge, psql and PostgreSQL: one is killed, one is told to stop.

import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { ConnectorList } from '../../core/api.ts';
import { SessionDetail, SessionPage } from '../../core/catalogue.ts';
import { JoinToken } from '../../core/connectors/join.ts';
import { ResourceName } from '../../core/resource.ts';
import { openLocalPort } from '../../cli/tunnel/local-port.ts';
import { openTunnel } from '../../cli/tunnel/open-tunnel.ts';
import { tellingPort } from '../../cli/tunnel/telling-tunnel.ts';
import type { ConnectorProcess } from './connector-process.ts';
import {
  alice,
  bob,
  connector as first,
  directory,
  grant,
  psql,
  startConnector,
  startReplica,
  stay,
  withWholeGatehouse,
} from './whole-gatehouse.ts';

withWholeGatehouse('office');
const DEMO = ResourceName.parse('demo');
let second: ConnectorProcess;
let port: number;
let asked: string;

beforeAll(async () => {
  if (!psql) return;
  writeFileSync(join(directory, 'ca.pem'), await alice.bytes('//ca.pem'));
  const { token } = await bob.post('/connectors/join-tokens?site=office', undefined, JoinToken);
  // Its own key for masks, as the first has: a site should have one.
  ({ replica: second, port } = await startReplica('second', {
    GATEHOUSE_JOIN_TOKEN: token,
    GATEHOUSE_DRAIN_SECONDS: '60',
  }));
  await second.event('ready');
});
beforeEach((context) => {
  if (!psql) context.skip('psql is not installed: apt-get install postgresql postgresql-contrib');
});

const listed = async (name: string) =>
  (await alice.get('/connectors', ConnectorList)).connectors.find((one) => one.name === name);
const standing = (name: string) => expect.poll(async () => (await listed(name))?.standing);

/** The first under this grant, once the archive knows it. */
async function sessionOf(of: string): Promise<string> {
  let found: string | undefined;
  await expect
    .poll(async () => {
      found = (await alice.get('/sessions', SessionPage)).sessions.find((session) => session.grant === of)?.id;
      return found;
    })
    .toBeDefined();
  return found ?? '';
}

/** Through the portal; which connector carries it stands in the session. */
async function throughThePortal(secret: string, sql: string) {
  const tunnel = await openTunnel(alice, DEMO, () => {});
  const local = await openLocalPort(tunnel, 0, () => {});
  const session = stay(secret, { port: local.port, tls: false });
  asked = await session.ask(sql);
  return {
    session,
    close() {
      session.kill();
      local.close();
      tunnel.close();
    },
  };
}

test('a grant is good at each, and the list shows both: site, build, standing, lag, disk, backlog, sessions', async () => {
  const { secret } = await grant();
  const sessions = [stay(secret), stay(secret, { port })];
  for (const session of sessions) expect(await session.ask('select 6 * 7;')).toBe('42');
  for (const name of ['local', 'second'])
    await expect
      .poll(() => listed(name))
      .toMatchObject({
        ...{ site: 'office', standing: 'linked', protocol: 2, build: expect.stringMatching(/^gatehouse \d/) },
        resources: ['demo'],
        status: {
          ...{ accepting: true, sessions: 1, lagMs: expect.any(Number), logFree: expect.any(Number) },
          backlog: { bytes: expect.any(Number), objects: expect.any(Number) },
        },
      });
  for (const session of sessions) session.quit();
  // Neither was given a key for masks, so each has its own.
  expect(second.lines.find(({ event }) => event === 'replicas.differ')).toMatchObject({ what: 'masking_key' });
  expect(first.lines.find(({ event }) => event === 'replicas.differ')).toMatchObject({ other: 'second' });
  expect(second.lines.find(({ event }) => event === 'link.up')).toMatchObject({ serving: 1, protocol: 2 });
});

test('one is killed: a new tunnel reaches the other at once, and its session ends and is completed', async () => {
  const { id, secret } = await grant();
  const { secret: others } = await grant();
  // The second has more to carry, so that the tunnel goes to the first.
  const busy = stay(others, { port });
  expect(await busy.ask('select 1;')).toBe('1');
  await expect.poll(async () => (await listed('second'))?.status?.sessions).toBe(1);
  await expect.poll(async () => (await listed('local'))?.status?.sessions).toBe(0);
  const carried = await throughThePortal(secret, "select 'by the first';");
  expect(asked).toBe('by the first');
  const running = await sessionOf(id);
  const native = stay(others);
  expect(await native.ask('select 2;')).toBe('2');

  first.child.kill('SIGKILL');
  const next = await throughThePortal(others, "select 'by the second';");
  expect(asked).toBe('by the second');
  expect(await native.ask('select 3;')).toMatch(/EOF detected|closed the connection/);
  native.kill();
  await standing('local').toBe('away');
  next.close();
  carried.close();
  busy.quit();

  // As an orchestrator starts it again, with its state.
  await first.ended;
  startConnector();
  await first.event('ready');
  await expect
    .poll(async () => (await alice.get(`/sessions/${running}`, SessionDetail)).session)
    .toMatchObject({ state: 'sealed', end: { reason: 'connector_crashed' } });
});

test('one is told to stop: a running statement finishes, nothing new comes, everything is stored, exit 0', async () => {
  const { id: own, secret } = await grant();
  const session = stay(secret, { port });
  expect(await session.ask('select 1;')).toBe('1');
  const id = await sessionOf(own);
  const answer = session.ask("select 'finished' from pg_sleep(2);");
  await expect.poll(async () => (await listed('second'))?.status?.sessions).toBe(1);
  second.child.kill('SIGTERM');
  await second.event('connector.stopping');
  await standing('second').toBe('draining');

  const health = (await second.event('listening')).health as string;
  expect((await fetch(`http://${health}/livez`)).status).toBe(200);
  const ready = await fetch(`http://${health}/readyz`);
  expect([ready.status, await ready.json()]).toEqual([
    503,
    expect.objectContaining({ ok: false, drainingUntil: expect.any(String) }),
  ]);
  expect(await refusal(port)).toBe('ECONNREFUSED');
  // The other takes what comes, by the portal too.
  const elsewhere = await throughThePortal(secret, 'select 3;');
  expect(asked).toBe('3');
  elsewhere.close();

  expect(await answer).toBe('finished');
  session.quit();
  expect(await second.ended).toEqual({ code: 0, stderr: '' });
  expect(second.lines.map((line) => line.event)).not.toContain('recording.left');
  await expect
    .poll(async () => (await alice.get(`/sessions/${id}`, SessionDetail)).session)
    .toMatchObject({ state: 'sealed', end: { reason: 'client_closed' } });
  await standing('second').toBe('away');
});

test('at the deadline whoever is still there is told, and a second signal does not wait', async () => {
  const { secret } = await grant();
  const started = await startReplica('second', { GATEHOUSE_DRAIN_SECONDS: '1' });
  await started.replica.event('ready');
  const session = stay(secret, { port: started.port });
  const answer = session.ask('select pg_sleep(60);');
  await expect.poll(async () => (await listed('second'))?.status?.sessions).toBe(1);
  started.replica.child.kill('SIGTERM');
  expect(await answer).toContain('The gateway is stopping. Connect again in a moment.');
  session.kill();
  expect(await started.replica.ended).toEqual({ code: 0, stderr: '' });

  const again = await startReplica('second', { GATEHOUSE_DRAIN_SECONDS: '60' });
  await again.replica.event('ready');
  const held = stay(secret, { port: again.port });
  expect(await held.ask('select 1;')).toBe('1');
  again.replica.child.kill('SIGINT');
  await again.replica.event('connector.stopping');
  again.replica.child.kill('SIGTERM');
  // One that comes at once is the same signal twice, as npm passes it on.
  const insisting = setInterval(() => again.replica.child.kill('SIGTERM'), 200);
  const ended = await again.replica.ended;
  clearInterval(insisting);
  expect(ended).toEqual({ code: 1, stderr: expect.stringContaining('stopped at once by a second SIGTERM') });
  held.kill();
});

/** A local port as `gatehouse connect` has it, whose first connection goes to a second replica: the first has more to carry. */
async function portAtSecond(secret: string) {
  const started = await startReplica('second', { GATEHOUSE_DRAIN_SECONDS: '60' });
  await started.replica.event('ready');
  const busy = [stay(secret), stay(secret)];
  for (const session of busy) expect(await session.ask('select 1;')).toBe('1');
  await expect.poll(async () => (await listed('local'))?.status?.sessions).toBe(2);
  await expect.poll(async () => (await listed('second'))?.status?.sessions).toBe(0);
  const told: string[] = [];
  const stderr = { write: (text: string) => told.push(text) };
  const { tunnel, tell } = await tellingPort(alice, DEMO, { stderr } as never);
  const local = await openLocalPort(tunnel, 0, tell);
  const session = () => stay(secret, { port: local.port, tls: false });
  const running = session();
  expect(await running.ask('select 2;')).toBe('2');
  await expect.poll(async () => (await listed('second'))?.status?.sessions).toBe(1);
  return {
    ...started,
    ...{ told, session, running, tunnel },
    close() {
      for (const one of [...busy, running]) one.kill();
      local.close();
      tunnel.close();
    },
  };
}

test('a local port leaves a replica that drains: what runs there goes on, what comes goes to the other', async () => {
  const { secret } = await grant();
  const port = await portAtSecond(secret);
  port.replica.child.kill('SIGTERM');
  await port.replica.event('connector.stopping');
  const next = port.session();
  expect(await next.ask('select 3;')).toBe('3');
  expect(await port.running.ask('select 4;')).toBe('4');
  expect(port.told.join('')).toContain('the connector is stopping: connections that are open may finish there');
  await expect.poll(async () => (await listed('local'))?.status?.sessions).toBe(3);
  port.running.quit();
  expect(await port.replica.ended).toEqual({ code: 0, stderr: '' });
  expect(await next.ask('select 5;')).toBe('5');
  next.kill();
  port.close();
  expect((await port.tunnel.closed).kind).toBe('abandoned');
});

test('a local port leaves a replica that was killed: what was open ends and is not sent anew', async () => {
  const { secret } = await grant();
  const port = await portAtSecond(secret);
  port.replica.child.kill('SIGKILL');
  // Begun before anybody knows: it is told, and nothing of it goes elsewhere by itself.
  const racing = port.session();
  expect(await racing.ask('select 3;')).toMatch(/^3$|closed the connection|lost|reset|EOF/);
  racing.kill();
  await expect.poll(() => port.told.join('')).toContain('the way to the connector is lost');
  const next = port.session();
  expect(await next.ask('select 4;')).toBe('4');
  await expect.poll(async () => (await listed('local'))?.status?.sessions).toBe(3);
  next.kill();
  port.close();
  await port.running.closed;
});

const refusal = (at: number): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(at, '127.0.0.1', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.on('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? error.message));
  });
