// Exports in parts as `npm start` makes them: begun by whoever asks, waited for, handed out by links, and gone with their session.

import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ApiError } from '../../core/api.ts';
import { ExportParts } from '../../core/replay/exports.ts';
import { PurgePage } from '../../core/retention/purge.ts';
import { secret } from '../../core/secret.ts';
import { type LocalDynamoDb, type LocalFunctions, startFunctions, startLocalDynamoDb } from '../../functions/local.ts';
import { answer, eventOf, RecordingBuilder } from '../harness/recording-builder.ts';

const TOKEN = 'a token of the test';
let directory: string;
let database: LocalDynamoDb;
let functions: LocalFunctions;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-rendered-'));
  database = await startLocalDynamoDb();
  const options = { port: 0, objectsDirectory: join(directory, 'objects'), dynamoEndpoint: database.endpoint };
  const isLargeExport = (_: unknown, { format }: { readonly format: string }) => format === 'ndjson';
  functions = await startFunctions({
    ...{ ...options, token: secret(TOKEN), searchDirectory: join(directory, 'search') },
    ...{ report: () => {}, retentionEveryMs: 50, isLargeExport },
  });
});
afterAll(async () => {
  await functions?.close();
  await database?.close();
  await rm(directory, { recursive: true, force: true });
});

const call = (path: string, method = 'GET', body?: unknown) =>
  fetch(functions.url + path, {
    method,
    headers: { authorization: `Bearer ${TOKEN}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
const asked = async (session: string, query: string): Promise<ExportParts> => {
  const response = await call(`/sessions/${session}/export?${query}`);
  expect(response.status).toBe(202);
  return ExportParts.parse(await response.json());
};
async function ready(session: string, query: string): Promise<ExportParts> {
  await expect.poll(async () => (await asked(session, query)).state).toBe('ready');
  return asked(session, query);
}

async function stored(startedAt = '2026-11-20T12:00:00.000Z'): Promise<RecordingBuilder> {
  const builder = new RecordingBuilder({ startedAt }).query('select 1', answer(['n'], [['1'], [null]])).end();
  await builder.writeTo(join(directory, 'objects'));
  const longAgo = Date.parse(startedAt) / 1000;
  for (const key of builder.objects.keys()) await utimes(join(directory, 'objects', key), longAgo, longAgo);
  expect((await call('/events', 'POST', eventOf(...builder.objects.keys()))).status).toBe(204);
  return builder;
}
const renderedOf = (session: string) =>
  readdir(join(directory, 'search', 'rendered', session), { recursive: true }).catch(() => []);

it('are what the export is, and open by their link alone', async () => {
  const { session } = await stored();
  expect(await asked(session, 'format=ndjson')).toMatchObject({ state: 'rendering', parts: [] });
  const { parts, fileName, bytes } = await ready(session, 'format=ndjson&part=0');
  expect(fileName).toBe(`${session}.ndjson`);
  const [part] = parts;
  const opened = await fetch(part?.url ?? '');
  const text = await opened.text();
  expect(opened.headers.get('content-disposition')).toBe(`attachment; filename="${session}.ndjson"`);
  expect(text.split('\n')[0]).toContain('session.opened');
  expect(Buffer.byteLength(text)).toBe(bytes);
  expect(createHash('sha256').update(text).digest('hex')).toBe(part?.sha256);
  expect((await fetch(`${part?.url}x`)).status).toBe(403);
  expect((await fetch((part?.url ?? '').split('?')[0] ?? '')).status).toBe(403);
});

it('come of any format when asked for, and not of one that there is none of', async () => {
  const { session } = await stored();
  const direct = await call(`/sessions/${session}/export?format=text`);
  expect(direct.headers.get('content-disposition')).toBe(`attachment; filename="${session}.txt"`);
  const { parts } = await ready(session, 'format=text&part=0');
  expect(await (await fetch(parts[0]?.url ?? '')).text()).toBe(await direct.text());
  await expect
    .poll(async () => (await call(`/sessions/${session}/export?format=csv&statement=9&part=0`)).status)
    .toBe(400);
  const refused = await call(`/sessions/${session}/export?format=csv&statement=9&part=0`);
  expect(ApiError.parse(await refused.json()).error.message).toContain('statement 9 has no results');
});

it('go with their session, and none comes behind it', async () => {
  const { session, connector } = await stored('2020-01-01T00:00:00.000Z');
  const { parts } = await ready(session, 'format=ndjson&part=0');
  expect(await renderedOf(session)).not.toEqual([]);
  const stateOf = async () => {
    const { purges } = PurgePage.parse(await (await call('/retention/purges')).json());
    return purges.find((purge) => purge.session === session)?.state;
  };
  await expect.poll(stateOf).toBe('proposed');
  const order = { mode: 'due', at: new Date().toISOString(), audit: 7, connector: connector.id };
  expect((await call(`/retention/purges/${session}/order`, 'POST', order)).status).toBe(200);
  await expect.poll(stateOf).toBe('done');
  expect(await renderedOf(session)).toEqual([]);
  // The link is good for minutes; what it opened is not there.
  expect((await fetch(parts[0]?.url ?? '')).status).toBe(403);
  expect((await call(`/sessions/${session}/export?format=ndjson&part=0`)).status).toBe(404);
  expect(await renderedOf(session)).toEqual([]);
});
