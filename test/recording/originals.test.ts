// What masks hid, from the log to the auditor: sealed before it is written, stored beside its segment, proven without a key,
// and put back by who holds one (ADR 52).

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodePlatform } from '../../connector/recording/archive/node-platform.ts';
import { OriginalsStream } from '../../cli/originals/originals-stream.ts';
import { openSessionKey, restoreSession } from '../../cli/originals/restore-session.ts';
import { newId, type SessionId } from '../../core/ids.ts';
import type { ClearFrame } from '../../core/recording/originals/clear-frames.ts';
import { MAX_FRAME_ORIGINAL_BYTES, type Replacement } from '../../core/recording/originals/original-object.ts';
import { decodeSegment, encodeSegment, originalName, segmentName } from '../../core/recording/segment.ts';
import { secret } from '../../core/secret.ts';
import { directoryReader } from '../../functions/store/directory-reader.ts';
import { streamOriginals } from '../../functions/store/stream-originals.ts';
import {
  objectNames,
  type OpenedLog,
  openLog,
  RecordedClient,
  testConnector,
  verifyStored,
} from '../harness/recording.ts';

const connector = testConnector();
let place = '';
let directory = '';
let objects = '';
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'gatehouse-originals-'));
  directory = join(place, 'connector');
  objects = join(place, 'objects');
});
afterEach(() => rmSync(place, { recursive: true, force: true }));
const store = () => ({ kind: 'directory' as const, root: objects });
const turn = () => new Promise((resolve) => setImmediate(resolve));
const folder = (session: SessionId) => join(objects, 'recordings', connector.id, session);

const CLEAR = 'zoe.q@hidden.example';
const MASKED = 'mail [email] end';
/** `MASKED` with its mark replaced. */
const hid = (clear: string): readonly Replacement[] => [{ at: 5, length: 7, clear: Buffer.from(clear) }];

