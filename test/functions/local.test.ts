// The functions as `npm start` runs them: over HTTP, a directory and a DynamoDB-compatible server.

import { DeleteCommand, DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ApiError, ObjectList } from '../../core/api.ts';
import { ExportedFrame } from '../../core/replay/exports.ts';
import { ActionPage, ReplayEvent, SessionPage } from '../../core/catalogue.ts';
import { newId } from '../../core/ids.ts';
import { decodeSegment, segmentKey } from '../../core/recording/segment.ts';
import { secret } from '../../core/secret.ts';
import { sessionEntryOf, openingOf, StoredSession } from '../../core/session-evidence.ts';
import { localDynamoDbClient } from '../../functions/local/dynamodb.ts';
import { type LocalDynamoDb, type LocalFunctions, startFunctions, startLocalDynamoDb } from '../../functions/local.ts';
import { nodeRecordingPlatform } from '../../functions/recording-platform.ts';
import { answer, eventOf, RecordingBuilder } from '../harness/recording-builder.ts';

const TOKEN = 'a token of the test';
let directory: string;
let database: LocalDynamoDb;
let functions: LocalFunctions;

const start = () =>
  startFunctions({
    port: 0,
    objectsDirectory: join(directory, 'objects'),
    dynamoEndpoint: database.endpoint,
    token: secret(TOKEN),
    report: () => {},
  });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-functions-'));
  database = await startLocalDynamoDb({ path: join(directory, 'dynamodb') });
  functions = await start();
});
afterAll(async () => {
  await functions?.close();
  await database?.close();
  await rm(directory, { recursive: true, force: true });
});

const call = (path: string, init: RequestInit = {}) =>
  fetch(functions.url + path, { ...init, headers: { authorization: `Bearer ${TOKEN}` } });
