// Masked cells of a real server, for each type, way and format: nothing of the value is in what the
// client gets, and the server reads the masked value back as one of its type.

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OwnDatabase, ownDatabase } from '../../harness/postgres/own-database.ts';
import { message, readErrorFields } from '../../../connector/protocols/postgres/wire/messages.ts';
import { describePortal, execute, parse, sync } from '../../harness/postgres/client-messages.ts';
import { dialRaw, logInRaw } from '../../harness/postgres/raw-postgres.ts';
import { type MaskingProxy, readOrigins, startMaskingProxy } from '../masking-proxy.ts';
import { masksOf, throwingHash } from '../masks-of.ts';
import { int16, readRow } from './wire.ts';

/** column type, value, and what must not be seen of it (bytes of the binary form are looked for as well). */
const TYPES: readonly (readonly [type: string, value: string])[] = [
  ['int2', '12345'],
  ['int4', '123456789'],
  ['int8', '4111111111111111'],
  ['oid', '123456789'],
  ['numeric', '987654321.123456'],
  ['float4', '12345.678'],
  ['float8', '12345.678901234'],
  ['bool', 'true'],
  ['date', '1987-06-05'],
  ['timestamp', '1987-06-05 04:03:02.123456'],
  ['timestamptz', '1987-06-05 04:03:02.123456+02'],
  ['time', '04:03:02.123456'],
  ['timetz', '04:03:02.123456+02'],
  ['interval', '3 years 2 days 04:05:06'],
  ['uuid', '1b4e28ba-2fa1-11d2-883f-0016d3cca427'],
  ['inet', '10.20.30.40/24'],
  ['cidr', '10.20.30.0/24'],
  ['macaddr', '08:00:2b:01:02:03'],
  ['macaddr8', '08:00:2b:01:02:03:04:05'],
  ['bytea', '\\x736563726574736563726574'],
  ['text', 'secretsecret@example.com'],
  ['varchar(60)', 'secretsecret@example.com'],
  ['char(40)', 'secretsecret@example.com'],
  ['name', 'secretsecret'],
  ['xml', '<a>secretsecret</a>'],
  ['json', '{"k": "secretsecret", "n": 98765, "b": true, "z": null, "a": ["secretsecret"]}'],
  ['jsonb', '{"k": "secretsecret", "n": 98765, "b": true, "z": null, "a": ["secretsecret"]}'],
  ['text[]', '{secretsecret,"secret, secret",NULL}'],
  ['varchar[]', '{{secretsecret,b},{c,"d\\"secretsecret"}}'],
  ['int4[]', '{123456789}'],
  ['point', '(12345,67890)'],
  ['int4range', '[12345,67890)'],
  ['tsvector', "'secretsecret'"],
];
/** `char` alone would be one letter. */
const castOf = (type: string): string => type.replace('char(40)', 'bpchar').replace(/\(\d+\)/, '');
const WAYS = ['placeholder', 'partial', 'hash', 'null', { fixed: 'x"y,{}\\z' }, { fixed: '42' }] as const;

let server: OwnDatabase;
let direct: pg.Client;
let proxy: MaskingProxy;
const clients: pg.Client[] = [];

const connectTo = async (port: number): Promise<pg.Client> => {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: server.database });
  client.on('error', () => undefined);
  await client.connect();
  clients.push(client);
  return client;
};
/** The first row in a format; pg's own reader makes text of all bytes. Throws what the server says. */
async function firstRow(port: number, text: string, binary: boolean): Promise<(Buffer | string | null)[]> {
  const peer = await dialRaw(port);
  try {
    await logInRaw(peer, '', { user: 'postgres', database: server.database });
    const format = int16(binary ? 1 : 0);
    peer.send(parse('', text), message('B', '\0\0', int16(0), int16(0), int16(1), format), describePortal());
    peer.send(execute(), sync());
    for (const { type, body } of await peer.upTo('Z')) {
      if (type === 'E') throw Object.assign(new Error('refused'), readErrorFields(body));
      if (type === 'D') return readRow(body).map((cell) => (binary ? cell : (cell?.toString() ?? null)));
    }
    return [];
  } finally {
    peer.socket.destroy();
  }
}

beforeAll(async () => {
  server = await ownDatabase();
  direct = await connectTo(server.port);
  proxy = await startMaskingProxy(server.port);
  await direct.query(
    `create table everything (${TYPES.map(([type], index) => `c${index} ${type}`).join(', ')}, open text)`,
  );
  await direct.query(
    `insert into everything values (${TYPES.map(([type, value]) => `'${value.replaceAll("'", "''")}'::${type}`).join(', ')}, 'open')`,
  );
  await direct.query('create view all_of_it as select * from everything');
  await direct.query('create table people (id int, email text, name text)');
  await direct.query('create table people_once (id int, email text unique, name text)');
  await direct.query('create table people_checked (id int, email text check (email is null), name text)');
  await direct.query(
    "create function shout(v text) returns int language plpgsql as $$ begin raise warning 'have %', v; return 1; end $$",
  );
  await direct.query('create sequence small maxvalue 10');
  await direct.query("insert into people values (1, 'secretsecret@example.com', 'Ann'), (2, null, 'Bob')");
});
afterAll(async () => {
  for (const client of clients) await client.end().catch(() => undefined);
  await proxy?.close();
  await server?.drop();
});

