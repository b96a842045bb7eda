// The index as a whole: what a query finds before and after it was folded, for whom, and whatever is killed in the middle.

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ActionEntry } from '../../core/catalogue.ts';
import { actionDocument } from '../../core/search/action-document.ts';
import { fitsDocument, wordsOfDocument } from '../../core/search/match.ts';
import { parseQuery } from '../../core/search/parse.ts';
import { ALL, newSearchArchive, statement } from '../../test/harness/search/archive.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import { withEnd } from '../facts/action-ends.ts';
import { RetriableFault } from '../faults.ts';
import { CatalogueTable } from '../catalogue-table/table.ts';
import { knownScopes } from './fold.ts';
import { readHead } from './head.ts';
import { removeFromSearch } from './remove-session.ts';
import { runQuery } from './run-query.ts';
import { SegmentCache } from './segment-cache.ts';
import { placedOf, scopeId } from './scope.ts';
import { SegmentFile } from './segment/segment-file.ts';
import { replaceSegments, type SearchIndexDeps } from './segments.ts';
import { SESSION_ROW, sessionPartition } from '../catalogue-table/schema.ts';

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

const SECOND = 1_000_000;
const shown = (hits: readonly { snippet: string }[]) => hits.map(({ snippet }) => snippet);

async function archiveOfTwo() {
  const archive = await newSearchArchive(client);
  const alice = await archive.open({ email: 'alice@example.com', resource: 'orders', task: 'T-1' });
  const bob = await archive.open({ email: 'bob@example.com', resource: 'demo', startedAt: '2026-11-20T13:00:00.000Z' });
  await archive.add(alice, 0, {
    actions: [
      statement(1, 1 * SECOND, 'select * from public.order_items where id = 7', {
        durationUs: 900,
        outcome: 'SELECT 5',
        rows: 5,
      }),
      statement(2, 2 * SECOND, 'DROP TABLE orderItems', {
        durationUs: 7 * SECOND,
        error: { code: '42P01', severity: 'ERROR', message: 'relation does not exist' },
      }),
      statement(3, 3 * SECOND, '東京都 の select', {
        durationUs: 5,
        rows: 5000,
        verdict: { outcome: 'refused', message: 'no' },
      }),
    ],
  });
  await archive.add(bob, 0, {
    actions: [
      {
        kind: 'command',
        action: 1,
        lane: 1,
        timeUs: 5 * SECOND,
        title: 'cat',
        detail: { form: 'exec', command: 'cat /var/log/order-items.log', exit: 2 },
        durationUs: 9,
        outcome: 'exit 2',
      },
      {
        kind: 'file',
        action: 2,
        lane: 1,
        timeUs: 6 * SECOND,
        title: 'x',
        detail: { operation: 'remove', path: '/srv/Straße.txt' },
        durationUs: 9,
        outcome: 'done',
      },
    ],
    said: [
      {
        kind: 'lane',
        key: 's00000000.000000',
        lane: 2,
        timeUs: 7 * SECOND,
        texts: ['forward to db:5432'],
        errors: [],
        tables: [],
      },
    ],
  });
  return { archive, alice, bob };
}

