import { zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionPage, SessionQuery } from '../../core/catalogue.ts';
import { newId } from '../../core/ids.ts';
import type { SessionOpened } from '../../core/recording/facts/session.ts';
import { statementEntry } from '../../test/harness/fake-data.ts';
import { newConnector, RecordingBuilder } from '../../test/harness/recording-builder.ts';
import { type LocalDynamoDb, localDynamoDbClient, startLocalDynamoDb } from '../local/dynamodb.ts';
import { NOTHING_COUNTED } from '../../core/recording/manifest.ts';
import { openingOf } from '../../core/session-evidence.ts';
import { beginningOf, endOf } from '../facts/actions.ts';
import { withEnd } from '../facts/action-ends.ts';
import { CatalogueReader } from './reader.ts';
import { actionsRow, finishRow, sessionPartition } from './schema.ts';
import { CatalogueTable, createCatalogueTable } from './table.ts';
import { CatalogueWriter } from './writer.ts';

const connector = newConnector();
let database: LocalDynamoDb;
let client: ReturnType<typeof localDynamoDbClient>;
let reader: CatalogueReader;
let writer: CatalogueWriter;
/** Newest first. */
const all: SessionOpened[] = [];

beforeAll(async () => {
  database = await startLocalDynamoDb();
  client = localDynamoDbClient(database.endpoint);
  await createCatalogueTable(client, 'catalogue');
  const table = new CatalogueTable(client, 'catalogue');
  reader = new CatalogueReader(table, () => {});
  writer = new CatalogueWriter(table);
  // 60 sessions, 37 hours apart: over three months, with empty days between.
  for (let i = 0; i < 60; i++) {
    const { opened } = new RecordingBuilder({
      connector,
      email: i % 3 === 0 ? 'alice@example.com' : 'bob@example.com',
      resource: i % 2 === 0 ? 'demo' : 'orders',
      ...(i % 10 === 0 ? { task: 'OPS-7' } : {}),
      ...(i === 17 ? { trace: 'trace-17' } : {}),
      startedAt: new Date(Date.UTC(2026, 8, 1) + i * 37 * 3_600_000).toISOString(),
    });
    all.unshift(opened);
    await writer.putOpened({ session: opened.session, connector: connector.id }, openingOf(opened), 30, 'segment');
  }
});
afterAll(async () => {
  client.destroy();
  await database.close();
});

const idsOf = (sessions: readonly { id: string }[]) => sessions.map(({ id }) => id);
const expected = (filter: (opened: SessionOpened) => boolean) => all.filter(filter).map(({ session }) => session);

async function page(query: Partial<SessionQuery>): Promise<SessionPage> {
  const answer = await reader.sessions({ limit: 50, ...query });
  if (!answer.ok) throw new Error(answer.error.reason);
  return answer.value;
}

async function walk(query: Partial<SessionQuery>): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const next = await page(cursor === undefined ? query : { ...query, cursor });
    expect(next.sessions.length).toBeLessThanOrEqual(query.limit ?? 50);
    ids.push(...idsOf(next.sessions));
    cursor = next.cursor;
  } while (cursor !== undefined);
  return ids;
}

