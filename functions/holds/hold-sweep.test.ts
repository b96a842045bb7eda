// The store's own hold on objects: killed anywhere it can be run again, nothing that is held lets go meanwhile, and a session under
// two holds stays held when one is lifted.

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { newId, type SessionId } from '../../core/ids.ts';
import type { HoldScope, LegalHold } from '../../core/retention/hold.ts';
import { Killing, meanwhile, STROKES } from '../../test/harness/purge/killing.ts';
import { PurgeArchive, recorded } from '../../test/harness/purge/purge-archive.ts';
import { DAY_MS } from '../../core/retention/may-purge.ts';
import { RetriableFault } from '../faults.ts';
import { RecordingBuilder } from '../../test/harness/recording-builder.ts';
import { CatalogueReader } from '../catalogue-table/reader.ts';
import { HELD_SESSIONS, HOLD_STANDINGS, SESSION_ROW, sessionPartition } from '../catalogue-table/schema.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import { PurgeLedger } from '../purge/ledger.ts';
import { nodeRecordingPlatform } from '../recording-platform.ts';
import { type HoldEvent, sweepHolds } from './hold-sweep.ts';

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

const hold = (scope: HoldScope, id = newId('hld')): LegalHold => ({
  id,
  scope,
  placed: { by: 'carol@example.com', at: '2026-11-21T00:00:00.000Z', reason: 'a dispute' },
});
const lifted = (of: LegalHold): LegalHold => ({
  ...of,
  lifted: { by: 'dave@example.com', at: '2027-01-01T00:00:00.000Z' },
});

/** With the row by which a session is found, and no more of the catalogue. */
async function storeAndList({ store, table }: PurgeArchive, { objects, connector, session }: RecordingBuilder) {
  for (const [key, bytes] of objects) store.put(key, bytes);
  await table.putAll([{ pk: sessionPartition(session), sk: SESSION_ROW, connector: connector.id }]);
}

async function sweep(archive: PurgeArchive, killing = new Killing(0), checkedARun = 10_000): Promise<HoldEvent[]> {
  const table = killing.watched(archive.table);
  const told: HoldEvent[] = [];
  await sweepHolds({
    ...{ table, store: killing.watched(archive.store, ['walk']), ledger: new PurgeLedger(table) },
    ...{ catalogue: new CatalogueReader(table, () => {}), platform: nodeRecordingPlatform },
    ...{ now: () => archive.nowMs, report: (event) => void told.push(event), checkedARun },
  });
  return told;
}

const heldOf = (archive: PurgeArchive, session: string) =>
  archive.store.kept.filter(({ key }) => key.includes(session)).map(({ held }) => held);
async function rows(archive: PurgeArchive, pk: string) {
  const found = await archive.table.queryAll({
    KeyConditionExpression: 'pk = :pk',
    ExpressionAttributeValues: { ':pk': pk },
  });
  return found.toSorted((a, b) => (String(a.sk) < String(b.sk) ? -1 : 1));
}
/** Everything that a sweep leaves, in a form to compare. */
const left = async (archive: PurgeArchive) => ({
  held: archive.store.kept.map(({ key, held }) => `${key} ${held}`).sort(),
  rows: await rows(archive, HELD_SESSIONS),
  standings: await rows(archive, HOLD_STANDINGS),
});