/** The same questions before and after the fold. */
const QUESTIONS: readonly (readonly [string, readonly string[]])[] = [
  ['order_items', ['cat', 'DROP', 'select']],
  ['items', ['cat', 'DROP', 'select']],
  ['orderitems', ['DROP']],
  ['orderitems*', ['DROP']],
  ['"drop table"', ['DROP']],
  ['"table drop"', []],
  ['dro*', ['DROP']],
  ['order -drop', ['cat', 'select']],
  ['drop or cat', ['cat', 'DROP']],
  ['京', ['東京']],
  ['京都', ['東京']],
  ['strasse', ['remove /srv']],
  ['"forward to db"', ['forward']],
  ['user:alice', ['東京', 'DROP', 'select']],
  ['user:bob@example.com order', ['cat']],
  ['resource:demo', ['forward', 'remove /srv', 'cat']],
  ['protocol:postgres 7', ['select']],
  ['verdict:refused', ['東京']],
  ['-verdict:allowed', ['東京']],
  ['error:42p01', ['DROP']],
  ['error:*', ['cat', 'DROP']],
  ['error:2', ['cat']],
  ['table:order_items', ['select']],
  ['table:public.order_items', ['select']],
  ['task:t-1 table:*', ['DROP', 'select']],
  ['rows:>1000', ['東京']],
  ['rows:5', ['select']],
  ['-rows:>4 user:alice', ['DROP']],
  ['rows:4..4999', ['select']],
  ['duration:>5s', ['DROP']],
  ['duration:<=5us', ['東京']],
  ['since:2026-11-20T13:00:06Z', ['forward', 'remove /srv']],
  ['until:2026-11-20T12:00:02Z', ['select']],
  ['-since:2026-11-20T12:00:02Z', ['select']],
  ['relation', ['relation does not exist']],
  ['"relation does" drop', ['DROP']],
  ['"relation 42P01"', []],
];

it('answers the same before and after the fold', async () => {
  const { archive } = await archiveOfTwo();
  const ask = async () => {
    const answers: [string, string[]][] = [];
    for (const [text] of QUESTIONS) answers.push([text, shown(await archive.ask(text))]);
    return answers;
  };
  const first = await ask();
  for (const [index, [text, beginnings]] of QUESTIONS.entries()) {
    const found = first[index]?.[1] ?? [];
    expect([text, found.length]).toEqual([text, beginnings.length]);
    for (const [i, beginning] of beginnings.entries()) expect(found[i]).toContain(beginning);
  }
  await archive.fold();
  expect(archive.store.objects.size).toBe(1);
  expect(await ask()).toEqual(first);
});

it('finds what is in one session alone, before and after the fold', async () => {
  const { archive, alice, bob } = await archiveOfTwo();
  const ask = async () => {
    const texts = [`session:${alice.session}`, `session:${bob.session} order`, `-session:${bob.session.toUpperCase()}`];
    return Promise.all(texts.map(async (text) => shown(await archive.ask(text))));
  };
  const first = await ask();
  expect(first.map(({ length }) => length)).toEqual([3, 1, 3]);
  await archive.fold();
  expect(await ask()).toEqual(first);
});

it('shows where in the session a hit is, and what of it was asked for', async () => {
  const { archive, alice } = await archiveOfTwo();
  await archive.fold();
  const [hit] = await archive.ask('orderItems table:orderitems');
  expect(hit).toMatchObject({ session: alice.session, action: 2, moment: 2, at: '2026-11-20T12:00:02.000Z' });
  expect(hit?.marks.map(([from, to]) => hit.snippet.slice(from, to))).toEqual(['orderItems']);
});

describe('of what ended later', () => {
  const end = {
    kind: 'statement' as const,
    durationUs: 8,
    outcome: 'ERROR 1',
    detail: { rows: 9, bytes: 0, tags: [], error: { code: 'E1', severity: 'ERROR', message: 'late' } },
  };

  it.each(['before', 'after', 'never'])(
    'a query says what is known now, when the end came and was folded %s the fold',
    async (when) => {
      const archive = await newSearchArchive(client);
      const alice = await archive.open({});
      await archive.add(alice, 0, { actions: [statement(1, SECOND, 'select slow')] });
      if (when !== 'before') await archive.fold();
      expect((await archive.ask('slow -error:e1')).length).toBe(1);
      await archive.add(alice, 1, { laterEnds: [{ action: 1, end }] });
      if (when !== 'never') await archive.fold();
      for (const [text, count] of [
        ['slow', 1],
        ['slow -error:e1', 0],
        ['error:e1', 1],
        ['late', 1],
        ['rows:9', 1],
        ['-rows:9', 0],
      ] as const)
        expect([text, (await archive.ask(text)).length]).toEqual([text, count]);
    },
  );
});

