// From the wire to the export: what the toy protocol did is recorded by the connector's own log, sealed, proven, found,
// replayed and exported by parts that never heard of it.

import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ExportedFrame } from '../../core/replay/exports.ts';
import { ActionPage, ReplayEvent, SessionPage } from '../../core/catalogue.ts';
import { newId } from '../../core/ids.ts';
import { verifySession } from '../../core/recording/verify.ts';
import { ok } from '../../core/result.ts';
import { secret } from '../../core/secret.ts';
import { openRecordingLog } from '../../connector/recording/recording-log.ts';
import { startListener } from '../../connector/session/serve.ts';
import { createSessions } from '../../connector/session/sessions.ts';
import { startFunctions, startLocalDynamoDb } from '../../functions/local.ts';
import { nodeRecordingPlatform } from '../../functions/recording-platform.ts';
import { directoryReader } from '../../functions/store/directory-reader.ts';
import { recordingSource } from '../../functions/store/recording-source.ts';
import { MemoryEdge } from '../harness/memory-edge.ts';
import { echoKit } from './kit.ts';

const TOKEN = 'a token of the test';

it('is recorded, sealed, proven, found, replayed and exported', async () => {
  const told: string[] = [];
  const directory = await mkdtemp(join(tmpdir(), 'gatehouse-toy-'));
  const objects = join(directory, 'objects');
  const database = await startLocalDynamoDb({ path: join(directory, 'dynamodb') });
  const functions = await startFunctions({
    port: 0,
    objectsDirectory: objects,
    dynamoEndpoint: database.endpoint,
    token: secret(TOKEN),
    report: ({ kind }) => void told.push(kind),
  });
  const connector = { id: newId('con'), name: 'toy', build: 'toy' };
  const log = await openRecordingLog({
    directory: join(directory, 'log'),
    connector,
    signingKey: generateKeyPairSync('ed25519').privateKey,
    store: { kind: 'directory', root: objects, events: { url: `${functions.url}/events`, token: TOKEN } },
    limits: { minFreeBytes: 1 },
    onReport: (report) => expect(report.kind).not.toBe('connector.fault'),
  });
  if (!log.ok) throw new Error(log.error.message);
  const edge = new MemoryEdge();
  edge.protocol = echoKit.name;
  edge.rules = { ...edge.rules, ...echoKit.rules };
  const target = await echoKit.startTarget();
  const sessions = createSessions({ edge, log: log.value, connector, keyedHash: () => Buffer.alloc(32) });
  const listener = await startListener({
    host: '127.0.0.1',
    port: 0,
    sessions,
    entrance: {
      name: echoKit.name,
      protocol: echoKit.protocol(),
      targets: async () => ok(target.upstream),
      tls: undefined,
      allowPlainText: true,
    },
  });

  const claim = { email: 'alice@example.com', resource: 'demo', secret: edge.issue().secret };
  const client = await echoKit.logIn(await echoKit.dial(listener.address.port), claim);
  if (typeof client === 'string') throw new Error(client);
  client.act('allowed', 0);
  expect(await client.answer(0)).toBe('done');
  client.act('blocked', 1);
  expect(await client.answer(1)).toBe('refused');
  client.hangUp();
  listener.close();
  await sessions.close(5_000);
  expect((await log.value.drain(20_000)).drained).toBe(true);
  const [session] = edge.opened;
  if (!session) throw new Error('no session was opened');

  const source = recordingSource(directoryReader(objects), connector.id, session);
  const report = await verifySession({ session, connector: connector.id, source, platform: nodeRecordingPlatform });
  expect([report.faults, report.proven]).toEqual([[], true]);
  const call = async (path: string) =>
    (await fetch(functions.url + path, { headers: { authorization: `Bearer ${TOKEN}` } })).text();
  const linesOf = async (path: string) =>
    (await call(path))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  const found = SessionPage.parse(JSON.parse(await call('/sessions')));
  expect(found.sessions).toMatchObject([{ id: session, protocol: 'echo', state: 'sealed', counts: { actions: 2 } }]);
  const { actions } = ActionPage.parse(JSON.parse(await call(`/sessions/${session}/actions`)));
  expect(actions).toMatchObject([
    { action: 1, lane: 1, title: 'ls' },
    { action: 2, lane: 2, title: 'rm -rf /', verdict: { outcome: 'refused' } },
  ]);
  const replayed = (await linesOf(`/sessions/${session}/replay`)).map((event) => ReplayEvent.parse(event));
  expect(replayed.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['opened', 'statement', 'result', 'notice', 'ended']),
  );
  const frames = (await linesOf(`/sessions/${session}/export?format=ndjson`)).map((one) => ExportedFrame.parse(one));
  expect(new Set(frames.map(({ lane }) => lane))).toEqual(new Set([0, 1, 2]));
  expect(await call(`/sessions/${session}/export?format=html`)).toContain('rm -rf /');
  expect(await call(`/sessions/${session}/export?format=asciicast`)).toContain('rm -rf /');

  expect(told.filter((kind) => /broken|refused|failed|damaged/.test(kind))).toEqual([]);
  await log.value.close();
  await functions.close();
  await database.close();
  await target.close();
  await rm(directory, { recursive: true, force: true });
});