async function auditor() {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

async function keeping({ log }: OpenedLog, to: readonly string[]): Promise<RecordedClient> {
  const session = newId('ses');
  return new RecordedClient(connector, log, session, { originals: await log.keepOriginals(session, to), to });
}

/** As `gatehouse original` does, from the archive's own stream. */
async function restored(session: SessionId, identity: string): Promise<ClearFrame[]> {
  const { manifest } = await verifyStored(objects, connector, session);
  if (!manifest) throw new Error('there is no manifest');
  const body = await streamOriginals(connector.id, session, directoryReader(objects));
  if (!body) throw new Error('nothing is kept');
  const key = await openSessionKey(manifest, [secret(identity)], 'identity.txt');
  const read = async (number: number) => readFileSync(join(folder(session), segmentName(number)));
  const frames: ClearFrame[] = [];
  for await (const frame of restoreSession(session, manifest, key, read, new OriginalsStream(body))) frames.push(frame);
  return frames;
}
const said = (frames: readonly ClearFrame[]): string =>
  frames.flatMap(({ kind, body }) => (kind === 'bytes' ? Buffer.from(body).toString() : [])).join('|');

describe('what masks hid', () => {
  test('is opened by each recipient and by nobody else, and proven by everybody', async () => {
    const [one, two, other] = await Promise.all([auditor(), auditor(), auditor()]);
    const opened = await openLog(connector, directory, { store: store() });
    const client = await keeping(opened, [one.recipient, two.recipient]);
    client.send('client', 'select');
    client.send('target', MASKED, hid(CLEAR));
    client.send('target', 'as it was');
    await turn();
    client.end();
    expect((await opened.log.drain(20_000)).drained).toBe(true);
    await opened.log.close();
    const report = await verifyStored(objects, connector, client.session);
    expect(report.faults).toEqual([]);
    expect(report.manifest?.coverage.originals).toMatchObject({ frames: 1, keys: 2 });
    expect(report.proofs).toContain('what masks hid in 1 frame is kept, sealed to 2 keys');
    for (const { identity } of [one, two])
      expect(said(await restored(client.session, identity))).toBe(`select|mail ${CLEAR} end|as it was`);
    await expect(restored(client.session, other.identity)).rejects.toThrow(`it is sealed to ${one.recipient}`);
  });

  test('stands on no disk as it was: not in the log, not in the spool, not in the store', async () => {
    const { recipient } = await auditor();
    const opened = await openLog(connector, directory, { store: store() });
    const client = await keeping(opened, [recipient]);
    client.send('target', MASKED, hid(CLEAR));
    await turn();
    expect(client.delivered.target).toHaveLength(1);
    const inLog = filesBelow(directory);
    client.end();
    expect((await opened.log.drain(20_000)).drained).toBe(true);
    const files = [...inLog, ...filesBelow(directory), ...filesBelow(objects)];
    expect(files.some(({ bytes }) => bytes.includes('[email]'))).toBe(true);
    for (const { path, bytes } of files)
      expect({ path, clear: bytes.includes('zoe.q') }).toEqual({ path, clear: false });
    await opened.log.close();
  });

  test('is in the log before its masked frame goes on, so that a crash loses none of it (law 1)', async () => {
    const { identity, recipient } = await auditor();
    const opened = await openLog(connector, directory, { store: store() });
    const client = await keeping(opened, [recipient]);
    for (let i = 0; i < 50; i++) {
      client.send('target', MASKED, hid(`person${i}@example.com`));
      if (i % 7 === 0) await turn();
    }
    // A row of several frames, of which the first stands for more than a piece holds.
    const long = Buffer.alloc(2_500_000, '*');
    client.send('target', long, [{ at: 10, length: 2_400_000, clear: Buffer.alloc(2_700_000, 'x') }]);
    await turn();
    const { target } = client.delivered;
    expect(target).toHaveLength(51);
    // As a crash leaves it.
    const left = join(place, 'left');
    cpSync(directory, left, { recursive: true, filter: (path) => !path.endsWith('lock') });
    await opened.log.close();
    rmSync(objects, { recursive: true, force: true });
    const again = await openLog(connector, left, { store: store() });
    expect((await again.log.drain(20_000)).drained).toBe(true);
    await again.log.close();
    const report = await verifyStored(objects, connector, client.session);
    expect(report).toMatchObject({ faults: [], manifest: { end: { reason: 'connector_crashed' } } });
    const frames = (await restored(client.session, identity)).filter(({ kind }) => kind === 'bytes');
    const text = Buffer.concat(frames.map(({ body }) => body));
    const rows = Array.from({ length: 50 }, (_, i) => `mail person${i}@example.com end`).join('');
    expect(text.subarray(0, rows.length).toString()).toBe(rows);
    const row = Buffer.concat([long.subarray(0, 10), Buffer.alloc(2_700_000, 'x'), long.subarray(2_400_010)]);
    expect(text.subarray(rows.length).equals(row)).toBe(true);
  });

  test('goes with its segment when the segment is made in two steps and the process ends between them', async () => {
    const { identity, recipient } = await auditor();
    const down = { kind: 'directory' as const, root: join(place, 'down') };
    writeFileSync(down.root, 'no folder');
    const opened = await openLog(connector, directory, { store: down }).catch(() => undefined);
    expect(opened).toBeDefined();
    if (!opened) return;
    const client = await keeping(opened, [recipient]);
    client.send('target', MASKED, hid(CLEAR));
    await turn();
    client.end();
    const spool = join(directory, 'sessions', client.session);
    await expect.poll(() => names(spool), { timeout: 10_000 }).toContain(segmentName(0));
    await opened.log.close();
    // The original is in the spool, and its segment is not yet.
    for (const name of names(spool)) if (!name.endsWith('.original')) rmSync(join(spool, name));
    expect(names(spool)).toEqual([originalName(0)]);
    const again = await openLog(connector, directory, { store: store() });
    expect((await again.log.drain(20_000)).drained).toBe(true);
    await again.log.close();
    expect((await verifyStored(objects, connector, client.session)).faults).toEqual([]);
    expect(said(await restored(client.session, identity))).toBe(`mail ${CLEAR} end`);
  });

  test('of the largest frames one after the other stays in objects far below what a reader takes', async () => {
    const { identity, recipient } = await auditor();
    const opened = await openLog(connector, directory, { store: store() });
    const client = await keeping(opened, [recipient]);
    for (let i = 0; i < 8; i++) {
      client.send('target', '[masked]', [{ at: 0, length: 8, clear: Buffer.alloc(MAX_FRAME_ORIGINAL_BYTES, `${i}`) }]);
      await turn();
    }
    client.end();
    expect((await opened.log.drain(20_000)).drained).toBe(true);
    await opened.log.close();
    const report = await verifyStored(objects, connector, client.session);
    expect(report.faults).toEqual([]);
    const sizes = report.manifest?.segments.map(({ original }) => original?.bytes ?? 0) ?? [];
    expect(sizes.length).toBeGreaterThanOrEqual(8);
    expect(Math.max(...sizes)).toBeLessThan(1.1 * MAX_FRAME_ORIGINAL_BYTES);
    const bytes = (await restored(client.session, identity)).filter(({ restored: again }) => again);
    expect(bytes.map(({ body }) => body.length)).toEqual(Array.from({ length: 8 }, () => MAX_FRAME_ORIGINAL_BYTES));
  });

  test('costs nothing where no rule keeps it', async () => {
    const opened = await openLog(connector, directory, { store: store() });
    const client = new RecordedClient(connector, opened.log);
    expect(client.recorder.keepsOriginals).toBe(false);
    client.send('target', MASKED, hid(CLEAR));
    await turn();
    client.end();
    await opened.log.drain(20_000);
    await opened.log.close();
    expect(objectNames(objects, connector, client.session)).toEqual([segmentName(0), 'manifest.json']);
    const { manifest } = await verifyStored(objects, connector, client.session);
    expect(manifest?.coverage.originals).toBeUndefined();
  });
});

describe('an adversary with the bucket', () => {
  async function twoSessions() {
    const { identity, recipient } = await auditor();
    const opened = await openLog(connector, directory, { store: store() });
    const clients = [await keeping(opened, [recipient]), await keeping(opened, [recipient])] as const;
    for (const client of clients) {
      client.send('target', MASKED, hid(CLEAR));
      await turn();
      client.end();
    }
    await opened.log.drain(20_000);
    await opened.log.close();
    const path = (at: 0 | 1) => join(folder(clients[at].session), originalName(0));
    const faults = async () => (await verifyStored(objects, connector, clients[0].session)).faults;
    return { identity, session: clients[0].session, path, faults };
  }

  test.each([
    ['removed', 'original_missing', (path: (at: 0 | 1) => string) => rmSync(path(0))],
    [
      'changed by a byte',
      'original_altered',
      (path: (at: 0 | 1) => string) => {
        const bytes = readFileSync(path(0));
        bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
        writeFileSync(path(0), bytes);
      },
    ],
    [
      'cut',
      'original_altered',
      (path: (at: 0 | 1) => string) => writeFileSync(path(0), readFileSync(path(0)).subarray(0, -4)),
    ],
    ['swapped with another session’s', 'original_altered', (path: (at: 0 | 1) => string) => cpSync(path(1), path(0))],
    [
      'laid beside another',
      'segment_unlisted',
      (path: (at: 0 | 1) => string) => cpSync(path(0), path(0).replace('00000000', '00000007')),
    ],
  ] as const)('an original that is %s is found (%s)', async (_, reason, change) => {
    const { path, faults } = await twoSessions();
    expect(await faults()).toEqual([]);
    change(path);
    expect((await faults()).map((fault) => fault.reason)).toEqual([reason]);
  });

  test('of pieces that belong to another recording none is put back, whatever its digest', async () => {
    const { identity, session, path } = await twoSessions();
    cpSync(path(1), path(0));
    await expect(restored(session, identity)).rejects.toThrow('it is not what was stored there');
  });
});

test('a piece opens beside the bytes that were recorded, and beside no others, whoever signs them', async () => {
  const { identity, recipient } = await auditor();
  const opened = await openLog(connector, directory, { store: store() });
  const client = await keeping(opened, [recipient]);
  client.send('target', MASKED, hid(CLEAR));
  await turn();
  client.end();
  await opened.log.drain(20_000);
  await opened.log.close();
  const { manifest } = await verifyStored(objects, connector, client.session);
  const body = await streamOriginals(connector.id, client.session, directoryReader(objects));
  if (!manifest || !body) throw new Error('nothing is kept');
  const { header, block } = decodeSegment(readFileSync(join(folder(client.session), segmentName(0))), nodePlatform);
  // Told otherwise by somebody with the connector's key: as long, with a chain and a signature that hold.
  const forged = Buffer.from(Buffer.from(block).toString('latin1').replace('mail [', 'bill ['), 'latin1');
  const { bytes, digest } = encodeSegment(header, forged, nodePlatform);
  const retold = { ...manifest, segments: manifest.segments.map((segment) => ({ ...segment, digest })) };
  const key = await openSessionKey(manifest, [secret(identity)], 'identity.txt');
  const frames = restoreSession(client.session, retold, key, async () => bytes, new OriginalsStream(body));
  const all = async () => {
    for await (const { sequence } of frames) expect(sequence).toBe(0);
  };
  await expect(all()).rejects.toThrow('does not open beside what is recorded');
});

const names = (path: string): string[] => {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
};

function filesBelow(path: string): { readonly path: string; readonly bytes: Buffer }[] {
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ path: file, bytes: readFileSync(file) }));
}
