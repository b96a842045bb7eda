import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { manifestKey, originalKey, segmentKey } from '../../core/recording/segment.ts';
import type { LegalHold } from '../../core/retention/hold.ts';
import { DAY_MS } from '../../core/retention/may-purge.ts';
import type { Purge } from '../../core/retention/purge.ts';
import { MemoryVersions } from '../../test/functions/memory-versions.ts';
import { AFTER, KEPT_UNTIL, PurgeArchive, recorded, STORED } from '../../test/harness/purge/purge-archive.ts';
import { BusyFault, RetriableFault } from '../faults.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import type { VersionStore } from '../store/version-store.ts';
import { purgeRun, type PurgeRunDeps } from './purge-run.ts';

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

const newArchive = (): Promise<PurgeArchive> => PurgeArchive.make(client);

const hold = (scope: LegalHold['scope']): LegalHold => ({
  id: newId('hld'),
  scope,
  placed: { by: 'carol@example.com', at: '2026-11-21T00:00:00.000Z', reason: 'a dispute' },
});
const lifted = (of: LegalHold): LegalHold => ({
  ...of,
  lifted: { by: 'dave@example.com', at: '2027-01-01T00:00:00.000Z' },
});

describe('a purge', () => {
  it('takes sessions out of what was derived together, and tries all of them again where that fails', async () => {
    const archive = await newArchive();
    const sessions = [recorded(), recorded(), recorded()];
    for (const one of sessions) await archive.upload(one);
    archive.at(AFTER);
    await archive.run();
    await archive.orderAll();
    const ids = sessions.map(({ session }) => session).toSorted();
    const asked: string[][] = [];
    let away = true;
    const remove = async (some: readonly string[]): Promise<void> => {
      asked.push(some.toSorted());
      if (away) throw new RetriableFault('away');
    };
    const report = await purgeRun({ dryRun: false }, archive.deps({ derived: [{ remove }] }));
    expect([report.purged, report.failed.toSorted()]).toEqual([[], ids]);
    expect(archive.events.filter(({ kind }) => kind === 'purge.failed')).toHaveLength(3);
    away = false;
    const again = await purgeRun({ dryRun: false }, archive.deps({ derived: [{ remove }] }));
    expect([again.purged.toSorted(), asked]).toEqual([ids, [ids, ids]]);
  });

  it('notes what its last run came to, and counts what comes up', async () => {
    const archive = await newArchive();
    const [old, young] = [recorded(), recorded({ startedAt: '2026-12-20T12:00:00.000Z' })];
    for (const session of [old, young]) await archive.upload(session);
    const counted = () => archive.due.countUpTo(archive.nowMs + 30 * DAY_MS);
    expect([await archive.ledger.lastRun(), await counted()]).toEqual([undefined, []]);
    archive.at(AFTER);
    const days = ['2027-02-18', '2027-03-20'].map((day) => ({ day, sessions: 1, more: false }));
    expect(await counted()).toEqual(days);

    const amounts = { at: new Date(AFTER).toISOString(), purged: 0, refused: 0, failedSessions: [] };
    await archive.run();
    const ran = { ...amounts, proposed: 1, failed: 0, more: false };
    expect(await archive.ledger.lastRun()).toEqual(ran);
    // A dry run, and one of a single session, are no runs of the purge.
    archive.at(AFTER + 1);
    await archive.run({}, true);
    await purgeRun({ dryRun: false, session: young.session }, archive.deps());
    expect(await archive.ledger.lastRun()).toEqual(ran);
    archive.at(AFTER);
    await archive.orderAll();
    const failing = [
      { remove: async () => Promise.reject(new RetriableFault('away')) } as unknown as PurgeRunDeps['derived'][number],
    ];
    await archive.run({ derived: failing, maxSessions: 1 });
    expect(await archive.ledger.lastRun()).toEqual({
      ...{ ...amounts, proposed: 0, failed: 1, failedSessions: [old.session], more: true },
    });
  });

  it('leaves nothing of a session whose time is over but a mark with two ids, and never more than was ordered', async () => {
    const archive = await newArchive();
    const [old, young] = [recorded(), recorded({ startedAt: '2026-12-20T12:00:00.000Z' })];
    // Sealed originals go with the rest.
    old.objects.set(originalKey(old.connector.id, old.session, 0), Uint8Array.of(1));
    await archive.upload(old);
    expect(archive.store.kept.some(({ key }) => key.endsWith('.original'))).toBe(true);
    archive.at(STORED + 30 * DAY_MS);
    await archive.upload(young);
    archive.at(KEPT_UNTIL - DAY_MS);
    expect(await archive.run()).toMatchObject({ proposed: [], purged: [], refused: [] });

    archive.at(AFTER);
    expect(await archive.run()).toMatchObject({ proposed: [old.session], purged: [] });
    const before = archive.store.kept.length;
    await archive.run();
    expect(archive.store.kept).toHaveLength(before);
    await archive.orderAll();
    expect(await archive.run()).toMatchObject({ proposed: [], purged: [old.session] });

    expect(new Set(archive.store.kept.map(({ key }) => key.split('/')[2]))).toEqual(new Set([young.session]));
    expect((await archive.left(old.session)).rows).toEqual([
      { pk: `session#${old.session}`, sk: 'session', connector: old.connector.id },
    ]);
    expect(archive.derived).toEqual([old.session]);
    const listed = await archive.catalogue.sessions({ limit: 10 });
    expect(listed.ok && listed.value.sessions.map(({ id }) => id)).toEqual([young.session]);
    const [purge] = (await archive.ledger.page()).purges;
    expect(purge).toMatchObject({
      state: 'done',
      retention: { rule: 'demo', policyVersion: 1, retainDays: 90 },
      evidence: { versions: old.objects.size, markers: 0 },
    });
    expect(purge?.evidence.manifest).toMatch(/^[0-9a-f]{64}$/);
    // The edge's notes name nobody: they stay when the person asks to be forgotten.
    expect(JSON.stringify(purge)).not.toContain('alice');

    await archive.settleAll();
    archive.at(AFTER + 2 * 3_600_000);
    await archive.run();
    expect((await archive.ledger.page()).purges).toEqual([]);
    expect(await archive.due.upTo(archive.nowMs).next()).toMatchObject({ done: true });
  });

  it('clears delete markers and what was put over an object, and reads the retention under them', async () => {
    const archive = await newArchive();
    const session = recorded();
    await archive.upload(session);
    const manifest = manifestKey(session.connector.id, session.session);
    const first = segmentKey(session.connector.id, session.session, 0);
    archive.store.put(manifest, Buffer.from('{"forged":true}'));
    for (const key of [manifest, first]) archive.store.hide(key);
    archive.at(AFTER);
    await archive.run();
    const [proposed] = (await archive.ledger.page()).purges;
    const connectors = session.objects.get(manifest) ?? new Uint8Array();
    expect(proposed?.evidence.manifest).toBe(createHash('sha256').update(connectors).digest('hex'));
    expect(proposed).toMatchObject({
      retention: { retainDays: 90 },
      evidence: { versions: session.objects.size + 1, markers: 2 },
    });
    await archive.orderAll();
    expect(await archive.run()).toMatchObject({ purged: [session.session] });
    expect(archive.store.kept).toEqual([]);
  });

  it('tells in a dry run what the run then does, and changes nothing', async () => {
    const archive = await newArchive();
    const [free, held] = [recorded(), recorded({ email: 'bob@example.com' })];
    for (const each of [free, held]) await archive.upload(each);
    await archive.ledger.putHold(hold({ of: 'user', email: 'bob@example.com' }));
    archive.at(AFTER);
    const dry = await archive.run({}, true);
    expect((await archive.ledger.page()).purges).toEqual([]);
    const { dryRun: _, ...real } = await archive.run();
    expect(dry).toEqual({ ...real, dryRun: true });
    await archive.orderAll();
    const again = await archive.run({}, true);
    expect(archive.store.kept).toHaveLength(free.objects.size + held.objects.size);
    const { dryRun: __, ...done } = await archive.run();
    expect(again).toEqual({ ...done, dryRun: true });
    expect(done.purged).toEqual([free.session]);
    expect(archive.store.kept).toHaveLength(held.objects.size);
  });

  it('gives the same with two runs at once', async () => {
    const archive = await newArchive();
    const sessions = [recorded(), recorded(), recorded()];
    for (const each of sessions) await archive.upload(each);
    archive.at(AFTER);
    await Promise.all([archive.run(), archive.run()]);
    await archive.orderAll();
    await Promise.all([archive.run(), archive.run(), archive.run()]);
    expect(archive.store.kept).toEqual([]);
    expect((await archive.ledger.page()).purges.map(({ state }) => state)).toEqual(['done', 'done', 'done']);
  });

  it('stops for a hold that came after the order, whatever it names, and goes on when it is lifted', async () => {
    const session = recorded({ resource: 'orders' });
    for (const scope of [
      { of: 'session', session: session.session },
      { of: 'user', email: 'ALICE@example.com' },
      { of: 'resource', resource: session.opened.resource },
      { of: 'time', since: '2026-11-01T00:00:00.000Z', until: '2026-12-01T00:00:00.000Z' },
      { of: 'sessions', sessions: [session.session] },
    ] as const) {
      const archive = await newArchive();
      await archive.upload(session);
      archive.at(AFTER);
      await archive.run();
      await archive.orderAll();
      const placed = hold(scope.of === 'sessions' ? { ...scope, sessions: [...scope.sessions] } : scope);
      await archive.ledger.putHold(placed);
      const refused = [{ session: session.session, refusals: [{ why: 'held', holds: [placed.id] }] }];
      expect(await archive.run()).toMatchObject({ purged: [], refused });
      expect(archive.store.kept).toHaveLength(session.objects.size);
      expect(archive.events).toContainEqual({ kind: 'purge.refused', session: session.session, why: ['held'] });
      await archive.ledger.putHold(lifted(placed));
      expect(await archive.run()).toMatchObject({ proposed: [session.session] });
      await archive.orderAll();
      expect(await archive.run()).toMatchObject({ purged: [session.session] });
    }
  });

  it('reads no session again that the same hold keeps, for a day', async () => {
    const archive = await newArchive();
    await archive.upload(recorded());
    await archive.ledger.putHold(hold({ of: 'user', email: 'alice@example.com' }));
    archive.at(AFTER);
    await archive.run();
    const unread = { versions: () => Promise.reject(new Error('read')) } as unknown as VersionStore;
    expect((await archive.run({ store: unread })).refused).toHaveLength(1);
    archive.at(AFTER + DAY_MS);
    await expect(archive.run({ store: unread })).rejects.toThrow('read');
    expect(archive.events.filter(({ kind }) => kind === 'purge.refused')).toHaveLength(1);
  });

  it('waits for its own hold to be taken off the objects without an alarm, and goes on in the next run', async () => {
    const archive = await newArchive();
    const session = recorded();
    await archive.upload(session);
    const held = hold({ of: 'session', session: session.session });
    await archive.ledger.putHold(held);
    await archive.table.putAll([{ pk: 'held', sk: session.session }]);
    for (const object of archive.store.kept) object.held = true;
    archive.at(AFTER);
    await archive.run();
    await archive.ledger.putHold(lifted(held));
    expect(await archive.run()).toMatchObject({ refused: [{ refusals: [{ why: 'held_objects' }] }] });
    for (const object of archive.store.kept) object.held = false;
    expect(await archive.run()).toMatchObject({ proposed: [session.session] });
    const told = archive.events.filter(({ kind }) => kind === 'purge.refused');
    expect(told).toEqual([{ kind: 'purge.refused', session: session.session, why: ['held', 'held_objects'] }]);
  });

  it("waits for the latest lock, also of a connector whose clock is ahead, and for what is under the store's own hold", async () => {
    const archive = await newArchive();
    const session = recorded();
    await archive.upload(session, 'COMPLIANCE', 5 * DAY_MS);
    archive.at(AFTER);
    expect(await archive.run()).toMatchObject({ proposed: [], refused: [] });
    // Moved to the day after which it is possible: nobody looks before.
    archive.at(KEPT_UNTIL + 5 * DAY_MS);
    expect(await archive.run()).toMatchObject({ proposed: [], refused: [] });
    archive.at(KEPT_UNTIL + 6 * DAY_MS);
    const [object] = archive.store.kept;
    if (object) object.held = true;
    expect(await archive.run()).toMatchObject({ refused: [{ refusals: [{ why: 'held_objects', objects: 1 }] }] });
    expect(archive.events).toContainEqual({ kind: 'purge.refused', session: session.session, why: ['held_objects'] });
    if (object) object.held = false;
    archive.at(KEPT_UNTIL + 7 * DAY_MS);
    expect(await archive.run()).toMatchObject({ proposed: [session.session] });
  });

  it('keeps what tells of the retention when the store refuses an object, tells it, and tries again', async () => {
    const archive = await newArchive();
    const session = recorded();
    await archive.upload(session);
    archive.at(AFTER);
    await archive.run();
    await archive.orderAll();
    const { store } = archive;
    const stubborn = new Proxy(store, {
      get: (target, name) =>
        name === 'remove'
          ? async (...[version, bypass]: Parameters<VersionStore['remove']>) =>
              version.key.endsWith('1.seg') ? ('refused' as const) : target.remove(version, bypass)
          : (Reflect.get(target, name, target) as (...args: unknown[]) => unknown).bind(target),
    });
    const report = await archive.run({ store: stubborn });
    expect(report.refused).toEqual([{ session: session.session, refusals: [{ why: 'refused', objects: 1 }] }]);
    expect(archive.events).toContainEqual({ kind: 'purge.refused', session: session.session, why: ['refused'] });
    const names = store.kept.map(({ key }) => key.split('/')[3]).sort();
    expect(names).toEqual(['00000000.seg', '00000001.seg', 'manifest.json']);
    archive.at(AFTER + DAY_MS);
    await archive.run();
    await archive.orderAll();
    expect(await archive.run()).toMatchObject({ purged: [session.session] });
    expect(store.kept).toEqual([]);
  });

  it('lets nothing come back: what a connector stores late waits for its own lock, brings no row, and goes then', async () => {
    const archive = await newArchive();
    const session = recorded();
    await archive.upload(session);
    archive.at(AFTER);
    await archive.run();
    await archive.orderAll();
    await archive.run();
    const late = segmentKey(session.connector.id, session.session, 2);
    await archive.uploadOne(late, session.objects.get(late) ?? new Uint8Array());
    // The first event again, as queues do.
    await archive.index(segmentKey(session.connector.id, session.session, 0));
    expect(archive.events).toContainEqual({ kind: 'recording.late', session: session.session, object: late });
    expect((await archive.left(session.session)).rows).toHaveLength(1);
    await archive.settleAll();
    archive.at(AFTER + 2 * 3_600_000);
    expect(await archive.run()).toMatchObject({ proposed: [], purged: [] });
    expect(archive.store.kept.map(({ key }) => key)).toEqual([late]);
    archive.at(AFTER + 91 * DAY_MS);
    await archive.run();
    await archive.orderAll();
    expect(await archive.run()).toMatchObject({ purged: [session.session] });
    expect(archive.store.kept).toEqual([]);
  });

  it('deletes a session of 10,000 segments, a page after the other', async () => {
    const archive = await newArchive();
    const session = recorded();
    await archive.upload(session);
    const many = new MemoryVersions(STORED);
    for (const { key, bytesOf } of archive.store.kept) many.put(key, bytesOf);
    for (let n = 4; n < 10_000; n++)
      many.put(segmentKey(session.connector.id, session.session, n), new Uint8Array([1]));
    archive.at(AFTER);
    await archive.run({ store: many });
    await archive.orderAll();
    expect(await archive.run({ store: many })).toMatchObject({ purged: [session.session] });
    expect(many.kept).toEqual([]);
  });

  it('looks at no more sessions than it may, says that there are more, and goes on', async () => {
    const archive = await newArchive();
    for (let n = 0; n < 3; n++) await archive.upload(recorded());
    archive.at(AFTER);
    const found: string[] = [];
    expect(await archive.run({ maxSessions: 2 })).toMatchObject({ more: true });
    for (const { session } of (await archive.ledger.page()).purges) found.push(session);
    expect(found).toHaveLength(2);
    expect((await archive.run({ maxSessions: 2 })).proposed).toHaveLength(3);
    expect((await archive.run({ beginUntilMs: archive.nowMs - 1 })).more).toBe(true);
  });

  it('goes on with the others where the store does not answer for one, and tells it', async () => {
    const archive = await newArchive();
    const [away, there] = [recorded(), recorded()];
    for (const each of [away, there]) await archive.upload(each);
    archive.at(AFTER);
    const failing = new Proxy(archive.store, {
      get: (target, name) =>
        name === 'lockOf'
          ? async (version: Parameters<VersionStore['lockOf']>[0]) => {
              if (version.key.includes(away.session)) throw new RetriableFault('away');
              return target.lockOf(version);
            }
          : (Reflect.get(target, name, target) as (...args: unknown[]) => unknown).bind(target),
    });
    expect(await archive.run({ store: failing })).toMatchObject({ proposed: [there.session], failed: [away.session] });
    expect(archive.events).toContainEqual({ kind: 'purge.failed', session: away.session, fault: 'away' });
  });

  it('waits for a fold of the search index without an alarm, which rings when that does not end', async () => {
    const archive = await newArchive();
    const one = recorded();
    const { session } = one;
    await archive.upload(one);
    archive.at(AFTER);
    await archive.run();
    await archive.orderAll();
    const folded = {
      remove: async () => {
        throw new BusyFault('it is being folded');
      },
    };
    const kinds = () => archive.events.splice(0).map(({ kind }) => kind);
    kinds();
    archive.at(AFTER + 5 * 3_600_000);
    expect(await archive.run({ derived: [folded] })).toMatchObject({ failed: [session] });
    expect(kinds()).toEqual(['purge.postponed', 'purge.ran']);
    archive.at(AFTER + 7 * 3_600_000);
    await archive.run({ derived: [folded] });
    expect(kinds()).toEqual(['purge.failed', 'purge.ran']);
    expect(await archive.run()).toMatchObject({ purged: [session] });
  });

  it('rings when the edge answers to nothing for two days', async () => {
    const archive = await newArchive();
    const session = recorded();
    await archive.upload(session);
    archive.at(AFTER);
    await archive.run();
    archive.at(AFTER + 3 * DAY_MS);
    await archive.run();
    expect(archive.events).toContainEqual({ kind: 'purge.waiting', session: session.session, state: 'proposed' });
  });

  it('early passes a governance lock and stops at compliance, with the date', async () => {
    for (const mode of ['GOVERNANCE', 'COMPLIANCE'] as const) {
      const archive = await newArchive();
      const session = recorded();
      await archive.upload(session, mode);
      archive.at(STORED + 10 * DAY_MS);
      const purge: Purge = {
        ...{ session: session.session, connector: session.connector.id, state: 'proposed' },
        at: new Date(archive.nowMs).toISOString(),
        evidence: { versions: 1, markers: 0, bytes: 1 },
      };
      await archive.ledger.order(purge, await archive.edge.sign(purge, { mode: 'early', at: purge.at, audit: 1 }));
      const report = await archive.run();
      if (mode === 'GOVERNANCE') expect(report.purged).toEqual([session.session]);
      else
        expect(report.refused).toEqual([
          { session: session.session, refusals: [{ why: 'locked', mode, until: new Date(KEPT_UNTIL).toISOString() }] },
        ]);
      expect(archive.store.kept).toHaveLength(mode === 'GOVERNANCE' ? 0 : session.objects.size);
      const comesUp = await archive.due.countUpTo(KEPT_UNTIL + 30 * DAY_MS);
      expect(comesUp).toHaveLength(mode === 'GOVERNANCE' ? 0 : 1);
    }
  });
});
