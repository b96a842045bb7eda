// A connector's process that is killed between the edge's admission of a session and the first frame of its recording.

import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { FromConnector } from '../../core/control.ts';
import { newId } from '../../core/ids.ts';
import { type ConnectorProcess, runConnector } from './connector-process.ts';
import { answerAll, type FakeEdge, JOIN_TOKEN, startFakeEdge } from './fake-edge.ts';

const SECRET = 'ght_0123456789';
let directory: string;
let edge: FakeEdge;
const running: ConnectorProcess[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-opening-'));
  edge = await startFakeEdge();
  // Nothing listens there.
  writeFileSync(
    join(directory, 'connector.yaml'),
    'resources:\n  - { name: demo, protocol: postgres, labels: { env: test }, host: 127.0.0.1, port: 1, user: app }\n',
  );
});
afterEach(async () => {
  for (const it of running.splice(0)) {
    it.child.kill('SIGKILL');
    await it.ended;
  }
  await edge.close();
  rmSync(directory, { recursive: true, force: true });
});

function run(): ConnectorProcess {
  const at = (name: string) => join(directory, name);
  const files = ['--config', at('connector.yaml'), '--state', at('state'), '--store-directory', at('objects')];
  const started = runConnector(
    [...files, '--name', 'dev', '--edge', edge.origin, '--listen-postgres', '127.0.0.1:0', '--health', '127.0.0.1:0'],
    { GATEHOUSE_JOIN_TOKEN: JOIN_TOKEN },
  );
  running.push(started);
  return started;
}

/** Resolves when the gateway has answered, in whatever way. */
async function connect(connector: ConnectorProcess): Promise<void> {
  const { listeners } = (await connector.event('ready')) as unknown as { listeners: { postgres: { port: number } } };
  const user = 'alice@example.com';
  const { port } = listeners.postgres;
  const client = new pg.Client({ host: '127.0.0.1', port, user, password: SECRET, database: 'demo' });
  client.on('error', () => {});
  await client.connect().catch(() => {});
  await client.end().catch(() => {});
}

/** As the edge that issued SECRET answers, with `opened` in the place of its answer to session.open. */
function answering(opened: typeof answerAll): FakeEdge['onMessage'] {
  const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  return (message, reply) => {
    if (message.kind === 'session.open') return opened(message, reply);
    answerAll(message, (answer) => {
      if (answer.kind !== 'grants.found') return reply(answer);
      const salted = pbkdf2Sync(SECRET, Buffer.from(answer.salt, 'base64'), answer.iterations, 32, 'sha256');
      const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64');
      const verifier = { storedKey, serverKey: hmac(salted, 'Server Key').toString('base64') };
      const until = new Date(Date.now() + 3_600_000).toISOString();
      reply({ ...answer, candidates: [{ id: newId('grt'), verifier, until, revoked: false }] });
    });
  };
}

const openings = (): string[] => readdirSync(join(directory, 'state', 'opening'));
const asked = () => edge.messages.flatMap((it: FromConnector) => (it.kind === 'session.open' ? it.session : []));
const ends = () =>
  edge.messages.flatMap((it) => (it.kind === 'report' && it.report.kind === 'session.ended' ? it.report : []));

test('the next start reports that it never began, once', async () => {
  const killed = run();
  edge.onMessage = answering(() => killed.child.kill('SIGKILL'));
  await connect(killed);
  await killed.ended;
  const [session] = asked();
  expect(openings()).toEqual([session]);
  expect(ends()).toEqual([]);

  await run().event('ready');
  await vi.waitFor(() => expect(ends()).toHaveLength(1), 10_000);
  expect(ends()[0]).toMatchObject({ session, reason: 'connector_crashed', neverBegan: true });
  await vi.waitFor(() => expect(openings()).toEqual([]), 10_000);
});

test('of one whose first frame stands in the log it says that it was cut off, mark or no mark', async () => {
  const killed = run();
  edge.onMessage = answering(answerAll);
  await killed.event('ready');
  // Nothing can be stored, so that it stays in the log.
  const objects = join(directory, 'objects');
  rmSync(objects, { recursive: true, force: true });
  writeFileSync(objects, '');
  // Its target is not there, so its first frame is all but the last.
  await connect(killed);
  await vi.waitFor(() => expect(ends()).toHaveLength(1), 10_000);
  const [session] = asked();
  expect(openings()).toEqual([]);
  killed.child.kill('SIGKILL');
  await killed.ended;
  writeFileSync(join(directory, 'state', 'opening', String(session)), '');
  rmSync(objects);
  await run().event('ready');
  await vi.waitFor(() => expect(openings()).toEqual([]), 10_000);
  expect(ends().filter((end) => end.neverBegan)).toEqual([]);
});

test('a session that the edge refuses leaves no mark', async () => {
  const connector = run();
  edge.onMessage = answering((message, reply) => {
    if (message.kind !== 'session.open') return;
    expect(openings()).toEqual([message.session]);
    reply({ kind: 'session.refused', call: message.call, reason: 'policy_denied', message: 'No.' });
  });
  await connect(connector);
  expect(asked()).toHaveLength(1);
  expect(openings()).toEqual([]);
});
