// One suite for every object store, and what only one of them can do. S3 is a real Ceph.

import { createHash, randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import { createdEventSender } from '../../connector/recording/created-events.ts';
import { DirectoryObjectStore } from '../../connector/recording/directory-object-store.ts';
import type { ObjectStore, Putting, S3StoreSettings } from '../../connector/recording/object-store.ts';
import { S3ObjectStore } from '../../connector/recording/s3-object-store.ts';
import { type CephS3, cephMissing, startCeph } from '../harness/ceph.ts';

const DAY_MS = 86_400_000;
const putting = (bytes: Uint8Array, days = 2): Putting => ({
  sha256: createHash('sha256').update(bytes).digest(),
  retainUntil: new Date(Date.now() + days * DAY_MS),
});
const text = (value: string): Uint8Array => Buffer.from(value);
const newKey = (): string => `recordings/con_1/ses_${randomUUID()}/00000000.seg`;

interface StoreUnderTest {
  readonly store: ObjectStore;
  /** Behind the store's back, as an administrator. */
  read(key: string): Promise<Uint8Array | undefined>;
}

/** What the uploader relies on. `under` skips by name where the store is not to be had. */
function storeSuite(name: string, under: (context: TestContext) => StoreUnderTest): void {
  describe(`${name} as an object store`, () => {
    test('creates an object with exactly the bytes', async (context) => {
      const { store, read } = under(context);
      for (const size of [0, 1, 1024 * 1024 + 17]) {
        const key = newKey();
        const bytes = Buffer.alloc(size, 'recording');
        expect(await store.put(key, bytes, putting(bytes))).toEqual({ ok: true, value: { stored: 'created' } });
        expect(Buffer.compare((await read(key)) ?? Buffer.from('none'), bytes)).toBe(0);
      }
    });

    test('leaves an object that exists as it is, and says so', async (context) => {
      const { store, read } = under(context);
      const key = newKey();
      await store.put(key, text('first'), putting(text('first')));
      for (const again of ['first', 'second'])
        expect(await store.put(key, text(again), putting(text(again)))).toEqual({
          ok: true,
          value: { stored: 'existed' },
        });
      expect(Buffer.from((await read(key)) ?? []).toString()).toBe('first');
    });

    test('lets one of many who create the same object at once have it', async (context) => {
      const { store, read } = under(context);
      const key = newKey();
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, i) => store.put(key, text(`writer ${i}`), putting(text(`writer ${i}`)))),
      );
      const created = answers.filter((answer) => answer.ok && answer.value.stored === 'created');
      expect(created.length).toBeLessThanOrEqual(1);
      const held = Buffer.from((await read(key)) ?? []).toString();
      expect(held).toMatch(/^writer \d$/);
      if (created.length === 1) expect(answers[Number(held.at(-1))]).toBe(created[0]);
    });

    test('stores nothing whose SHA-256 is not the one that came with it', async (context) => {
      const { store, read } = under(context);
      const key = newKey();
      const answer = await store.put(key, text('what arrived'), putting(text('what was sent')));
      expect(answer.ok).toBe(false);
      expect(await read(key)).toBeUndefined();
    });

    test('takes many objects at once', async (context) => {
      const { store, read } = under(context);
      const keys = Array.from({ length: 24 }, newKey);
      const answers = await Promise.all(keys.map((key) => store.put(key, text(key), putting(text(key)))));
      expect(answers.every((answer) => answer.ok && answer.value.stored === 'created')).toBe(true);
      for (const key of keys) expect(Buffer.from((await read(key)) ?? []).toString()).toBe(key);
    });
  });
}

const root = mkdtempSync(join(tmpdir(), 'gatehouse-store-'));
const directoryStore = new DirectoryObjectStore({ root });
const readFileOf = async (key: string): Promise<Uint8Array | undefined> =>
  existsSync(join(root, key)) ? readFileSync(join(root, key)) : undefined;
afterAll(() => rmSync(root, { recursive: true, force: true }));

storeSuite('a directory', () => ({ store: directoryStore, read: readFileOf }));

