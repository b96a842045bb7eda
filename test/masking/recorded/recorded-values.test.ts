// What a recording shows of statements under a column rule: every value that meets only columns that no rule
// hides, word for word, and in place of the others stars, said and counted.

import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SessionRules } from '../../../core/policy/session-rules.ts';
import { HIDDEN_VALUE } from '../../../core/recording/facts/database.ts';
import { exportNdjson } from '../../../functions/export/ndjson.ts';
import { nodeRecordingPlatform } from '../../../functions/recording-platform.ts';
import { readRecording } from '../../../functions/store/read-recording.ts';
import { memoryReader } from '../../harness/memory-reader.ts';
import { replayStored, storeRecording } from '../../harness/stored-session.ts';
import { message } from '../../../connector/protocols/postgres/wire/messages.ts';
import { query } from '../../harness/postgres/client-messages.ts';
import { connect, ended, forget, hangUp, leave, open, type Place, place, psql, use } from '../place.ts';
import { int16, int32, readMessages } from '../results/wire.ts';

const RULES = {
  policyVersion: 1,
  rule: 'shop',
  limits: {},
  mask: [{ columns: ['customers.email', 'customers.vip'], with: 'placeholder' }],
} as const;

const SCHEMA = `
create table customers (id int primary key, email text, city text, phone text, born date, vip boolean, data jsonb);
create table orders (id int primary key, customer int references customers, note text, total numeric);
insert into customers values (577, 'a@b.c', 'Oslo', '1', '2001-02-03', true, '{}'), (1, 'd@e.f', 'Rome', '2', '2001-02-03', false, '{}');
create view contacts as select id, email as mail, city from customers;
create function touch(n int) returns text language sql as 'select count(*)::text from customers where id = n';
`;

let at: Place;
beforeAll(async () => {
  at = await place('shared', [SCHEMA], RULES);
});
beforeEach(() => forget(at, RULES));
afterEach(() => hangUp(at));
afterAll(() => leave(at));

const texts = () => at.gateway.log.last.facts('statement.started').map(({ text }) => text);
const hidden = () => {
  const sums: Record<string, number> = {};
  for (const { hidden: all } of at.gateway.log.last.facts('values.hidden'))
    for (const { by, count } of all) sums[by] = (sums[by] ?? 0) + count;
  return sums;
};
const stars = (text: string) => text.replaceAll('[withheld]', '**********');

