// What a purge takes out of the catalogue and of the search index, and that an event which was under way brings nothing back.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { NOTHING_COUNTED } from '../../core/recording/manifest.ts';
import { DAY_MS } from '../../core/retention/may-purge.ts';
import { MemoryVersions } from '../../test/functions/memory-versions.ts';
import type { DocumentBody } from '../../core/search/document.ts';
import { newSearchArchive, statement } from '../../test/harness/search/archive.ts';
import { answer, RecordingBuilder } from '../../test/harness/recording-builder.ts';
import { SegmentChain } from '../../core/recording/verify-chain.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import { nodeRecordingPlatform } from '../recording-platform.ts';
import { scopePartition, unplacedKey, waitingOf } from '../search/rows.ts';
import { knownScopes } from '../search/fold.ts';
import { derivedInSearch } from '../search/remove-session.ts';
import { purgeSession, removeDerived } from './purge-session.ts';

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
const SECOND = 1_000_000;
const lane = (text: string): DocumentBody => ({
  kind: 'lane',
  ...{ key: 's00000000.000000', lane: 0, timeUs: 7 * SECOND },
  ...{ texts: [text], errors: [], tables: [] },
});

async function archiveOfTwo() {
  const archive = await newSearchArchive(client);
  const { table, writer } = archive;
  const store = new MemoryVersions(STORED);
  const add = async (text: string) => {
    const builder = new RecordingBuilder().query(text, answer(['n'], [['1']])).end();
    for (const [key, bytes] of builder.objects) store.put(key, bytes);
    const place = await archive.open({ session: builder.session, connector: builder.connector });
    await archive.add(place, 0, { actions: [statement(1, SECOND, text)], said: [lane(`forward to ${text}`)] });
    return { place, builder };
  };
  const rowsOf = async (session: string) =>
    (
      await table.queryAll({
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': `session#${session}` },
      })
    ).map(({ sk }) => String(sk));
  const waitingFor = async (session: Parameters<typeof waitingOf>[0]) => {
    const rows: unknown[] = [];
    for (const { id } of await knownScopes(archive.deps))
      rows.push(
        ...(await table.queryAll({
          KeyConditionExpression: 'pk = :pk AND begins_with(sk, :waiting)',
          ExpressionAttributeValues: { ':pk': scopePartition(id), ':waiting': waitingOf(session) },
        })),
      );
    return rows;
  };
  const gone = await add('select purged_word');
  const stays = await add('select staying_word');
  const purge = async () => {
    const derived = [derivedInSearch(archive.deps)];
    const deps = { store, table, platform: nodeRecordingPlatform, derived, now: () => STORED + 91 * DAY_MS };
    const outcome = await purgeSession(gone.place, 'due', async () => ({ counting: [], wrong: [] }), deps);
    await removeDerived([gone.place.session], deps);
    return outcome;
  };
  return { archive, writer, store, gone, stays, rowsOf, waitingFor, purge };
}

it.each([
  ['waits', false],
  ['was folded', true],
])(
  'a purged session is found by no search where it %s, and of its partition its mark alone is left',
  async (_, isFolded) => {
    const { archive, writer, store, gone, stays, rowsOf, waitingFor, purge } = await archiveOfTwo();
    const { session } = gone.place;
    if (isFolded) await archive.fold();
    const chain = new SegmentChain(session, gone.place.connector, undefined, nodeRecordingPlatform, { complete: true });
    const [first] = gone.builder.objects.values();
    expect(chain.next(0, first ?? new Uint8Array())).toEqual([]);
    const state = chain.state();
    if (state) await writer.putChain(gone.place, state);
    const unplaced = { ...unplacedKey(session, 7), segment: 7, blocks: [], said: [], touched: [] };
    await archive.table.putAll([unplaced]);
    expect(await archive.ask('purged_word')).toHaveLength(2);
    const before = (await rowsOf(session)).map((sk) => sk.split('#')[0]);
    expect(new Set(before)).toEqual(new Set(['actions', 'chain', 'said', 'session', 'unplaced']));

    expect(await purge()).toEqual({ state: 'done' });
    for (let again = 0; again < 2; again++) {
      expect(await archive.ask('purged_word')).toEqual([]);
      expect(await archive.ask('staying_word')).toHaveLength(2);
      await archive.fold();
    }
    expect(await rowsOf(session)).toEqual(['session']);
    expect(await waitingFor(session)).toEqual([]);
    expect(store.kept.every(({ key }) => key.includes(stays.place.session))).toBe(true);
  },
);

it('an event that was under way brings nothing of a purged session back into the index', async () => {
  const { archive, writer, gone, rowsOf, waitingFor, purge } = await archiveOfTwo();
  const { place } = gone;
  const row = await writer.claim(place);
  if (typeof row === 'string') throw new Error(row);
  expect(await purge()).toEqual({ state: 'done' });
  // Claimed before, written after.
  const late = {
    ...{ opened: undefined, laterEnds: [], counts: NOTHING_COUNTED, failedCommands: 0 },
    ...{ actions: [statement(2, 2 * SECOND, 'select late_word')], said: [lane('late_word')] },
  };
  const blocks = await writer.putActions(place, 1, late);
  await archive.search.announce(place.session, 1, late, blocks, row);
  expect(await rowsOf(place.session)).toContain(blocks[0]);
  expect(await waitingFor(place.session)).toHaveLength(1);
  expect(await archive.ask('late_word')).toEqual([]);
  await archive.fold();
  expect(await waitingFor(place.session)).toEqual([]);
  expect(await archive.ask('late_word')).toEqual([]);
  await expect(writer.claim(place)).resolves.toBe('purged');
});
