// What a query may open, and what it tells of what its asker may not see: nothing, not by its hits, its pages, nor by how much
// it does. How long it takes follows from what it opens and compares, which is counted here.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import type { SearchView } from '../../core/search/page.ts';
import { newSearchArchive, statement } from '../../test/harness/search/archive.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import { runQuery } from './run-query.ts';
import { scopeId } from './scope.ts';
import { SegmentCache } from './segment-cache.ts';

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

const subjectOf = (name: string) => `https://idp.example#${name}@example.com`;
const own = (name: string, forbiddenBy: string[] = []) => ({ subject: subjectOf(name), forbiddenBy });

/** Alice and Bob under two rules, with `words` as what Bob did; folded but for the last of each. */
async function archiveWhereBobDid(words: readonly string[]) {
  const archive = await newSearchArchive(client);
  for (const rule of ['orders', 'payroll']) {
    const alice = await archive.open({ rule, email: 'alice@example.com' });
    const bob = await archive.open({ rule, email: 'bob@example.com' });
    for (let segment = 0; segment < 3; segment++) {
      const at = segment * 60_000_000;
      await archive.add(alice, segment, { actions: [statement(segment + 1, at, `select ${rule} alice${segment}`)] });
      await archive.add(bob, segment, {
        actions: words.map((word, i) => statement(segment * 10 + i + 1, at + i, `select ${rule} ${word}`)),
      });
      if (segment < 2) await archive.fold();
    }
  }
  return archive;
}

/** Answer and cost of each page. */
/** `bytes`: with what was fetched, which also follows from ids. */
async function pagesOf(
  archive: Awaited<ReturnType<typeof archiveWhereBobDid>>,
  text: string,
  view: SearchView,
  bytes = false,
) {
  const { table, store } = archive;
  const opened: string[] = [];
  const get: typeof store.get = async (place) => {
    opened.push(place.scope);
    return store.get(place);
  };
  // Nothing is kept from earlier questions.
  const cache = new SegmentCache({ table, store: { ...store, get } }, 1);
  const pages = [];
  let cursor: string | undefined;
  do {
    const cost = { opened: 0, read: 0, examined: 0 };
    const page = await runQuery({ text, view, limit: 2, cursor }, { ...archive.deps, cache }, cost);
    if (!page.ok) throw new Error('refused');
    cursor = page.value.cursor;
    pages.push({
      shown: page.value.hits.map(({ snippet }) => snippet),
      more: cursor !== undefined,
      ...cost,
      read: bytes ? cost.read : 0,
    });
  } while (cursor !== undefined);
  return { pages, opened: new Set(opened) };
}

const NOTHING = { rules: [], own: own('mallory') };
const VIEWS: readonly (readonly [string, SearchView, readonly string[]])[] = [
  ['an auditor', { rules: 'all', own: own('x') }, ['orders', 'payroll']],
  ['who views one rule', { rules: ['orders'], own: own('mallory', ['payroll']) }, ['orders']],
  ['who views one rule and may view own sessions of the other', { rules: ['orders'], own: own('mallory') }, ['orders']],
  ['their own person', { rules: [], own: own('alice') }, ['orders', 'payroll']],
  ['their own person, where one rule forbids it', { rules: [], own: own('alice', ['payroll']) }, ['orders']],
  ['a stranger', NOTHING, []],
];

it.each(VIEWS)('%s has only those scopes opened that may be read', async (_who, view, rules) => {
  const archive = await archiveWhereBobDid(['secret', 'other']);
  const { pages, opened } = await pagesOf(archive, 'select', view);
  expect([...opened].sort()).toEqual(rules.map((rule) => scopeId({ rule, retainDays: 90 })).sort());
  const shown = pages.flatMap((page) => page.shown);
  const sees = (rule: string, name: string) =>
    view.rules === 'all' ||
    view.rules.includes(rule) ||
    (view.own.subject === subjectOf(name) && !view.own.forbiddenBy.includes(rule));
  const expected = ['orders', 'payroll'].flatMap((rule) => [
    ...(sees(rule, 'alice') ? [0, 1, 2].map((i) => `select ${rule} alice${i}`) : []),
    ...(sees(rule, 'bob') ? [0, 1, 2].flatMap(() => [`select ${rule} secret`, `select ${rule} other`]) : []),
  ]);
  expect([...shown].sort()).toEqual(expected.sort());
});

it.each([
  ['select', { rules: [], own: own('alice') }],
  ['secret', { rules: [], own: own('alice') }],
  ['-secret', { rules: [], own: own('alice') }],
  ['secr*', { rules: [], own: own('alice', ['payroll']) }],
  ['user:bob secret', { rules: [], own: own('alice') }],
  ['secret', NOTHING],
] as const)('%s asks for the same and does the same, whatever others did', async (text, view) => {
  const one = await pagesOf(await archiveWhereBobDid(['secret', 'secret', 'secret', 'x']), text, {
    ...view,
    rules: [],
  });
  const other = await pagesOf(await archiveWhereBobDid(['a', 'b', 'c', 'd']), text, { ...view, rules: [] });
  expect(one).toEqual(other);
});

const SESSION = newId('ses');

it('what stands under a rule that one does not view costs nothing, however much it is', async () => {
  const view: SearchView = { rules: ['orders'], own: own('mallory', ['payroll']) };
  const ask = async (more: number) => {
    const archive = await newSearchArchive(client);
    const place = await archive.open({ rule: 'orders', session: SESSION });
    await archive.add(place, 0, { actions: [statement(1, 0, 'select secret')] });
    const hidden = await archive.open({ rule: 'payroll' });
    for (let i = 0; i < more; i++) await archive.add(hidden, i, { actions: [statement(i + 1, i, 'select secret')] });
    await archive.fold();
    return pagesOf(archive, 'secret', view, true);
  };
  expect(await ask(5)).toEqual(await ask(0));
});
