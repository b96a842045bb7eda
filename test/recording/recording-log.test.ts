// The whole path with a directory as store: sessions, log, archiver thread, objects, verification.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openRecordingLog } from '../../connector/recording/recording-log.ts';
import {
  objectNames,
  openedFact,
  openLog,
  RecordedClient,
  readRecording,
  testConnector,
  verifyStored,
} from '../harness/recording.ts';
import { newId } from '../../core/ids.ts';

const connector = testConnector();
let place = '';
let directory = '';
let objects = '';

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'gatehouse-log-'));
  directory = join(place, 'connector');
  objects = join(place, 'objects');
});
afterEach(() => rmSync(place, { recursive: true, force: true }));
const store = () => ({ kind: 'directory' as const, root: objects });
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a recorded session', () => {
  test('delivers after the commit of the turn, once, and not before', async () => {
    const { log } = await openLog(connector, directory, { store: store() });
    const client = new RecordedClient(connector, log);
    client.send('client', 'one');
    client.send('client', 'two');
    expect(client.deliveredBytes).toBe(0);
    expect(client.recorder.pendingBytes).toBeGreaterThanOrEqual(6);
    await turn();
    expect(Buffer.concat(client.delivered.client).toString()).toBe('onetwo');
    expect(client.recorder.pendingBytes).toBe(0);
    client.end();
    await log.close();
  });

  test('becomes objects that hold every byte and fact in order, and verifies', async () => {
    const { log, reports } = await openLog(connector, directory, { store: store() });
    const client = new RecordedClient(connector, log);
    for (let i = 0; i < 300; i++) {
      client.send('client', `select ${i};`);
      client.recorder.fact(0, {
        kind: 'statement.started',
        action: i + 1,
        form: 'simple',
        text: `select ${i}`,
        at: { direction: 'client', lane: 0, offset: 0, length: 1 },
      });
      client.send('target', Buffer.alloc(i * 97, i));
      if (i % 10 === 0) await turn();
    }
    client.send('target', Buffer.alloc(2_500_000, 'large'));
    await turn();
    client.end();
    expect((await log.drain(20_000)).drained).toBe(true);
    const report = await verifyStored(objects, connector, client.session);
    expect(report).toMatchObject({ proven: true, faults: [] });
    expect(report.manifest?.counts.statements).toBe(300);
    const stored = readRecording(objects, connector, client.session);
    for (const direction of ['client', 'target'] as const)
      expect(stored.wire(direction).equals(Buffer.concat(client.delivered[direction]))).toBe(true);
    expect(stored.facts.map((fact) => fact.kind)).toEqual([
      'session.opened',
      ...Array.from({ length: 300 }, () => 'statement.started'),
      'session.ended',
    ]);
    const heads = reports.flatMap((r) => (r.kind === 'segment.stored' ? [[r.number, r.digest]] : []));
    expect(heads).toEqual(report.manifest?.segments.map(({ number, digest }) => [number, digest]));
    expect(reports.at(-1)).toMatchObject({ kind: 'manifest.stored', segments: heads.length });
    expect(readdirSync(join(directory, 'sessions'))).toEqual([]);
    await log.close();
  });

  test('is visible while it runs', async () => {
    const { log, reports } = await openLog(connector, directory, { store: store() });
    const client = new RecordedClient(connector, log);
    await expect.poll(() => reports.length, { timeout: 15_000 }).toBeGreaterThan(0);
    expect(objectNames(objects, connector, client.session)).toEqual(['00000000.seg']);
    client.end();
    await log.close();
  });

  test('takes facts that are too long for a frame', async () => {
    const { log } = await openLog(connector, directory, { store: store() });
    const client = new RecordedClient(connector, log);
    const parameters = Array.from({ length: 60_000 }, () => ({
      type: 25,
      format: 'text' as const,
      value: 'é'.repeat(50),
    }));
    const at = { direction: 'client' as const, lane: 0, offset: 0, length: 0 };
    client.recorder.fact(0, { kind: 'statement.started', action: 1, form: 'extended', text: 'x', parameters, at });
    client.end();
    expect((await log.drain(20_000)).drained).toBe(true);
    expect((await verifyStored(objects, connector, client.session)).proven).toBe(true);
    const [, fact] = readRecording(objects, connector, client.session).facts;
    if (fact?.kind !== 'statement.started') throw new Error('no statement');
    expect(fact.parameters?.length).toBeGreaterThan(500);
    await log.close();
  });

  test('takes no more after its end', async () => {
    const { log } = await openLog(connector, directory, { store: store() });
    const client = new RecordedClient(connector, log);
    client.end();
    expect(() => client.send('client', 'late')).toThrow(/after its end/);
    await log.close();
  });
});