it('waits for who opened a session, whatever comes first', async () => {
  const archive = await newSearchArchive(client);
  const { RecordingBuilder } = await import('../../test/harness/recording-builder.ts');
  const { openingOf } = await import('../../core/session-evidence.ts');
  const builder = new RecordingBuilder({});
  const place = { session: builder.session, connector: builder.connector.id };
  await archive.add(place, 1, { actions: [statement(2, SECOND, 'second')] });
  expect(await archive.ask('second')).toEqual([]);
  await archive.writer.putOpened(place, openingOf(builder.opened), 30, 'manifest');
  await archive.search.placeAll(place.session);
  expect(await archive.ask('second')).toHaveLength(1);
  await archive.add(place, 0, { actions: [statement(1, 0, 'first')] });
  await archive.fold();
  expect(shown(await archive.ask('first or second'))).toEqual(['second', 'first']);
});

const WORDS = ['order', 'items', 'orderItems', 'order_items', 'select', 'drop', '東京', '京', 'naïve', 'a1'];
const arbitraryAction = fc.record({
  text: fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 5 }).map((words) => words.join(' ')),
  rows: fc.option(fc.nat({ max: 3000 }), { nil: undefined }),
  error: fc.option(fc.constantFrom('42P01', 'E1'), { nil: undefined }),
  verdict: fc.option(fc.constantFrom('refused', 'held', 'warned'), { nil: undefined }),
  durationUs: fc.option(fc.nat({ max: 10_000_000 }), { nil: undefined }),
  session: fc.nat({ max: 3 }),
  segment: fc.nat({ max: 3 }),
  timeUs: fc.nat({ max: 4_000_000 }),
  endsLater: fc.boolean(),
});
const item = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...WORDS,
      'orderitems',
      '"order items"',
      'ord*',
      'dro*',
      '京*',
      '"select order"',
      '"drop select"*',
    ),
  },
  fc.constantFrom(
    'user:alice',
    'user:bob',
    'resource:r1',
    'error:*',
    'error:e1',
    'verdict:held',
    'verdict:allowed',
    'rows:>100',
    'rows:0..7',
    'duration:<5s',
    'duration:>=1ms',
    'since:2026-11-20T12:00:02Z',
    'until:2026-11-20T12:00:03Z',
  ),
);
const query = fc
  .letrec<{ any: string; all: string; one: string }>((tie) => ({
    one: fc.oneof(
      { maxDepth: 2, depthSize: 'small' },
      item,
      item.map((each) => `-${each}`),
      tie('all').map((each) => `(${each})`),
      tie('all').map((each) => `-(${each})`),
    ),
    any: fc.array(tie('one'), { minLength: 1, maxLength: 2 }).map((each) => each.join(' or ')),
    all: fc.array(tie('any'), { minLength: 1, maxLength: 3 }).map((each) => each.join(' ')),
  }))
  .all.filter((text) => parseQuery(text, 0).ok);

