// The functions on one machine over a bucket: from the connector's own store and its events to the purge, with nothing left in
// any version.

import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, ListObjectVersionsCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ObjectStoreSettings } from '../../connector/recording/store/object-store.ts';
import { openObjectStore } from '../../connector/recording/store/open-object-store.ts';
import { originalKey } from '../../core/recording/segment.ts';
import { PurgePage } from '../../core/retention/purge.ts';
import { RENDERED_PREFIX } from '../../core/retention/rendered.ts';
import { secret } from '../../core/secret.ts';
import { type LocalDynamoDb, type LocalFunctions, startFunctions, startLocalDynamoDb } from '../../functions/local.ts';
import { s3ClientOf } from '../../functions/store/s3-client.ts';
import { cephMissing } from '../harness/ceph.ts';
import { newOrderSigner, type OrderSigner } from '../harness/purge/edge-orders.ts';
import { answer, RecordingBuilder } from '../harness/recording-builder.ts';
import { type S3Front, startS3Front } from '../servers/s3-front.ts';
import { type RunServers, runServer } from '../servers/run-server.ts';
import { putting } from '../recording/object-store-suite.ts';

const TOKEN = 'a token of the test';
const missing = cephMissing();
describe.skipIf(missing !== undefined)('the functions over a bucket', () => {
  const bucket = `local-${randomUUID()}`;
  const store = randomUUID();
  let ceph: RunServers['ceph'];
  let front: S3Front;
  let client: S3Client;
  let database: LocalDynamoDb;
  let functions: LocalFunctions;
  let directory: string;
  let edge: OrderSigner;
  beforeAll(async () => {
    ceph = await runServer('ceph');
    front = await startS3Front(ceph);
    client = s3ClientOf(placeOf(bucket));
    await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
    directory = await mkdtemp(join(tmpdir(), 'gatehouse-bucket-'));
    edge = await newOrderSigner();
    database = await startLocalDynamoDb();
    functions = await start();
  });
  afterEach(() => {
    front.broken = undefined;
  });
  afterAll(async () => {
    await functions?.close();
    await database?.close();
    client?.destroy();
    await front?.close();
    if (directory) await rm(directory, { recursive: true, force: true });
  });

  const placeOf = (name: string) => ({
    ...{ bucket: name, region: ceph.region, endpoint: front.endpoint },
    ...ceph.credentials,
  });
  const start = (more: { bucket?: string; store?: string } = {}) =>
    startFunctions({
      ...{ port: 0, objectsDirectory: '/nonexistent', dynamoEndpoint: database.endpoint, token: secret(TOKEN) },
      bucket: {
        ...{ place: placeOf(more.bucket ?? bucket), store: more.store ?? store },
        ...{ lock: { mode: 'GOVERNANCE', days: 30 }, deadlineMs: 10_000 },
      },
      ...{ report: () => {}, retentionEveryMs: 50, foldEveryMs: 50 },
      ...{ searchDirectory: join(directory, 'derived'), edgeKey: edge.key },
    });
  const call = async (path: string, method = 'GET', body?: unknown) =>
    fetch(functions.url + path, {
      ...{
        method,
        headers: {
          authorization: `Bearer ${TOKEN}`,
          ...(await edge.look(functions.url + path, method, body === undefined ? '' : JSON.stringify(body))),
        },
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  const keys = async (prefix = '') => {
    const listed = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix }));
    return [...(listed.Versions ?? []), ...(listed.DeleteMarkers ?? [])].map(({ Key = '' }) => Key);
  };
  const found = async () => {
    const view = { rules: 'all', own: { subject: '', forbiddenBy: [] } };
    return (await call('/search', 'POST', { q: 'purged_word', view })).text();
  };
  /** As its connector stores it, which tells of it. */
  async function record(): Promise<RecordingBuilder> {
    const builder = new RecordingBuilder({ startedAt: new Date().toISOString() })
      .query('select purged_word', answer(['n'], [['1']]))
      .end();
    const { id, publicKey } = builder.connector;
    const own = { key: Buffer.from(publicKey).toString('base64url'), from: new Date(0).toISOString() };
    const note = await edge.signKeys({ connector: id, version: 1, keys: [own] });
    expect((await call(`/connectors/${id}/keys`, 'PUT', { note })).status).toBe(204);
    const { accessKeyId, secretAccessKey } = ceph.credentials;
    const settings = ObjectStoreSettings.parse({
      ...{ kind: 's3', bucket, region: ceph.region, endpoint: front.endpoint, lock: 'GOVERNANCE' },
      credentials: { accessKeyId, secretAccessKey },
      events: { url: `${functions.url}/events`, token: TOKEN },
    });
    const objects = openObjectStore(settings, directory, () => {});
    for (const [key, bytes] of builder.objects)
      expect(await objects.put(key, bytes, putting(bytes))).toEqual({ ok: true, value: { stored: 'created' } });
    await expect.poll(() => readdir(join(directory, 'events'))).toEqual([]);
    await objects.close();
    return builder;
  }

  it('keep, find and purge what a connector stores, and of the purged nothing stays in any version', async () => {
    expect(functions.notes).toEqual([]);
    expect(await (await call('/archive')).json()).toEqual({ maxRetainDays: 30 });
    const { session, connector } = await record();
    const indexed = async () => (await call(`/sessions/${session}`)).json();
    await expect.poll(indexed).toMatchObject({ row: { state: 'sealed' } });
    await expect.poll(() => keys('search/')).not.toEqual([]);
    expect(await found()).toContain(session);
    // As what was made of it elsewhere, and what its masks hid.
    const original = originalKey(connector.id, session, 0);
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: original, Body: 'sealed' }));
    const rendered = join(directory, 'derived', RENDERED_PREFIX, session);
    await mkdir(rendered, { recursive: true });
    const place = { session, connector: connector.id };
    const order = await edge.sign(place, { mode: 'early', at: new Date().toISOString(), audit: 7 });
    const asked = { ...order, connector: connector.id };
    expect((await call(`/retention/purges/${session}/order`, 'POST', asked)).status).toBe(200);
    const purged = async () => PurgePage.parse(await (await call('/retention/purges')).json()).purges;
    await expect.poll(async () => (await purged()).find((each) => each.session === session)?.state).toBe('done');
    expect(await found()).not.toContain(session);
    await expect.poll(() => keys()).toEqual(['.gatehouse-store']);
    await expect(readdir(rendered)).rejects.toThrow('ENOENT');
  });

  it('go on with their bucket, and take no other’s', async () => {
    const { session } = await record();
    await functions.close();
    await expect(start({ store: randomUUID() })).rejects.toThrow(
      `${bucket} at ${front.endpoint} cannot be the archive: it is the archive of another Gatehouse (${store})`,
    );
    front.broken = 'takes a second put';
    await expect(start()).rejects.toThrow('it took a second put of a key');
    front.broken = undefined;
    functions = await start();
    expect((await call(`/sessions/${session}/replay`)).status).toBe(200);
  });

  it('take no bucket that holds something else', async () => {
    const used = `used-${randomUUID()}`;
    await client.send(new CreateBucketCommand({ Bucket: used, ObjectLockEnabledForBucket: true }));
    await client.send(new PutObjectCommand({ Bucket: used, Key: 'backup.tar', Body: 'x' }));
    await expect(start({ bucket: used })).rejects.toThrow('it holds other objects (backup.tar): name an empty bucket');
  });
});
