// One suite for every form of the archive that functions read.

import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { manifestKey, segmentKey, segmentName } from '../../core/recording/segment.ts';
import { RetriableFault } from '../../functions/faults.ts';
import { directoryReader } from '../../functions/store/directory-reader.ts';
import { MAX_SEGMENT_OBJECT_BYTES, type RecordingReader } from '../../functions/store/recording-reader.ts';
import { recordingSource } from '../../functions/store/recording-source.ts';
import { s3Reader } from '../../functions/store/s3-reader.ts';
import { cephMissing } from '../harness/ceph.ts';
import { type RunServers, runServer } from '../servers/run-server.ts';
import { memoryReader } from '../harness/memory-reader.ts';
import { writeObjects } from '../harness/recording-builder.ts';

const connector = newId('con');
const session = newId('ses');
const [busy, large] = [newId('ses'), newId('ses')];
const bytes = (text: string) => new TextEncoder().encode(text);
const folder = `recordings/${connector}/${session}`;

const OBJECTS = new Map<string, Uint8Array>([
  [segmentKey(connector, session, 0), bytes('zero')],
  [segmentKey(connector, session, 1), bytes('one, and its last four')],
  [manifestKey(connector, session), bytes('{}')],
  // None of these is a recording's.
  [`${folder}/notes.txt`, bytes('x')],
  [`${folder}/1.seg`, bytes('x')],
  [`${folder}/00000002.seg.bak`, bytes('x')],
  [`recordings/${connector}/elsewhere/00000000.seg`, bytes('x')],
  [segmentKey(connector, large, 0), new Uint8Array(MAX_SEGMENT_OBJECT_BYTES + 1)],
  ...Array.from({ length: 1005 }, (_, i): [string, Uint8Array] => [segmentKey(connector, busy, i), Uint8Array.of(1)]),
]);

function readerSuite(of: () => RecordingReader): void {
  const key = { kind: 'segment', connector, session, number: 1 } as const;

  it('lists segments and manifest by name, with sizes, and nothing else', async () => {
    expect(await of().list(connector, session)).toEqual({
      objects: [
        { name: '00000000.seg', bytes: 4 },
        { name: '00000001.seg', bytes: 22 },
        { name: 'manifest.json', bytes: 2 },
      ],
      after: undefined,
    });
    expect(await of().list(connector, newId('ses'))).toEqual({ objects: [], after: undefined });
    expect((await of().list(connector, session, '00000000.seg')).objects).toHaveLength(2);
  });

  it('walks over all recordings by key, or over one session, from where it is told to', async () => {
    const walked = async (from: Parameters<RecordingReader['walk']>[0]) => {
      const keys: string[] = [];
      for await (const { key, storedMs } of of().walk(from)) {
        expect(storedMs).toBeGreaterThanOrEqual(0);
        keys.push(key);
      }
      return keys;
    };
    const all = [...OBJECTS.keys()].sort();
    expect(await walked({})).toEqual(all);
    expect(await walked({ after: all[1000] })).toEqual(all.slice(1001));
    const place = { connector, session };
    const own = all.filter((key) => key.startsWith(`${folder}/`));
    expect(await walked({ of: place })).toEqual(own);
    expect(await walked({ of: place, after: own[0] })).toEqual(own.slice(1));
    expect(await walked({ of: { connector, session: newId('ses') } })).toEqual([]);
  });

  it('lists a long session in pages, each name once', async () => {
    const names: string[] = [];
    let pages = 0;
    let after: string | undefined;
    do {
      const page = await of().list(connector, busy, after);
      expect(page.objects.length).toBeLessThanOrEqual(1000);
      names.push(...page.objects.map(({ name }) => name));
      after = page.after;
      pages++;
    } while (after !== undefined);
    expect(pages).toBe(2);
    expect(names).toEqual(Array.from({ length: 1005 }, (_, i) => segmentName(i)));
    expect(await recordingSource(of(), connector, busy).list()).toEqual(names);
  });

  it('reads an object whole, by its end, and as a stream', async () => {
    expect(Buffer.from((await of().get(key)) ?? '').toString()).toBe('one, and its last four');
    expect(Buffer.from((await of().tail(key, 4)) ?? '').toString()).toBe('four');
    expect(Buffer.from((await of().tail({ ...key, number: 0 }, 32)) ?? '').toString()).toBe('zero');
    const stream = await of().stream(key);
    expect(stream?.bytes).toBe(22);
    expect(await new Response(stream?.body).text()).toBe('one, and its last four');
  });

  it('says undefined for what is not there', async () => {
    const absent = { ...key, number: 9 };
    expect(await of().get(absent)).toBeUndefined();
    expect(await of().tail(absent, 4)).toBeUndefined();
    expect(await of().stream(absent)).toBeUndefined();
    expect(await of().get({ kind: 'manifest', connector, session: newId('ses') })).toBeUndefined();
  });

  it('does not read what is larger than a segment can be', async () => {
    expect(await of().get({ kind: 'segment', connector, session: large, number: 0 })).toBe('too_large');
  });

  it('gives a verifier no object by any other name', async () => {
    const source = recordingSource(of(), connector, session);
    expect(await source.read('00000000.seg')).toEqual(bytes('zero'));
    for (const name of ['notes.txt', '1.seg', '../elsewhere/00000000.seg', '../../../etc/passwd', ''])
      expect(await source.read(name)).toBeUndefined();
  });
}

describe('recordings in memory', () => {
  readerSuite(() => memoryReader(OBJECTS));
});

describe('recordings in a directory', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'gatehouse-reader-'));
    await writeObjects(directory, OBJECTS);
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));
  readerSuite(() => directoryReader(directory));
});

// Real S3, with everything that AWS has and local stand-ins lack.
const missing = cephMissing();
const BUCKET = `recordings-${randomUUID()}`;
describe('recordings in S3', () => {
  let ceph: RunServers['ceph'] | undefined;
  let client: S3Client;
  beforeAll(async () => {
    if (missing) return;
    ceph = await runServer('ceph');
    client = new S3Client({ ...ceph, forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    for (const [Key, Body] of OBJECTS)
      await client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body, ContentLength: Body.length }));
  });
  afterAll(async () => {
    client?.destroy();
  });
  if (missing) it('cannot be tested here', (context) => context.skip(missing));
  else readerSuite(() => s3Reader(client, BUCKET));

  it('say to try again when the store is away', async () => {
    const away = new S3Client({
      endpoint: 'http://127.0.0.1:9',
      region: 'x',
      credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
      maxAttempts: 1,
    });
    const reader = s3Reader(away, BUCKET);
    await expect(reader.get({ kind: 'manifest', connector, session })).rejects.toThrow(RetriableFault);
    await expect(reader.list(connector, session)).rejects.toThrow(RetriableFault);
    away.destroy();
  });
});