describe('a directory', () => {
  test('makes its files read-only, and leaves nothing half-made behind', async () => {
    const key = newKey();
    await directoryStore.put(key, text('x'), putting(text('x')));
    await directoryStore.put(key, text('y'), putting(text('y')));
    expect(statSync(join(root, key)).mode & 0o777).toBe(0o444);
    expect(readdirSync(join(root, '.parts'))).toEqual([]);
  });

  test('removes what a crash left half-made long ago', async () => {
    const place = mkdtempSync(join(tmpdir(), 'gatehouse-parts-'));
    mkdirSync(join(place, '.parts'));
    for (const name of ['old', 'new']) writeFileSync(join(place, '.parts', name), 'half an obj');
    utimesSync(join(place, '.parts', 'old'), 1, 1);
    const store = new DirectoryObjectStore({ root: place });
    await store.put(newKey(), text('x'), putting(text('x')));
    expect(readdirSync(join(place, '.parts'))).toEqual(['new']);
    await store.close();
  });

  test.each(['../outside', '/etc/x', 'a/../../b', 'a//b', '.events/x', 'a/.b', ''])(
    'refuses the key %j',
    async (key) => {
      const answer = await directoryStore.put(key, text('x'), putting(text('x')));
      expect(answer).toMatchObject({ ok: false, error: { reason: 'store_refused' } });
    },
  );

  test('that is away is a fault, and works when it is back', async () => {
    const away = join(root, 'away');
    writeFileSync(away, 'a file where the directory should be');
    const store = new DirectoryObjectStore({ root: away });
    const key = newKey();
    expect(await store.put(key, text('x'), putting(text('x')))).toMatchObject({
      ok: false,
      error: { reason: 'store_unreachable' },
    });
    rmSync(away);
    mkdirSync(away);
    expect(await store.put(key, text('x'), putting(text('x')))).toMatchObject({ ok: true });
    await store.close();
  });
});

