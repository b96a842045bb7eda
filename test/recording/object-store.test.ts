// One suite for every object store, and what only one of them can do. S3 is a real Ceph.

import { createHash, randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
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
import { createdEventSender } from '../../connector/recording/store/created-events.ts';
import { DirectoryObjectStore } from '../../connector/recording/store/directory-object-store.ts';
import type { ObjectStore, Putting, S3StoreSettings } from '../../connector/recording/store/object-store.ts';
import { S3ObjectStore } from '../../connector/recording/store/s3-object-store.ts';
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
      // What a directory holds can be looked at, and what only creates in S3 may not look.
      const other = store instanceof DirectoryObjectStore ? 'differs' : 'existed';
      for (const [again, stored] of [['first', 'existed'] as const, ['second', other] as const])
        expect(await store.put(key, text(again), putting(text(again)))).toEqual({ ok: true, value: { stored } });
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

  test('that was moved away confirms nothing in its place, and goes on where it is back', async () => {
    const place = mkdtempSync(join(tmpdir(), 'gatehouse-moved-'));
    const [here, away] = [join(place, 'objects'), join(place, 'away')];
    const options = { root: here, memory: join(place, 'store.json') };
    const store = new DirectoryObjectStore(options);
    const put = (to: DirectoryObjectStore, key = newKey()) => to.put(key, text('x'), putting(text('x')));
    const refused = (message: RegExp) => ({
      ok: false,
      error: { reason: 'store_unreachable', message: expect.stringMatching(message) },
    });
    expect(await put(store)).toMatchObject({ ok: true });
    renameSync(here, away);
    // A connector that starts now knows no more of it than what it remembers.
    const next = new DirectoryObjectStore(options);
    for (const one of [store, next]) expect(await put(one)).toMatchObject(refused(/is not there: mount it/));
    expect(existsSync(here)).toBe(false);
    // What an unmount leaves behind, and another store.
    mkdirSync(here);
    for (const one of [store, next]) expect(await put(one)).toMatchObject(refused(/has no .gatehouse-store, and/));
    expect(readdirSync(here)).toEqual([]);
    const other = new DirectoryObjectStore({ root: here });
    expect(await put(other)).toMatchObject({ ok: true });
    for (const one of [store, next])
      expect(await put(one)).toMatchObject(refused(/is another store .*remove .*store.json/));
    rmSync(here, { recursive: true });
    renameSync(away, here);
    for (const one of [store, next]) expect(await put(one)).toMatchObject({ ok: true });
    await Promise.all([store, next, other].map((one) => one.close()));
  });

  test('whose folder of recordings was moved away or unmounted confirms nothing in its place', async () => {
    const place = mkdtempSync(join(tmpdir(), 'gatehouse-moved-'));
    const [recordings, away] = [join(place, 'recordings'), join(place, 'away')];
    const store = new DirectoryObjectStore({ root: place });
    const put = () => store.put(newKey(), text('x'), putting(text('x')));
    const refused = {
      ok: false,
      error: { reason: 'store_unreachable', message: expect.stringMatching(/recordings was taken away: mount it/) },
    };
    expect(await put()).toMatchObject({ ok: true });
    renameSync(recordings, away);
    for (let again = 0; again < 3; again++) expect(await put()).toMatchObject(refused);
    expect(existsSync(recordings)).toBe(false);
    mkdirSync(recordings);
    expect(await put()).toMatchObject(refused);
    expect(readdirSync(recordings)).toEqual([]);
    rmdirSync(recordings);
    renameSync(away, recordings);
    expect(await put()).toMatchObject({ ok: true });
    await store.close();
  });

  test('that is taken away while an object is written has not confirmed it', async () => {
    const place = mkdtempSync(join(tmpdir(), 'gatehouse-moved-'));
    const [here, away] = [join(place, 'objects'), join(place, 'away')];
    const store = new DirectoryObjectStore({ root: here });
    const answered = new Map<string, boolean>();
    for (let round = 0; round < 40; round++) {
      const keys = Array.from({ length: 5 }, newKey);
      const puts = keys.map((key) => store.put(key, text(key), putting(text(key))));
      // At another point of the puts in each round.
      for (let turn = 0; turn < round % 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (existsSync(here)) renameSync(here, away);
      const answers = await Promise.all(puts);
      if (existsSync(away)) renameSync(away, here);
      for (const [i, key] of keys.entries()) answered.set(key, answers[i]?.ok === true);
    }
    const kept = [...answered].filter(([, confirmed]) => confirmed).map(([key]) => key);
    expect(kept.length).toBeLessThan(answered.size);
    for (const key of kept) expect(readFileSync(join(here, key), 'utf8')).toBe(key);
    await store.close();
  });

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
      async onCreated(objects) {
        for (const { key, size } of objects) seen.push(`${key} ${size}`);
        if (seen.length < 3) throw new Error('not now');
      },
    });
    const key = newKey();
    await store.put(key, text('four'), putting(text('four')));
    await expect.poll(() => readdirSync(join(place, '.events')), { timeout: 15_000 }).toEqual([]);
    expect(seen).toEqual([`${key} 4`, `${key} 4`, `${key} 4`]);
    await store.close();
  });

  test('of thousands come in batches, one request at a time, and one that cannot be taken holds up no other', async () => {
    const place = mkdtempSync(join(tmpdir(), 'gatehouse-events-'));
    const bad = newKey();
    const taken = new Set<string>();
    const batches: number[] = [];
    let atOnce = 0;
    const maker = new DirectoryObjectStore({ root: place, onCreated: () => Promise.reject(new Error('away')) });
    await maker.put(bad, text('x'), putting(text('x')));
    await maker.close();
    for (let i = 0; i < 2_000; i++) writeFileSync(join(place, '.events', encodeURIComponent(newKey())), '');
    mkdirSync(join(place, 'recordings', 'con_1', 'ses_1'), { recursive: true });
    for (let i = 0; i < 1_000; i++) {
      const key = `recordings/con_1/ses_1/${i}.seg`;
      writeFileSync(join(place, key), 'x');
      writeFileSync(join(place, '.events', encodeURIComponent(key)), '');
    }
    const store = new DirectoryObjectStore({
      root: place,
      retryMs: 1,
      async onCreated(objects) {
        atOnce++;
        batches.push(objects.length);
        await new Promise((resolve) => setImmediate(resolve));
        expect(atOnce--).toBe(1);
        if (objects.some(({ key }) => key === bad)) throw new Error('not this one');
        for (const { key } of objects) taken.add(key);
      },
    });
    await expect
      .poll(() => readdirSync(join(place, '.events')), { timeout: 15_000 })
      .toEqual([encodeURIComponent(bad)]);
    expect(taken.size).toBe(1_000);
    expect(Math.max(...batches)).toBeLessThanOrEqual(100);
    await store.close();
  });

  test('is waited for until it was taken, or was not', async () => {
    const answers: PromiseWithResolvers<void>[] = [];
    const store = new DirectoryObjectStore({
      root: mkdtempSync(join(tmpdir(), 'gatehouse-events-')),
      retryMs: 1,
      onCreated: () => (answers[answers.push(Promise.withResolvers<void>()) - 1] as PromiseWithResolvers<void>).promise,
    });
    expect(store.announced).toBe(true);
    await store.put(newKey(), text('x'), putting(text('x')));
    await expect.poll(() => answers.length, { timeout: 15_000 }).toBe(1);
    expect(store.announced).toBe(false);
    answers[0]?.resolve();
    await expect.poll(() => store.announced, { timeout: 15_000 }).toBe(true);
    await store.put(newKey(), text('x'), putting(text('x')));
    await expect.poll(() => answers.length, { timeout: 15_000 }).toBe(2);
    expect(store.announced).toBe(false);
    answers[1]?.reject(new Error('away'));
    await expect.poll(() => store.announced, { timeout: 15_000 }).toBe(true);
    await expect.poll(() => answers.length, { timeout: 15_000 }).toBe(3);
    answers[2]?.resolve();
    await store.close();
  });

  test('that nobody answers is cut short by a stop', async () => {
    const place = mkdtempSync(join(tmpdir(), 'gatehouse-events-'));
    const asked = Promise.withResolvers<void>();
    const store = new DirectoryObjectStore({
      root: place,
      onCreated: (_objects, signal) =>
        new Promise((_, reject) => {
          asked.resolve();
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    });
    await store.put(newKey(), text('x'), putting(text('x')));
    await asked.promise;
    await store.close();
    expect(readdirSync(join(place, '.events'))).toHaveLength(1);
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
    const store = new DirectoryObjectStore({
      root: place,
      onCreated: async (objects) => void seen.push(...objects.map(({ key }) => key)),
    });
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
    const objects = [0, 1].map((number) => ({ key: `recordings/a/b/0000000${number}.seg`, size: 7 + number }));
    const { signal } = new AbortController();
    await expect(send(objects, signal)).rejects.toThrow('503');
    status = 204;
    await send(objects, signal);
    await expect(send(objects, AbortSignal.abort())).rejects.toThrow();
    server.close();
    expect(bodies[1]).toMatchObject({
      authorization: 'Bearer shared',
      Records: [
        {
          eventSource: 'aws:s3',
          eventName: 'ObjectCreated:Put',
          s3: { bucket: { name: 'recordings' }, object: { key: 'recordings/a/b/00000000.seg', size: 7 } },
        },
        { s3: { object: { key: 'recordings/a/b/00000001.seg', size: 8 } } },
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

  test('without Object Lock is refused before the first object, and said in words that help', async (context) => {
    const { store, versions } = s3(context, { bucket: PLAIN });
    const key = newKey();
    const answer = await store.put(key, text('x'), putting(text('x')));
    expect(answer).toMatchObject({ ok: false, error: { reason: 'store_refused' } });
    expect(JSON.stringify(answer)).toContain('plain has no Object Lock');
    expect(await versions(key)).toEqual([]);
  });

  test('that makes no version has locked nothing, whatever the bucket says of itself', async () => {
    const bytes = text('x');
    let version: string | undefined;
    const expected = new Set<unknown>();
    const server = createServer((request, response) => {
      request.resume();
      expected.add(request.headers['x-amz-expected-bucket-owner']);
      const headers = {
        'x-amz-checksum-sha256': createHash('sha256').update(bytes).digest('base64'),
        ...(version && { 'x-amz-version-id': version }),
      };
      // It may not be asked for its settings, as usual.
      request.on('end', () => response.writeHead(request.method === 'PUT' ? 200 : 403, headers).end());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const store = new S3ObjectStore({
      kind: 's3',
      bucket: 'recordings',
      region: 'x',
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      lock: 'COMPLIANCE',
      owner: '123456789012',
      confirmation: 'sha256',
      timeoutMs: 5_000,
    });
    for (version of [undefined, 'null'])
      expect(await store.put(newKey(), bytes, putting(bytes))).toMatchObject({
        ok: false,
        error: { reason: 'store_refused', message: expect.stringContaining('made no version') },
      });
    version = 'v1';
    expect(await store.put(newKey(), bytes, putting(bytes))).toMatchObject({ ok: true });
    // In every request: the store refuses where the bucket is another account's.
    expect([...expected]).toEqual(['123456789012']);
    await store.close();
    server.closeAllConnections();
    server.close();
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
