// What a purge looks at beside its order: each of these tests fails without one guard, which no longer story needs.

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId, type SessionId } from '../../core/ids.ts';
import { decodeManifest } from '../../core/recording/manifest.ts';
import { decodeSegment, manifestKey, segmentKey } from '../../core/recording/segment.ts';
import { dayOf } from '../../core/retention/due-day.ts';
import type { LegalHold } from '../../core/retention/hold.ts';
import { DAY_MS } from '../../core/retention/may-purge.ts';
import type { Purge, PurgeOrder } from '../../core/retention/purge.ts';
import { AFTER, KEPT_UNTIL, PurgeArchive, recorded, STORED } from '../../test/harness/purge/purge-archive.ts';
import { MemoryVersions } from '../../test/functions/memory-versions.ts';
import { newConnector, RecordingBuilder } from '../../test/harness/recording-builder.ts';
import { MAX_SEGMENT_OBJECT_BYTES } from '../store/recording-reader.ts';
import { PURGES, SESSION_ROW, sessionPartition } from '../catalogue-table/schema.ts';
import { RetriableFault } from '../faults.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import { nodeRecordingPlatform } from '../recording-platform.ts';
import type { StoredVersion, VersionStore } from '../store/version-store.ts';
import { PurgeLedger } from './ledger.ts';
import { purgeRun } from './purge-run.ts';
import { readStoredFacts } from './stored-facts.ts';

let database: LocalDynamoDb;
let client: ReturnType<typeof localDynamoDbClient>;
beforeAll(async () => {
  database = await startLocalDynamoDb();
  client = localDynamoDbClient(database.endpoint);
});
afterAll(async () => {
  client.destroy();
  await database.close();
});

const watching = (store: MemoryVersions, remove: VersionStore['remove']): VersionStore => ({
  versions: (place, after) => store.versions(place, after),
  walk: (startAfter) => store.walk(startAfter),
  lockOf: (version) => store.lockOf(version),
  read: (version, maxBytes) => store.read(version, maxBytes),
  remove,
});

async function ordered(mode: 'due' | 'early' = 'due') {
  const archive = await PurgeArchive.make(client);
  const builder = recorded();
  await archive.upload(builder, 'GOVERNANCE');
  archive.at(AFTER);
  await archive.run();
  await archive.orderAll(mode);
  return { archive, builder };
}
const stateOf = async ({ ledger }: PurgeArchive, { session }: RecordingBuilder) => (await ledger.get(session))?.state;

