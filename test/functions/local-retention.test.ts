// Purge and holds as `npm start` runs them: by the clock, over a directory, ordered over HTTP.

import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBDocumentClient, ScanCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import { MAX_HELD_SESSIONS } from '../../core/retention/hold.ts';
import { HoldList, PurgePage, PurgeReport, SessionRetention } from '../../core/retention/purge.ts';
import { secret } from '../../core/secret.ts';
import { type LocalDynamoDb, type LocalFunctions, startFunctions, startLocalDynamoDb } from '../../functions/local.ts';
import { localDynamoDbClient } from '../../functions/local/dynamodb.ts';
import { newOrderSigner, type OrderSigner } from '../harness/purge/edge-orders.ts';
import { answer, eventOf, RecordingBuilder } from '../harness/recording-builder.ts';

const TOKEN = 'a token of the test';
let directory: string;
let database: LocalDynamoDb;
let functions: LocalFunctions;
let edge: OrderSigner;
const refused: unknown[] = [];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-retention-'));
  database = await startLocalDynamoDb();
  const options = { port: 0, objectsDirectory: directory, dynamoEndpoint: database.endpoint, token: secret(TOKEN) };
  edge = await newOrderSigner();
  functions = await startFunctions({
    ...options,
    edgeKey: edge.key,
    report: (event) => refused.push(event),
    retentionEveryMs: 50,
  });
});
afterAll(async () => {
  await functions?.close();
  await database?.close();
  await rm(directory, { recursive: true, force: true });
});