/** Types that have no masked form of their own. */
const NO_FORM: ReadonlySet<string> = new Set(['point', 'int4range', 'tsvector']);

describe.each(WAYS.map((way) => [typeof way === 'object' ? `fixed ${way.fixed}` : way, way] as const))(
  'masked as %s',
  (_name, way) => {
    test.each([
      ['text', false],
      ['binary', true],
    ] as const)('cells in %s format hold nothing and are read back', async (_format, binary) => {
      const { masks, incidents } = masksOf([{ columns: ['everything.c*'], with: way }]);
      proxy.use(masks, await readOrigins(direct));
      const original = await firstRow(server.port, 'select * from everything', binary);
      // Of these nothing is valid in binary, and in text only what looks masked.
      if (binary && way !== 'null')
        for (const [index, [type]] of TYPES.entries())
          if (NO_FORM.has(type))
            await expect(firstRow(proxy.port, `select c${index} from everything`, binary)).rejects.toMatchObject({
              code: '42501',
            });
      const chosen = TYPES.map(([type], index) =>
        binary && way !== 'null' && NO_FORM.has(type) ? 'open' : `c${index}`,
      );
      const masked = await firstRow(proxy.port, `select ${chosen.join(', ')}, open from everything`, binary);
      expect(String(masked.at(-1))).toBe('open');
      for (const [index, [type]] of TYPES.entries()) {
        if (way !== 'null' && NO_FORM.has(type)) continue;
        const was = Buffer.from(original[index] as Buffer);
        const is = masked[index] as Buffer | string | null;
        if (way === 'null') expect([type, is]).toEqual([type, null]);
        if (is === null) continue;
        expect([type, Buffer.from(is as string).includes(was)]).toEqual([type, type === 'bool' && false]);
        expect([type, Buffer.from(is as string).includes('secretsecret')]).toEqual([type, false]);
        const back = await direct.query({ text: `select $1::${castOf(type)} is not null as fine`, values: [is] });
        expect([type, back.rows[0]?.fine]).toEqual([type, true]);
      }
      const nulls = TYPES.filter((_, index) => masked[index] === null).map(([type]) => type);
      expect(nulls).toEqual(way === 'null' ? TYPES.map(([type]) => type) : []);
      const without = binary && way !== 'null' ? NO_FORM.size : 0;
      expect(masks.masked()).toEqual([{ rule: 'r#1', count: TYPES.length - without }]);
      expect(incidents).toEqual([]);
      expect(proxy.fault()).toBeUndefined();
    });
  },
);

test('a hash is the same in both formats, and for equal values of other columns: joins still work', async () => {
  const { masks } = masksOf([{ columns: ['everything.*'], with: 'hash' }]);
  proxy.use(masks, await readOrigins(direct));
  const columns = TYPES.flatMap(([type], index) =>
    ['int2', 'int4', 'int8', 'numeric', 'uuid', 'text', 'varchar(60)', 'char(40)'].includes(type) ? [`c${index}`] : [],
  );
  const text = await firstRow(proxy.port, `select ${columns.join(', ')} from everything`, false);
  const binary = await firstRow(proxy.port, `select ${columns.join(', ')} from everything`, true);
  const asText = await direct.query({
    text: `select ${columns.map((name, index) => `$${index + 1}::${castOf(TYPES[Number(name.slice(1))]?.[0] ?? '')}::text`).join(', ')}`,
    values: binary,
    rowMode: 'array',
  });
  expect(asText.rows[0]).toEqual(text.map((value) => String(value)));
  expect(new Set(text.slice(-3).map((value) => String(value))).size).toBe(1);
  expect(new Set(text.map((value) => String(value))).size).toBe(columns.length - 2);
});

test('a way that throws refuses the result, is told, and the session goes on', async () => {
  const { masks, incidents } = masksOf([{ columns: ['people.email'], with: 'hash' }], throwingHash);
  proxy.use(masks, await readOrigins(direct));
  const client = await connectTo(proxy.port);
  await expect(client.query('select email, name from people order by id')).rejects.toMatchObject({ code: '0A000' });
  expect(incidents).toEqual([{ kind: 'mask.withheld', reason: 'masking_failed', column: 1 }]);
  expect((await client.query('select name from people order by id')).rows.length).toBe(2);
});

