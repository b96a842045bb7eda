// What a store must prove before it keeps an archive: against one that keeps every promise, and against the same with one promise
// broken at a time, which is how S3 servers fail that take the calls and do nothing.

import { randomUUID } from 'node:crypto';
import {
  CreateBucketCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { proveStore } from '../../functions/store/proof/prove-store.ts';
import { s3ClientOf } from '../../functions/store/s3-client.ts';
import { cephMissing } from '../harness/ceph.ts';
import { type Break, type S3Front, startS3Front } from '../servers/s3-front.ts';
import { type RunServers, runServer } from '../servers/run-server.ts';

const missing = cephMissing();
describe.skipIf(missing !== undefined)('a store', () => {
  const bucket = `proof-${randomUUID()}`;
  let ceph: RunServers['ceph'];
  let front: S3Front;
  let client: S3Client;
  beforeAll(async () => {
    ceph = await runServer('ceph');
    front = await startS3Front(ceph);
    client = at(front.endpoint);
    await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
  });
  afterEach(() => {
    front.broken = undefined;
  });
  afterAll(async () => {
    client?.destroy();
    await front?.close();
  });

  const at = (endpoint: string, credentials = ceph.credentials): S3Client =>
    s3ClientOf({ bucket, endpoint, region: ceph.region, ...credentials });
  const prove = (of = client, name = bucket, mode: 'GOVERNANCE' | 'COMPLIANCE' = 'GOVERNANCE', deadlineMs = 20_000) =>
    proveStore(of, name, { mode, now: Date.now, deadlineMs, retryMs: 20 });
  const reasons = async (...args: Parameters<typeof prove>): Promise<readonly string[] | 'proven'> => {
    const proven = await prove(...args);
    if (proven.ok) return 'proven';
    for (const { message } of proven.error) expect(message).not.toContain(ceph.credentials.secretAccessKey);
    return proven.error.map(({ reason }) => reason);
  };
  const left = async (Bucket = bucket) => {
    const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket }));
    return [...Versions, ...DeleteMarkers].map(({ Key = '' }) => Key.split('/').at(-1));
  };

  it('that keeps its promises is proven, and nothing is left in it', async () => {
    expect(await prove()).toMatchObject({ ok: true, value: { weaknesses: [] } });
    expect(await left()).toEqual([]);
  });

  it('is asked for a bounded number of requests', async () => {
    front.asked.length = 0;
    await prove();
    expect(front.asked.length).toBeLessThan(70);
  });

  it.each<[Break, ...string[]]>([
    ['takes a second put', 'condition_ignored'],
    ['compares no SHA-256', 'checksum_ignored'],
    ['compares no MD5', 'checksum_ignored'],
    ['forgets checksums', 'checksum_not_kept'],
    ['deletes what is locked', 'lock_not_kept'],
    ['deletes what is locked and says that it does not', 'lock_not_kept'],
    ['says that it deleted what is locked', 'lock_not_kept', 'hold_not_kept'],
    ['says that it deleted', 'delete_not_done'],
    ['forgets retention', 'checksum_ignored', 'lock_not_kept'],
    ['shortens retention', 'lock_not_kept'],
    ['forgets legal holds', 'hold_not_kept'],
    ['deletes what is held', 'hold_not_kept'],
    ['shows no delete markers', 'no_delete_marker'],
    ['deletes without a marker', 'no_delete_marker'],
    ['has a clock five minutes behind', 'clock_differs'],
    ['has a clock five minutes ahead', 'clock_differs'],
    ['knows no holds', 'hold_not_kept'],
    ['lets nobody delete versions', 'access'],
    ['lets nobody retain', 'access'],
  ])('that %s is refused: %s', async (broken, ...expected) => {
    front.broken = broken;
    expect([...new Set(await reasons())]).toEqual(expected);
  });

  it('whose conditions are not atomic is taken, and the weakness is named', async () => {
    front.broken = 'checks conditions before it waits';
    const proven = await prove();
    expect(proven).toMatchObject({ ok: true });
    if (proven.ok) expect(proven.value.weaknesses.join()).toMatch(/of 8 puts of one key at the same moment/);
  });

  it('without versions, without Object Lock, or that locks by default is refused', async () => {
    const plain = `plain-${randomUUID()}`;
    await client.send(new CreateBucketCommand({ Bucket: plain }));
    expect(await reasons(client, plain)).toEqual(['no_versions', 'no_object_lock']);
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await client.send(new PutBucketVersioningCommand({ Bucket: plain, VersioningConfiguration }));
    expect(await reasons(client, plain)).toEqual(['no_object_lock']);
    const locking = `locking-${randomUUID()}`;
    await client.send(new CreateBucketCommand({ Bucket: locking, ObjectLockEnabledForBucket: true }));
    const Rule = { DefaultRetention: { Mode: 'GOVERNANCE', Days: 1 } } as const;
    const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled', Rule } as const;
    await client.send(new PutObjectLockConfigurationCommand({ Bucket: locking, ObjectLockConfiguration }));
    expect(await reasons(client, locking)).toEqual(['default_retention']);
  });

  it('whose bucket or keys are wrong is refused at once, in words that help', async () => {
    expect(await prove(client, 'no-such-bucket')).toMatchObject({
      error: [{ reason: 'access', message: expect.stringContaining('no such bucket') }],
    });
    const { accessKeyId } = ceph.credentials;
    for (const wrong of [
      { accessKeyId: 'AKIAWRONG', secretAccessKey: 'wrong-secret' },
      { accessKeyId, secretAccessKey: 'wrong-secret' },
    ]) {
      const stranger = at(front.endpoint, wrong);
      const proven = await prove(stranger);
      expect(proven).toMatchObject({ error: [{ reason: 'access', message: /AWS_ACCESS_KEY_ID/ }] });
      expect(JSON.stringify(proven)).not.toMatch(/wrong-secret|AKIAWRONG/);
      stranger.destroy();
    }
  });

  it.each<Break>(['hangs', 'is away'])('that %s is given up at the deadline', async (broken) => {
    front.broken = broken;
    expect(await prove(client, bucket, 'GOVERNANCE', 400)).toMatchObject({
      error: [{ reason: 'unreachable', message: /did not answer within/ }],
    });
  });

  it('that comes up meanwhile is proven', async () => {
    front.broken = 'is away';
    front.asked.length = 0;
    const proof = prove();
    await expect.poll(() => front.asked.length).toBeGreaterThan(2);
    front.broken = undefined;
    expect(await proof).toMatchObject({ ok: true });
  });

  it('under a compliance lock is proven too, and one small object stays for a minute', async () => {
    const own = `compliance-${randomUUID()}`;
    await client.send(new CreateBucketCommand({ Bucket: own, ObjectLockEnabledForBucket: true }));
    expect(await reasons(client, own, 'COMPLIANCE')).toBe('proven');
    expect(await left(own)).toEqual(['retained']);
  });

  it('as Debian 12 has it ignores conditions and checksums', async () => {
    const old = at(ceph.endpoint);
    expect(new Set(await reasons(old))).toEqual(
      new Set(['checksum_not_kept', 'checksum_ignored', 'condition_ignored']),
    );
    old.destroy();
  });
});