test.each<[string, string]>([
  [
    "update customers set email='x@y.z', city='Riga' where id = 577",
    "update customers set email='*****', city='Riga' where id = 577",
  ],
  ['delete from orders where id = 12345', 'delete from orders where id = 12345'],
  ['select city from customers where id = 1', 'select city from customers where id = 1'],
  [
    "insert into customers values (3, 'x@y.z', 'Riga', '+371', '1999-12-31', true) on conflict (id) do update set email = 'u@v.w', city = 'Cēsis' where customers.id > -7.50",
    "insert into customers values (3, '*****', 'Riga', '+371', '1999-12-31', ****) on conflict (id) do update set email = '*****', city = 'Cēsis' where customers.id > -7.50",
  ],
  [
    "insert into customers (city, email, id) values ('Riga', 'x@y.z', 4), ('Cēsis', 'u@v.w', 5) on conflict do nothing",
    "insert into customers (city, email, id) values ('Riga', '*****', 4), ('Cēsis', '*****', 5) on conflict do nothing",
  ],
  [
    "insert into customers (id, email, city) select 6, 'x@y.z', 'Riga' where 8 > 9",
    "insert into customers (id, email, city) select 6, '*****', 'Riga' where 8 > 9",
  ],
  [
    "select id from customers where lower(email) = 'x@y.z' and city in ('Riga', 'Oslo') and (id, email) <> (12, 'u@v.w') limit 10 offset 20",
    "select id from customers where lower(email) = '*****' and city in ('Riga', 'Oslo') and (id, email) <> (12, '*****') limit 10 offset 20",
  ],
  [
    "select case when email like 'x%' then 'yes' else 'no' end from customers where born between '2000-01-01' and '2002-01-01'",
    "select case when email like '**' then 'yes' else 'no' end from customers where born between '2000-01-01' and '2002-01-01'",
  ],
  [
    "update customers set (city, email) = ('Riga', 'x@y.z'), data['k'] = '\"v\"' where id = any('{577,578}')",
    "update customers set (city, email) = ('Riga', '*****'), data['k'] = '\"v\"' where id = any('{577,578}')",
  ],
  [
    "select id from customers where email = phone and phone = 'x@y.z' and city = 'Riga'",
    "select id from customers where email = phone and phone = '*****' and city = 'Riga'",
  ],
  [
    "with w as (select 'x@y.z' as v, 5 as n) select c.id from w join contacts c on c.mail = w.v where n = 5 and c.city = 'Riga'",
    "with w as (select '*****' as v, 5 as n) select c.id from w join contacts c on c.mail = w.v where n = 5 and c.city = 'Riga'",
  ],
  [
    "update contacts set mail = 'x@y.z', city = 'Riga' where id = 577",
    "update contacts set mail = '*****', city = 'Riga' where id = 577",
  ],
  [
    "merge into customers c using (values (577, 'x@y.z', 'Riga')) v(i, e, t) on c.id = v.i when matched then update set email = v.e, city = v.t",
    "merge into customers c using (values (577, '*****', 'Riga')) v(i, e, t) on c.id = v.i when matched then update set email = v.e, city = v.t",
  ],
  [
    "update customers set email = 'x@y.z' where id = 577; delete from orders where id = 9; select '42'",
    "update customers set email = '*****' where id = 577; delete from orders where id = 9; select '42'",
  ],
  [
    "explain select 1 from customers where id = 577 and email = 'x@y.z'",
    "explain select 1 from customers where id = 577 and email = '*****'",
  ],
  ['select touch(577)', 'select touch(***)'],
  [
    "update customers set city = 'Riga' where id = 577 -- ticket 42",
    "update customers set city = 'Riga' where id = 577 -- ticket 42",
  ],
  [
    "update customers set email = 'x@y.z' where id = 577 /* was a@b.c */",
    "update customers set email = '*****' where id = 577 /*************/",
  ],
])('%s', async (text, shown) => {
  const ran = await psql(at, [text]);
  expect([ran.stderr, texts().map(stars)]).toEqual(['', [shown]]);
  const values = shown.match(/'\*+'|(?<!\S)\*{3,4}\b|\(\*{3}\)|\/\*{5,}\/|, \*{4}\)/g) ?? [];
  expect(Object.values(hidden()).reduce((sum, count) => sum + count, 0)).toBe(values.length);
});

test('PREPARE and EXECUTE: each value has the fate of its parameter', async () => {
  await psql(at, [
    'prepare p (text, int) as update customers set email = $1 where id = $2',
    "execute p ('x@y.z', 577)",
  ]);
  expect(texts()).toEqual([
    'prepare p (text, int) as update customers set email = $1 where id = $2',
    "execute p ('*****', 577)",
  ]);
});

describe('parameters', () => {
  const update = 'update customers set email = $1, city = $2, vip = $4 where id = $3 and email <> $1';
  const parameters = () => at.gateway.log.last.facts('statement.started').at(-1)?.parameters;

  test('text', async () => {
    const client = await connect(at);
    await client.query(update, ['x@y.z', 'Riga', 577, true]);
    expect(parameters()).toEqual(
      [
        { type: 25, format: 'text', value: HIDDEN_VALUE, hidden: true },
        expect.objectContaining({ value: 'Riga' }),
        expect.objectContaining({ value: '577' }),
        expect.objectContaining({ value: HIDDEN_VALUE, hidden: true }),
      ].map((one, index) => (index === 0 ? expect.objectContaining({ value: HIDDEN_VALUE, hidden: true }) : one)),
    );
    expect(at.gateway.log.last.wire('client').toString('latin1')).not.toContain('x@y.z');
    expect(hidden()).toEqual({ 'shop#1': 2 });
  });

  test('binary: said to be hidden, and never a zero', async () => {
    const client = await connect(at);
    await client.query({
      text: update,
      values: [Buffer.from('x@y.z'), Buffer.from('Riga'), Buffer.from([0, 0, 2, 65]), Buffer.from([1])],
    });
    expect(parameters()?.map(({ format, value, hidden: is }) => [format, value, is])).toEqual([
      ['binary', HIDDEN_VALUE, true],
      ['binary', expect.any(String), undefined],
      ['binary', expect.stringMatching(/577|00000241/), undefined],
      ['binary', HIDDEN_VALUE, true],
    ]);
  });
});

