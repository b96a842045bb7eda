// What a masked session leaves behind: replay, exports and the very bytes of the stored segments.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { decodeSegment, framesOf } from '../../../core/recording/segment.ts';
import { nodePlatform } from '../../../connector/recording/archive/node-platform.ts';
import { exportAsciicast } from '../../../functions/export/asciicast.ts';
import { exportHtml } from '../../../functions/export/html.ts';
import { exportNdjson } from '../../../functions/export/ndjson.ts';
import { nodeRecordingPlatform } from '../../../functions/recording-platform.ts';
import { readRecording } from '../../../functions/store/read-recording.ts';
import { memoryReader } from '../../harness/memory-reader.ts';
import { replayStored, storeRecording } from '../../harness/stored-session.ts';
import { RULES, SCHEMA } from '../live/live-schema.ts';
import { connect, found, hangUp, leave, type Place, place, use } from '../place.ts';

let at: Place;
beforeAll(async () => {
  at = await place('shared', [SCHEMA]);
});
beforeEach(() => use(at, RULES));
afterEach(() => hangUp(at));
afterAll(() => leave(at));

const all = async (text: AsyncIterable<string>): Promise<string> => {
  let whole = '';
  for await (const part of text) whole += part;
  return whole;
};

test('no secret is in any stored segment, replay or export', async () => {
  const client = await connect(at);
  await client.query('select * from people');
  await client.query({
    text: 'select *, upper(contact) from v1 where contact = $1',
    values: ['secretsecret@example.com'],
  });
  await client.query("update people set email = 'secretsecret@example.com' where id = 1");
  await client.query('insert into people (id, email, ssn) values ($1, $2, $3) returning *', [
    70,
    'secretsecret70@x.com',
    987654321,
  ]);
  await client.query("insert into people (id, email) values (71, 'secretsecret70@x.com')").catch(() => undefined);
  await client.query("alter role postgres password 'secretsecret'");
  await client.query("select length('4111111111111111'), note from people");
  await client.query('select email::int from people').catch(() => undefined);
  await client.query("delete from people where email like 'secretsecret70%'");
  await client.end();
  await expect.poll(() => at.gateway.log.last.ended).toBeDefined();

  const builder = storeRecording(at.gateway.log.last, 2048);
  const { opened } = builder;
  const raw = [...builder.objects].flatMap(([name, bytes]) =>
    name.endsWith('.seg')
      ? [...framesOf(decodeSegment(bytes, nodePlatform))].map(({ body }) => Buffer.from(body).toString('latin1'))
      : [],
  );
  expect(raw.length).toBeGreaterThan(20);
  expect(found(raw.join('\n'))).toEqual([]);
  const reader = memoryReader(builder.objects);
  const place = { connector: opened.connector.id, session: opened.session };
  const replay = () => replayStored(opened, reader);
  const events: unknown[] = [];
  for await (const event of replay()) events.push(event);
  const texts = {
    replay: JSON.stringify(events),
    ndjson: await all(exportNdjson(opened.startedAt, readRecording(place, reader, nodeRecordingPlatform))),
    html: await all(exportHtml(replay())),
    asciicast: await all(exportAsciicast(replay())),
  };
  for (const [format, text] of Object.entries(texts)) {
    expect({ format, found: found(text), masked: format === 'ndjson' || text.includes('[masked]') }).toEqual({
      format,
      found: [],
      masked: true,
    });
  }
  const masked = at.gateway.log.last.facts('mask.applied').flatMap((fact) => fact.masked);
  const total = masked.filter(({ rule }) => rule === 'people-prod#1').reduce((sum, { count }) => sum + count, 0);
  // By statement: 3 e-mails made upper and themselves, 2 numbers, 2 birthdays; 1 row of contact and upper; ...
  expect(total).toBeGreaterThan(12);
});

test('long values, long parameters and long texts are masked while they pass', async () => {
  const client = await connect(at);
  const secret = `secretsecret${'x'.repeat(3 * 1024 * 1024)}`;
  await client.query('insert into big (id, email, note) values ($1, $2, $3)', [
    80,
    secret,
    `4111111111111111 ${'y'.repeat(100)}`,
  ]);
  const { rows } = await client.query('select email, length(name) as n from big where id = 80');
  expect(rows[0].email).toHaveLength(secret.length);
  expect(rows[0].email).toMatch(/^\*+$/);
  await client.query(`update big set note = '${'z'.repeat(2 * 1024 * 1024)}', name = '4111111111111111' where id = 80`);
  await expect(client.query(`select 1 -- secretsecret ${'w'.repeat(100_000)}`)).rejects.toMatchObject({
    code: '0A000',
  });
  const check = await client.query(
    "select length(note) as n, name = '4111' || '111111111111' as same from big where id = 80",
  );
  expect(check.rows).toEqual([{ n: 2 * 1024 * 1024, same: true }]);
  await client.query('delete from big where id = 80');
  await client.end();
  await expect.poll(() => at.gateway.log.last.ended).toBeDefined();
  for (const direction of ['client', 'target', 'gateway'] as const)
    expect(found(at.gateway.log.last.wire(direction).toString('latin1'))).toEqual([]);
  expect(found(JSON.stringify(at.gateway.log.last.frames.flatMap(({ fact }) => fact ?? [])))).toEqual([]);
});

test("functions, operators and casts of the database's own under names of the server's", async () => {
  const own = await place('shared', [
    SCHEMA,
    `create function upper(people) returns text language sql as 'select email from app.people where id = 2';
    create view sly as select upper(p) as u from people p;
    create function lower(int) returns text language sql as 'select email from app.people where id = 2'`,
  ]);
  try {
    const client = await connect(own);
    for (const text of [
      'select upper(p) as x from people p',
      'select u as x from sly',
      'select lower(1) as x',
      'select u || $$x$$ as x from sly',
    ])
      expect([
        text,
        await client.query(text).then(
          ({ rows }) => rows.every(({ x }) => x === '[masked]'),
          ({ code }) => code === '0A000',
        ),
      ]).toEqual([text, true]);
    expect(found(own.gateway.log.last.wire('target').toString('latin1'))).toEqual([]);
  } finally {
    await hangUp(own);
    await leave(own);
  }
});