describe('what the target says about columns decides', () => {
  // No lineage is given at all: only what a server proves by itself may pass.
  test.each([
    ['a plain column', 'select email from people where id = 1'],
    ['another name', 'select email as name from people where id = 1'],
    ['a star', 'select * from people where id = 1'],
    ['a subquery', 'select x from (select email as x from people where id = 1) t'],
    ['a CTE', 'with t as (select email from people) select * from t'],
    ['a view', 'select * from all_of_it'],
    ['an expression', "select upper(email) || '' from people"],
    ['a union that begins with another column', 'select name from people union all select email from people'],
    [
      'a union of a table with itself',
      'select name from (select name from people union all select email from people) t',
    ],
    ['an aggregate', 'select string_agg(email, $$,$$) from people'],
    ['a whole row', 'select people from people'],
    ['JSON of a row', 'select row_to_json(p) from people p'],
    ['a case', 'select case when id = 1 then email else name end from people'],
    ['a lateral join', 'select v from people p, lateral (values (p.email)) l(v)'],
    [
      'returning',
      'update people set name = name where id = 1 returning email, old.email, (select max(email) from people)',
    ],
    ['a function', "select * from query_to_xml('select email from people', true, true, '')"],
    ['coalesce in a join using', 'select email from people a full join people b using (email)'],
    ['a cursor', 'begin; declare c cursor for select email, lower(email) from people; fetch all from c; commit'],
    ['prepare and execute', 'prepare p as select email, email || $$x$$ from people; execute p; deallocate p'],
    [
      'a recursive CTE',
      'with recursive t(v, n) as (select name, 1 from people union all select p.email, 2 from t, people p where n < 2) select v from t',
    ],
    ['distinct on and window', 'select distinct on (id) first_value(email) over (order by id), email from people'],
    ['unnest', 'select unnest(array_agg(email)) from people'],
    ['an error that quotes', 'select email::int from people where id = 1'],
    ['a cast to a name', 'select email::regclass from people where id = 1'],
    ['an error with a crafted quote', `select ('email" of relation "' || email)::int from people where id = 1`],
    ['raise', `do $$ begin raise notice '%', (select email from people where id = 1); end $$`],
    ['raise as an error', `do $$ begin raise exception 'x %', (select email from people where id = 1); end $$`],
    [
      'raise with detail',
      `do $$ begin raise exception using message = 'relation', errcode = '42P01', detail = (select email from people where id = 1), hint = (select email from people where id = 1); end $$`,
    ],
    [
      'raise under a code of the server',
      `do $$ begin raise exception using message = (select email from people where id = 1), errcode = '42P01'; end $$`,
    ],
    [
      'raise with names',
      `do $$ begin raise exception using message = 'm', errcode = '42P01', column = (select email from people where id = 1), table = (select email from people where id = 1); end $$`,
    ],
    [
      'an error in a statement made of data',
      `do $$ begin execute 'select ' || (select email from people where id = 1); end $$`,
    ],
    ['a constraint', `insert into people_once select * from people; insert into people_once select * from people`],
    ['a check', `insert into people_checked select * from people`],
    ['a notice of a function', `select shout(email) from people`],
    ['XML of a query', `select query_to_xml('select * from people', true, false, '')`],
    ['a sequence out of bounds', `select setval('small', length(email) * 1000) from people where id = 1`],
    ['explain with constants', `explain select * from people where email = (select max(email) from people)`],
    ['json path error', `select ('{"a": "' || email || '"')::json from people where id = 1`],
    ['a setting', `select set_config('application_name', email, false) from people where id = 1`],
    ['a notification', 'listen c; select pg_notify($$c$$, email) from people where id = 1'],
    ['copy', 'copy people to stdout'],
  ])('%s leaks nothing', async (_name, text) => {
    const { masks } = masksOf([{ columns: ['people.email', 'everything.*'], with: 'placeholder' }]);
    proxy.use(masks, await readOrigins(direct));
    const client = await connectTo(proxy.port);
    proxy.about({ text });
    proxy.forget();
    await client.query(text).catch(() => undefined);
    await client.query('select 1').catch(() => undefined);
    proxy.about(undefined);
    expect(proxy.fault()).toBeUndefined();
    expect(proxy.sent().length).toBeGreaterThan(0);
    expect(proxy.sent().toString('latin1')).not.toContain('secretsecret');
  });
});

test('columns that the target proves to be others come through', async () => {
  const { masks, incidents } = masksOf([{ columns: ['people.email'], with: 'placeholder' }]);
  proxy.use(masks, await readOrigins(direct));
  const client = await connectTo(proxy.port);
  const { rows } = await client.query('select id, name, ctid, email from people order by id');
  expect(rows).toEqual(
    [
      { id: 1, name: 'Ann', ctid: '(0,1)', email: '[masked]' },
      { id: 2, name: 'Bob', ctid: '(0,2)', email: null },
    ].map((row) => ({ ...row, ctid: expect.any(String) })),
  );
  expect(incidents).toEqual([]);
});