describe('a purge', () => {
  it.each(['due', 'early'] as const)('that is %s passes a governance lock only where it is early', async (mode) => {
    const { archive } = await ordered(mode);
    const asked = new Set<boolean>();
    const store = watching(archive.store, (version, bypass) => {
      asked.add(bypass);
      return archive.store.remove(version, bypass);
    });
    expect((await archive.run({ store })).purged).toHaveLength(1);
    expect([...asked]).toEqual([mode === 'early']);
  });

  it('is not done while its connector stores more, and is then', async () => {
    const { archive, builder } = await ordered();
    const [key = '', bytes = new Uint8Array()] = [...builder.objects][1] ?? [];
    let late = true;
    const store = watching(archive.store, async (version: StoredVersion, bypass) => {
      const removed = await archive.store.remove(version, bypass);
      if (late && version.key === key) {
        late = false;
        // As if it had been on its way since: what is stored now would be kept for its own time.
        archive.store.nowMs = STORED;
        archive.store.put(key, bytes);
        archive.store.nowMs = AFTER;
      }
      return removed;
    });
    expect(await archive.run({ store })).toMatchObject({ purged: [], failed: [builder.session] });
    expect(await stateOf(archive, builder)).toBe('ordered');
    expect(archive.events).toContainEqual(
      expect.objectContaining({ kind: 'purge.failed', fault: expect.stringContaining('1 versions of') }),
    );
    expect(await archive.run({ store })).toMatchObject({ purged: [builder.session] });
    expect(archive.store.kept).toEqual([]);
  });

  it('is not done while an event writes rows, and is then', async () => {
    const { archive, builder } = await ordered();
    const pk = sessionPartition(builder.session);
    let late = true;
    const table = new Proxy(archive.table, {
      get(of, name) {
        const value = Reflect.get(of, name) as unknown;
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          const done = await (value as (...with_: unknown[]) => Promise<unknown>).apply(of, args);
          if (name === 'deleteAll' && late && JSON.stringify(args[0]).includes(pk)) {
            late = false;
            await of.putAll([{ pk, sk: 'segment#00000009' }]);
          }
          return done;
        };
      },
    });
    expect(await archive.run({ table })).toMatchObject({ purged: [], failed: [builder.session] });
    expect(await archive.run({ table })).toMatchObject({ purged: [builder.session] });
    const rows = await archive.table.queryAll({
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': pk },
    });
    expect(rows.map(({ sk }) => sk)).toEqual([SESSION_ROW]);
  });

  it('takes away an hour later what an event wrote behind it, and looks again at what was stored late', async () => {
    const { archive, builder } = await ordered();
    await archive.run();
    await archive.settleAll();
    const pk = sessionPartition(builder.session);
    const [key = '', bytes = new Uint8Array()] = [...builder.objects][1] ?? [];
    await archive.table.putAll([{ pk, sk: 'segment#00000009' }]);
    archive.store.put(key, bytes);
    archive.at(AFTER + 3_600_001);
    await archive.run();
    const rows = await archive.table.queryAll({
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': pk },
    });
    expect(rows.map(({ sk }) => sk)).toEqual([SESSION_ROW]);
    // That purge is closed, and the run that closed it has looked at what is there now.
    expect(await stateOf(archive, builder)).not.toBe('settled');
    const due: string[] = [];
    for await (const each of archive.due.upTo(archive.nowMs + 91 * DAY_MS)) due.push(each.session);
    expect(due).toEqual([builder.session]);
  });

  it('believes the recording and not the table, which may say less', async () => {
    const { archive, builder } = await ordered();
    const known = await archive.ledger.get(builder.session);
    if (!known) throw new Error('it is not ordered');
    const at = new Date(KEPT_UNTIL - 3_600_000).toISOString();
    const order = await archive.edge.sign(known, { mode: 'due', at, audit: 1 });
    const purge = { ...known, order, retention: { rule: 'demo', policyVersion: 1, retainDays: 1 } };
    await archive.table.putAll([{ pk: PURGES, sk: builder.session, state: 'ordered', purge }]);
    for (const object of archive.store.kept) object.lock = undefined;
    archive.at(KEPT_UNTIL - 3_600_000);
    expect(await archive.run()).toMatchObject({ purged: [], refused: [{ refusals: [{ why: 'kept' }] }] });
  });

  it('marks its session as purged before the first of its rows goes, so that no event brings it back in between', async () => {
    const { archive, builder } = await ordered();
    const pk = sessionPartition(builder.session);
    const marks: boolean[] = [];
    const table = new Proxy(archive.table, {
      get: (of, name) => {
        const value = Reflect.get(of, name) as unknown;
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          if (name === 'deleteAll' && JSON.stringify(args[0]).includes(`"${pk}"`))
            marks.push((await of.get({ pk, sk: SESSION_ROW }))?.purged !== undefined);
          return (value as (...with_: unknown[]) => Promise<unknown>).apply(of, args);
        };
      },
    });
    expect((await archive.run({ table })).purged).toEqual([builder.session]);
    expect(marks).toEqual([true]);
  });

  it('without an order in the table is none, and told', async () => {
    const { archive, builder } = await ordered();
    const { order: _, ...purge } = (await archive.ledger.get(builder.session)) ?? {};
    await archive.table.putAll([{ pk: PURGES, sk: builder.session, state: 'ordered', purge }]);
    const refused = [{ session: builder.session, refusals: [{ why: 'not_ordered' }] }];
    expect((await archive.run({}, true)).refused).toEqual(refused);
    expect(await archive.run()).toMatchObject({ purged: [], refused });
    expect(archive.events).toContainEqual({ kind: 'purge.refused', session: builder.session, why: ['not_ordered'] });
    expect(archive.store.kept).toHaveLength(builder.objects.size);
  });

  it('goes on by the class that was read before, where a run that was killed has deleted what tells it', async () => {
    const { archive, builder } = await ordered();
    for (const version of archive.store.kept) await archive.store.remove(version, true);
    expect(await archive.run()).toMatchObject({ purged: [builder.session], refused: [] });
  });
});

