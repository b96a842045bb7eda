import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { EXPORTS } from '../catalogue-table/schema.ts';
import { CatalogueTable, createCatalogueTable } from '../catalogue-table/table.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import { boundsOf } from './bounds.ts';
import { directoryRenderedStore } from './directory-rendered-store.ts';
import { LEASE_MS, type RenderProgress, writeProgress } from './progress.ts';
import { type AskForTurn, renderQueue } from './render-queue.ts';
import type { RenderedPlace, RenderedStore } from './rendered-store.ts';

let database: LocalDynamoDb;
let client: ReturnType<typeof localDynamoDbClient>;
let root: string;
let table: CatalogueTable;
let store: RenderedStore;
let nowMs: number;
let ask: AskForTurn;
beforeAll(async () => {
  database = await startLocalDynamoDb();
  client = localDynamoDbClient(database.endpoint);
});
afterAll(async () => {
  client.destroy();
  await database.close();
});
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gatehouse-turns-'));
  store = directoryRenderedStore(root, () => 'http://functions.test');
  const name = `turns-${newId('ses')}`;
  await createCatalogueTable(client, name);
  table = new CatalogueTable(client, name);
  nowMs = Date.parse('2026-11-20T12:00:00Z');
  ask = renderQueue({ table, store, now: () => nowMs, bounds: boundsOf(3) });
});
afterEach(() => rm(root, { recursive: true }));

const newPlace = (): RenderedPlace => ({ session: newId('ses'), key: 'a'.repeat(64) });
const says = (place: RenderedPlace, progress: Partial<RenderProgress>) =>
  writeProgress(
    place,
    { run: 'one', atMs: nowMs, idleRuns: 1, parts: [], fileName: '', contentType: '', ...progress },
    store,
  );

it('begins no more than there may be, however many functions are asked at the same moment', async () => {
  const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => ask({ place: newPlace() }, `person ${i}`)));
  expect(answers.filter((answer) => answer === 'begin')).toHaveLength(3);
  expect(answers.filter((answer) => typeof answer === 'object')).toHaveLength(9);
});

it('begins the same export once, asked for at the same moment', async () => {
  const place = newPlace();
  const answers = await Promise.all(['ann', 'ann', 'bob', 'cat'].map((asker) => ask({ place }, asker)));
  expect(answers.filter((answer) => answer === 'begin')).toHaveLength(1);
  expect(answers.filter((answer) => answer === 'under_way')).toHaveLength(3);
});

it('gives a turn on once its export has ended, and remembers how long it took', async () => {
  const [first, second, third] = [newPlace(), newPlace(), newPlace()];
  for (const place of [first, second]) await ask({ place }, 'ann');
  expect(await ask({ place: third }, 'ann')).toEqual({ of: 'person', atOnce: 2, ahead: 0 });
  nowMs += 30_000;
  await says(first, { end: 'refused' });
  expect(await ask({ place: third }, 'ann')).toBe('begin');
  expect(await ask({ place: newPlace() }, 'ann')).toMatchObject({ of: 'person', aboutSeconds: 0 });
});

it('gives a turn on when its run has died or left the rest to the next, and not while it says that it is at it', async () => {
  const [first, second, third] = [newPlace(), newPlace(), newPlace()];
  for (const place of [first, second]) await ask({ place }, 'ann');
  nowMs += LEASE_MS + 1;
  await says(first, {});
  await says(second, {});
  nowMs += LEASE_MS - 1;
  expect(await ask({ place: third }, 'ann')).toMatchObject({ of: 'person' });
  await says(second, { atMs: 0 });
  expect(await ask({ place: third }, 'ann')).toBe('begin');
  nowMs += LEASE_MS + 1;
  // None of the first two has said anything, and the third never did.
  expect(await ask({ place: newPlace() }, 'ann')).toBe('begin');
});

it('takes what it cannot read for nothing, and whoever is named by no edge for one person', async () => {
  await table.putAll([{ pk: EXPORTS, sk: 'turns', turns: { of: 'another release' } }]);
  expect(await ask({ place: newPlace() }, undefined)).toBe('begin');
  expect(await ask({ place: newPlace() }, undefined)).toBe('begin');
  expect(await ask({ place: newPlace() }, undefined)).toMatchObject({ of: 'person' });
});
