// What a purge looks at beside its order: each of these tests fails without one guard, which no longer story needs.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifestKey, segmentKey } from '../../core/recording/segment.ts';
import { DAY_MS } from '../../core/retention/may-purge.ts';
import { AFTER, PurgeArchive, recorded, STORED } from '../../test/harness/purge/purge-archive.ts';
import { MemoryVersions } from '../../test/functions/memory-versions.ts';
import { newConnector, RecordingBuilder } from '../../test/harness/recording-builder.ts';
import { SESSION_ROW, sessionPartition } from '../catalogue-table/schema.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import { nodeRecordingPlatform } from '../recording-platform.ts';
import type { StoredVersion, VersionStore } from '../store/version-store.ts';
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

  it('goes on by the class that was read before, where a run that was killed has deleted what tells it', async () => {
    const { archive, builder } = await ordered();
    for (const version of archive.store.kept) await archive.store.remove(version, true);
    expect(await archive.run()).toMatchObject({ purged: [builder.session], refused: [] });
  });
});

describe('what is read of a session’s objects', () => {
  const place = ({ session, connector }: RecordingBuilder) => ({ session, connector: connector.id });
  const facts = async (store: MemoryVersions, of: RecordingBuilder) =>
    (await readStoredFacts(place(of), { store, platform: nodeRecordingPlatform })).facts;
  const connector = newConnector();
  const [own, other] = [recorded({ connector }), recorded({ connector, email: 'mallory@example.com' })];
  const bytesOf = (of: RecordingBuilder, key: string) => of.objects.get(key) ?? new Uint8Array();

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
});