describe('a dry run', () => {
  const held = (at: number, more: object = {}): LegalHold => ({
    ...{ id: newId('hld'), scope: { of: 'user', email: 'bob@example.com' } },
    placed: { by: 'carol@example.com', at: new Date(at).toISOString(), reason: 'a dispute' },
    ...more,
  });
  type Change = (archive: PurgeArchive, builder: RecordingBuilder) => Promise<unknown>;
  const admitted = { email: 'bob@example.com', resource: 'demo', startedAt: new Date(STORED).toISOString() };
  it.each<[string, Change, isPurged: boolean]>([
    ['is ordered in time', async () => undefined, true],
    [
      'is of a class that was read before its manifest went',
      async ({ store }) => {
        for (const version of store.kept)
          if (version.key.endsWith('1.seg')) version.lock = undefined;
          else await store.remove(version, true);
      },
      true,
    ],
    ['was ordered before its time', (archive) => again(archive, { mode: 'early' }, KEPT_UNTIL - DAY_MS), true],
    ['was granted for longer', (archive) => again(archive, { granted: 400 }), false],
    [
      'is of somebody else for the edge, who is held since',
      async (archive) => {
        await again(archive, { admitted });
        await archive.ledger.putHold(held(AFTER + 1));
      },
      false,
    ],
    [
      'was held for a moment since it was ordered',
      async (archive) => {
        await again(archive, { admitted });
        const lifted = { by: 'dave@example.com', at: new Date(AFTER + 2).toISOString() };
        await archive.ledger.putHold(held(AFTER + 1, { lifted }));
      },
      false,
    ],
  ])('tells what a run then does of a session that %s', async (_, change, isPurged) => {
    const { archive, builder } = await ordered();
    await change(archive, builder);
    const told = await archive.run({}, true);
    const done = await archive.run();
    expect([told.purged, told.refused]).toEqual([done.purged, done.refused]);
    expect(done.purged).toEqual(isPurged ? [builder.session] : []);
  });

  /** Another order than the one that it has. */
  async function again(archive: PurgeArchive, order: Partial<PurgeOrder>, nowMs = archive.nowMs): Promise<void> {
    const [purge] = (await archive.ledger.page()).purges;
    if (!purge) throw new Error('it is not ordered');
    archive.at(nowMs);
    await archive.ledger.finish({ ...purge, state: 'refused', refusals: [] });
    await archive.ledger.note({ ...purge, state: 'proposed' }, undefined);
    await archive.orderAll(order.mode, order);
  }

  it('changes nothing: no event, no row, no note of a run, whatever there is to do', async () => {
    const { archive } = await ordered();
    await archive.run();
    await archive.settleAll();
    // It is to be closed, to be looked at again, to be taken off its day; and one is to be moved to its day.
    archive.at(AFTER + 3 * DAY_MS);
    await archive.due.add({ session: newId('ses'), connector: newId('con') }, dayOf(archive.nowMs));
    archive.store.nowMs = archive.nowMs;
    await archive.upload(recorded());
    const [proposed, refused] = [recorded(), recorded({ email: 'bob@example.com' })];
    archive.at(AFTER);
    for (const each of [proposed, refused])
      for (const [key, bytes] of each.objects) {
        archive.store.nowMs = STORED;
        archive.store.put(key, bytes);
        archive.store.nowMs = AFTER;
        await archive.due.add({ session: each.session, connector: each.connector.id }, dayOf(archive.nowMs));
      }
    await archive.ledger.putHold(held(AFTER));
    archive.at(AFTER + 10 * DAY_MS);
    const before = (await archive.rows()).map((row) => JSON.stringify(row)).sort();
    const events = archive.events.length;
    await archive.run({}, true);
    expect((await archive.rows()).map((row) => JSON.stringify(row)).sort()).toEqual(before);
    expect(archive.events.slice(events)).toEqual([]);
  });
});