describe('many sessions in one log', () => {
  test('are each whole, over many log files, and the log files go when all is stored', async () => {
    const limits = { walFileBytes: 256 * 1024 };
    const { log } = await openLog(connector, directory, { store: store(), limits });
    const clients = Array.from({ length: 40 }, () => new RecordedClient(connector, log));
    for (let round = 0; round < 50; round++) {
      for (const [i, client] of clients.entries()) {
        client.send('client', `round ${round} of ${i};`);
        client.send('target', Buffer.alloc(((i * 7919 + round * 104729) % 9000) + 1, i));
      }
      await turn();
    }
    for (const client of clients) client.end();
    expect((await log.drain(30_000)).drained).toBe(true);
    for (const client of clients) {
      expect(await verifyStored(objects, connector, client.session)).toMatchObject({ faults: [] });
      const stored = readRecording(objects, connector, client.session);
      expect(stored.wire('target').equals(Buffer.concat(client.delivered.target))).toBe(true);
    }
    await expect.poll(() => readdirSync(join(directory, 'wal')).length, { timeout: 15_000 }).toBe(1);
    await log.close();
  });
});

test('an archiver that dies is started again, is reported, and takes live sessions for live', async () => {
  mkdirSync(directory);
  writeFileSync(join(directory, 'sessions'), 'not a folder');
  const { log, faults } = await openLog(connector, directory, { store: store() });
  const client = new RecordedClient(connector, log);
  client.send('client', 'one ');
  await expect.poll(() => faults(), { timeout: 15_000 }).toContain('archiver_failed');
  client.send('client', 'two ');
  rmSync(join(directory, 'sessions'));
  await expect
    .poll(() => objectNames(objects, connector, client.session).length, { timeout: 20_000 })
    .toBeGreaterThan(0);
  client.send('client', 'three');
  await turn();
  client.end();
  expect((await log.drain(20_000)).drained).toBe(true);
  const report = await verifyStored(objects, connector, client.session);
  expect(report).toMatchObject({ proven: true, manifest: { end: { reason: 'client_closed' } } });
  expect(readRecording(objects, connector, client.session).wire('client').toString()).toBe('one two three');
  await log.close();
});

describe('opening the log', () => {
  test('is refused while another process, or this one, records into the directory', async () => {
    const { log } = await openLog(connector, directory, { store: store() });
    const again = await openRecordingLog({
      directory,
      connector: { id: connector.id, name: 'test', build: 'test' },
      signingKey: connector.key,
      store: store(),
      onReport: () => undefined,
    });
    expect(again).toMatchObject({ ok: false, error: { reason: 'directory_in_use' } });
    await log.close();
    const third = await openLog(connector, directory, { store: store() });
    await third.log.close();
  });

  test('says in one line what is wrong with directory, key or store', async () => {
    const options = {
      directory,
      connector: { id: connector.id, name: 'test', build: 'test' },
      signingKey: connector.key,
      store: store(),
      onReport: () => undefined,
    };
    const wrong = [
      [{ directory: '/dev/null/x' }, 'directory_unusable'],
      [{ signingKey: 'no key' }, 'key_unusable'],
      [{ store: { kind: 's3', bucket: 'b', region: 'r' } as const }, 'store_settings_wrong'],
    ] as const;
    for (const [change, reason] of wrong) {
      const opened = await openRecordingLog({ ...options, ...change });
      expect(opened).toMatchObject({ ok: false, error: { reason } });
      if (!opened.ok) expect(opened.error.message).not.toContain('\n');
    }
  });

  test('goes on with sessions of a log that was closed without their end', async () => {
    const first = await openLog(connector, directory, { store: store() });
    const client = new RecordedClient(connector, first.log);
    client.send('client', 'before the stop');
    await turn();
    await first.log.close();
    const second = await openLog(connector, directory, { store: store() });
    expect((await second.log.drain(20_000)).drained).toBe(true);
    const report = await verifyStored(objects, connector, client.session);
    expect(report).toMatchObject({ proven: true, manifest: { end: { reason: 'connector_crashed' } } });
    expect(readRecording(objects, connector, client.session).wire('client').toString()).toBe('before the stop');
    expect(second.faults()).toEqual(['sessions_recovered']);
    await second.log.close();
    const third = await openLog(connector, directory, { store: store() });
    expect((await third.log.drain(20_000)).drained).toBe(true);
    expect(third.reports).toEqual([]);
    await third.log.close();
  });
});

test('a session is refused by name when the log cannot take it', async () => {
  const { log } = await openLog(connector, directory, {
    store: store(),
    limits: { minFreeBytes: Number.MAX_SAFE_INTEGER },
  });
  const refused = log.open(openedFact(connector.id, newId('ses')), () => {});
  expect(refused).toMatchObject({ ok: false, error: { reason: 'log_unavailable' } });
  expect(log.health()).toMatchObject({ accepting: false, disk: 'critical', log: 'ready' });
  await log.close();
});
