// The search index by the size of the archive: how fast it is made, how large it is, and what ten typical queries cost. The
// catalogue is the DynamoDB-compatible server of the tests, in this process; objects are in memory. `read` is what a query fetches
// when nothing is kept from earlier ones.

import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { SearchDocument } from '../../core/search/document.ts';
import type { SearchView } from '../../core/search/page.ts';
import { CatalogueTable, createCatalogueTable } from '../../functions/catalogue-table/table.ts';
import { localDynamoDbClient, startLocalDynamoDb } from '../../functions/local/dynamodb.ts';
import { foldAll, knownScopes } from '../../functions/search/fold.ts';
import { readHead } from '../../functions/search/head.ts';
import { SCOPES } from '../../functions/search/rows.ts';
import { runQuery } from '../../functions/search/run-query.ts';
import { scopeId } from '../../functions/search/scope.ts';
import { SegmentCache } from '../../functions/search/segment-cache.ts';
import { inOrder, replaceSegments } from '../../functions/search/segments.ts';
import { memorySearchStore } from '../harness/search/memory-store.ts';
import { archiveOf, END, RULES } from './search-archive.ts';

const SIZES = [10_000, 100_000, 1_000_000];
/** Actions that a minute's fold finds of one scope. */
const FOLDED = 1000;
const CACHE_BYTES = 1024 * 1024 * 1024;

const QUERIES: readonly (readonly [string, string])[] = [
  ['a word that most have', 'select'],
  ['a rare word', 'key12345'],
  ['none', 'nowhere-to-be-found'],
  ['two words', 'update customers'],
  ['a phrase', '"order by created_at"'],
  ['a prefix', 'key99*'],
  ['a person and a word', 'user:person250 drop'],
  ['not a word', 'drop -orders'],
  ['errors of a table', 'error:42p01 table:stock'],
  ['many rows', 'rows:>199000'],
  ['long ago', 'drop until:80d'],
];

const everyone: SearchView = { rules: 'all', own: { subject: '', forbiddenBy: [] } };
const oneOwn: SearchView = { rules: [], own: { subject: 'https://idp.example#person40', forbiddenBy: [] } };

export async function benchSearch({ rounds }: { rounds: number }): Promise<void> {
  const database = await startLocalDynamoDb();
  const client = localDynamoDbClient(database.endpoint);
  for (const size of SIZES) await benchOne(client, size, Math.max(5, rounds * 5));
  client.destroy();
  await database.close();
}

async function benchOne(client: DynamoDBClient, size: number, times: number): Promise<void> {
  const name = `search-${size}`;
  await createCatalogueTable(client, name);
  const table = new CatalogueTable(client, name);
  const store = memorySearchStore();
  const deps = { table, store, now: () => END, report: () => {} };
  await table.putAll(RULES.map((scope) => ({ pk: SCOPES, sk: scopeId(scope), ...scope })));
  const waiting = new Map<string, SearchDocument[]>();
  let making = 0;
  const timed = async (work: () => Promise<unknown>) => {
    const begun = performance.now();
    await work();
    making += performance.now() - begun;
  };
  const fold = async (scope: string, least: number) => {
    const documents = waiting.get(scope) ?? [];
    if (documents.length < least) return;
    waiting.set(scope, []);
    await timed(() => replaceSegments(deps, scope, [], inOrder(documents), () => true));
  };
  let indexed = 0;
  for (const { scope, documents } of archiveOf(size)) {
    const id = scopeId(scope);
    waiting.set(id, [...(waiting.get(id) ?? []), ...documents]);
    await fold(id, FOLDED);
    indexed += documents.length;
    if (indexed % (FOLDED * 40) === 0) await timed(() => foldAll(deps));
  }
  for (const scope of waiting.keys()) await fold(scope, 1);
  await timed(() => foldAll(deps));

  const heads = await Promise.all((await knownScopes(deps)).map(({ id }) => readHead(table, id)));
  const segments = heads.flatMap((head) => head.segments);
  const sum = (of: 'bytes' | 'rawBytes') => segments.reduce((total, segment) => total + segment[of], 0);
  const perAction = (bytes: number) => Math.round(bytes / size);
  console.log(
    `\n${size.toLocaleString('en')} actions: made and merged at ${Math.round(size / (making / 1000)).toLocaleString('en')}/s; ${segments.length} segments, ${perAction(sum('bytes'))} bytes an action stored, ${perAction(sum('rawBytes'))} open`,
  );
  console.log(`${'query'.padEnd(26)} hits  p50 ms  p99 ms  opened  examined  read KiB (nothing kept)`);
  const cache = new SegmentCache(deps, CACHE_BYTES);
  const ask = async (text: string, view: SearchView, using = cache) => {
    const cost = { opened: 0, read: 0, examined: 0 };
    const begun = performance.now();
    const page = await runQuery({ text, view, limit: 20, cursor: undefined }, { ...deps, cache: using }, cost);
    if (!page.ok) throw new Error(text);
    return { ms: performance.now() - begun, hits: page.value.hits.length, ...cost };
  };
  const asked = [
    ...QUERIES.map((each) => [...each, everyone] as const),
    ['one’s own, a word', 'update', oneOwn] as const,
  ];
  for (const [says, text, view] of asked) {
    const cold = await ask(text, view, new SegmentCache(deps, CACHE_BYTES));
    for (let i = 0; i < 3; i++) await ask(text, view);
    const took: number[] = [];
    let last = cold;
    for (let i = 0; i < times; i++) {
      last = await ask(text, view);
      took.push(last.ms);
    }
    took.sort((a, b) => a - b);
    const at = (share: number) =>
      (took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0).toFixed(1).padStart(6);
    console.log(
      `${says.padEnd(26)} ${String(last.hits).padStart(4)}  ${at(0.5)}  ${at(0.99)}  ${String(last.opened).padStart(6)}  ${String(last.examined).padStart(8)}  ${Math.round(cold.read / 1024)}`,
    );
  }
}
