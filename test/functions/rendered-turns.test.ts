// Exports in parts at the same time, on one machine: none stands behind another's, and whoever has to wait is told what for.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { sessionEntryOf } from '../../core/session-evidence.ts';
import { ExportParts } from '../../core/replay/exports.ts';
import { secret } from '../../core/secret.ts';
import { CatalogueReader } from '../../functions/catalogue-table/reader.ts';
import { EXPORTS } from '../../functions/catalogue-table/schema.ts';
import { CatalogueTable } from '../../functions/catalogue-table/table.ts';
import { type LocalDynamoDb, type LocalFunctions, startFunctions, startLocalDynamoDb } from '../../functions/local.ts';
import { localDynamoDbClient } from '../../functions/local/dynamodb.ts';
import { localRendering } from '../../functions/local/rendering.ts';
import { exportInParts } from '../../functions/rendered/in-parts.ts';
import { renderJob } from '../../functions/rendered/job.ts';
import { nodeRecordingPlatform } from '../../functions/recording-platform.ts';
import { directoryReader } from '../../functions/store/directory-reader.ts';
import type { RecordingReader } from '../../functions/store/recording-reader.ts';
import { findSession } from '../../functions/stored-session.ts';
import { answer, eventOf, RecordingBuilder } from '../harness/recording-builder.ts';

const TOKEN = 'a token of the test';
const [ANN, BOB] = ['a'.repeat(64), 'b'.repeat(64)];
let directory: string;
let database: LocalDynamoDb;
let client: ReturnType<typeof localDynamoDbClient>;
let functions: LocalFunctions;
let table: CatalogueTable;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-turns-'));
  database = await startLocalDynamoDb();
  client = localDynamoDbClient(database.endpoint);
  table = new CatalogueTable(client, 'gatehouse-catalogue');
  functions = await startFunctions({
    ...{ port: 0, objectsDirectory: join(directory, 'objects'), dynamoEndpoint: database.endpoint },
    ...{ token: secret(TOKEN), report: () => {} },
  });
});
beforeEach(() => table.deleteAll([{ pk: EXPORTS, sk: 'turns' }]));
afterAll(async () => {
  await functions?.close();
  client?.destroy();
  await database?.close();
  await rm(directory, { recursive: true, force: true });
});

const call = (path: string, init: RequestInit = {}) =>
  fetch(functions.url + path, { ...init, headers: { authorization: `Bearer ${TOKEN}` } });
async function stored(): Promise<RecordingBuilder> {
  const builder = new RecordingBuilder().query('select 1', answer(['n'], [['1']])).end();
  await builder.writeTo(join(directory, 'objects'));
  const body = JSON.stringify(eventOf(...builder.objects.keys()));
  expect((await call('/events', { method: 'POST', body })).status).toBe(204);
  return builder;
}
const asked = async (session: string, asker: string) =>
  ExportParts.parse(await (await call(`/sessions/${session}/export?format=ndjson&part=0&asker=${asker}`)).json());

it('whoever has as many under way as one person may is told so, and somebody else begins at once', async () => {
  const { session } = await stored();
  const begunMs = Date.now();
  const running = [1, 2].map((n) => ({
    ...{ place: { session: newId('ses'), key: String(n).repeat(64) }, asker: ANN },
    ...{ sinceMs: begunMs, atMs: begunMs, begunMs },
  }));
  await table.putAll([{ pk: EXPORTS, sk: 'turns', version: 1, turns: { running, waiting: [], took: [90_000] } }]);
  const waits = { of: 'person', atOnce: 2, ahead: 0, aboutSeconds: expect.any(Number) };
  expect(await asked(session, ANN)).toMatchObject({ state: 'rendering', bytes: 0, waits });
  expect(await asked(session, ANN)).toMatchObject({ state: 'rendering', waits });
  await expect.poll(async () => (await asked(session, BOB)).state).toBe('ready');
  // The same export: hers is there with it.
  expect((await asked(session, ANN)).state).toBe('ready');
  expect((await call(`/sessions/${session}/export?format=ndjson&part=0&asker=Ann`)).status).toBe(400);
});

it('a long export of one person does not hold up another’s', async () => {
  const [long, short] = [await stored(), await stored()];
  let release: () => void = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const reader = directoryReader(join(directory, 'objects'));
  const slow: RecordingReader = {
    ...reader,
    async get(key) {
      if (key.session === long.session) await released;
      return reader.get(key);
    },
  };
  const options = { directory: join(directory, 'turns'), origin: () => 'http://turns.test', failed: () => {} };
  const { rendering, close } = localRendering(options, slow, table);
  const catalogue = new CatalogueReader(table, () => {});
  const jobOf = async ({ session }: RecordingBuilder) => {
    const found = await findSession(session, undefined, { catalogue, reader, platform: nodeRecordingPlatform });
    const job = found && sessionEntryOf(found.stored, {}) && renderJob(found, { format: 'ndjson' });
    if (!job) throw new Error('it is not indexed');
    return job;
  };
  const [first, second] = [await jobOf(long), await jobOf(short)];
  const state = async (job: typeof first, asker: string) => {
    const parts = await exportInParts(job, { from: 0, asker }, rendering);
    return parts.ok ? parts.value.state : parts.error;
  };
  expect(await state(first, ANN)).toBe('rendering');
  await expect.poll(() => state(second, BOB)).toBe('ready');
  expect(await state(first, ANN)).toBe('rendering');
  release();
  await expect.poll(() => state(first, ANN)).toBe('ready');
  await close();
});
