// Recordings that earlier releases wrote, read by this one's reader and by the second one. To keep a
// new release's: KEEP_FIXTURE=v2-NAME vitest run --project system test/recording/fixtures.test.ts

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodePlatform } from '../../connector/recording/archive/node-platform.ts';
import { parseRecordingKey } from '../../core/recording/segment.ts';
import { verifySession } from '../../core/recording/verify.ts';
import { openLog, RecordedClient, testConnector } from '../harness/recording.ts';
import { readSession } from './second-reader.ts';

const FIXTURES = new URL('../../core/recording/fixtures/', import.meta.url).pathname;

/** Every session below `root`, by its ids. */
function sessionsIn(root: string) {
  const keys = readdirSync(root, { recursive: true, encoding: 'utf8' });
  const sessions = new Map<string, Map<string, Buffer>>();
  for (const key of keys) {
    const parsed = parseRecordingKey(key);
    if (!parsed) continue;
    const name = key.slice(key.lastIndexOf('/') + 1);
    const id = `${parsed.connector}/${parsed.session}`;
    const objects = sessions.get(id) ?? new Map<string, Buffer>();
    sessions.set(id, objects.set(name, readFileSync(join(root, key))));
  }
  return sessions;
}

async function readTwice(root: string) {
  const read = [];
  for (const [id, objects] of sessionsIn(root)) {
    const parsed = parseRecordingKey(`recordings/${id}/manifest.json`);
    if (!parsed) throw new Error(`no session: ${id}`);
    const report = await verifySession({
      ...parsed,
      platform: nodePlatform,
      source: { list: async () => [...objects.keys()], read: async (name) => objects.get(name) },
    });
    expect(report.faults).toEqual([]);
    const second = readSession(parsed.connector, parsed.session, objects);
    expect(report.manifest?.connector.key).toBe(second.publicKey);
    expect(report.manifest?.counts.bytes.target).toBe(second.target.length);
    read.push(second);
  }
  return read;
}

test.each(readdirSync(FIXTURES))('the kept recording %s is read and proven by both readers', async (name) => {
  const [session, ...more] = await readTwice(join(FIXTURES, name));
  expect(more).toEqual([]);
  expect(session?.client.toString()).toContain('SELECT name FROM customers');
  expect(session?.ended).toMatchObject({ reason: 'client_closed' });
});

test('what is recorded today is read and proven by both readers', async () => {
  const place = mkdtempSync(join(tmpdir(), 'gatehouse-fixture-'));
  const objects = join(place, 'objects');
  const connector = testConnector();
  const { log } = await openLog(connector, join(place, 'connector'), { store: { kind: 'directory', root: objects } });
  const client = new RecordedClient(connector, log);
  for (let statement = 1; statement <= 3; statement++) {
    const text = statement < 3 ? 'SELECT name FROM customers' : 'SELECT nothing FROM nowhere';
    const offset = (statement - 1) * 32;
    client.send('client', Buffer.from(`Q\0\0\0\x1f${text}\0`));
    const at = { direction: 'client' as const, lane: 0, offset, length: 32 };
    client.recorder.fact(0, { kind: 'statement.started', action: statement, form: 'simple', text, at });
    client.send('target', Buffer.from('the answer, with an umlaut: ü'));
    client.recorder.fact(0, {
      kind: 'statement.finished',
      action: statement,
      tags: statement < 3 ? ['SELECT 2'] : [],
      rows: statement < 3 ? 2 : 0,
      bytes: 30,
      durationUs: 1200,
      ...(statement === 3 && { error: { code: '42P01', severity: 'ERROR', message: 'no such table' } }),
    });
    // A segment of its own for each.
    const stored = (): number =>
      readdirSync(objects, { recursive: true }).filter((key) => String(key).endsWith('.seg')).length;
    await expect.poll(stored, { timeout: 15_000 }).toBe(statement);
  }
  // A lane beside the conversation, of which a part is not recorded.
  client.recorder.fact(1, { kind: 'lane.opened', lane: 1, of: 'exec', label: 'exec' });
  client.recorder.fact(1, { kind: 'command.started', action: 4, form: 'exec', command: 'uptime' });
  client.recorder.bytes('target', 1, Buffer.from('up 3 days'));
  client.recorder.fact(1, { kind: 'command.finished', action: 4, exit: 0, durationUs: 900 });
  client.recorder.fact(1, { kind: 'lane.closed', lane: 1, recorded: 'partial', note: 'its input is not recorded' });
  client.end();
  expect((await log.drain(20_000)).drained).toBe(true);
  await log.close();
  const [session] = await readTwice(objects);
  expect(session?.facts.map((fact) => fact.kind)).toHaveLength(12);
  expect(session?.client.toString()).toContain('SELECT nothing');
  const { KEEP_FIXTURE } = process.env;
  if (KEEP_FIXTURE) {
    const kept = join(FIXTURES, KEEP_FIXTURE);
    cpSync(join(objects, 'recordings'), join(kept, 'recordings'), { recursive: true });
  }
  rmSync(place, { recursive: true, force: true });
});