describe('a run', () => {
  async function three(count = 3) {
    const archive = await PurgeArchive.make(client);
    const builders = Array.from({ length: count }, () => recorded({}, ['1']));
    for (const each of builders) await archive.upload(each);
    archive.at(AFTER);
    return { archive, ids: builders.map(({ session }) => session).toSorted() };
  }

  it('of one session looks at no other, ordered or due', async () => {
    const { archive, ids } = await three();
    const [first, , last] = ids as [SessionId, SessionId, SessionId];
    expect((await purgeRun({ dryRun: true, session: last }, archive.deps())).proposed).toEqual([last]);
    await archive.run();
    await archive.orderAll();
    expect((await purgeRun({ dryRun: true, session: first }, archive.deps())).purged).toEqual([first]);
  });

  it('whose time or number is up carries out nothing more and looks at nothing more', async () => {
    const { archive, ids } = await three();
    const late = { beginUntilMs: AFTER - 1 };
    expect(await archive.run(late)).toMatchObject({ proposed: [], more: true });
    await archive.run();
    await archive.orderAll();
    expect(await archive.run(late)).toMatchObject({ purged: [], more: true });
    expect((await archive.run({ maxSessions: 1 })).purged).toHaveLength(1);
    expect((await archive.run({ maxSessions: 2 })).purged).toHaveLength(2);
    expect(ids).toHaveLength(3);
  });

  it('is through with the others where the table does not take down the end of one', async () => {
    const { archive, ids } = await three(2);
    await archive.run();
    await archive.orderAll();
    const [first, second] = ids as [SessionId, SessionId];
    class Ledger extends PurgeLedger {
      override async finish(purge: Purge): Promise<boolean> {
        if (purge.session === first) throw new RetriableFault('away');
        return super.finish(purge);
      }
    }
    expect(await archive.run({ ledger: new Ledger(archive.table) })).toMatchObject({
      purged: [second],
      failed: [first],
    });
    expect((await archive.run()).purged).toEqual([first]);
  });

  it.each<[string, (archive: PurgeArchive, key: string, pk: string) => Promise<unknown>]>([
    ['a delete marker', async ({ store }, key) => store.hide(key)],
    ['a row', ({ table }, _, pk) => table.putAll([{ pk, sk: 'segment#00000001' }])],
  ])('proposes a session of which %s is left, and takes one off its day of which nothing is', async (_, leave) => {
    const archive = await PurgeArchive.make(client);
    const [left, gone] = [recorded({}, ['1']), recorded({}, ['1'])];
    archive.at(AFTER);
    for (const { session, connector } of [left, gone])
      await archive.due.add({ session, connector: connector.id }, dayOf(AFTER));
    await leave(archive, manifestKey(left.connector.id, left.session), sessionPartition(left.session));
    expect((await archive.run()).proposed).toEqual([left.session]);
    const due: string[] = [];
    for await (const { session } of archive.due.upTo(AFTER)) due.push(session);
    expect(due).toEqual([left.session]);
    await archive.orderAll();
    await archive.run();
    expect([archive.store.kept, (await archive.left(left.session)).rows.map(({ sk }) => sk)]).toEqual([
      [],
      [SESSION_ROW],
    ]);
  });

  it('tells of a hold once, and each day of what the store holds by nobody here', async () => {
    const told = async (prepare: (archive: PurgeArchive) => unknown) => {
      const { archive } = await three(1);
      await prepare(archive);
      const counts: number[] = [];
      for (const ms of [0, 3_600_000, DAY_MS, DAY_MS]) {
        archive.at(archive.nowMs + ms);
        await archive.run();
        counts.push(archive.events.splice(0).filter(({ kind }) => kind === 'purge.refused').length);
      }
      return counts;
    };
    const placed = { by: 'carol@example.com', at: new Date(STORED).toISOString(), reason: 'a dispute' };
    const scope = { of: 'user' as const, email: 'alice@example.com' };
    expect(await told(({ ledger }) => ledger.putHold({ id: newId('hld'), scope, placed }))).toEqual([1, 0, 0, 0]);
    const byNobody = ({ store }: PurgeArchive) => store.kept.map((object) => Object.assign(object, { held: true }));
    expect(await told(byNobody)).toEqual([1, 0, 1, 1]);
  });

  it('goes through every page of the ledger', async () => {
    const { archive, ids } = await three(1);
    await archive.run();
    await archive.orderAll();
    const [purge] = (await archive.ledger.page()).purges;
    // Before it by their ids, a page and more.
    const others = Array.from({ length: 250 }, (_, n) => `ses_${String(n).padStart(26, '0')}`);
    await archive.table.putAll(
      others.map((session) => ({
        pk: PURGES,
        sk: session,
        state: 'settled',
        purge: { ...purge, session, state: 'settled' },
      })),
    );
    expect((await archive.run()).purged).toEqual(ids);
  });

  it('rings for the edge after two days and not before, closes after an hour and not before', async () => {
    const { archive, ids } = await three(1);
    const waits = () =>
      archive.events.splice(0).flatMap((event) => (event.kind === 'purge.waiting' ? event.state : []));
    await archive.run();
    archive.at(AFTER + 2 * DAY_MS);
    await archive.run();
    expect(waits()).toEqual([]);
    await archive.orderAll();
    await archive.run();
    archive.at(AFTER + 4 * DAY_MS + 1);
    await archive.run();
    expect(waits()).toEqual(['done']);
    await archive.settleAll();
    archive.at(archive.nowMs + 3_600_000);
    await archive.run();
    expect((await archive.ledger.page()).purges.map(({ session }) => session)).toEqual(ids);
    archive.at(archive.nowMs + 1);
    await archive.run();
    expect((await archive.ledger.page()).purges).toEqual([]);
  });

  it('looks again at what a clock that was a year ahead has noted', async () => {
    const { archive, ids } = await three(1);
    const held: LegalHold = {
      ...{ id: newId('hld'), scope: { of: 'user', email: 'alice@example.com' } },
      placed: { by: 'carol@example.com', at: new Date(STORED).toISOString(), reason: 'a dispute' },
    };
    await archive.ledger.putHold(held);
    archive.at(AFTER + 365 * DAY_MS);
    await archive.run();
    const [noted] = (await archive.ledger.page()).purges;
    archive.at(AFTER);
    await archive.run();
    const [again] = (await archive.ledger.page()).purges;
    expect([noted?.at, again?.at]).toEqual([AFTER + 365 * DAY_MS, AFTER].map((ms) => new Date(ms).toISOString()));
    expect(again?.session).toBe(ids[0]);
  });
});