describe('COPY FROM STDIN', () => {
  /** Each text is a message; gives the data as it is recorded, how many values of it are hidden, and how it ended. */
  async function copied(text: string, parts: readonly (string | Buffer)[]) {
    const peer = await open(at);
    const before = at.gateway.log.last.wire('client').length;
    peer.send(query(text));
    await peer.upTo('G');
    for (const part of parts) peer.send(message('d', part));
    peer.send(message('c'));
    const answers = (await peer.upTo('Z')).map(({ type }) => type).join('');
    peer.send(message('X'));
    await ended(at);
    const sent = readMessages(at.gateway.log.last.wire('client').subarray(before));
    const data = Buffer.concat(sent.filter(({ type }) => type === 'd').map(({ body }) => body));
    return { data: data.toString('latin1'), hidden: hidden(), answers, text: texts()[0] };
  }
  const customers = async () => {
    const { rows } = await at.direct.query('select id, email, city from customers where id >= 900 order by id');
    await at.direct.query('delete from customers where id >= 900');
    return rows.map(({ id, email, city }) => `${id} ${email} ${city}`);
  };

  test.each<[string, string, string, string, number]>([
    [
      'the columns that are named',
      'copy customers (city, email, id) from stdin',
      'Riga\tx@y.z\t900\nC\\\tsis\t\\N\t901\n\\N\tu\\\tv\\\n@w\t902\n',
      'Riga\t*****\t900\nC\\\tsis\t\\N\t901\n\\N\t********\t902\n',
      2,
    ],
    [
      "the table's own, lines that end with CR LF",
      'copy public.customers from stdin',
      '900\tx@y.z\tRiga\t+371\t1999-12-31\tt\t{}\r\n901\tu@v.w\tOslo\t\\N\t\\N\t\\N\t\\N\r\n',
      '900\t*****\tRiga\t+371\t1999-12-31\t*\t{}\r\n901\t*****\tOslo\t\\N\t\\N\t\\N\t\\N\r\n',
      3,
    ],
    [
      'lines that end with CR',
      'copy customers (email, id) from stdin',
      'x@y.z\t900\ru@v.w\t901\r',
      '*****\t900\r*****\t901\r',
      2,
    ],
    [
      'CSV, with quotes, another escape and the names in front',
      `copy customers (id, email, city) from stdin (format csv, header, delimiter ';', escape '\\', null 'none')`,
      'id;email;city\n900;"x;""\\"@y\n.z";"Ri;ga"\n901;none;none\n902;"none";Riga\n',
      'id;email;city\n900;*************;"Ri;ga"\n901;none;none\n902;******;Riga\n',
      2,
    ],
    [
      'a file without its header',
      'copy customers (id, email) from stdin (format csv, header)',
      '900,x@y.z\n901,u@v.w\n',
      '900,*****\n901,*****\n',
      2,
    ],
    [
      'only rows that fit, and the end mark',
      "copy customers (email, id) from stdin where email <> 'u@v.w' and id > 800",
      'x@y.z\t900\n\\.\n',
      '*****\t900\n\\.\n',
      2,
    ],
  ])('keeps all but fields of masked columns: %s', async (_, text, data, shown, count) => {
    const once = await copied(text, [data]);
    const rows = await customers();
    expect([once.data, once.hidden['shop#1'], once.answers]).toEqual([shown, count, 'CZ']);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.join()).toMatch(/@/);
    // The borders of messages may stand anywhere.
    const pieces = Array.from(Buffer.from(data), (byte) => Buffer.from([byte]));
    const cut = await copied(text, pieces);
    expect(await customers()).toEqual(rows);
    // A mark that is cut is no mark any more.
    const marks = (all: string) =>
      all.replaceAll(/\\N|\\\.|none/g, (mark) => '*'.repeat(mark.length)).replace(/^id;email;city/, '***');
    expect(cut.data.length).toBe(shown.length);
    expect(marks(cut.data).replaceAll('*', '')).not.toMatch(/@/);
    expect(cut.data).toContain('900');
  });

  test('says what hides nothing: options stay, and what the statement compares with a masked column does not', async () => {
    const csv = await copied("copy customers (id, email) from stdin (format csv, delimiter '|', null 'none')", [
      '900|none\n',
    ]);
    expect(csv.text).toBe("copy customers (id, email) from stdin (format csv, delimiter '|', null 'none')");
    const where = await copied("copy customers (id, email) from stdin where email <> 'u@v.w' and id > 800", [
      '901\tx@y.z\n',
    ]);
    expect(where.text).toBe("copy customers (id, email) from stdin where email <> '*****' and id > 800");
    expect(await customers()).toEqual(['900 null null', '901 x@y.z null']);
  });

  test('binary, cut anywhere', async () => {
    const row = (...values: (Buffer | undefined)[]) => [
      int16(values.length),
      ...values.flatMap((value) => (value ? [int32(value.length), value] : [int32(-1)])),
    ];
    const file = (mail: string) =>
      Buffer.concat([
        Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'),
        int32(0),
        int32(3),
        Buffer.from('ext'),
        ...row(int32(900), Buffer.from(mail), Buffer.from('Riga')),
        ...row(int32(901), undefined, Buffer.from('Oslo')),
        int16(-1),
      ]);
    const text = 'copy customers (id, email, city) from stdin (format binary)';
    const shown = file('*****').toString('latin1').replace('ext', '***');
    const whole = file('x@y.z');
    expect(await copied(text, [whole])).toMatchObject({ data: shown, hidden: { 'shop#1': 1 }, answers: 'CZ' });
    expect(await customers()).toEqual(['900 x@y.z Riga', '901 null Oslo']);
    const pieces = Array.from(whole, (byte) => Buffer.from([byte]));
    expect(await copied(text, pieces)).toMatchObject({ data: shown, hidden: { 'shop#1': 1 }, answers: 'CZ' });
    expect(await customers()).toEqual(['900 x@y.z Riga', '901 null Oslo']);
  });

  test('what is not known to be of a column that no rule masks is hidden', async () => {
    const beyond = await copied('copy customers (city, id) from stdin', ['Riga\t900\tx@y.z\n']);
    expect(beyond).toMatchObject({ data: 'Riga\t900\t*****\n', hidden: { not_certain: 1 }, answers: 'EZ' });
    const form = await copied("copy customers (id, city) from stdin (encoding 'sjis')", ['900\tRiga\n']);
    expect(form).toMatchObject({ data: '********\n', hidden: { not_certain: 1 }, answers: 'CZ' });
    await customers();
    const broken = await copied('copy customers (id, city) from stdin (format binary)', ['900\tRiga\n'.repeat(3)]);
    expect([broken.data, broken.hidden]).toEqual(['*'.repeat(27), { not_certain: 1 }]);
  });

  test('data that comes before the target asked for it is of the one statement that was sent, or hidden', async () => {
    const peer = await open(at);
    const before = at.gateway.log.last.wire('client').length;
    peer.send(
      query('copy orders (id, note) from stdin; copy customers (id, city, email) from stdin'),
      message('d', '900\tfirst\n'),
      message('c'),
      message('d', '900\tRiga\tx@y.z\n'),
      message('c'),
    );
    await peer.upTo('Z');
    const sent = readMessages(at.gateway.log.last.wire('client').subarray(before));
    expect(sent.filter(({ type }) => type === 'd').map(({ body }) => body.toString())).not.toContain(
      '900\tRiga\tx@y.z\n',
    );
    expect(at.gateway.log.last.wire('client').toString('latin1')).not.toContain('x@y.z');
    expect(await customers()).toEqual(['900 x@y.z Riga']);
    await at.direct.query('delete from orders where id = 900');
  });
});