describe('the sweep of holds', () => {
  const builders = {
    // Its first hold is lifted, another still covers it.
    twice: recorded({ session: newId('ses') }, ['1']),
    fresh: recorded({ session: newId('ses') }, ['1']),
    free: recorded({ session: newId('ses') }, ['1']),
    running: new RecordingBuilder({ session: newId('ses') }).cut(),
  };
  const ids = Object.fromEntries(Object.entries(builders).map(([name, { session }]) => [name, session])) as Record<
    keyof typeof builders,
    SessionId
  >;
  const [first, second, third] = [newId('hld'), newId('hld'), newId('hld')];

  /** `first` was swept and is lifted since; `second` and `third` are new. */
  async function prepared(): Promise<PurgeArchive> {
    const archive = await PurgeArchive.make(client);
    for (const builder of Object.values(builders)) await storeAndList(archive, builder);
    const old = hold({ of: 'sessions', sessions: [ids.twice, ids.free] }, first);
    await archive.ledger.putHold(old);
    await sweep(archive);
    await archive.ledger.putHold(lifted(old));
    const found: HoldScope = { of: 'sessions', sessions: [ids.twice, ids.fresh], query: 'drop' };
    await archive.ledger.putHold(hold(found, second));
    await archive.ledger.putHold(hold({ of: 'session', session: ids.running }, third));
    return archive;
  }

  it('gives the same whatever befalls it at any call, when it is run again, and lets go of nothing that is held', async () => {
    const whole = await prepared();
    const counted = new Killing(0);
    await counted.run(() => sweep(whole, counted));
    const expected = await left(whole);
    expect(heldOf(whole, ids.twice)).not.toContain(false);
    expect(heldOf(whole, ids.fresh)).not.toContain(false);
    expect(heldOf(whole, ids.running)).not.toContain(false);
    expect(heldOf(whole, ids.free)).not.toContain(true);
    expect(expected.rows.map(({ sk, holds }) => [sk, holds])).toEqual(
      [
        [ids.twice, [second]],
        [ids.fresh, [second]],
        [ids.running, [third]],
      ].sort(),
    );
    const wholes = Object.fromEntries(expected.standings.map(({ sk, sessions, whole: is }) => [sk, [sessions, is]]));
    // One is recorded still.
    expect(wholes).toMatchObject({ [second]: [2, true], [third]: [1, false] });
    expect(counted.changes).toBeGreaterThan(10);
    const before = await prepared();
    for (const stroke of Object.values(STROKES))
      for (let at = 1; at <= counted.countOf(stroke); at++) {
        const archive = await before.copy(client);
        const killing = new Killing(at, stroke);
        await killing.run(() => sweep(archive, killing));
        expect([at, killing.kills]).toEqual([at, 1]);
        expect([at, ...heldOf(archive, ids.twice)]).not.toContain(false);
        await sweep(archive);
        expect([at, await left(archive)]).toEqual([at, expected]);
      }
  });

  it('gives the same where another sweep does all of it in between, and lets go of nothing that is held', async () => {
    const before = await prepared();
    const counted = new Killing(0);
    const whole = await before.copy(client);
    await sweep(whole, counted);
    const expected = await left(whole);
    for (let at = 1; at <= counted.changes; at++) {
      const archive = await before.copy(client);
      await sweep(
        archive,
        new Killing(
          at,
          meanwhile(() => sweep(archive), 'change'),
        ),
      );
      expect([at, await left(archive)]).toEqual([at, expected]);
    }
  });

  it('lets go of nothing for which a hold comes until it begins to, and holds it in the next run where that was later', async () => {
    const before = await prepared();
    const counted = new Killing(0);
    await sweep(await before.copy(client), counted);
    const again = hold({ of: 'session', session: ids.free });
    let released = 0;
    for (let at = 1; at <= counted.changes; at++) {
      const archive = await before.copy(client);
      await sweep(
        archive,
        new Killing(
          at,
          meanwhile(() => archive.ledger.putHold(again), 'change'),
        ),
      );
      if (heldOf(archive, ids.free).includes(false)) released++;
      await sweep(archive);
      expect([at, ...heldOf(archive, ids.free)]).not.toContain(false);
    }
    // Behind its last look at the holds: the look, what is to be let go of, and the row.
    expect(released).toBeLessThan(3 * heldOf(before, ids.free).length + 2);
  });

  it('goes on with thousands of sessions where it stopped, a hundred rows at a call', async () => {
    const archive = await PurgeArchive.make(client);
    for (const builder of Object.values(builders)) await storeAndList(archive, builder);
    const others = Array.from({ length: 2_000 }, () => newId('ses'));
    const scope: HoldScope = { of: 'sessions', sessions: [...others, ids.fresh, ids.free], query: 'drop' };
    await archive.ledger.putHold(hold(scope, first));
    const counted = new Killing(0);
    await counted.run(() => sweep(archive, counted));
    expect((await rows(archive, HOLD_STANDINGS))[0]).toMatchObject({ sessions: 2, whole: true });
    expect([...heldOf(archive, ids.fresh), ...heldOf(archive, ids.free)]).not.toContain(false);
    expect(heldOf(archive, ids.twice)).not.toContain(true);
    // Again: what is held whole is not read again.
    const again = new Killing(0);
    await again.run(() => sweep(archive, again));
    expect(again.steps).toBeLessThan(30);
  });

  it('lets go of nothing that a hold names by what is recorded, though the catalogue does not list it for that', async () => {
    const archive = await PurgeArchive.make(client);
    await storeAndList(archive, builders.twice);
    const byId = hold({ of: 'session', session: ids.twice });
    const byPerson = hold({ of: 'user', email: builders.twice.opened.identity.email });
    for (const one of [byId, byPerson]) await archive.ledger.putHold(one);
    await sweep(archive);
    await archive.ledger.putHold(lifted(byId));
    expect(await sweep(archive)).toContainEqual({ kind: 'hold.swept', holds: 1, sessions: 0, released: 0, checked: 0 });
    expect(heldOf(archive, ids.twice)).not.toContain(false);
  });

  it('keeps a session that two holds cover until both are lifted, whichever goes first', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const archive = await PurgeArchive.make(client);
      await archive.upload(builders.twice);
      const both = [
        hold({ of: 'sessions', sessions: [ids.twice], query: 'drop' }),
        hold({ of: 'user', email: builders.twice.opened.identity.email }),
      ];
      for (const one of both) await archive.ledger.putHold(one);
      await sweep(archive);
      const [now, later] = order.map((index) => both[index]) as [LegalHold, LegalHold];
      await archive.ledger.putHold(lifted(now));
      await sweep(archive);
      expect(heldOf(archive, ids.twice)).not.toContain(false);
      await archive.ledger.putHold(lifted(later));
      expect(await sweep(archive)).toContainEqual({
        kind: 'hold.swept',
        holds: 0,
        sessions: 0,
        released: 1,
        checked: 0,
      });
      expect(heldOf(archive, ids.twice)).not.toContain(true);
    }
  });
});