it('finds what fits, each once and the newest first, whatever was folded when', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(arbitraryAction, { minLength: 1, maxLength: 25 }),
      fc.array(query, { minLength: 1, maxLength: 8 }),
      fc.nat({ max: 3 }),
      async (drawn, queries, foldAfter) => {
        const archive = await newSearchArchive(client);
        const sessions = [];
        for (let i = 0; i < 4; i++)
          sessions.push(await archive.open({ email: `${i % 2 ? 'alice' : 'bob'}@example.com`, resource: `r${i}` }));
        const actions = drawn
          .map((each) => ({ ...each }))
          .sort((a, b) => a.session - b.session || a.segment - b.segment || a.timeUs - b.timeUs)
          .map((each, index) => ({ ...each, number: index + 1 }));
        const all: { session: number; entry: ActionEntry }[] = [];
        for (let segment = 0; segment <= 4; segment++) {
          for (const [index, place] of sessions.entries()) {
            const begun = actions.filter((each) => each.session === index && each.segment === segment);
            const ended = actions.filter(
              (each) => each.session === index && each.segment === segment - 1 && each.endsLater,
            );
            const entries = begun.map((each) => {
              const { number, timeUs, text, rows, error, durationUs = 3, verdict } = each;
              const begins = statement(number, timeUs, text, {
                ...(verdict && { verdict: { outcome: verdict as 'held', message: '' } }),
              });
              const end = {
                kind: 'statement' as const,
                durationUs,
                outcome: 'x',
                detail: {
                  rows: rows ?? 0,
                  bytes: 0,
                  tags: [],
                  ...(error && { error: { code: error, severity: 'E', message: 'm' } }),
                },
              };
              return { begins, end: { action: number, end }, later: each.endsLater };
            });
            for (const each of entries) all.push({ session: index, entry: withEnd(each.begins, each.end) });
            const laterEnds = ended.map(({ number, rows, error, durationUs = 3 }) => ({
              action: number,
              end: {
                kind: 'statement' as const,
                durationUs,
                outcome: 'x',
                detail: {
                  rows: rows ?? 0,
                  bytes: 0,
                  tags: [],
                  ...(error && { error: { code: error, severity: 'E', message: 'm' } }),
                },
              },
            }));
            await archive.add(place, segment, {
              actions: entries.map((each) => (each.later ? each.begins : withEnd(each.begins, each.end))),
              laterEnds,
            });
          }
          if (segment >= foldAfter && segment < 4) await archive.fold();
        }
        const documents = [];
        for (const { session, entry } of all) {
          const place = sessions[session];
          const row = place && (await archive.table.get({ pk: sessionPartition(place.session), sk: SESSION_ROW }));
          const placed = placedOf(row);
          if (placed) documents.push(wordsOfDocument({ session: placed.session, body: actionDocument(entry) }));
        }
        for (const folded of [false, true]) {
          if (folded) await archive.fold();
          for (const text of queries) {
            const asked = parseQuery(text, archive.clock.now);
            if (!asked.ok) throw new Error(`${text}: ${asked.error.message}`);
            const expected = documents
              .filter((each) => fitsDocument(asked.value, each))
              .map(({ document }) => `${document.session.session} ${document.body.action}`);
            const hits = await archive.ask(text, { limit: folded ? 50 : 4 });
            expect([text, hits.map(({ session, action }) => `${session} ${action}`).sort()]).toEqual([
              text,
              expected.sort(),
            ]);
            const times = hits.map(({ at }) => at);
            expect(times).toEqual([...times].sort().reverse());
          }
        }
      },
    ),
    { numRuns: 4, endOnFailure: true },
  );
}, 60_000);