test.each<[string, string, string]>([
  [
    'a block that touches a masked column: its values are hidden, its words stay',
    "do $$ begin update customers set email = 'x@y.z' where id = 577; end $$",
    "do $$ begin update customers set email = '*****' where id = ***; end $$",
  ],
  [
    'a block that touches none',
    "do $$ begin update orders set note = 'x@y.z' where id = 577; end $$",
    "do $$ begin update orders set note = 'x@y.z' where id = 577; end $$",
  ],
  [
    'a function that names a masked column',
    "create or replace function f1() returns int language sql as $$ select id from customers where email = 'x@y.z' $$",
    "create or replace function f1() returns int language sql as $$ select id from customers where email = '*****' $$",
  ],
  [
    'a function that names none',
    "create or replace function f2() returns int language sql as $$ select id from orders where note = 'x@y.z' $$",
    "create or replace function f2() returns int language sql as $$ select id from orders where note = 'x@y.z' $$",
  ],
  [
    'a view, whose dollar string is no code',
    'create or replace view v1 as select id from customers where email = $$x@y.z$$ and id < 577',
    'create or replace view v1 as select id from customers where email = $$*****$$ and id < 577',
  ],
])('code: %s', async (_, text, shown) => {
  const ran = await psql(at, [text]);
  expect([ran.stderr, texts().map(stars)]).toEqual(['', [shown]]);
});

test('what a statement asks back of its own text is recorded as the statement is', async () => {
  const ran = await psql(at, ["select current_query() from customers where id = 577 or email = 'secret@mail.example'"]);
  expect(ran.recorded).not.toContain('secret@mail.example');
});

