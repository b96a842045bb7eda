// Purge and legal holds against stores: one suite for a directory, for memory, and for a real S3 with Object Lock; and whole
// purges on S3, where the store and not we say what may go.

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { manifestKey, segmentKey } from '../../core/recording/segment.ts';
import { holdLine, holdsDigest, inForceAt, type LegalHold } from '../../core/retention/hold.ts';
import { DAY_MS } from '../../core/retention/may-purge.ts';
import { CatalogueReader } from '../../functions/catalogue-table/reader.ts';
import { CatalogueTable, createCatalogueTable } from '../../functions/catalogue-table/table.ts';
import { CatalogueWriter } from '../../functions/catalogue-table/writer.ts';
import { type HoldEvent, sweepHolds } from '../../functions/holds/hold-sweep.ts';
import { indexObject } from '../../functions/index-segment/index-object.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../../functions/local/dynamodb.ts';
import { DueSessions } from '../../functions/purge/due.ts';
import { PurgeLedger } from '../../functions/purge/ledger.ts';
import { purgeRun, type PurgeRunDeps } from '../../functions/purge/purge-run.ts';
import { nodeRecordingPlatform } from '../../functions/recording-platform.ts';
import { SearchAnnouncer } from '../../functions/search/announce.ts';
import { directoryVersionStore } from '../../functions/store/directory-version-store.ts';
import { s3VersionStore } from '../../functions/store/s3-version-store.ts';
import type { HoldingStore, StoredVersion, VersionStore } from '../../functions/store/version-store.ts';
import { cephMissing } from '../harness/ceph.ts';
import { newOrderSigner } from '../harness/purge/edge-orders.ts';
import { memoryReader } from '../harness/memory-reader.ts';
import { MemoryVersions } from './memory-versions.ts';
import { answer, RecordingBuilder } from '../harness/recording-builder.ts';
import { type RunServers, runServer } from '../servers/run-server.ts';
import { keysNotCompared } from '../../functions/index-segment/known-keys.ts';

type Store = VersionStore & HoldingStore;
type Lock = { readonly mode: 'COMPLIANCE' | 'GOVERNANCE'; readonly until: Date };

interface Stored {
  readonly store: Store;
  put(key: string, bytes: Uint8Array, lock?: Lock): Promise<void>;
}

const place = { connector: newId('con'), session: newId('ses') };
const keyOf = (number: number) => segmentKey(place.connector, place.session, number);

async function all(store: Store, of = place): Promise<StoredVersion[]> {
  const versions: StoredVersion[] = [];
  let after: string | undefined;
  do {
    const page = await store.versions(of, after);
    versions.push(...page.versions);
    after = page.after;
  } while (after !== undefined);
  return versions;
}

function suite(of: () => Stored): void {
  it('lists every object of the session, and no other’s', async () => {
    const { store, put } = of();
    expect(await all(store)).toEqual([]);
    for (const number of [0, 1, 2]) await put(keyOf(number), new Uint8Array([number, 7]));
    await put(segmentKey(place.connector, newId('ses'), 0), new Uint8Array([9]));
    const versions = await all(store);
    expect(versions.map(({ key, marker, bytes }) => ({ key, marker, bytes }))).toEqual(
      [0, 1, 2].map((number) => ({ key: keyOf(number), marker: false, bytes: 2 })),
    );
    for (const { storedMs } of versions) expect(Math.abs(Date.now() - storedMs)).toBeLessThan(600_000);
    const [, second] = versions as [StoredVersion, StoredVersion];
    expect([...((await store.read(second, 10)) ?? [])]).toEqual([1, 7]);
    expect(await store.read(second, 1)).toBeUndefined();
  });

  it('keeps what is held until it is released, and takes what is gone for removed', async () => {
    const { store } = of();
    const [first] = (await all(store)) as [StoredVersion];
    expect(await store.lockOf(first)).toMatchObject({ held: false });
    expect(await store.setHold(first, true)).toBe(true);
    expect(await store.lockOf(first)).toMatchObject({ held: true });
    for (const bypass of [false, true]) expect(await store.remove(first, bypass)).toBe('refused');
    expect(await store.setHold(first, false)).toBe(true);
    for (let again = 0; again < 2; again++) expect(await store.remove(first, false)).toBe('removed');
    expect(await store.lockOf(first)).toBeUndefined();
    expect(await store.read(first, 10)).toBeUndefined();
    expect(await store.setHold(first, true)).toBe(false);
    expect((await all(store)).map(({ key }) => key)).toEqual([keyOf(1), keyOf(2)]);
  });
}