describe('listing sessions', () => {
  it.each([1, 7, 50, 60, 200])('shows all of them once, newest first, in pages of %i', async (limit) => {
    expect(await walk({ limit })).toEqual(expected(() => true));
  });

  it.each<[Partial<SessionQuery>, (opened: SessionOpened) => boolean]>([
    [{ email: 'alice@example.com' }, ({ identity }) => identity.email === 'alice@example.com'],
    [{ email: ' Alice@Example.com ' }, ({ identity }) => identity.email === 'alice@example.com'],
    [{ resource: 'orders' }, ({ resource }) => resource === 'orders'],
    [{ task: 'OPS-7' }, ({ grant }) => grant.labels.task === 'OPS-7'],
    [{ trace: 'trace-17' }, ({ grant }) => grant.labels.trace === 'trace-17'],
    [
      { email: 'bob@example.com', resource: 'demo' },
      ({ identity, resource }) => identity.email === 'bob@example.com' && resource === 'demo',
    ],
    [
      { email: 'alice@example.com', task: 'OPS-7' },
      ({ identity, grant }) => identity.email === 'alice@example.com' && grant.labels.task === 'OPS-7',
    ],
    [{ email: 'nobody@example.com' }, () => false],
    [{ since: '2026-10-01T00:00:00Z' }, ({ startedAt }) => startedAt >= '2026-10-01'],
    [{ until: '2026-10-01T00:00:00Z' }, ({ startedAt }) => startedAt < '2026-10-01'],
    [
      { since: '2026-09-20T00:00:00Z', until: '2026-10-20T00:00:00Z', resource: 'demo' },
      ({ startedAt, resource }) => startedAt >= '2026-09-20' && startedAt < '2026-10-20' && resource === 'demo',
    ],
    [{ since: '2030-01-01T00:00:00Z' }, () => false],
    [{ until: '2020-01-01T00:00:00Z' }, () => false],
    [{ since: '2026-10-20T00:00:00Z', until: '2026-09-20T00:00:00Z' }, () => false],
    [{ since: '2026-10-20T00:00:00Z', until: '2026-09-20T00:00:00Z', email: 'bob@example.com' }, () => false],
  ])('finds %j', async (query, filter) => {
    for (const limit of [3, 50]) expect(await walk({ ...query, limit })).toEqual(expected(filter));
  });

  it('keeps its place when a session begins between two pages', async () => {
    const first = await page({ limit: 5 });
    const { opened } = new RecordingBuilder({ connector, startedAt: '2027-01-01T00:00:00.000Z' });
    await writer.putOpened({ session: opened.session, connector: connector.id }, openingOf(opened), 30, 'segment');
    const second = await page({ limit: 5, ...(first.cursor ? { cursor: first.cursor } : {}) });
    expect(idsOf(second.sessions)).toEqual(expected(() => true).slice(5, 10));
  });

  it('does not count a session of a time zone or precision of its own out of order', async () => {
    const [early, late] = ['2028-05-05T12:00:00Z', '2028-05-05T12:00:00.5Z'].map(
      (startedAt) => new RecordingBuilder({ connector, email: 'order@example.com', startedAt }).opened,
    );
    for (const opened of [late, early])
      if (opened)
        await writer.putOpened({ session: opened.session, connector: connector.id }, openingOf(opened), 30, 'segment');
    expect(await walk({ email: 'order@example.com' })).toEqual([late?.session, early?.session]);
  });
});

describe('a cursor', () => {
  it('is refused when any character of it was changed, cut or added', async () => {
    const { cursor } = await page({ limit: 5 });
    if (cursor === undefined) throw new Error('no cursor');
    for (let i = 0; i < cursor.length; i++) {
      const changed = cursor.slice(0, i) + (cursor[i] === 'A' ? 'B' : 'A') + cursor.slice(i + 1);
      for (const bad of [changed, cursor.slice(0, i), `${cursor.slice(0, i)}!${cursor.slice(i)}`])
        expect(await reader.sessions({ limit: 5, cursor: bad })).toEqual({
          ok: false,
          error: { reason: 'bad_cursor' },
        });
    }
  });

  it('is refused in another query than its own, and takes another page size', async () => {
    const { cursor } = await page({ limit: 2, email: 'bob@example.com' });
    if (cursor === undefined) throw new Error('no cursor');
    const others: Partial<SessionQuery>[] = [
      {},
      { email: 'alice@example.com' },
      { email: 'bob@example.com', resource: 'demo' },
      { email: 'bob@example.com', since: '2026-10-01T00:00:00Z' },
      { resource: 'bob@example.com' },
    ];
    for (const other of others)
      expect(await reader.sessions({ limit: 2, ...other, cursor })).toMatchObject({ ok: false });
    expect((await page({ limit: 9, email: 'bob@example.com', cursor })).sessions).toHaveLength(9);
  });

  it('of one session’s actions is refused for another’s', async () => {
    const [mine, other] = [newId('ses'), newId('ses')];
    await writer.putActions({ session: mine, connector: connector.id }, 0, {
      opened: undefined,
      actions: [1, 2, 3].map((action) => statementEntry(action, 0, { text: `select ${action}` })),
      laterEnds: [],
      said: [],
      counts: NOTHING_COUNTED,
      failedCommands: 0,
    });
    const first = await reader.actions(mine, undefined, 2);
    if (!first.ok) throw new Error('refused');
    expect(first.value.actions).toHaveLength(2);
    expect(await reader.actions(other, first.value.cursor, 2)).toMatchObject({ ok: false });
    expect(await reader.actions(mine, first.value.cursor, 2)).toMatchObject({
      ok: true,
      value: { actions: [{ action: 3 }] },
    });
  });
});