test('a text above 64 KiB is hidden as too long, and says so', async () => {
  await psql(at, [`select ${'1 + '.repeat(20_000)} 1`]);
  expect(Object.keys(hidden())).toEqual(['too_long']);
});

test('replay, NDJSON and manifest say what is not shown', async () => {
  const client = await connect(at);
  await client.query("update customers set email='x@y.z', city='Riga' where id = 577");
  await client.query('update customers set email = $1 where id = $2', ['x@y.z', 577]);
  await client.end();
  await ended(at);
  const builder = storeRecording(at.gateway.log.last, 2048);
  const reader = memoryReader(builder.objects);
  const { opened } = builder;
  const events: unknown[] = [];
  for await (const event of replayStored(opened, reader)) events.push(event);
  expect(events).toContainEqual(
    expect.objectContaining({
      kind: 'statement',
      text: "update customers set email='*****', city='Riga' where id = 577",
    }),
  );
  expect(events).toContainEqual(
    expect.objectContaining({ message: 'Not shown here: 1 value that the client sent: rule shop#1.' }),
  );
  let ndjson = '';
  const where = { connector: opened.connector.id, session: opened.session };
  for await (const part of exportNdjson(opened.startedAt, readRecording(where, reader, nodeRecordingPlatform)))
    ndjson += part;
  expect(ndjson).toContain('"hidden":true');
  expect(ndjson).not.toContain('x@y.z');
});

test('behind rules that came in the middle of a session the catalogue is read first', async () => {
  use(at, { ...RULES, mask: [] });
  const client = await connect(at);
  await client.query('select 1');
  at.gateway.edge.applyRules(SessionRules.parse({ ...RULES, policyVersion: 2 }));
  await client.query("update customers set email='x@y.z', city='Riga' where id = 577");
  expect(texts().at(-1)).toBe("update customers set email='*****', city='Riga' where id = 577");
  expect(hidden()).toEqual({ 'shop#1': 1 });
});

/** Values that meet masked columns only, and others; each place in which one may stand. */
const MARK = { hidden: 'zqhidden', shown: 'zqplain' };
const column = fc.constantFrom<[string, boolean]>(['email', true], ['city', false], ['phone', false]);
const condition = column.chain(([name, masked]) =>
  fc
    .constantFrom<(mark: string) => string>(
      (mark) => `${name} = '${mark}'`,
      (mark) => `lower(${name}) like '${mark}%'`,
      (mark) => `${name} in ('${mark}', '${mark}')`,
      (mark) => `'${mark}' between ${name} and ${name}`,
      (mark) => `${name} = any(array['${mark}'])`,
      (mark) => `coalesce(${name}, '${mark}') is not null`,
      (mark) => `exists (select 1 from contacts k where k.${name === 'email' ? 'mail' : 'city'} = '${mark}')`,
      (mark) => `case when ${name} = '${mark}' then true else false end`,
    )
    .map((make) => make(masked ? MARK.hidden : MARK.shown)),
);
const where = fc.array(condition, { minLength: 1, maxLength: 3 }).map((all) => all.join(' and '));
const assignment = column.map(([name, masked]) => `${name} = '${masked ? MARK.hidden : MARK.shown}'`);
const statement = fc.oneof(
  where.map((all) => `select id from customers where ${all}`),
  fc
    .tuple(fc.uniqueArray(assignment, { minLength: 1, maxLength: 3 }), where)
    .map(([set, all]) => `update customers set ${set.join(', ')} where ${all}`),
  where.map((all) => `with c as (select id from customers where ${all}) select * from c where id > 5`),
  fc.constant(
    `insert into customers (id, phone, email, city) values (700, '${MARK.shown}', '${MARK.hidden}', '${MARK.shown}') on conflict do nothing`,
  ),
  where.map((all) => `delete from customers where id = 9999 and (${all})`),
);

test('whatever the statement, what meets a masked column is in no recorded byte, and what does not is', async () => {
  const client = await connect(at);
  await fc.assert(
    fc.asyncProperty(statement, async (text) => {
      const before = at.gateway.log.last.wire('client').length;
      await client.query(`begin; ${text}; rollback`);
      const recorded = at.gateway.log.last.wire('client').subarray(before).toString('latin1');
      expect(recorded).not.toContain(MARK.hidden);
    }),
    { numRuns: 150 },
  );
  expect(JSON.stringify(at.gateway.log.last.frames.flatMap(({ fact }) => fact ?? []))).not.toContain(MARK.hidden);
});