describe('what is read of a session’s objects', () => {
  const place = ({ session, connector }: RecordingBuilder) => ({ session, connector: connector.id });
  const facts = async (store: MemoryVersions, of: RecordingBuilder) =>
    (await readStoredFacts(place(of), { store, platform: nodeRecordingPlatform })).facts;
  const connector = newConnector();
  const [own, other] = [recorded({ connector }), recorded({ connector, email: 'mallory@example.com' })];
  const bytesOf = (of: RecordingBuilder, key: string) => of.objects.get(key) ?? new Uint8Array();

  it('is when the newest object was stored, and no marker over it', async () => {
    const store = new MemoryVersions(STORED);
    const keys = [0, 1, 2].map((number) => segmentKey(connector.id, own.session, number));
    for (const [index, key] of keys.entries()) {
      store.nowMs = STORED + (index === 1 ? DAY_MS : 0);
      store.put(key, bytesOf(own, key));
    }
    store.nowMs = STORED + 2 * DAY_MS;
    store.hide(keys[0] ?? '');
    expect((await facts(store, own)).storedMs).toBe(STORED + DAY_MS);
  });

  it('is the first manifest, whatever was put over it later, and deletes last what tells it, its markers at the end', async () => {
    const store = new MemoryVersions(STORED);
    const [key, first] = [manifestKey(connector.id, own.session), segmentKey(connector.id, own.session, 0)];
    for (const each of [key, first, segmentKey(connector.id, own.session, 1)]) store.put(each, bytesOf(own, each));
    store.nowMs = STORED + DAY_MS;
    store.put(key, Buffer.from('{}'));
    store.hide(key);
    const { facts: found, versions } = await readStoredFacts(place(own), { store, platform: nodeRecordingPlatform });
    expect(found).toMatchObject({ finished: true, retention: { rule: 'demo' } });
    const order = versions.map((each) => `${each.key.split('/')[3]}${each.marker ? ' marker' : ''}`);
    expect(order).toEqual([
      ...['00000001.seg', '00000000.seg', 'manifest.json', 'manifest.json', 'manifest.json marker'],
    ]);
  });

  it('is proven, where there is no manifest, by the last segment, sound or not', async () => {
    const store = new MemoryVersions(STORED);
    const evidence = async () =>
      (await readStoredFacts(place(own), { store, platform: nodeRecordingPlatform })).evidence.lastSegment;
    expect(await evidence()).toBeUndefined();
    const keys = [0, 1].map((number) => segmentKey(connector.id, own.session, number));
    for (const key of keys) store.put(key, bytesOf(own, key));
    const sound = decodeSegment(bytesOf(own, keys[1] ?? ''), nodeRecordingPlatform).digest;
    expect(await evidence()).toBe(sound);
    store.put(segmentKey(connector.id, own.session, 2), Uint8Array.of(1));
    expect(await evidence()).toBe(createHash('sha256').update(Uint8Array.of(1)).digest('hex'));
  });

  it('is nothing of a manifest that was copied from another session', async () => {
    const store = new MemoryVersions(STORED);
    store.put(manifestKey(connector.id, own.session), bytesOf(other, manifestKey(connector.id, other.session)));
    store.put(segmentKey(connector.id, own.session, 0), bytesOf(own, segmentKey(connector.id, own.session, 0)));
    expect(await facts(store, own)).toMatchObject({ finished: false, email: 'alice@example.com' });
    // Nor of one that names another connector.
    const stranger = recorded({ session: own.session });
    const strange = new MemoryVersions(STORED);
    const bytes = bytesOf(stranger, manifestKey(stranger.connector.id, own.session));
    strange.put(manifestKey(connector.id, own.session), bytes);
    expect(await facts(strange, own)).toMatchObject({ finished: false });
    expect(await facts(strange, own)).not.toHaveProperty('retention');
  });

  it('is nothing of a first segment that was copied from another session', async () => {
    const store = new MemoryVersions(STORED);
    store.put(segmentKey(connector.id, own.session, 0), bytesOf(other, segmentKey(connector.id, other.session, 0)));
    const found = await facts(store, own);
    expect([found.retention, found.email]).toEqual([undefined, undefined]);
  });

  it('is the latest lock of each mode, in whatever order they are read', async () => {
    for (const days of [
      [90, 10, 30],
      [10, 90, 30],
      [10, 30, 90],
    ]) {
      const store = new MemoryVersions(STORED);
      for (const [number, day] of days.entries())
        store.put(
          segmentKey(connector.id, own.session, number),
          bytesOf(own, segmentKey(connector.id, own.session, number)),
          {
            mode: 'COMPLIANCE',
            untilMs: STORED + day * DAY_MS,
          },
        );
      expect((await facts(store, own)).locks).toEqual([{ mode: 'COMPLIANCE', untilMs: STORED + 90 * DAY_MS }]);
    }
  });

  it('is what stood first under a name, also where a later version was put over it in the same second', async () => {
    const store = new MemoryVersions(STORED);
    const key = manifestKey(connector.id, own.session);
    store.put(key, bytesOf(own, key));
    const longer = { ...own.opened, grant: { ...own.opened.grant, rule: 'another' } };
    const retold = new RecordingBuilder({ connector, session: own.session });
    Object.assign(retold.opened, longer);
    store.put(key, bytesOf(retold.rawOpening({}).cut().end(), key));
    expect((await facts(store, own)).retention).toMatchObject({ rule: 'demo' });
  });

  it('is when its manifest says that it ended, and of whom that manifest is where it names itself', async () => {
    const store = new MemoryVersions(STORED);
    const first = segmentKey(connector.id, own.session, 0);
    store.put(first, bytesOf(own, first));
    expect(await facts(store, own)).not.toHaveProperty('endedAt');
    const key = manifestKey(connector.id, own.session);
    store.put(key, bytesOf(own, key));
    const { manifest } = decodeManifest(bytesOf(own, key), nodeRecordingPlatform);
    expect((await facts(store, own)).endedAt).toBe(manifest.endedAt);
    expect(manifest.endedAt).not.toBe(manifest.startedAt);
  });

  it('is never more than an object of its kind has', async () => {
    const store = new MemoryVersions(STORED);
    for (const number of [0, 1]) {
      const key = segmentKey(connector.id, own.session, number);
      store.put(key, bytesOf(own, key));
    }
    const most: number[] = [];
    const reading = watching(store, async () => 'refused');
    const read: VersionStore['read'] = async (version, maxBytes) => {
      most.push(maxBytes);
      return store.read(version, maxBytes);
    };
    await readStoredFacts(place(own), { store: { ...reading, read }, platform: nodeRecordingPlatform });
    expect(most).toEqual([MAX_SEGMENT_OBJECT_BYTES, MAX_SEGMENT_OBJECT_BYTES]);
  });
});