describe('a directory', () => {
  let root: string;
  let stored: Stored;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'gatehouse-versions-'));
    const put = async (key: string, bytes: Uint8Array) => {
      await mkdir(dirname(join(root, key)), { recursive: true });
      await writeFile(join(root, key), bytes);
    };
    stored = { store: directoryVersionStore(root), put };
  });
  afterAll(() => rm(root, { recursive: true, force: true }));
  suite(() => stored);

  it('loses the session’s folder with its last object', async () => {
    for (const version of await all(stored.store)) await stored.store.remove(version, false);
    expect(await readdir(join(root, 'recordings', place.connector))).not.toContain(place.session);
  });
});

describe('memory', () => {
  const store = new MemoryVersions(Date.now(), 2);
  suite(() => ({ store, put: async (key, bytes) => void store.put(key, bytes) }));
});

const missing = cephMissing();
describe.skipIf(missing !== undefined)('S3 with Object Lock', () => {
  let client: S3Client;
  let database: LocalDynamoDb;
  let dynamo: ReturnType<typeof localDynamoDbClient>;
  let stored: Stored;
  let bucket: string;
  beforeAll(async () => {
    const ceph: RunServers['ceph'] = await runServer('ceph');
    client = new S3Client({
      ...{ endpoint: ceph.endpoint, region: ceph.region, forcePathStyle: true, credentials: ceph.credentials },
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
    bucket = `retention-${newId('ses').slice(4)}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
    const put = async (Key: string, Body: Uint8Array, lock?: Lock) => {
      const ContentMD5 = createHash('md5').update(Body).digest('base64');
      const locked = lock && { ObjectLockMode: lock.mode, ObjectLockRetainUntilDate: lock.until };
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ContentMD5, ...locked }));
    };
    // Two a page: what is listed is more than one page.
    stored = { store: s3VersionStore(client, bucket, 2), put };
    database = await startLocalDynamoDb();
    dynamo = localDynamoDbClient(database.endpoint);
  });
  afterAll(async () => {
    client?.destroy();
    dynamo?.destroy();
    await database?.close();
  });
  suite(() => stored);

  async function archiveOf(builder: RecordingBuilder, lock: Lock) {
    const name = `catalogue-${newId('ses')}`;
    await createCatalogueTable(dynamo, name);
    const table = new CatalogueTable(dynamo, name);
    for (const [key, bytes] of builder.objects) await stored.put(key, bytes, lock);
    for (const key of builder.objects.keys())
      await indexObject(key, {
        ...{
          reader: memoryReader(builder.objects),
          writer: new CatalogueWriter(table),
          search: new SearchAnnouncer(table),
          platform: nodeRecordingPlatform,
        },
        verify: async ({ session }) => ({ session, proven: true, proofs: [], notCompared: [], faults: [] }),
        ...{ keysOf: keysNotCompared, report: () => {}, now: Date.now },
      });
    const ledger = new PurgeLedger(table);
    const edge = await newOrderSigner();
    const events: object[] = [];
    const deps = (nowMs: number): PurgeRunDeps => ({
      ...{
        store: stored.store,
        table,
        ledger,
        due: new DueSessions(table),
        platform: nodeRecordingPlatform,
        derived: [],
      },
      ...{
        now: () => nowMs,
        report: (event) => void events.push(event),
        edgeKey: edge.key,
        maxSessions: 10,
        beginUntilMs: Number.MAX_VALUE,
      },
    });
    const of = { connector: builder.connector.id, session: builder.session };
    const order = async (mode: 'due' | 'early', nowMs: number) => {
      const at = new Date(nowMs).toISOString();
      const evidence = { versions: 0, markers: 0, bytes: 0 };
      const known = (await ledger.get(of.session)) ?? { ...of, state: 'proposed' as const, at, evidence };
      const inForce = inForceAt(await ledger.holds(), nowMs);
      const holds = await holdsDigest(await Promise.all(inForce.map(holdLine)));
      expect(await ledger.order(known, await edge.sign(of, { mode, at, audit: 1, holds }))).toBe(true);
    };
    const sweep = async () => {
      const told: HoldEvent[] = [];
      const catalogue = new CatalogueReader(table, () => {});
      const common = { store: stored.store, table, catalogue, ledger, platform: nodeRecordingPlatform };
      await sweepHolds({ ...common, now: Date.now, report: (event) => void told.push(event) });
      return told;
    };
    return { of, ledger, deps, order, events, sweep };
  }
  const recorded = () =>
    new RecordingBuilder({ startedAt: new Date().toISOString() }).query('select 1', answer(['n'], [['1']])).end();

  it('purges early past a governance lock, with versions and markers, and never past a hold', async () => {
    const builder = recorded();
    const archive = await archiveOf(builder, { mode: 'GOVERNANCE', until: new Date(Date.now() + 5 * DAY_MS) });
    const manifest = manifestKey(builder.connector.id, builder.session);
    // What an enemy can do to a locked bucket: hide, and put over.
    await stored.put(manifest, Buffer.from('{}'));
    for (const Key of builder.objects.keys()) await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
    const hold: LegalHold = {
      id: newId('hld'),
      scope: { of: 'session', session: builder.session },
      placed: { by: 'carol@example.com', at: '2026-11-21T00:00:00.000Z', reason: 'a dispute' },
    };
    await archive.ledger.putHold(hold);
    expect(await archive.sweep()).toContainEqual({
      kind: 'hold.swept',
      holds: 1,
      sessions: 1,
      released: 0,
      checked: 0,
    });
    const locks = await Promise.all(
      (await all(stored.store, archive.of)).filter(({ marker }) => !marker).map((each) => stored.store.lockOf(each)),
    );
    expect(locks.map((lock) => lock?.held)).toEqual(Array.from({ length: builder.objects.size + 1 }, () => true));

    await archive.order('early', Date.now());
    const [refused] = (await purgeRun({ dryRun: false }, archive.deps(Date.now()))).refused;
    expect(refused?.refusals.map(({ why }) => why)).toEqual(['held', 'held_objects']);

    // Were the forged manifest read, the recording would be unfinished, and refused for a day.
    await archive.ledger.putHold({ ...hold, lifted: { by: 'dave@example.com', at: new Date().toISOString() } });
    expect(await archive.sweep()).toContainEqual({
      kind: 'hold.swept',
      holds: 0,
      sessions: 0,
      released: 1,
      checked: 0,
    });
    await archive.order('early', Date.now());
    expect(await purgeRun({ dryRun: false }, archive.deps(Date.now()))).toMatchObject({ purged: [builder.session] });
    expect(await all(stored.store, archive.of)).toEqual([]);
  });

  it('is stopped by the store where our clock runs ahead of it: nothing of a compliance lock goes, and it is told', async () => {
    const builder = recorded();
    const archive = await archiveOf(builder, { mode: 'COMPLIANCE', until: new Date(Date.now() + DAY_MS) });
    const ahead = Date.now() + 400 * DAY_MS;
    await purgeRun({ dryRun: false }, archive.deps(ahead));
    await archive.order('due', ahead);
    const report = await purgeRun({ dryRun: false }, archive.deps(ahead));
    expect(report).toMatchObject({
      purged: [],
      refused: [{ session: builder.session, refusals: [{ why: 'refused' }] }],
    });
    expect(archive.events).toContainEqual({ kind: 'purge.refused', session: builder.session, why: ['refused'] });
    expect(await all(stored.store, archive.of)).toHaveLength(builder.objects.size);

    // By the store's own clock an early purge says from when on.
    await archive.order('early', Date.now());
    const [early] = (await purgeRun({ dryRun: false }, archive.deps(Date.now()))).refused;
    expect(early?.refusals).toMatchObject([{ why: 'locked', mode: 'COMPLIANCE' }]);
  });
});