it('reads statements as earlier releases stored them, with ends and verdicts that came segments later', async () => {
  const session = newId('ses');
  const pk = sessionPartition(session);
  const error = { code: '42P01', severity: 'ERROR', message: 'no such table' };
  const verdict = { outcome: 'held', message: 'It waits.' };
  const approved = { outcome: 'approved', message: 'It was approved.', by: ['bob@example.com'] };
  const block = [
    {
      ...{ statement: 1, timeUs: 5, text: 'select  1\nfrom t', textBytes: 90_000 },
      ...{ parameters: [], tags: ['SELECT 2'], rows: 2, bytes: 9, durationUs: 7 },
    },
    { statement: 2, timeUs: 6, text: 'drop table t', verdict },
    { statement: 3, timeUs: 8, text: 'select 3' },
  ];
  await new CatalogueTable(client, 'catalogue').putAll([
    { pk, sk: actionsRow(1, 0), body: new Uint8Array(zstdCompressSync(JSON.stringify(block))) },
    { pk, sk: finishRow(2, 1), end: { statement: 2, verdict: approved } },
    { pk, sk: finishRow(2, 2), end: { statement: 2, tags: ['DROP TABLE'], rows: 0, bytes: 3, durationUs: 4 } },
    { pk, sk: finishRow(3, 3), end: { statement: 3, tags: [], rows: 0, bytes: 3, durationUs: 5, error } },
    // A verdict behind the end leaves the end.
    { pk, sk: finishRow(3, 4), end: { statement: 3, verdict } },
  ]);
  const place = { lane: 0, kind: 'statement' };
  expect(await reader.actions(session, undefined, 50)).toEqual({
    ok: true,
    value: {
      actions: [
        {
          ...{ ...place, action: 1, timeUs: 5, title: 'select 1 from t', durationUs: 7, outcome: 'SELECT 2' },
          detail: {
            text: 'select  1\nfrom t',
            textBytes: 90_000,
            parameters: [],
            tags: ['SELECT 2'],
            rows: 2,
            bytes: 9,
          },
        },
        {
          ...{ ...place, action: 2, timeUs: 6, title: 'drop table t', durationUs: 4, outcome: 'DROP TABLE' },
          detail: { text: 'drop table t', tags: ['DROP TABLE'], rows: 0, bytes: 3 },
          verdict: approved,
        },
        {
          ...{ ...place, action: 3, timeUs: 8, title: 'select 3', durationUs: 5, outcome: 'ERROR 42P01' },
          detail: { text: 'select 3', tags: [], rows: 0, bytes: 3, error },
          verdict,
        },
      ],
    },
  });
});

it('lists a line that was typed with what came of its hold segments later, and with no time that it took', async () => {
  const mine = newId('ses');
  const typed = beginningOf(5, 1, { kind: 'command.typed', action: 1, line: 'rm -rf x', reconstructed: true });
  const held = endOf({
    ...{ kind: 'action.held', action: 1, request: newId('req'), digest: 'ab', rule: 'host', policyVersion: 2 },
    pattern: 'rm -rf *',
  });
  const by = ['bob@example.com'];
  const resolved = endOf({
    kind: 'hold.resolved',
    action: 1,
    request: newId('req'),
    outcome: 'approved',
    by,
    comment: '',
  });
  if (!typed || !held || !resolved) throw new Error('no entry');
  const put = (segment: number, more: Pick<Parameters<typeof writer.putActions>[2], 'actions' | 'laterEnds'>) =>
    writer.putActions({ session: mine, connector: connector.id }, segment, {
      opened: undefined,
      said: [],
      counts: NOTHING_COUNTED,
      failedCommands: 0,
      ...more,
    });
  await put(0, { actions: [withEnd(typed, held)], laterEnds: [] });
  await put(1, { actions: [], laterEnds: [resolved] });
  const listed = await reader.actions(mine, undefined, 10);
  expect(listed).toMatchObject({
    ok: true,
    value: { actions: [{ verdict: { outcome: 'approved', by, rule: 'host' } }] },
  });
  expect(listed.ok && listed.value.actions[0]).not.toHaveProperty('durationUs');
});