describe('killed in the middle', () => {
  class Killed extends Error {}
  /** A table and a store of which the n-th change is the last: it happens, or does not. */
  async function dyingAfter(count: number, happens: boolean) {
    let left = Number.POSITIVE_INFINITY;
    const change = async <T>(work: () => Promise<T>): Promise<T> => {
      if (left <= 0) throw new Killed();
      left--;
      if (left > 0) return work();
      if (happens) await work();
      throw new Killed();
    };
    class DyingTable extends CatalogueTable {
      override update(input: Parameters<CatalogueTable['update']>[0]) {
        return change(() => super.update(input));
      }
      override putAll(items: Parameters<CatalogueTable['putAll']>[0]) {
        return change(() => super.putAll(items));
      }
      override deleteAll(keys: Parameters<CatalogueTable['deleteAll']>[0]) {
        return change(() => super.deleteAll(keys));
      }
    }
    const archive = await newSearchArchive(client, DyingTable);
    const { create, delete: remove } = archive.store;
    archive.store.create = (place, bytes) => change(() => create(place, bytes));
    archive.store.delete = (place) => change(() => remove(place));
    const places = [
      await archive.open({ email: 'alice@example.com' }),
      await archive.open({ email: 'bob@example.com' }),
    ];
    return { archive, places, die: () => (left = count), live: () => (left = Number.POSITIVE_INFINITY) };
  }

  const objectsListed = async ({
    deps,
    store,
  }: {
    deps: SearchIndexDeps;
    store: { objects: Map<string, Uint8Array> };
  }) => {
    const ids: string[] = [];
    for (const { id } of await knownScopes(deps))
      ids.push(...(await readHead(deps.table, id)).segments.map((each) => each.id));
    return { listed: ids.sort(), stored: [...store.objects.keys()].map((key) => key.slice(-34, -8)).sort() };
  };

  it.each([true, false])(
    'a fold with its merge and its clean-up ends as if it had not been (the last change happened: %s)',
    async (happens) => {
      let completed = false;
      for (let count = 1; !completed; count++) {
        expect(count).toBeLessThan(40);
        const { archive, places, die, live } = await dyingAfter(count, happens);
        const [alice] = places;
        if (!alice) throw new Error('no session');
        // Seven segments: the next one makes a merge due.
        const placed = placedOf(await archive.table.get({ pk: sessionPartition(alice.session), sk: SESSION_ROW }));
        if (!placed) throw new Error('no row');
        for (let i = 0; i < 7; i++) {
          const body = actionDocument(statement(i + 1, i * SECOND, `select number${i}`, { durationUs: 1 }));
          await replaceSegments(
            archive.deps,
            scopeId(placed.scope),
            [],
            [{ session: placed.session, body }],
            () => true,
          );
        }
        await archive.add(alice, 7, { actions: [statement(8, 7 * SECOND, 'select number7', { durationUs: 1 })] });
        die();
        completed = await archive.fold().then(
          () => true,
          (thrown) => {
            if (!(thrown instanceof Killed)) throw thrown;
            return false;
          },
        );
        live();
        const wanted = [7, 6, 5, 4, 3, 2, 1, 0].map((i) => `select number${i}`);
        expect(shown(await archive.ask('select'))).toEqual(wanted);
        await archive.fold();
        archive.clock.now += 3_600_000;
        await archive.fold();
        expect(shown(await archive.ask('select'))).toEqual(wanted);
        const { listed, stored } = await objectsListed(archive);
        expect(stored).toEqual(listed);
      }
    },
    60_000,
  );

  it('a removal goes on where it was', async () => {
    let completed = false;
    for (let count = 1; !completed; count++) {
      expect(count).toBeLessThan(40);
      const { archive, places, die, live } = await dyingAfter(count, count % 2 === 0);
      const [alice, bob] = places;
      if (!alice || !bob) throw new Error('no session');
      for (const place of places) await archive.add(place, 0, { actions: [statement(1, SECOND, 'select folded')] });
      await archive.fold();
      for (const place of places) await archive.add(place, 1, { actions: [statement(2, 2 * SECOND, 'select waits')] });
      // As the purge does before.
      const rows = await archive.table.queryAll({
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': sessionPartition(alice.session) },
      });
      await archive.table.deleteAll(rows.map(({ pk, sk }) => ({ pk: String(pk), sk: String(sk) })));
      die();
      const remove = () => removeFromSearch([alice.session], archive.deps);
      completed = await remove().then(
        () => true,
        (thrown) => {
          if (!(thrown instanceof Killed)) throw thrown;
          return false;
        },
      );
      live();
      // What the killed one planned is cleaned up in its time.
      archive.clock.now += 3_600_000;
      await archive.fold();
      await remove();
      expect((await archive.ask('select')).map(({ session }) => session)).toEqual([bob.session, bob.session]);
      archive.clock.now += 3_600_000;
      await archive.fold();
      expect((await archive.ask('select')).map(({ session }) => session)).toEqual([bob.session, bob.session]);
      for (const bytes of archive.store.objects.values()) {
        const file = new SegmentFile(bytes);
        expect([...file.all()].map(({ session }) => session.session)).not.toContain(alice.session);
        file.close();
      }
    }
  }, 60_000);
});

