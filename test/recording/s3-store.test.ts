// S3 as an object store: a real Ceph under the suite of all stores, and what only S3 does.

import { createHash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import type { S3StoreSettings } from '../../connector/recording/store/object-store.ts';
import { bucketFault } from '../../connector/recording/store/s3-bucket-proof.ts';
import { S3ObjectStore } from '../../connector/recording/store/s3-object-store.ts';
import { cephMissing } from '../harness/ceph.ts';
import { type RunServers, runServer } from '../servers/run-server.ts';
import { DAY_MS, newKey, putting, storeSuite, text } from './object-store-suite.ts';

const missing = cephMissing();
let ceph: RunServers['ceph'] | undefined;
let admin: S3Client | undefined;
const LOCKED = `recordings-${randomUUID()}`;
/** Ceph before 20 ignores If-None-Match in a bucket with versions, which Object Lock needs; AWS honours it in both. */
const PLAIN = `plain-${randomUUID()}`;

beforeAll(async () => {
  if (missing) return;
  ceph = await runServer('ceph');
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
    expect(JSON.stringify(answer)).toContain(`${PLAIN} has no Object Lock`);
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

  test('is asked at a start and by --check, which end where a person has to act', async (context) => {
    s3(context);
    if (!ceph) return;
    const { endpoint, region } = ceph;
    const { accessKeyId, secretAccessKey } = ceph.credentials;
    const credentials = { accessKeyId, secretAccessKey };
    const ask = (bucket: string, more: object = {}) =>
      bucketFault({ kind: 's3', bucket, endpoint, region, credentials, lock: 'COMPLIANCE', ...more });
    expect(await ask(LOCKED)).toBeUndefined();
    expect(await ask(PLAIN, { lock: 'none' })).toBeUndefined();
    expect(await bucketFault({ kind: 'directory', root: '/nowhere' })).toBeUndefined();
    expect(await ask(PLAIN)).toMatchObject({ reason: 'store_refused', message: /has no Object Lock/ });
    const unknown = await ask('no-such-bucket');
    expect(unknown).toEqual({ reason: 'store_refused', message: `there is no bucket no-such-bucket at ${endpoint}` });
    const stranger = await ask(LOCKED, { credentials: { accessKeyId: 'AKIAWRONG', secretAccessKey: 'wrong-secret' } });
    expect(stranger).toMatchObject({ reason: 'store_refused', message: /the connector's keys \(InvalidAccessKeyId\)/ });
    expect(JSON.stringify(stranger)).not.toMatch(/AKIA|wrong-secret/);
    expect(await ask(LOCKED, { endpoint: 'http://127.0.0.1:9' })).toMatchObject({ reason: 'store_unreachable' });
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