describe('a session that is looked at', () => {
  it('too early, under a lock that an early purge passes, is not proposed', async () => {
    const archive = await PurgeArchive.make(client);
    const builder = recorded();
    await archive.upload(builder, 'GOVERNANCE');
    archive.at(STORED + 10 * DAY_MS);
    await archive.due.add({ session: builder.session, connector: builder.connector.id }, dayOf(archive.nowMs));
    expect(await archive.run()).toMatchObject({ proposed: [], refused: [] });
    archive.at(AFTER);
    expect(await archive.run()).toMatchObject({ proposed: [builder.session] });
  });

  it('is proposed no more where a hold came since, a day later', async () => {
    const archive = await PurgeArchive.make(client);
    const builder = recorded();
    await archive.upload(builder);
    archive.at(AFTER);
    await archive.run();
    const placed = { by: 'carol@example.com', at: new Date(AFTER).toISOString(), reason: 'a dispute' };
    await archive.ledger.putHold({ id: newId('hld'), scope: { of: 'session', session: builder.session }, placed });
    archive.at(AFTER + DAY_MS);
    expect(await archive.run()).toMatchObject({ proposed: [], refused: [{ session: builder.session }] });
  });

  it('by a dry run for which the store does not answer, or the edge has not for days, rings for nobody', async () => {
    const archive = await PurgeArchive.make(client);
    const builder = recorded();
    await archive.upload(builder);
    archive.at(AFTER);
    await archive.run();
    archive.at(AFTER + 3 * DAY_MS);
    const { length } = archive.events;
    const store = {
      ...watching(archive.store, async () => 'refused'),
      versions: async () => {
        throw new RetriableFault('no answer');
      },
    };
    expect(await archive.run({ store }, true)).toMatchObject({ failed: [builder.session] });
    expect(archive.events.slice(length)).toEqual([]);
  });
});