const call = async (path: string, method = 'GET', body?: unknown) =>
  fetch(functions.url + path, {
    method,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      ...(await edge.look(functions.url + path, method, body === undefined ? '' : JSON.stringify(body))),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
const purges = async () => PurgePage.parse(await (await call('/retention/purges')).json()).purges;
const stateOf = async (session: string) => (await purges()).find((each) => each.session === session)?.state;

it('answer nobody without the edge’s ticket for this very request, who shows the token or not', async () => {
  const authorization = `Bearer ${TOKEN}`;
  const ask = async (path: string, headers: Record<string, string>) => {
    const answered = await fetch(functions.url + path, { headers });
    return [answered.status, ((await answered.json()) as { error?: { message: string } }).error?.message];
  };
  const session = newId('ses');
  const paths = ['/archive', '/sessions', `/sessions/${session}`, '/retention/purges', '/reindex', '/nothing'];
  paths.push(
    ...['actions', 'replay', 'export', 'objects', 'objects/manifest', 'originals'].map((it) => `${paths[2]}/${it}`),
  );
  for (const path of paths) {
    expect([path, await ask(path, { authorization })]).toEqual([path, [403, expect.stringContaining('(missing)')]]);
    const other = await edge.look(`${functions.url}${path}?more`);
    expect(await ask(path, { authorization, ...other })).toEqual([403, expect.stringContaining('(not_signed)')]);
    const old = await edge.look(functions.url + path, 'GET', '', Date.now() - 61_000);
    expect(await ask(path, { authorization, ...old })).toEqual([403, expect.stringContaining('(expired)')]);
    expect((await ask(path, await edge.look(functions.url + path)))[0]).toBe(401);
    expect((await ask(path, { authorization, ...(await edge.look(functions.url + path)) }))[0]).not.toBe(403);
  }
  expect(refused).toContainEqual({ kind: 'look.refused', fault: 'missing' });
});

/** A directory knows when something was stored by the files' times. */
async function storedLongAgo(): Promise<RecordingBuilder> {
  const builder = new RecordingBuilder({ startedAt: '2020-01-01T00:00:00.000Z' })
    .query('select purged_word', answer(['n'], [['1']]))
    .end();
  await builder.writeTo(directory);
  for (const key of builder.objects.keys()) await utimes(join(directory, key), 1_577_836_800, 1_577_836_800);
  const { id, publicKey } = builder.connector;
  const key = Buffer.from(publicKey).toString('base64url');
  const keys = { connector: id, version: 1, keys: [{ key, from: '2020-01-01T00:00:00.000Z' }] };
  await call(`/connectors/${id}/keys`, 'PUT', { note: await edge.signKeys(keys) });
  expect((await call('/events', 'POST', eventOf(...builder.objects.keys()))).status).toBe(204);
  return builder;
}
const found = async (): Promise<string> => {
  const view = { rules: 'all', own: { subject: '', forbiddenBy: [] } };
  return (await call('/search', 'POST', { q: 'purged_word', view })).text();
};
/** Rows of the search index that name it: as it is not folded here, what it holds. */
async function waiting(session: string): Promise<number> {
  const client = localDynamoDbClient(database.endpoint);
  const { Items = [] } = await DynamoDBDocumentClient.from(client).send(
    new ScanCommand({ TableName: 'gatehouse-catalogue' }),
  );
  client.destroy();
  return Items.filter(({ pk, sk }) => /^search#/.test(pk) && String(sk).includes(session)).length;
}
const folderOf = (builder: RecordingBuilder) =>
  readdir(join(directory, 'recordings', builder.connector.id)).catch(() => [] as string[]);

it('proposes what is due, waits for the order, deletes, and says so', async () => {
  const builder = await storedLongAgo();
  const { session, connector } = builder;
  const kept = SessionRetention.parse(
    await (await call(`/retention/sessions/${session}?connector=${connector.id}`)).json(),
  );
  expect(kept).toMatchObject({ retention: { rule: 'demo', retainDays: 90 }, refusals: [], finished: true });
  await expect.poll(() => stateOf(session)).toBe('proposed');
  expect(PurgeReport.parse(await (await call('/retention/report')).json()).proposed).toContain(session);
  expect(await folderOf(builder)).toEqual([session]);
  expect(await found()).toContain(session);
  expect(await waiting(session)).toBe(1);

  expect((await call(`/retention/purges/${session}/settled`, 'POST', {})).status).toBe(409);
  const unsigned = { mode: 'due' as const, at: new Date().toISOString(), audit: 7 };
  const place = { session, connector: connector.id };
  expect(
    (await call(`/retention/purges/${session}/order`, 'POST', { ...unsigned, connector: connector.id })).status,
  ).toBe(409);
  await expect.poll(() => stateOf(session)).toBe('refused');
  const order = { ...(await edge.sign(place, unsigned)), connector: connector.id };
  for (let again = 0; again < 2; again++)
    expect((await call(`/retention/purges/${session}/order`, 'POST', order)).status).toBe(200);
  await expect.poll(() => stateOf(session)).toBe('done');
  expect(await folderOf(builder)).toEqual([]);
  expect(await found()).not.toContain(session);
  expect(await waiting(session)).toBe(0);
  expect((await call(`/sessions/${session}`)).status).toBe(404);
  for (let again = 0; again < 2; again++)
    expect((await call(`/retention/purges/${session}/settled`, 'POST', {})).status).toBe(204);
});

it('takes a hold with as many sessions as one has, keeps each of them, and lists the first hundred', async () => {
  const builder = await storedLongAgo();
  const sessions = [...Array.from({ length: MAX_HELD_SESSIONS - 1 }, () => newId('ses')), builder.session];
  const placed = { by: 'carol@example.com', at: '2026-11-21T00:00:00.000Z', reason: 'a dispute' };
  const hold = { id: newId('hld'), scope: { of: 'sessions', sessions, query: 'q'.repeat(1000) }, placed };
  expect((await call(`/retention/holds/${hold.id}`, 'PUT', hold)).status).toBe(204);
  const path = `/retention/sessions/${builder.session}?connector=${builder.connector.id}`;
  expect(SessionRetention.parse(await (await call(path)).json()).holds).toEqual([hold.id]);
  const { holds } = HoldList.parse(await (await call('/retention/holds')).json());
  const listed = holds.find(({ id }) => id === hold.id);
  expect(listed).toMatchObject({ named: MAX_HELD_SESSIONS, scope: { sessions: sessions.slice(0, 100) } });
  await call(`/retention/holds/${hold.id}`, 'PUT', { ...hold, lifted: { by: 'dave@example.com', at: placed.at } });
});

it('keeps what is held, in the directory too, and lets it go when the hold is lifted', async () => {
  const placed = { by: 'carol@example.com', at: '2026-11-21T00:00:00.000Z', reason: 'a dispute' };
  const hold = { id: newId('hld'), scope: { of: 'user', email: 'alice@example.com' }, placed };
  expect((await call(`/retention/holds/${newId('hld')}`, 'PUT', hold)).status).toBe(400);
  expect((await call(`/retention/holds/${hold.id}`, 'PUT', hold)).status).toBe(204);
  const builder = await storedLongAgo();
  const { session, connector } = builder;
  const held = async () =>
    SessionRetention.parse(await (await call(`/retention/sessions/${session}?connector=${connector.id}`)).json());
  await expect.poll(async () => (await held()).heldObjects).toBe(builder.objects.size);
  await expect.poll(() => stateOf(session)).toBe('refused');
  for (const mode of ['due', 'early']) {
    const order = { mode, at: new Date().toISOString(), audit: 8, connector: connector.id };
    expect((await call(`/retention/purges/${session}/order`, 'POST', order)).status).toBe(409);
  }
  const lifted = { by: 'dave@example.com', at: '2026-11-22T00:00:00.000Z' };
  await call(`/retention/holds/${hold.id}`, 'PUT', { ...hold, lifted });
  await expect.poll(async () => (await held()).heldObjects).toBe(0);
  await expect.poll(() => stateOf(session)).toBe('proposed');
});

it.each([
  ['POST', '/retention/purges/ses_1/order', { mode: 'due' }],
  ['POST', `/retention/purges/${newId('ses')}/order`, { mode: 'never', at: 'now', audit: 0 }],
  ['GET', '/retention/purges?after=x', undefined],
  ['GET', '/retention/report?session=x', undefined],
  ['GET', `/retention/sessions/${newId('ses')}`, undefined],
  ['PUT', `/retention/holds/${newId('hld')}`, { id: 'x' }],
])('%s %s is not understood', async (method, path, body) => {
  expect((await call(path, method, body)).status).toBe(400);
});