it('folds once, when two fold at once', async () => {
  const { archive } = await archiveOfTwo();
  const before = shown(await archive.ask('-nothing'));
  await Promise.all([archive.fold(), archive.fold(), archive.fold()]);
  await archive.fold();
  expect(shown(await archive.ask('-nothing'))).toEqual(before);
  const documents: number[] = [];
  for (const { id } of await knownScopes(archive.deps))
    documents.push(...(await readHead(archive.table, id)).segments.map((each) => each.documents));
  expect(documents).toEqual([6]);
});

it('misses nothing that is folded while it looks', async () => {
  let afterHead: (() => Promise<void>) | undefined;
  class WatchedTable extends CatalogueTable {
    override async get(key: Parameters<CatalogueTable['get']>[0]) {
      const item = await super.get(key);
      const then = key.sk === 'head' ? afterHead : undefined;
      if (then) afterHead = undefined;
      await then?.();
      return item;
    }
  }
  const archive = await newSearchArchive(client, WatchedTable);
  await archive.add(await archive.open({}), 0, { actions: [statement(1, 0, 'select 1', { durationUs: 1 })] });
  afterHead = archive.fold;
  expect(shown(await archive.ask('select'))).toEqual(['select 1']);
  expect(archive.store.objects.size).toBe(1);
});

it('is not filled again by a fold that had read before a session was taken out', async () => {
  const { archive, alice } = await archiveOfTwo();
  const { create } = archive.store;
  archive.store.create = async (place, bytes) => {
    archive.store.create = create;
    await expect(removeFromSearch([alice.session], archive.deps)).rejects.toThrow('is being folded');
    return create(place, bytes);
  };
  await archive.fold();
  await archive.fold();
  expect((await archive.ask('-nothing')).filter(({ session }) => session === alice.session)).toEqual([]);
  expect(await archive.ask('-nothing')).toHaveLength(3);
  archive.clock.now += 3_600_000;
  await archive.fold();
  expect(await removeFromSearch([alice.session], archive.deps)).toEqual({ documents: 0, rewritten: 0 });
  expect(archive.store.objects.size).toBe(1);
});

it('loses many sessions by writing each segment anew once, and those that hold nothing else wholly', async () => {
  const archive = await newSearchArchive(client);
  const places = [];
  for (let i = 0; i < 6; i++) places.push(await archive.open({ rule: i < 4 ? 'a' : 'b' }));
  for (const place of places)
    await archive.add(place, 0, { actions: [statement(1, 0, 'select 1', { durationUs: 1 })] });
  await archive.fold();
  expect(archive.store.objects.size).toBe(2);
  const gone = places.filter((_, i) => i % 2 === 0 || i > 3).map(({ session }) => session);
  expect(await removeFromSearch(gone, archive.deps)).toEqual({ documents: 4, rewritten: 2 });
  expect((await archive.ask('select')).map(({ session }) => session).sort()).toEqual(
    [places[1]?.session, places[3]?.session].sort(),
  );
  expect(archive.store.objects.size).toBe(1);
});

it('finds all in the end, however little one request looks through', async () => {
  const archive = await newSearchArchive(client);
  for (const rule of ['a', 'b', 'c']) {
    const place = await archive.open({ rule });
    for (let segment = 0; segment < 2; segment++) {
      const actions = Array.from({ length: 5 }, (_, i) =>
        statement(segment * 5 + i + 1, 0, `${i === 4 ? 'rare' : 'often'} ${rule}`, { durationUs: i }),
      );
      await archive.add(place, segment, { actions });
      await archive.fold();
    }
  }
  const all = shown(await archive.ask('rare or duration:2us'));
  expect(all).toHaveLength(12);
  for (const limits of [
    { examined: 1, opened: 1, read: 1 },
    { examined: 4, opened: 2, read: 1e9 },
  ]) {
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const deps = { ...archive.deps, limits, cache: new SegmentCache(archive.deps, 1) };
      const page: Awaited<ReturnType<typeof runQuery>> = await runQuery(
        { text: 'rare or duration:2us', view: ALL, limit: 3, cursor },
        deps,
      );
      if (!page.ok) throw new Error('refused');
      found.push(...shown(page.value.hits));
      cursor = page.value.cursor;
    } while (cursor !== undefined);
    expect(found).toEqual(all);
  }
});