describe('a hold on a time', () => {
  const HELD: HoldScope = { of: 'time', since: '2026-11-20T00:00:00.000Z', until: '2026-11-21T00:00:00.000Z' };
  const DAYS_US = 86_400_000_000;
  async function swept(builder: RecordingBuilder) {
    const archive = await PurgeArchive.make(client);
    await archive.upload(builder);
    await archive.ledger.putHold(hold(HELD));
    await sweep(archive);
    return { held: new Set(heldOf(archive, builder.session)), rows: await rows(archive, HELD_SESSIONS) };
  }

  it('covers a session that began before it and ran into it', async () => {
    const builder = new RecordingBuilder({ startedAt: '2026-11-01T00:00:00.000Z' })
      .cut()
      .wait(19.5 * DAYS_US)
      .end();
    expect([...(await swept(builder)).held]).toEqual([true]);
  });

  it('holds nothing of one that ended before it, though it is looked at', async () => {
    const builder = new RecordingBuilder({ startedAt: '2026-11-01T00:00:00.000Z' })
      .cut()
      .wait(2 * DAYS_US)
      .end();
    expect(await swept(builder)).toEqual({ held: new Set([false]), rows: [] });
  });
});

it('a hold on a session that was purged holds nothing, and says so', async () => {
  const archive = await PurgeArchive.make(client);
  const builder = recorded({ session: newId('ses') }, ['1']);
  const row = { pk: sessionPartition(builder.session), sk: SESSION_ROW, connector: builder.connector.id };
  await archive.table.putAll([{ ...row, purged: '2026-11-20T00:00:00.000Z' }]);
  await archive.ledger.putHold(hold({ of: 'session', session: builder.session }));
  await sweep(archive);
  expect(await rows(archive, HELD_SESSIONS)).toEqual([]);
  expect(await rows(archive, HOLD_STANDINGS)).toMatchObject([{ sessions: 0 }]);
});

