import { DynamoDBDocumentClient, ScanCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { newId } from '../../core/ids.ts';
import { manifestKey } from '../../core/recording/segment.ts';
import { DAY_MS } from '../../core/retention/may-purge.ts';
import { MemoryVersions } from '../../test/functions/memory-versions.ts';
import { memoryReader } from '../../test/harness/memory-reader.ts';
import { Killing, meanwhile, STROKES } from '../../test/harness/purge/killing.ts';
import { answer, RecordingBuilder } from '../../test/harness/recording-builder.ts';
import { CatalogueReader } from '../catalogue-table/reader.ts';
import { CatalogueTable, createCatalogueTable } from '../catalogue-table/table.ts';
import { CatalogueWriter } from '../catalogue-table/writer.ts';
import { RetriableFault } from '../faults.ts';
import { indexObject } from '../index-segment/index-object.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import { nodeRecordingPlatform } from '../recording-platform.ts';
import { SearchAnnouncer } from '../search/announce.ts';
import { DueSessions } from './due.ts';
import { type OrphanEvent, reconcile } from './reconcile.ts';
import { keysNotCompared } from '../index-segment/known-keys.ts';

// Many runs: on a busy machine they take long.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

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

const STORED = Date.parse('2026-11-20T13:00:00.000Z');

async function newArchive() {
  const name = `catalogue-${newId('ses')}`;
  await createCatalogueTable(client, name);
  const table = new CatalogueTable(client, name);
  const store = new MemoryVersions(STORED);
  const due = new DueSessions(table);
  const add = async (builder: RecordingBuilder, isIndexed = true): Promise<RecordingBuilder> => {
    for (const [key, bytes] of builder.objects) store.put(key, bytes);
    for (const key of isIndexed ? builder.objects.keys() : [])
      await indexObject(key, {
        ...{
          reader: memoryReader(builder.objects),
          writer: new CatalogueWriter(table),
          search: new SearchAnnouncer(table),
          platform: nodeRecordingPlatform,
        },
        verify: async ({ session }) => ({ session, proven: true, proofs: [], notCompared: [], faults: [] }),
        ...{ keysOf: keysNotCompared, report: () => {}, now: () => STORED },
      });
    return builder;
  };
  const look = async (nowMs: number, maxSessions = 100, killing = new Killing(0)) => {
    const told: OrphanEvent[] = [];
    const report = (event: OrphanEvent) => void told.push(event);
    const limits = { maxSessions, beginUntilMs: Number.POSITIVE_INFINITY };
    const watched = killing.watched(table);
    const deps = { table: watched, catalogue: new CatalogueReader(watched, () => {}), due: new DueSessions(watched) };
    await killing.run(() =>
      reconcile({ ...deps, store: killing.watched(store, ['walk']), report, now: () => nowMs, ...limits }),
    );
    return told.map(({ session, what }) => `${session} ${what}`).sort();
  };
  const dueOn = async (nowMs: number) => {
    const sessions: string[] = [];
    for await (const { session } of due.upTo(nowMs)) sessions.push(session);
    return sessions.sort();
  };
  return { name, table, store, add, look, dueOn };
}
const recorded = (isFinished = true) => {
  const builder = new RecordingBuilder().query('select 1', answer(['n'], [['1']])).cut();
  return isFinished ? builder.end() : builder;
};

describe('the look for orphans', () => {
  it('finds each kind beside sound sessions, finishes what it can, deletes nothing, and is quiet about it for a day', async () => {
    const { store, add, look, dueOn } = await newArchive();
    await add(recorded());
    const [unlisted, unfinished, hidden, emptied] = [
      await add(recorded(), false),
      await add(recorded(false)),
      await add(recorded()),
      await add(recorded()),
    ];
    store.hide(manifestKey(hidden.connector.id, hidden.session));
    for (const version of await store
      .versions({ connector: emptied.connector.id, session: emptied.session })
      .then((page) => page.versions))
      await store.remove(version, false);
    const objects = () => store.kept.filter(({ marker }) => !marker).map(({ key, version }) => `${key} ${version}`);
    const before = objects();

    const later = STORED + 8 * DAY_MS;
    expect(await look(later)).toEqual(
      [
        `${unlisted.session} unlisted`,
        `${unfinished.session} unfinished`,
        `${hidden.session} hidden`,
        `${emptied.session} without_objects`,
      ].sort(),
    );
    expect(objects()).toEqual(before);
    expect(store.kept.filter(({ marker }) => marker)).toEqual([]);
    expect(await dueOn(later)).toEqual([unlisted.session]);
    expect(await look(later + 1)).toEqual([]);
    expect((await look(later + DAY_MS)).map((line) => line.split(' ')[1])).toEqual(
      expect.arrayContaining(['unlisted', 'unfinished', 'without_objects']),
    );
  });

  it('gives the same whatever befalls it at any call, when it is run again, and tells everything at least once', async () => {
    const later = STORED + 8 * DAY_MS;
    const builders = {
      unlisted: recorded(),
      unfinished: recorded(false),
      hidden: recorded(),
      earlier: recorded(),
      emptied: recorded(),
      sound: recorded(),
    };
    const first = await newArchive();
    for (const [name, builder] of Object.entries(builders)) await first.add(builder, name !== 'unlisted');
    const { Items: items = [] } = await DynamoDBDocumentClient.from(client).send(
      new ScanCommand({ TableName: first.name }),
    );
    const whole = async (killing: (look: () => Promise<unknown>) => Killing) => {
      const archive = await newArchive();
      const { store, table } = archive;
      for (const { objects } of Object.values(builders)) for (const [key, bytes] of objects) store.put(key, bytes);
      await table.putAll(items.map(({ pk, sk, ...row }) => ({ pk: String(pk), sk: String(sk), ...row })));
      store.hide(manifestKey(builders.hidden.connector.id, builders.hidden.session));
      const { connector, session } = builders.emptied;
      for (const version of (await store.versions({ connector: connector.id, session })).versions)
        await store.remove(version, false);
      const key = { pk: `session#${builders.earlier.session}`, sk: 'session' };
      const { due: _, ...row } = (await table.get(key)) ?? {};
      await table.putAll([{ ...key, ...row }]);
      const told = new Set<string>();
      const struck = killing(async () => {
        for (const line of await archive.look(later)) told.add(line);
      });
      // For what the store did not answer, it is looked at again in the next round.
      for (const [ms, of] of [[later, struck], [later], [later + DAY_MS]] as const)
        for (const line of await archive.look(ms, 100, of)) told.add(line);
      const round = await Promise.all(['objects', 'rows'].map((sk) => table.get({ pk: 'reconcile', sk })));
      const kept = store.kept.map(({ key: name, marker }) => `${name} ${marker}`).sort();
      return {
        killing: struck,
        left: { told: [...told].sort(), kept, round, due: [...new Set(await archive.dueOn(later + DAY_MS))] },
      };
    };
    const { killing: counted, left } = await whole(() => new Killing(0));
    expect(left.told).toHaveLength(4);
    expect(left.due).toEqual([builders.unlisted.session, builders.earlier.session].sort());
    expect(counted.changes).toBeGreaterThan(5);
    for (const [name, stroke] of Object.entries(STROKES))
      for (let at = 1; at <= counted.countOf(stroke); at++) {
        const struck = await whole(() => new Killing(at, stroke));
        expect([name, at, struck.killing.kills]).toEqual([name, at, 1]);
        expect([name, at, struck.left]).toEqual([name, at, left]);
      }
    for (let at = 1; at <= counted.changes; at++)
      expect([at, (await whole((look) => new Killing(at, meanwhile(look, 'change')))).left]).toEqual([at, left]);
  });

  it('begins a round anew where a clock that was ahead has begun the last one', async () => {
    const { add, look } = await newArchive();
    const { session } = await add(recorded(), false);
    await look(STORED + 400 * DAY_MS);
    const found = [`${session} unlisted`];
    expect(await look(STORED + 10 * DAY_MS)).toEqual(found);
    expect([await look(STORED + 11 * DAY_MS - 1), await look(STORED + 11 * DAY_MS)]).toEqual([[], found]);
  });

  it('says nothing of what was stored a moment ago, or of a purged session', async () => {
    const { store, table, add, look, dueOn } = await newArchive();
    await add(recorded(false), false);
    const purged = await add(recorded(), false);
    const row = { connector: purged.connector.id, purged: '2026-11-20T12:00:00.000Z' };
    await table.putAll([{ pk: `session#${purged.session}`, sk: 'session', ...row }]);
    expect(await look(STORED + 3_600_000)).toEqual([]);
    // What is there of it came late, and goes when its own time is over.
    const later = STORED + 3 * DAY_MS;
    store.hide(manifestKey(purged.connector.id, purged.session));
    expect((await look(later)).filter((line) => line.startsWith(purged.session))).toEqual([]);
    expect(store.kept.filter(({ marker }) => marker)).toHaveLength(1);
    expect(await dueOn(later)).toContain(purged.session);
  });

  it('goes on where it stopped, and looks at each session once a round', async () => {
    const { add, look } = await newArchive();
    const all: string[] = [];
    for (let n = 0; n < 5; n++) all.push(`${(await add(recorded(), false)).session} unlisted`);
    const found: string[] = [];
    for (let run = 0; run < 4; run++) found.push(...(await look(STORED + 2 * DAY_MS, 2)));
    expect(found.sort()).toEqual(all.sort());
  });

  it('tells sessions by both their ids, by their newest object, and a manifest from a marker over none; foreign objects hide none', async () => {
    const { store, add, look } = await newArchive();
    const later = STORED + 8 * DAY_MS;
    store.put('recordings/an-object-of-nobody', Uint8Array.of(1));
    const twice = recorded();
    const copy = recorded();
    await add(twice, false);
    for (const [key, bytes] of twice.objects) store.put(key.replace(twice.connector.id, copy.connector.id), bytes);
    const unfinished = await add(recorded(false));
    store.hide(manifestKey(unfinished.connector.id, unfinished.session));
    const fresh = recorded();
    const [first, ...others] = [...fresh.objects].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [key, bytes] of others) store.put(key, bytes);
    store.nowMs = later - 3_600_000;
    store.put(...(first ?? ['', new Uint8Array()]));
    expect(await look(later)).toEqual(
      [
        ...[`${twice.session} unlisted`, `${twice.session} unlisted`],
        ...[`${unfinished.session} hidden`, `${unfinished.session} unfinished`],
      ].sort(),
    );
  });

  it('has the purge look at what an earlier release indexed, which noted no day', async () => {
    const { table, add, look, dueOn } = await newArchive();
    const { session } = await add(recorded());
    const key = { pk: `session#${session}`, sk: 'session' };
    const { due: _, ...earlier } = (await table.get(key)) ?? {};
    await table.putAll([{ ...key, ...earlier }]);
    const later = STORED + 2 * DAY_MS;
    expect(await look(later)).toEqual([]);
    expect(await dueOn(later)).toEqual([session]);
  });

  it('leaves an unfinished session alone for a week, and is held up by none for which the store does not answer', async () => {
    const { store, add, look } = await newArchive();
    const unfinished = await add(recorded(false));
    store.hide(manifestKey(unfinished.connector.id, unfinished.session));
    const remove = store.remove.bind(store);
    store.remove = async () => {
      throw new RetriableFault('no answer');
    };
    const later = recorded();
    await add(later, false);
    const running = await add(recorded(false));
    const lines = [`${later.session} unlisted`, `${unfinished.session} hidden`].sort();
    expect(await look(STORED + 6 * DAY_MS)).toEqual(lines);
    store.remove = remove;
    expect(await look(STORED + 8 * DAY_MS)).toEqual(
      [...lines, ...[unfinished, running].map((each) => `${each.session} unfinished`)].sort(),
    );
  });

  it('notes no day on the mark of a session that is purged while it is looked at', async () => {
    const { store, table, add, look } = await newArchive();
    const { session, connector } = await add(recorded());
    const key = { pk: `session#${session}`, sk: 'session' };
    const { due: _, ...earlier } = (await table.get(key)) ?? {};
    await table.putAll([{ ...key, ...earlier }]);
    const mark = { connector: connector.id, purged: '2026-11-20T12:00:00.000Z' };
    const purges = () => table.putAll([{ ...key, ...mark }]);
    // Behind each call in turn.
    const counted = new Killing(0);
    await look(STORED + 2 * DAY_MS, 100, counted);
    for (let at = 1; at <= counted.steps; at++) {
      await table.putAll([{ ...key, ...earlier }]);
      await table.deleteAll([{ pk: 'reconcile', sk: 'objects' }]);
      await look(STORED + 2 * DAY_MS, 100, new Killing(at, meanwhile(purges)));
      const row = await table.get(key);
      if (row?.purged !== undefined) expect([at, row]).toEqual([at, { ...key, ...mark }]);
    }
    expect(store.kept.length).toBeGreaterThan(0);
  });
});