describe('a cursor', () => {
  it('keeps its place when more comes and all of it is folded anew', async () => {
    const { archive, bob } = await archiveOfTwo();
    const page = async (cursor?: string) => {
      const answer = await runQuery({ text: '-nothing', view: ALL, limit: 2, cursor }, archive.deps);
      if (!answer.ok) throw new Error('refused');
      return answer.value;
    };
    const all = shown(await archive.ask('-nothing'));
    const first = await page();
    await archive.add(bob, 1, { actions: [statement(9, 9 * SECOND, 'newest')] });
    await archive.fold();
    const second = await page(first.cursor);
    const third = await page(second.cursor);
    expect([...shown(first.hits), ...shown(second.hits), ...shown(third.hits)]).toEqual(all);
    expect(third.cursor).toBeUndefined();
  });

  it('of another query, or changed, is refused', async () => {
    const { archive } = await archiveOfTwo();
    const ask = (text: string, cursor?: string) => runQuery({ text, view: ALL, limit: 1, cursor }, archive.deps);
    const first = await ask('order');
    const cursor = (first.ok && first.value.cursor) || '';
    expect(cursor).not.toBe('');
    expect(await ask('items', cursor)).toEqual({ ok: false, error: { reason: 'bad_cursor' } });
    expect(await ask('order', `${cursor.slice(0, -3)}AAA`)).toEqual({ ok: false, error: { reason: 'bad_cursor' } });
  });
});

describe.each(['damaged', 'gone'])('a segment that is %s', (how) => {
  it('is told, never passed over, and made again by the next fold', async () => {
    const { archive } = await archiveOfTwo();
    const before = shown(await archive.ask('-nothing'));
    await archive.fold();
    const [[key, bytes] = ['', new Uint8Array()]] = archive.store.objects;
    if (how === 'gone') archive.store.objects.delete(key);
    else archive.store.objects.set(key, bytes.with(99, (bytes[99] ?? 0) ^ 1));
    const cache = new SegmentCache(archive.deps, 1);
    const ask = () =>
      runQuery({ text: '-nothing', view: ALL, limit: 50, cursor: undefined }, { ...archive.deps, cache });
    await expect(ask()).rejects.toThrow(RetriableFault);
    await expect(ask()).rejects.toThrow(RetriableFault);
    expect(archive.events).toContainEqual(expect.objectContaining({ kind: 'search.damaged' }));
    await archive.fold();
    expect(shown(await archive.ask('-nothing'))).toEqual(before);
    expect(archive.store.objects.size).toBe(1);
  });
});

it('takes in what an earlier release had indexed', async () => {
  const { archive } = await archiveOfTwo();
  const before = shown(await archive.ask('-nothing'));
  // That one knew of no index.
  for (const { id } of await knownScopes(archive.deps)) {
    const waiting = await archive.table.queryAll({
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': `search#${id}` },
    });
    await archive.table.deleteAll([
      { pk: 'search-scopes', sk: id },
      ...waiting.map(({ pk, sk }) => ({ pk: String(pk), sk: String(sk) })),
    ]);
  }
  expect(await archive.ask('-nothing')).toEqual([]);
  await archive.fold();
  expect(shown(await archive.ask('-nothing'))).toEqual(before);
  await archive.fold();
  expect(archive.store.objects.size).toBe(1);
});
