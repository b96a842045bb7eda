// What `--check` finds out about the keys of a bucket, at a real Ceph: keys that may do everything, keys that may create
// alone, keys that may not. Ceph knows no condition on If-None-Match, so of overwriting it is known here that it is found, and
// not that AWS's policy forbids it.

import { randomUUID } from 'node:crypto';
import {
  CreateBucketCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryBucket } from '../../connector/check/bucket-trial.ts';
import { s3ClientOf } from '../../functions/store/s3-client.ts';
import { cephMissing } from '../harness/ceph.ts';
import { type RunServers, runServer } from '../servers/run-server.ts';

const CONNECTOR = 'con_00000000000000000000000000';
describe.skipIf(cephMissing() !== undefined)('the trial of a bucket', () => {
  let ceph: RunServers['ceph'];
  let client: S3Client;
  beforeAll(async () => {
    ceph = await runServer('ceph');
    client = s3ClientOf({ bucket: 'any', region: ceph.region, endpoint: ceph.endpoint, ...ceph.credentials });
  });
  afterAll(() => client?.destroy());

  /** `denied`: to whoever has the keys. */
  async function bucketWith(lock: boolean, ...denied: readonly string[]): Promise<string> {
    const Bucket = `trial-${randomUUID()}`;
    await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: lock }));
    if (denied.length === 0) return Bucket;
    const Resource = [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`];
    const Statement = [{ Effect: 'Deny', Principal: '*', Action: denied.map((it) => `s3:${it}`), Resource }];
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
    await client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
    return Bucket;
  }
  const trial = (bucket: string, more: object = {}, connector: string | undefined = CONNECTOR) => {
    const { accessKeyId, secretAccessKey } = ceph.credentials;
    const { endpoint, region } = ceph;
    const credentials = { accessKeyId, secretAccessKey };
    return tryBucket({ kind: 's3', bucket, endpoint, region, credentials, lock: 'COMPLIANCE', ...more }, connector);
  };
  const left = async (Bucket: string) => {
    const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket }));
    return [...Versions, ...DeleteMarkers];
  };

  it('names what keys that may do everything may do, and leaves nothing', async () => {
    const bucket = await bucketWith(true);
    const all = await trial(bucket);
    expect(all?.found).toBe('may create, list, overwrite, delete');
    expect(all?.faults).toEqual([
      expect.stringMatching(/^the connector's keys may list, delete in trial-.*install-connector\.md#the-bucket/),
    ]);
    expect(await left(bucket)).toEqual([]);
    // Without a lock what was there is gone with an overwrite.
    const open = await bucketWith(false);
    await client.send(new PutObjectCommand({ Bucket: open, Key: 'recordings/one', Body: 'x' }));
    const unlocked = await trial(open, { lock: 'none' });
    expect(unlocked?.faults).toEqual([expect.stringMatching(/may list, read, overwrite, delete in/)]);
  });

  it('has nothing to say of keys that may create alone', async () => {
    const bucket = await bucketWith(true, 'GetObject', 'ListBucket', 'DeleteObject', 'DeleteObjectVersion');
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: '.gatehouse-store', Body: 'x' }));
    expect(await trial(bucket)).toEqual({ faults: [], found: 'may create, overwrite; may not list, read, delete' });
  });

  it('names keys that may not create, once it is known where they should', async () => {
    const bucket = await bucketWith(true, 'GetObject', 'ListBucket', 'DeleteObject', 'PutObject');
    const { faults = [], found } = (await trial(bucket)) ?? {};
    expect(faults).toEqual([expect.stringMatching(/may not create below recordings\/con_0+\/ in .*s3:PutObject and/)]);
    expect(found).toBe('may not create, list, overwrite, delete');
    expect(await trial(bucket, {}, 'no')).toMatchObject({ faults: [expect.stringMatching(/recordings\/no\//)] });
  });

  it('says in one line, without a secret, what answered nothing that can be judged', async () => {
    const bucket = await bucketWith(true);
    const credentials = { accessKeyId: 'AKIAWRONG', secretAccessKey: 'wrong-secret' };
    const stranger = await trial(bucket, { credentials });
    expect(stranger?.faults).toEqual([
      expect.stringMatching(/could not be tried: it answered 403 InvalidAccessKeyId$/),
    ]);
    expect(JSON.stringify(stranger)).not.toMatch(/AKIA|wrong-secret/);
    expect((await trial(bucket, { endpoint: 'http://127.0.0.1:9' }))?.faults).toHaveLength(1);
  });
});