describe('the event of a new object', () => {
  test('is sent again until the receiver takes it', async () => {
    const seen: string[] = [];
    const place = mkdtempSync(join(tmpdir(), 'gatehouse-events-'));
    const store = new DirectoryObjectStore({
      root: place,
      retryMs: 5,
      async onCreated(key, size) {
        seen.push(`${key} ${size}`);
        if (seen.length < 3) throw new Error('not now');
      },
    });
    const key = newKey();
    await store.put(key, text('four'), putting(text('four')));
    await expect.poll(() => readdirSync(join(place, '.events')), { timeout: 15_000 }).toEqual([]);
    expect(seen).toEqual([`${key} 4`, `${key} 4`, `${key} 4`]);
    await store.close();
  });

  test('is missed by somebody: told once that it is not taken, and once that it is again', async () => {
    let away = true;
    const told: string[] = [];
    const store = new DirectoryObjectStore({
      root: mkdtempSync(join(tmpdir(), 'gatehouse-events-')),
      retryMs: 1,
      onCreated: () => (away ? Promise.reject(new Error('answered 404')) : Promise.resolve()),
      onAnnouncing: (state, message) => told.push(`${state}: ${message}`),
    });
    for (let i = 0; i < 3; i++) await store.put(newKey(), text('x'), putting(text('x')));
    await expect.poll(() => told, { timeout: 15_000 }).toHaveLength(1);
    expect(told[0]).toMatch(/^failing: .*answered 404/);
    away = false;
    await expect.poll(() => told, { timeout: 15_000 }).toHaveLength(2);
    expect(told[1]).toMatch(/^recovered: /);
    await store.close();
  });

  test('outlives the process: the next one sends it, and none for an object that never came about', async () => {
    const place = mkdtempSync(join(tmpdir(), 'gatehouse-events-'));
    const deaf = new DirectoryObjectStore({ root: place, onCreated: () => Promise.reject(new Error('away')) });
    const key = newKey();
    await deaf.put(key, text('x'), putting(text('x')));
    await deaf.close();
    writeFileSync(join(place, '.events', encodeURIComponent('recordings/never/made.seg')), '');
    const seen: string[] = [];
    const store = new DirectoryObjectStore({ root: place, onCreated: async (which) => void seen.push(which) });
    await expect.poll(() => readdirSync(join(place, '.events')), { timeout: 15_000 }).toEqual([]);
    expect(seen).toEqual([key]);
    await store.close();
  });

  test('has the shape of S3’s, and anything but 2xx counts as not taken', async () => {
    const bodies: unknown[] = [];
    let status = 503;
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      bodies.push({ authorization: request.headers.authorization, ...JSON.parse(Buffer.concat(chunks).toString()) });
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`;
    const send = createdEventSender({ url, token: 'shared', bucket: 'recordings' });
    await expect(send('recordings/a/b/00000000.seg', 7)).rejects.toThrow('503');
    status = 204;
    await send('recordings/a/b/00000000.seg', 7);
    server.close();
    expect(bodies[1]).toMatchObject({
      authorization: 'Bearer shared',
      Records: [
        {
          eventSource: 'aws:s3',
          eventName: 'ObjectCreated:Put',
          s3: { bucket: { name: 'recordings' }, object: { key: 'recordings/a/b/00000000.seg', size: 7 } },
        },
      ],
    });
  });
});

const missing = cephMissing();
let ceph: CephS3 | undefined;
let admin: S3Client | undefined;
const LOCKED = 'recordings';
/** Ceph before 20 ignores If-None-Match in a bucket with versions, which Object Lock needs; AWS honours it in both. */
const PLAIN = 'plain';

beforeAll(async () => {
  if (missing) return;
  ceph = await startCeph();
  admin = new S3Client({
    endpoint: ceph.endpoint,
    region: ceph.region,
    credentials: ceph.credentials,
    forcePathStyle: true,
  });
  await admin.send(new CreateBucketCommand({ Bucket: LOCKED, ObjectLockEnabledForBucket: true }));
  await admin.send(new CreateBucketCommand({ Bucket: PLAIN }));
}, 120_000);

afterAll(async () => {
  admin?.destroy();
  await ceph?.stop();
});

function s3(context: TestContext, more: Partial<S3StoreSettings> = {}) {
  if (missing) return context.skip(missing);
  if (!ceph || !admin) throw new Error('Ceph is not up');
  const client = admin;
  const { endpoint, region, credentials } = ceph;
  const store = new S3ObjectStore({
    kind: 's3',
    bucket: LOCKED,
    region,
    endpoint,
    credentials,
    lock: 'COMPLIANCE',
    confirmation: 'etag-md5',
    timeoutMs: 10_000,
    ...more,
  });
  const Bucket = more.bucket ?? LOCKED;
  const versions = async (key: string) =>
    (await client.send(new ListObjectVersionsCommand({ Bucket, Prefix: key }))).Versions ?? [];
  const read = async (key: string): Promise<Uint8Array | undefined> => {
    try {
      const answer = await client.send(new GetObjectCommand({ Bucket, Key: key }));
      return await answer.Body?.transformToByteArray();
    } catch (error) {
      if ((error as Error).name === 'NoSuchKey') return undefined;
      throw error;
    }
  };
  return { store, client, versions, read };
}

storeSuite('S3 (Ceph)', (context) => s3(context, { bucket: PLAIN, lock: 'none' }));

describe('S3 (Ceph)', () => {
  test('keeps a version under COMPLIANCE lock from everybody, whatever is put after it', async (context) => {
    const { store, client, versions } = s3(context);
    const key = newKey();
    await store.put(key, text('sealed'), putting(text('sealed')));
    const again = await store.put(key, text('other'), putting(text('other')));
    const stored = (await versions(key)).toReversed();
    expect(stored).toHaveLength(again.ok && again.value.stored === 'existed' ? 1 : 2);
    const [first] = stored;
    if (!first?.VersionId) throw new Error('the bucket keeps no versions');
    const version = { Bucket: LOCKED, Key: key, VersionId: first.VersionId };
    const { Retention } = await client.send(new GetObjectRetentionCommand(version));
    expect(Retention?.Mode).toBe('COMPLIANCE');
    expect(Retention?.RetainUntilDate?.getTime()).toBeGreaterThan(Date.now() + DAY_MS);
    for (const bypass of [false, true])
      await expect(
        client.send(new DeleteObjectCommand({ ...version, BypassGovernanceRetention: bypass })),
      ).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
    const held = await client.send(new GetObjectCommand(version));
    expect(await held.Body?.transformToString()).toBe('sealed');
  });

  test('under GOVERNANCE lock lets a version go to whoever may bypass it, and says so', async (context) => {
    const { store, client, versions } = s3(context, { lock: 'GOVERNANCE' });
    const key = newKey();
    await store.put(key, text('sealed'), putting(text('sealed')));
    const [version] = await versions(key);
    const target = { Bucket: LOCKED, Key: key, ...(version?.VersionId && { VersionId: version.VersionId }) };
    await expect(client.send(new DeleteObjectCommand(target))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 403 },
    });
    await client.send(new DeleteObjectCommand({ ...target, BypassGovernanceRetention: true }));
    expect(await versions(key)).toEqual([]);
  });

  test('that does not answer with the checksum has confirmed nothing', async (context) => {
    const { store } = s3(context, { confirmation: 'sha256' });
    const answer = await store.put(newKey(), text('x'), putting(text('x')));
    // Releases before 19 do not know S3's additional checksums. Newer ones answer, and are believed.
    if (!answer.ok) expect(answer.error.reason).toBe('checksum_missing');
    else expect(answer.value.stored).toBe('created');
  });

  test('with wrong credentials or bucket is refused, and the message names neither key nor secret', async (context) => {
    const wrong = { accessKeyId: 'AKIAWRONG', secretAccessKey: 'wrong-secret' };
    for (const more of [{ credentials: wrong }, { bucket: 'no-such-bucket' }]) {
      const answer = await s3(context, more).store.put(newKey(), text('x'), putting(text('x')));
      expect(answer).toMatchObject({ ok: false, error: { reason: 'store_refused' } });
      expect(JSON.stringify(answer)).not.toMatch(/AKIA|secret/);
    }
  });

  test('that is not there or does not answer is unreachable, within the deadline', async (context) => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const started = performance.now();
    const hung = await s3(context, { endpoint, timeoutMs: 500 }).store.put(newKey(), text('x'), putting(text('x')));
    expect(hung).toMatchObject({ ok: false, error: { reason: 'store_unreachable' } });
    expect(performance.now() - started).toBeLessThan(5_000);
    silent.closeAllConnections();
    silent.close();
    const gone = await s3(context, { endpoint }).store.put(newKey(), text('x'), putting(text('x')));
    expect(gone).toMatchObject({ ok: false, error: { reason: 'store_unreachable' } });
  });
});