describe('what the table says is held', () => {
  const lost = (events: readonly HoldEvent[]) => events.filter(({ kind }) => kind === 'hold.lost');
  const checked = (events: readonly HoldEvent[]) =>
    events.flatMap((event) => (event.kind === 'hold.swept' ? [event.checked] : []));
  async function held(count = 1) {
    const archive = await PurgeArchive.make(client);
    const builders = Array.from({ length: count }, () => recorded({ session: newId('ses') }, ['1']));
    for (const builder of builders) await storeAndList(archive, builder);
    await archive.ledger.putHold(hold({ of: 'sessions', sessions: builders.map(({ session }) => session) }));
    await sweep(archive);
    return { archive, ids: builders.map(({ session }) => session) };
  }
  const takeOff = ({ store }: PurgeArchive, session: string) => {
    for (const kept of store.kept) if (kept.key.includes(session)) kept.held = false;
  };

  it('is looked at in the store once a day: what somebody took off in S3 is told, and put back', async () => {
    const { archive, ids } = await held();
    const [session = ''] = ids;
    takeOff(archive, session);
    archive.at(archive.nowMs + DAY_MS - 1);
    expect(checked(await sweep(archive))).toEqual([0]);
    archive.at(archive.nowMs + 1);
    const objects = heldOf(archive, session).length;
    const events = await sweep(archive);
    expect(lost(events)).toEqual([{ kind: 'hold.lost', session, unheld: objects, missing: 0 }]);
    expect(checked(events)).toEqual([objects]);
    expect(heldOf(archive, session)).not.toContain(false);
    archive.at(archive.nowMs + DAY_MS);
    expect(lost(await sweep(archive))).toEqual([]);
  });

  it('is told before it is put back, so that a run that is killed in between has told it', async () => {
    const { archive, ids } = await held();
    takeOff(archive, ids[0] ?? '');
    archive.at(archive.nowMs + DAY_MS);
    const told: HoldEvent[] = [];
    await sweepHolds({
      ...{ table: archive.table, ledger: archive.ledger, now: () => archive.nowMs },
      store: {
        versions: (place, after) => archive.store.versions(place, after),
        walk: (startAfter) => archive.store.walk(startAfter),
        lockOf: (version) => archive.store.lockOf(version),
        read: (version, maxBytes) => archive.store.read(version, maxBytes),
        remove: (version, bypass) => archive.store.remove(version, bypass),
        async setHold() {
          throw new RetriableFault('killed');
        },
      },
      ...{ catalogue: archive.catalogue, platform: nodeRecordingPlatform, report: (event) => void told.push(event) },
    });
    expect(told.map(({ kind }) => kind)).toEqual(['hold.lost', 'hold.failed', 'hold.swept']);
    // Not done: the next run looks again, and not a day later.
    expect(lost(await sweep(archive))).toHaveLength(1);
  });

  it('tells of objects that are gone', async () => {
    const { archive, ids } = await held();
    const [first] = archive.store.kept;
    if (!first) throw new Error('nothing is stored');
    first.held = false;
    expect(await archive.store.remove(first, false)).toBe('removed');
    archive.at(archive.nowMs + DAY_MS);
    expect(lost(await sweep(archive))).toEqual([{ kind: 'hold.lost', session: ids[0], unheld: 0, missing: 1 }]);
  });

  it('is looked at in turns, so many objects a run, and nobody skips a turn by a time to come', async () => {
    const { archive, ids } = await held(5);
    const each = heldOf(archive, ids[0] ?? '').length;
    archive.at(archive.nowMs + DAY_MS);
    const looked = [];
    for (let run = 0; run < 4; run++) looked.push(...checked(await sweep(archive, new Killing(0), 2 * each)));
    expect(looked).toEqual([2 * each, 2 * each, each, 0]);
    const [row] = await rows(archive, HELD_SESSIONS);
    await archive.table.putAll([
      { ...row, pk: HELD_SESSIONS, sk: String(row?.sk), checked: '2099-01-01T00:00:00.000Z' },
    ]);
    expect(checked(await sweep(archive))).toEqual([each]);
  });

  it('is looked at too where an earlier release, or somebody else, wrote that it is held', async () => {
    const archive = await PurgeArchive.make(client);
    const builder = recorded({ session: newId('ses') }, ['1']);
    await storeAndList(archive, builder);
    const one = hold({ of: 'session', session: builder.session });
    await archive.ledger.putHold(one);
    const row = { connector: builder.connector.id, holds: [one.id], whole: true };
    await archive.table.putAll([{ pk: HELD_SESSIONS, sk: builder.session, ...row }]);
    expect(lost(await sweep(archive))).toHaveLength(1);
    expect(heldOf(archive, builder.session)).not.toContain(false);
  });
});