const post = (body: unknown) => call('/events', { method: 'POST', body: JSON.stringify(body) });
const lines = (text: string): unknown[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

async function stored(builder: RecordingBuilder): Promise<RecordingBuilder> {
  await builder.writeTo(join(directory, 'objects'));
  const response = await post(eventOf(...builder.objects.keys()));
  expect(response.status).toBe(204);
  return builder;
}

// As somebody with rights on the table would.
const TableName = 'gatehouse-catalogue';
const atTable = () => DynamoDBDocumentClient.from(localDynamoDbClient(database.endpoint));
async function rowOf(session: string): Promise<Record<string, unknown>> {
  const Key = { pk: `session#${session}`, sk: 'session' };
  return (await atTable().send(new GetCommand({ TableName, Key }))).Item ?? {};
}
const putRow = (Item: Record<string, unknown>) => atTable().send(new PutCommand({ TableName, Item }));
const deleteRow = (session: string) =>
  atTable().send(new DeleteCommand({ TableName, Key: { pk: `session#${session}`, sk: 'session' } }));

const shopping = () =>
  new RecordingBuilder({ email: `p${newId('ses')}@example.com` })
    .query(
      'select id, name from customers',
      answer(
        ['id', 'name'],
        [
          ['1', 'Ada'],
          ['2', null],
        ],
      ),
      {
        tags: ['SELECT 2'],
        rows: 2,
      },
    )
    .cut()
    .query('select 1', answer(['?column?'], [['1']]))
    .end();

describe('the local functions', () => {
  it('turn away whoever does not show the token', async () => {
    for (const authorization of ['', 'Bearer', 'Bearer nope', `Bearer ${TOKEN}x`, TOKEN]) {
      const response = await fetch(`${functions.url}/sessions`, { headers: { authorization } });
      expect(response.status).toBe(401);
      expect(ApiError.parse(await response.json()).error.reason).toBe('credentials_wrong');
    }
  });

  it('take in stored objects and show the session in every form', async () => {
    const builder = await stored(shopping());
    const { session } = builder;
    const email = builder.opened.identity.email;

    const page = SessionPage.parse(await (await call(`/sessions?email=${encodeURIComponent(email)}`)).json());
    expect(page.sessions).toMatchObject([{ id: session, state: 'sealed', counts: { statements: 2, rows: 3 } }]);

    const detail = StoredSession.parse(await (await call(`/sessions/${session}`)).json());
    expect(detail.segments).toHaveLength(2);
    expect(detail.manifest).toMatchObject({ signed: true, content: { coverage: { lanes: { recorded: 'full' } } } });
    expect(sessionEntryOf(detail, {})).toEqual(detail.row);

    const actions = ActionPage.parse(await (await call(`/sessions/${session}/actions?limit=1`)).json());
    expect(actions.actions).toMatchObject([{ action: 1, detail: { rows: 2 } }]);
    const rest = await call(`/sessions/${session}/actions?limit=1&cursor=${actions.cursor}`);
    expect(ActionPage.parse(await rest.json())).toMatchObject({ actions: [{ action: 2 }] });

    const replay = await call(`/sessions/${session}/replay`);
    expect(replay.headers.get('content-type')).toBe('application/x-ndjson');
    const events = z.array(ReplayEvent).parse(lines(await replay.text()));
    expect(events.map(({ kind }) => kind)).toEqual([
      'opened',
      'statement',
      'rows',
      'result',
      'statement',
      'rows',
      'result',
      'ended',
    ]);
    expect(events[2]).toMatchObject({
      columns: ['id', 'name'],
      rows: [
        ['1', 'Ada'],
        ['2', null],
      ],
      omitted: 0,
    });

    const frames = z
      .array(ExportedFrame)
      .parse(lines(await (await call(`/sessions/${session}/export?format=ndjson`)).text()));
    expect(frames.map(({ sequence }) => sequence)).toEqual(frames.map((_, i) => i));
    expect(frames).toHaveLength(detail.row?.counts.frames ?? 0);

    const html = await (await call(`/sessions/${session}/export?format=html`)).text();
    expect(html).toContain('select id, name from customers');
    const cast = await (await call(`/sessions/${session}/export?format=asciicast`)).text();
    expect(lines(cast)[0]).toMatchObject({ version: 2 });

    const objects = ObjectList.parse(await (await call(`/sessions/${session}/objects`)).json());
    expect(objects.objects.map(({ name }) => name)).toEqual(['00000000.seg', '00000001.seg', 'manifest.json']);
    const object = await call(`/sessions/${session}/objects/00000001.seg`);
    const bytes = new Uint8Array(await object.arrayBuffer());
    expect(decodeSegment(bytes, nodeRecordingPlatform).header.number).toBe(1);
    expect(object.headers.get('content-length')).toBe(String(bytes.length));
  });

  it('ask for an event again while its object is away', async () => {
    const builder = shopping();
    const response = await post(eventOf(segmentKey(builder.connector.id, builder.session, 0)));
    expect(response.status).toBe(503);
    expect(ApiError.parse(await response.json()).error.reason).toBe('unavailable');
  });

  it('answer 204 for a damaged object, and mark its session alone', async () => {
    const builder = shopping();
    const other = shopping();
    const [first] = [...builder.objects.keys()];
    await builder.writeTo(join(directory, 'objects'));
    await other.writeTo(join(directory, 'objects'));
    await writeFile(join(directory, 'objects', first ?? ''), 'nothing sound');
    expect((await post(eventOf(...builder.objects.keys(), ...other.objects.keys()))).status).toBe(204);
    const broken = StoredSession.parse(await (await call(`/sessions/${builder.session}`)).json());
    expect(broken.row?.state).toBe('broken');
    expect(broken.row?.fault).toContain('00000000.seg');
    const whole = StoredSession.parse(await (await call(`/sessions/${other.session}`)).json());
    expect(whole.row?.state).toBe('sealed');
    const events = lines(await (await call(`/sessions/${builder.session}/replay`)).text());
    expect(events).toMatchObject([{ kind: 'opened' }, { kind: 'damaged' }]);
  });

  it('say what is wrong with a request', async () => {
    const builder = await stored(shopping());
    const wrong: [string, number, string][] = [
      ['/sessions?limit=0', 400, 'bad_request'],
      ['/sessions?limit=201', 400, 'bad_request'],
      ['/sessions?since=yesterday', 400, 'bad_request'],
      ['/sessions?cursor=AAAA', 400, 'bad_request'],
      [`/sessions/${builder.session}/actions?cursor=AAAA`, 400, 'bad_request'],
      [`/sessions/${builder.session}/export?format=pdf`, 400, 'bad_request'],
      [`/sessions/${newId('ses')}`, 404, 'not_found'],
      [`/sessions/${newId('ses')}/replay`, 404, 'not_found'],
      ['/sessions/..%2f..%2fetc', 404, 'not_found'],
      [`/sessions/${builder.session}/objects/..%2f..%2fsecret`, 404, 'not_found'],
      [`/sessions/${builder.session}/objects/00000009.seg`, 404, 'not_found'],
      ['/nothing', 404, 'not_found'],
    ];
    for (const [path, status, reason] of wrong) {
      const response = await call(path);
      expect([path, response.status]).toEqual([path, status]);
      expect(ApiError.parse(await response.json()).error.reason).toBe(reason);
    }
    expect((await post({ hello: 'there' })).status).toBe(400);
    expect((await call('/events', { method: 'POST', body: '{' })).status).toBe(400);
    expect((await post({ Event: 's3:TestEvent' })).status).toBe(204);
  });

  it('refuse an event that is far too long', async () => {
    // Of its own connection: the server closes it, without reading on.
    const response = await fetch(`${functions.url}/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, connection: 'close' },
      body: 'x'.repeat(2_000_000),
    });
    expect(response.status).toBe(413);
    expect(ApiError.parse(await response.json()).error.reason).toBe('bad_request');
  });

  it('show a session from its objects, whatever its row says or when it is gone', async () => {
    const builder = await stored(shopping());
    const { session, connector } = builder;
    const path = `/sessions/${session}`;
    const truth = StoredSession.parse(await (await call(path)).json());
    const row = await rowOf(session);
    const lie = { ...(row.opened as object), email: 'mallory@example.com', subject: 'mallory', reason: 'nothing' };
    await putRow({
      ...row,
      opened: lie,
      ended: { ...(row.ended as object), counts: { ...truth.row?.counts, rows: 0 } },
    });
    const altered = StoredSession.parse(await (await call(path)).json());
    expect(sessionEntryOf(altered, {})).toEqual({
      ...truth.row,
      // Beside its own place in the indexes, which was left.
      contradicted: ['counts', 'email', 'index', 'reason', 'subject'],
    });
    const [head] = lines(await (await call(`${path}/replay`)).text());
    expect(head).toMatchObject({ session: { email: builder.opened.identity.email, reason: 'a test' } });
    expect(await (await call(`${path}/export?format=html`)).text()).not.toContain('mallory');

    // Out of its owner's list, and out of everybody's by time.
    for (const change of [{ email: 'mallory@example.com' }, { started: '1999', month: '1999-01' }]) {
      await putRow({ ...row, ...change });
      const moved = StoredSession.parse(await (await call(path)).json());
      expect(sessionEntryOf(moved, {})).toEqual({ ...truth.row, contradicted: ['index'] });
    }
    // Its objects said to stand elsewhere: the edge knows better.
    await putRow({ ...row, connector: newId('con') });
    expect((await call(`${path}?connector=${connector.id}`)).status).toBe(200);
    await putRow({ ...row, opened: { ...(row.opened as object), id: newId('ses') } });
    for (const lost of ['damaged', 'gone']) {
      if (lost === 'gone') await deleteRow(session);
      const found = StoredSession.parse(await (await call(`${path}?connector=${connector.id}`)).json());
      expect(found.row).toBeUndefined();
      const told = lost === 'damaged' ? { contradicted: ['row'] } : {};
      // Counted by the indexer alone.
      const { failedCommands: _, ...known } = truth.row ?? {};
      expect(sessionEntryOf(found, {})).toEqual({ ...known, state: 'ended', ...told });
      const objects = ObjectList.parse(await (await call(`${path}/objects?connector=${connector.id}`)).json());
      expect(objects.objects).toHaveLength(3);
      for (const part of ['replay', 'export?format=ndjson', 'objects/manifest.json'])
        expect((await call(`${path}/${part}${part.includes('?') ? '&' : '?'}connector=${connector.id}`)).status).toBe(
          200,
        );
    }
    expect((await call(path)).status).toBe(404);
    // One that nobody can read does not take the list along.
    expect((await call('/sessions')).status).toBe(200);
    // While it runs, its first segment says how it began.
    const live = await stored(new RecordingBuilder().query('select 1', answer(['n'], [['1']])).cut());
    await putRow({ ...(await rowOf(live.session)), opened: { ...openingOf(live.opened), subject: 'mallory' } });
    const running = StoredSession.parse(await (await call(`/sessions/${live.session}`)).json());
    expect(sessionEntryOf(running, {})).toMatchObject({
      subject: live.opened.identity.subject,
      state: 'live',
      counts: { statements: 1 },
      contradicted: ['subject'],
    });
  });

  it('keep the catalogue over a restart', async () => {
    const builder = await stored(shopping());
    await functions.close();
    await database.close();
    database = await startLocalDynamoDb({ path: join(directory, 'dynamodb') });
    functions = await start();
    expect((await call(`/sessions/${builder.session}`)).status).toBe(200);
  });
});
