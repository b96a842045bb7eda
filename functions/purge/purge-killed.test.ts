// What may befall a run of the purge at each of its calls to store, table and index: it is killed there, the call comes to nothing or its
// answer is lost, or another run does all of it in between. Run again it leaves what it would have left, and never less than is held.

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { newId } from '../../core/ids.ts';
import { manifestKey } from '../../core/recording/segment.ts';
import { DAY_MS } from '../../core/retention/may-purge.ts';
import { Killing, meanwhile, STROKES } from '../../test/harness/purge/killing.ts';
import { AFTER, PurgeArchive, recorded } from '../../test/harness/purge/purge-archive.ts';
import { PURGE_RUNS } from '../catalogue-table/schema.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import { DueSessions } from './due.ts';
import { PurgeLedger } from './ledger.ts';

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

const session = recorded({}, ['1']);
const hold = {
  id: newId('hld'),
  scope: { of: 'session' as const, session: session.session },
  placed: { by: 'carol@example.com', at: new Date(AFTER + 1).toISOString(), reason: 'a dispute' },
};

const STATES = {
  async 'is due'() {
    const archive = await PurgeArchive.make(client);
    await archive.upload(session);
    archive.store.hide(manifestKey(session.connector.id, session.session));
    archive.at(AFTER);
    return archive;
  },
  async 'is ordered'() {
    const archive = await STATES['is due']();
    await archive.run();
    await archive.orderAll();
    return archive;
  },
  async 'is held since it was ordered'() {
    const archive = await STATES['is ordered']();
    await archive.ledger.putHold(hold);
    return archive;
  },
  async 'is gone, of which something came late'() {
    const archive = await STATES['is ordered']();
    await archive.run();
    await archive.settleAll();
    const [key = '', bytes = new Uint8Array()] = [...session.objects][1] ?? [];
    archive.at(AFTER + 3_600_001);
    archive.store.put(key, bytes, { mode: 'COMPLIANCE', untilMs: archive.nowMs + 90 * DAY_MS });
    return archive;
  },
};

/** A run that meets it, and another, if it is not done in between. */
async function runs(of: PurgeArchive, killing: Killing, again = true) {
  const table = killing.watched(of.table);
  await killing.run(() =>
    of.run({
      ...{ store: killing.watched(of.store), table, ledger: new PurgeLedger(table), due: new DueSessions(table) },
      derived: [killing.watched({ remove: async () => {} })],
    }),
  );
  if (again) await of.run();
  // What the last run came to is all that may differ.
  const rows = (await of.rows()).filter(({ pk }) => pk !== PURGE_RUNS);
  return { objects: of.store.kept, rows: rows.map((row) => JSON.stringify(row)).sort() };
}

describe.each(Object.entries(STATES))('the purge of a session that %s', (_, state) => {
  let before: PurgeArchive;
  let whole: Awaited<ReturnType<typeof runs>>;
  const counted = new Killing(0);
  beforeAll(async () => {
    before = await state();
    whole = await runs(await before.copy(client), counted);
  });

  it.each(Object.entries(STROKES))('leaves the same where it is %s at any call', async (_, stroke) => {
    const last = counted.countOf(stroke);
    expect(last).toBeGreaterThan(1);
    for (let at = 1; at <= last; at++) {
      const killing = new Killing(at, stroke);
      expect([at, await runs(await before.copy(client), killing)]).toEqual([at, whole]);
      expect([at, killing.kills]).toEqual([at, 1]);
    }
  });

  it('leaves the same where another run does all of it in between', async () => {
    for (let at = 1; at <= counted.steps; at++) {
      const archive = await before.copy(client);
      expect([
        at,
        await runs(
          archive,
          new Killing(
            at,
            meanwhile(() => archive.run()),
          ),
        ),
      ]).toEqual([at, whole]);
    }
  });
});

it.each([
  ['names it', hold],
  [
    'its order does not know of',
    {
      ...{ id: newId('hld'), scope: { of: 'session' as const, session: newId('ses') } },
      placed: { ...hold.placed, at: new Date(AFTER).toISOString() },
    },
  ],
])(
  'a session stays where a hold that %s comes at any moment before the first of its objects is deleted',
  async (_, of) => {
    const before = await STATES['is ordered']();
    const counted = new Killing(0);
    let firstRemoval = 0;
    const store = (archive: PurgeArchive, killing: Killing) => {
      const watched = killing.watched(archive.store);
      return new Proxy(watched, {
        get: (of, name) => {
          if (name === 'remove') firstRemoval ||= killing.steps + 1;
          return Reflect.get(of, name) as unknown;
        },
      });
    };
    const run = async (archive: PurgeArchive, killing: Killing) => {
      const table = killing.watched(archive.table);
      const ledger = new PurgeLedger(table);
      return archive.run({ store: store(archive, killing), table, ledger, due: new DueSessions(table) });
    };
    await run(await before.copy(client), counted);
    expect(firstRemoval).toBeGreaterThan(3);
    // Behind the look at the holds, which is the call before, it is too late.
    for (let at = 1; at < firstRemoval - 1; at++) {
      const archive = await before.copy(client);
      const objects = archive.store.kept.length;
      await run(
        archive,
        new Killing(
          at,
          meanwhile(() => archive.ledger.putHold(of)),
        ),
      );
      expect([at, archive.store.kept.length]).toEqual([at, objects]);
    }
  },
);
