// A reindex as one machine runs it: ordered over HTTP, done by a timer, and meanwhile every page says that it may lack something.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ReindexStanding } from '../../core/search/reindex.ts';
import { secret } from '../../core/secret.ts';
import { type LocalDynamoDb, type LocalFunctions, startFunctions, startLocalDynamoDb } from '../../functions/local.ts';
import { answer, RecordingBuilder } from '../harness/recording-builder.ts';

const TOKEN = 'a token of the test';
let directory: string;
let database: LocalDynamoDb;
let functions: LocalFunctions;
const builder = new RecordingBuilder().query('select found', answer(['n'], [['1']])).end();

const start = (reindexEveryMs: number) =>
  startFunctions({
    ...{ port: 0, objectsDirectory: join(directory, 'objects'), dynamoEndpoint: database.endpoint },
    ...{ token: secret(TOKEN), report: () => {}, foldEveryMs: 3_600_000, reindexEveryMs },
  });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-reindex-'));
  database = await startLocalDynamoDb();
  // Nobody told of it: as where the events were lost.
  await builder.writeTo(join(directory, 'objects'));
  functions = await start(3_600_000);
});
afterAll(async () => {
  await functions?.close();
  await database?.close();
  await rm(directory, { recursive: true, force: true });
});

const call = async (path: string, body?: unknown): Promise<Record<string, unknown>> => {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(functions.url + path, { ...init, headers: { authorization: `Bearer ${TOKEN}` } });
  return (await response.json()) as Record<string, unknown>;
};
const pages = () =>
  Promise.all([
    call('/sessions'),
    call(`/sessions/${builder.session}/actions`),
    call('/search', { q: 'found', view: { rules: 'all', own: { subject: '', forbiddenBy: [] } } }),
  ]);

it('makes catalogue and index again, says how far it is, and has pages say that they may lack something', async () => {
  expect(await call('/reindex')).toEqual({});
  expect(await pages()).toEqual([{ sessions: [] }, { actions: [] }, { hits: [] }]);
  const begun = await call('/reindex', { drop: true });
  expect(begun).toMatchObject({ reindex: { drop: true, step: 'dropping' } });
  expect((await pages()).map(({ incomplete }) => incomplete)).toEqual([true, true, true]);
  await functions.close();
  functions = await start(10);
  const standing = async () => ReindexStanding.parse(await call('/reindex')).reindex;
  await expect.poll(async () => (await standing())?.step).toBe('done');
  expect(await standing()).toMatchObject({ sessions: 1, objects: builder.objects.size, failed: 0 });
  const one = [expect.anything()];
  expect(await pages()).toEqual([{ sessions: one }, { actions: one }, { hits: one }]);
});

it('is told what it is asked', async () => {
  expect(await call('/reindex', { drop: 'yes' })).toMatchObject({ error: { reason: 'bad_request' } });
});