describe('what the catalogue lists for a hold', () => {
  type Ask = Parameters<CatalogueReader['sessions']>[0];
  /** Two pages of one session each, for whatever is asked. */
  async function swept(scope: HoldScope, takesCursor = true) {
    const archive = await PurgeArchive.make(client);
    const two = [recorded({ session: newId('ses') }, ['1']), recorded({ session: newId('ses') }, ['1'])];
    for (const builder of two) await storeAndList(archive, builder);
    const asked: Ask[] = [];
    const sessions = async (query: Ask) => {
      asked.push(query);
      if (query.cursor !== undefined && !takesCursor) return { ok: false, error: 'bad_cursor' };
      const { session, connector } = two[query.cursor === undefined ? 0 : 1] as RecordingBuilder;
      const cursor = query.cursor === undefined ? { cursor: 'next' } : {};
      return { ok: true, value: { sessions: [{ id: session, connector: connector.id }], ...cursor } };
    };
    await archive.ledger.putHold(hold(scope));
    await sweepHolds({
      ...{ table: archive.table, store: archive.store, ledger: archive.ledger, platform: nodeRecordingPlatform },
      ...{ catalogue: { sessions } as unknown as CatalogueReader, now: () => archive.nowMs, report: () => {} },
    });
    return { asked, held: two.flatMap(({ session }) => heldOf(archive, session)) };
  }

  it('is read to its last page, and never taken for less where a page is not given', async () => {
    const { held } = await swept({ of: 'user', email: 'alice@example.com' });
    expect([held.length > 2, held.includes(false)]).toEqual([true, false]);
    await expect(swept({ of: 'user', email: 'alice@example.com' }, false)).rejects.toThrow(RetriableFault);
  });

  it('is asked by the address as it was typed and as people sign in, and from a month before a time until its end', async () => {
    const { asked } = await swept({ of: 'user', email: 'Alice@example.com' });
    expect(new Set(asked.map(({ email }) => email))).toEqual(new Set(['Alice@example.com', 'alice@example.com']));
    const since = '2026-11-20T00:00:00.000Z';
    const time = await swept({ of: 'time', since, until: '2026-12-01T00:00:00.000Z' });
    expect(time.asked[0]).toMatchObject({ since: '2026-10-20T00:00:00.000Z', until: '2026-12-01T00:00:00.000Z' });
  });
});
