// Masking in force for real clients of real databases: nothing that a rule hides reaches the client or
// the recording, both hold the same bytes, and what no rule hides comes through.

import pg from 'pg';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SessionRules } from '../../core/policy/session-rules.ts';
import { type Gateway, startGateway, trusted } from '../harness/gateway.ts';
import { findClient, type PostgresServer, startPostgres } from '../harness/postgres.ts';
import { dialRaw, logInRaw, type RawPeer } from '../harness/raw-postgres.ts';
import { run, until } from '../harness/run.ts';
import { message } from '../../connector/protocols/postgres/messages.ts';
import { readRow } from './wire.ts';
import { RULES, SCHEMA, SECRETS } from './live-schema.ts';

let server: PostgresServer;
let gateway: Gateway;
let direct: pg.Client;
let password: string;
const clients: pg.Client[] = [];

beforeAll(async () => {
  server = await startPostgres();
  direct = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres' });
  await direct.connect();
  await direct.query(SCHEMA);
  gateway = await startGateway({ targets: { demo: trusted(server.port) } });
  password = gateway.edge.issue().secret;
});
beforeEach(() => {
  gateway.log.sessions.length = 0;
  use(RULES);
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end().catch(() => undefined);
});
afterAll(async () => {
  await gateway?.close();
  await direct?.end();
  await server?.stop();
  expect(gateway.bugs).toEqual([]);
});

const use = (rules: unknown): void => {
  gateway.edge.rules = SessionRules.parse(rules);
};
const login = () => ({ host: gateway.host, port: gateway.port, user: 'alice@example.com', database: 'demo', password });

async function connect(): Promise<pg.Client> {
  const client = new pg.Client(login());
  client.on('error', () => undefined);
  await client.connect();
  clients.push(client);
  return client;
}

async function psql(...args: string[]) {
  const program = findClient('psql');
  if (!program) throw new Error('psql is not installed (Debian: postgresql-client)');
  const env = {
    PGHOST: gateway.host,
    PGPORT: String(gateway.port),
    PGUSER: 'alice@example.com',
    PGDATABASE: 'demo',
    PGPASSWORD: password,
  };
  return run(program, ['-X', '-A', '-t', ...args], { env });
}

/** Everything recorded of every session: wire bytes of all directions, and facts. */
function recorded(): string {
  return gateway.log.sessions
    .flatMap(({ frames }) => frames.map(({ bytes, fact }) => (bytes ? bytes.toString('latin1') : JSON.stringify(fact))))
    .join('\n');
}
const found = (text: string) => SECRETS.filter((secret) => text.includes(secret));
async function ended(): Promise<void> {
  await until('all sessions have ended', () => gateway.log.sessions.every((session) => session.ended));
}

describe('nothing leaks through psql', () => {
  test.each([
    ['a column', 'select email from people'],
    ['under another name', 'select email as x from people'],
    ['everything', 'select * from people'],
    ['a view', 'select * from v1'],
    ['a view of a view', 'select c from v2'],
    ['a materialised view', 'select contact from mv'],
    ['a view over a function', 'select * from v3'],
    ['a join', 'select o.id, p.email from orders o join people p on p.id = o.person'],
    ['a natural join', 'select * from people natural join v1'],
    ['returning', 'update people set name = name where id = 1 returning email, old.email, *'],
    ['an expression', "select upper(email), email || '', substr(email, 1, 30), reverse(reverse(email)) from people"],
    [
      'an aggregate',
      "select max(email), string_agg(email, ','), array_agg(email), min(born), sum(ssn) / 2 * 2 from people",
    ],
    ['a window', 'select first_value(email) over (order by id) from people'],
    ['JSON of a row', 'select row_to_json(p), to_jsonb(p) ->> $$email$$, json_agg(p) over () from people p'],
    ['a whole row', 'select p from people p'],
    ['a row in an archive', 'select * from archive'],
    ['a field of a row', 'select (person).email from archive'],
    ['a function of a row', 'select p.of_person from people p'],
    ['a function', 'select peek()'],
    ['a function in FROM', 'select email as e from peek_all()'],
    ['a sub-select', 'select (select email from people where id = 1)'],
    ['exists and case', 'select case when id = 1 then email else name end from people'],
    ['a union', 'select name from people union all select email from people'],
    [
      'a CTE',
      'with recursive t(v, n) as (select name, 1 from people union all select email, 2 from people, t where n < 2) select v from t',
    ],
    ['a lateral join', 'select v from people p, lateral (values (p.email)) l(v)'],
    ['a generated column', 'select upper_email from people'],
    ['an inheritance child', 'select email from staff_1'],
    ['only the parent', 'select email from only people'],
    ['another name for the table', 'select q.b from people q(a, b)'],
    ['query_to_xml', "select query_to_xml('select email from people', true, true, '')"],
    ['table_to_xml', "select table_to_xml('people', true, true, '')"],
    ['xml', 'select xmlforest(email, ssn) from people'],
    [
      'explain',
      'explain (verbose, analyze, costs off) select * from people where email = (select max(email) from people)',
    ],
    ['an error of a cast', 'select email::int from people'],
    ['an error of a unique key', 'insert into people (id, email) select 7, email from people where id = 1'],
    ['an error of a domain', 'select email::even from people'],
    ['an error of a regular expression', "select 'x' ~ ('(' || email) from people"],
    ['an error of JSON', `select ('{"a": "' || email || '"')::json from people`],
    ['an error of a date', "select to_date(email, 'YYYY') from people"],
    ['a division by zero with data beside', 'select ssn / 0, email from people'],
    ['a warning of a function', 'select shout(email) from people'],
    ['a notice of a trigger', 'insert into log_of values (1)'],
    ['a rule that gives something else', "insert into through values ('x') returning a"],
    ['raise', `do $$ begin raise notice '%', (select email from app.people where id = 1); end $$`],
    [
      'raise as an error',
      `do $$ begin raise exception 'x %', (select email from app.people where id = 1) using detail = (select ssn::text from app.people where id = 1); end $$`,
    ],
    ['copy', 'copy people (id, email, ssn, born, note) to stdout'],
    ['copy of all', 'copy people to stdout'],
    ['copy csv', "copy people to stdout with (format csv, header, force_quote *, delimiter ';', null 'NIL')"],
    ['copy in the old syntax', "copy people to stdout csv header quote '''' escape '\\'"],
    ['copy binary', 'copy people to stdout (format binary)'],
    ['copy of a query', 'copy (select email, upper(email), ssn + 1, id from people) to stdout'],
    ['copy of a view', 'copy (select * from v2) to stdout csv'],
    [
      'a cursor',
      'begin; declare c cursor for select email, lower(email) from people; fetch 1 from c; fetch all from c; move backward all from c; fetch next from c; close c; commit',
    ],
    ['a cursor with hold', 'declare h cursor with hold for select upper(email) from people; fetch all from h; close h'],
    ['prepare and execute', "prepare p as select email, email || 'x' from people; execute p; deallocate p"],
    [
      'prepare with parameters',
      "prepare p(text) as select * from people where email = $1; execute p('secretsecret@example.com')",
    ],
    [
      'samples that the server keeps',
      "select most_common_vals, histogram_bounds from pg_stats where tablename = 'people'",
    ],
    [
      'samples as text',
      "select most_common_vals::text::text[], array_to_string(histogram_bounds::text::text[], '') from pg_stats",
    ],
    ['samples, raw', 'select stavalues1, stavalues2 from pg_statistic'],
    ['everything of the statistics', 'select * from pg_stats'],
    ['a table of long values', 'select * from pg_toast.pg_toast_1247'],
    [
      'a setting',
      "select set_config('my.x', email, false) from people where id = 1; select current_setting('my.x'); show my.x; select setting from pg_settings where name = 'my.x'",
    ],
    [
      'a setting that is reported',
      "select set_config('application_name', email, false) from people where id = 1; show application_name",
    ],
    ['a notification', 'listen c; select pg_notify($$c$$, email) from people where id = 1'],
    ['what others run', 'select query from pg_stat_activity'],
    [
      'what was prepared',
      "prepare s as select * from people where email = 'secretsecret@example.com'; select * from pg_prepared_statements",
    ],
    [
      'a view made in the transaction',
      'begin; create view vx as select email as name from people; select name from vx; select * from vx; rollback',
    ],
    [
      'a view changed in the transaction',
      'begin; create or replace view v1 as select id, email as contact, email as name from people; select name, upper(name) from v1; select * from v1; rollback',
    ],
    [
      'columns exchanged in the transaction',
      'begin; alter table people rename name to n2; alter table people rename email to name; select name, lower(name) from people; select * from people; rollback',
    ],
    [
      'a view made and read in one text',
      'create view vy as select email as name from people; select name from vy; drop view vy',
    ],
    [
      'the table under another name, in the transaction',
      'begin; alter table people rename to folk; select email, upper(email) from folk; select * from folk; rollback',
    ],
    ['a comparison', "select id from people where email = 'secretsecret@example.com'"],
    ['a write', "update people set email = 'secretsecret@example.com' where email = 'secretsecret@example.com'"],
    ['a secret in a comment', 'select email /* secretsecret */ from people -- secretsecret'],
    ['a card in a literal', "select length('4111111111111111')"],
    ['a secret by detector', 'select note from people'],
    ['what cannot be parsed', "select email from people where 'secretsecret"],
    [
      'more than one statement',
      'select 1 as id; select email as id from people; select name from people; select upper(email) as id from people',
    ],
    ['statements behind an empty one', ';; select email from people;; ; select upper(email) from people;'],
    ['create table as', 'begin; create table copied as select email as e from people; select e from copied; rollback'],
    ['select into', 'begin; select email as e into copied2 from people; select e, upper(e) from copied2; rollback'],
    ['a temporary table', 'begin; create temp table tmp as select * from people; select * from tmp; rollback'],
    [
      'merge',
      'merge into people p using (select 1 as id) s on p.id = s.id when matched then update set name = p.name returning p.email, merge_action(), p.*',
    ],
    ['a row comparison', "select id from people where (email, name) = ('secretsecret@example.com', 'Ann')"],
    ['tables by name', 'select * from json_each_text((select to_json(p) from people p where id = 1))'],
    ['unnest', 'select unnest(array_agg(email)) from people'],
    ['an array', 'select array[email, name] from people'],
    [
      'pg_typeof and casts',
      'select email::bytea, encode(email::bytea, \'escape\'), email::name, email::"char" from people',
    ],
    ['a sequence function', "select nextval('nope' || email) from people"],
    ['an own operator', 'select ### p from people p'],
  ])('%s', async (_name, text) => {
    const ran = await psql('-c', text);
    await ended();
    expect({
      client: found(ran.stdout + ran.stderr.replaceAll(/^LINE .*$/gm, '')),
      recording: found(recorded()),
    }).toEqual({ client: [], recording: [] });
    expect(gateway.log.last.ended?.reason).toBe('client_closed');
  });
});

describe('what comes through', () => {
  test.each([
    ['what is not masked', 'select id, name from people where id < 3 order by id', '1|Ann\n2|Bob\n'],
    [
      'masked, beside the rest',
      'select * from people where id = 1',
      '1|[masked]|Ann|0|2000-01-01|card [credit-card] on file|[masked]\n',
    ],
    [
      'computations of other columns',
      "select upper(name), id + 1, name || 'x', count(*) over () from people where id = 1",
      'ANN|2|Annx|1\n',
    ],
    [
      'a join',
      'select * from orders o join people p on p.id = o.person where o.id = 10',
      '10|1|99|1|[masked]|Ann|0|2000-01-01|card [credit-card] on file|[masked]\n',
    ],
    [
      'a join that merges columns',
      'select * from people join v1 using (id, name) where id = 1',
      '1|Ann|[masked]|0|2000-01-01|card [credit-card] on file|[masked]|[masked]\n',
    ],
    ['a view', 'select * from v1 where id = 1', '1|[masked]|Ann\n'],
    ['a view of a view', 'select * from v2 where id = 1', '1|[masked]|Ann\n'],
    ['an expression over a view', 'select upper(contact), upper(name) from v1 where id = 1', '[masked]|ANN\n'],
    ['a table that no rule concerns', "select total * 2, 'x' || total from orders where id = 10", '198|x99\n'],
    ['an own function where nothing is hidden', 'select max(total) from orders', '99\n'],
    ['constants', "select 1, 'a', now() is not null, version() like 'Postgre%'", '1|a|t|t\n'],
    ['counting', "select count(*), count(distinct id) from people where name like 'A%'", '1|1\n'],
    [
      'copy',
      'copy (select id, email, name, born from people where id = 1) to stdout',
      '1\t[masked]\tAnn\t2000-01-01\n',
    ],
    [
      'copy csv',
      'copy (select * from v1 where id = 1) to stdout (format csv, header)',
      'id,contact,name\n1,[masked],Ann\n',
    ],
    ['copy of a table that no rule concerns', 'copy orders to stdout', '10\t1\t99\n11\t2\t1\n'],
    [
      'a cursor',
      'begin; declare c cursor for select name, upper(email), upper(name) from people order by id; fetch 1 from c; commit',
      'BEGIN\nDECLARE CURSOR\nAnn|[masked]|ANN\nCOMMIT\n',
    ],
    [
      'prepare and execute',
      'prepare p as select name, upper(email), upper(name) from people where id = $1; execute p(1)',
      'PREPARE\nAnn|[masked]|ANN\n',
    ],
    [
      'settings',
      'show search_path; show server_version_num; select current_setting($$search_path$$)',
      'app, public\n180004\napp, public\n',
    ],
    ['a sequence', "select nextval('sq'), currval('sq')", '1|1\n'],
    ['an explanation', 'explain (costs off) select name from only people', 'Seq Scan on people\n'],
    [
      'sizes and statistics but for samples',
      "select attname, null_frac, n_distinct from pg_stats where tablename = 'orders' and attname = 'total'",
      'total|0|-1\n',
    ],
  ])('%s', async (_name, text, expected) => {
    const ran = await psql('-c', text);
    expect({ out: ran.stdout.replace(/^18\d{4}$/m, '180004'), err: ran.stderr }).toEqual({ out: expected, err: '' });
  });

  test('psql\u2019s own look at tables, views, functions and roles', async () => {
    for (const look of [
      '\\d people',
      '\\d+ v2',
      '\\dt+',
      '\\df',
      '\\du',
      '\\dn',
      '\\dp',
      '\\dv',
      '\\di',
      '\\sf peek',
      '\\dT',
      '\\dx',
    ]) {
      const masked = await psql('-c', look);
      expect(masked.stderr).toBe('');
      use({ ...RULES, mask: undefined });
      const plain = await psql('-c', look);
      use(RULES);
      // The cost of a look changes the size of what was looked at now and then.
      expect({ look, out: masked.stdout.replace(/\d+ (kB|bytes)/g, '') }).toEqual({
        look,
        out: plain.stdout.replace(/\d+ (kB|bytes)/g, ''),
      });
    }
  });

  test('a table made by the session itself, as soon as its transaction is over', async () => {
    const text = [
      'begin; create table tt (a int, b text)',
      "insert into tt values (1, 'x')",
      'select * from tt',
      'commit',
      'select a, upper(b) from tt',
      'drop table tt',
    ];
    const ran = await psql(...text.flatMap((one) => ['-c', one]));
    expect(ran.stdout).toBe('BEGIN\nCREATE TABLE\nINSERT 0 1\n|\nCOMMIT\n1|X\nDROP TABLE\n');
  });

  test('the same with a rule on every table', async () => {
    use({ ...RULES, mask: [{ columns: ['*.email', '*.ssn'], with: 'partial' }] });
    expect((await psql('-c', 'select id, email, upper(name) from people where id = 1')).stdout).toBe(
      '1|s***@e***.com|ANN\n',
    );
    expect((await psql('-c', '\\d people')).stdout).toContain('email|text');
    expect(
      (await psql('-c', "select upper(relname), pg_get_viewdef('v1'::regclass) from pg_class where relname = 'v1'"))
        .stdout,
    ).toMatch(/^V1\|\s*SELECT/);
  });
});

test('a table that somebody makes, and a view that somebody changes, count for the next result or within seconds', async () => {
  const client = await connect();
  await client.query('select 1');
  await direct.query('create view app.fresh as select email as e, name as n from app.people');
  expect((await client.query('select * from fresh limit 1')).rows).toEqual([{ e: '[masked]', n: expect.any(String) }]);
  await direct.query('drop view app.fresh');
  // Its own changes count at once.
  await client.query('create view fresh as select name as n from people');
  expect((await client.query('select upper(n) as u from fresh order by 1 limit 1')).rows).toEqual([{ u: 'ANN' }]);
  await client.query('create or replace view fresh as select email as n from people');
  expect((await client.query('select upper(n) as u from fresh limit 1')).rows).toEqual([{ u: '[masked]' }]);
  await client.query('alter table people rename email to x');
  const renamed = await client.query('select x, upper(x) as u from people limit 1');
  await client.query('alter table people rename x to email; drop view fresh');
  expect(renamed.rows).toEqual([{ x: '[masked]', u: '[masked]' }]);
});

describe('through drivers', () => {
  test('node-postgres: text and binary, prepared, portals, types stay valid', async () => {
    const client = await connect();
    for (let again = 0; again < 3; again++) {
      const { rows } = await client.query({
        name: 'p',
        text: 'select id, email, ssn, born, upper(email) as u from people where id = $1',
        values: [1],
      });
      expect(rows).toEqual([{ id: 1, email: '[masked]', ssn: 0, born: new Date(2000, 0, 1), u: '[masked]' }]);
      const binary = { text: 'select id, ssn, email, name from people where id = $1', values: [1], binary: true };
      expect((await client.query(binary)).rows).toEqual([{ id: 1, ssn: 0, email: '[masked]', name: 'Ann' }]);
    }
    // Thrice three values, and twice three.
    const applied = gateway.log.last.facts('mask.applied').flatMap(({ masked }) => masked);
    const count = applied.filter(({ rule }) => rule === 'people-prod#1').reduce((sum, one) => sum + one.count, 0);
    expect(count).toBe(3 * 4 + 3 * 2);
    await client.end();
    await ended();
    expect(found(recorded())).toEqual([]);
  });

  test('postgres.js: described once, executed often, cursors and pipelines', async () => {
    const sql = postgres({ ...login(), max: 1, onnotice: () => undefined });
    try {
      for (let again = 0; again < 3; again++)
        expect(await sql`select id, email, upper(email) as u, upper(name) as n from people where id = ${1}`).toEqual([
          { id: 1, email: '[masked]', u: '[masked]', n: 'ANN' },
        ]);
      const seen: unknown[] = [];
      await sql`select id, email, name || '' as n from people order by id`.cursor(1, (rows) => {
        seen.push(...rows);
      });
      expect(seen).toEqual([
        { id: 1, email: '[masked]', n: 'Ann' },
        { id: 2, email: '[masked]', n: 'Bob' },
        { id: 3, email: '[masked]', n: 'Cid' },
      ]);
      const all = await Promise.all([
        sql`select email from people where id = 1`,
        sql`select total from orders where id = 10`,
        sql`select upper(email) as e from v1 natural join people where id = 2`.catch((error) => error.message),
        sql`select name from people where id = 2`,
      ]);
      expect(JSON.parse(JSON.stringify(all))).toEqual([
        [{ email: '[masked]' }],
        [{ total: 99 }],
        [{ e: '[masked]' }],
        [{ name: 'Bob' }],
      ]);
      await sql`insert into people (id, email, name) values (${50}, ${'secretsecret50@example.com'}, ${'Eve'})`;
      await sql`select id from people where email = ${'secretsecret50@example.com'}`;
      await sql`delete from people where id = ${50}`;
    } finally {
      await sql.end();
    }
    await ended();
    expect(found(recorded())).toEqual([]);
    const [insert] = gateway.log.last
      .facts('statement.started')
      .filter(({ text }) => text.includes('insert into people'));
    expect(insert?.parameters?.map(({ value }) => value)).toEqual(['00', '**************************', '***']);
  });
});

/** Messages as a client may send them that describes nothing, or once and for all. */
describe('through raw messages', () => {
  const text = (value: string) => `${value}\0`;
  const int16 = (value: number) => Buffer.from([value >> 8, value & 255]);
  const parse = (name: string, query: string) => message('P', text(name), text(query), int16(0));
  const bind = (portal: string, name: string, values: readonly string[], formats: readonly number[] = []) =>
    message(
      'B',
      text(portal),
      text(name),
      int16(0),
      int16(values.length),
      ...values.flatMap((value) => [Buffer.byteLength(value), value]),
      int16(formats.length),
      ...formats.map(int16),
    );
  const execute = (portal: string, rows = 0) => message('E', text(portal), rows);
  const describeStatement = (name: string) => message('D', 'S', text(name));
  const describePortal = (name: string) => message('D', 'P', text(name));
  const sync = () => message('S');
  const cells = (messages: readonly { type: string; body: Buffer }[]) =>
    messages
      .filter(({ type }) => type === 'D')
      .map(({ body }) => readRow(body).map((cell) => cell?.toString('latin1') ?? null));

  async function open(): Promise<RawPeer> {
    const peer = await dialRaw(gateway.port);
    const seen = await logInRaw(peer, password);
    expect(seen.at(-1)?.type).toBe('Z');
    return peer;
  }

  test('never described: what the parse tree proves passes, all else is withheld', async () => {
    const peer = await open();
    peer.send(
      parse('', 'select name, email, upper(name), upper(email) from people where id = 1'),
      bind('', '', []),
      execute(''),
      sync(),
    );
    expect(cells(await peer.upTo('Z'))).toEqual([['Ann', null, 'ANN', null]]);
    peer.send(parse('', 'select * from people'), bind('', '', []), execute(''), sync());
    expect(
      cells(await peer.upTo('Z'))
        .flat()
        .every((cell) => cell === null),
    ).toBe(true);
    peer.socket.destroy();
  });

  test('described once, then bound and executed in either format, in pieces and in pipelines', async () => {
    const peer = await open();
    peer.send(
      parse('s', 'select id, email, ssn, upper(name) as u from people where id < $1::int order by id'),
      describeStatement('s'),
      sync(),
    );
    await peer.upTo('Z');
    peer.send(bind('', 's', ['3'], [0]), execute(''), sync());
    expect(cells(await peer.upTo('Z'))).toEqual([
      ['1', '[masked]', '0', 'ANN'],
      ['2', '[masked]', '0', 'BOB'],
    ]);
    peer.send(
      bind('', 's', ['2'], [1, 0, 1, 0]),
      execute(''),
      bind('', 's', ['2'], []),
      describePortal(''),
      execute(''),
      sync(),
    );
    expect(cells(await peer.upTo('Z'))).toEqual([
      ['\0\0\0\x01', '[masked]', '\0\0\0\0', 'ANN'],
      ['1', '[masked]', '0', 'ANN'],
    ]);
    peer.send(message('Q', text('begin')));
    await peer.upTo('Z');
    peer.send(
      bind('p', 's', ['3']),
      execute('p', 1),
      bind('q', 's', ['2'], [1]),
      execute('q', 1),
      execute('p', 1),
      sync(),
    );
    expect(cells(await peer.upTo('Z'))).toEqual([
      ['1', '[masked]', '0', 'ANN'],
      ['\0\0\0\x01', '[masked]', '\0\0\0\0', 'ANN'],
      ['2', '[masked]', '0', 'BOB'],
    ]);
    peer.send(message('Q', text('commit')));
    await peer.upTo('Z');
    peer.socket.destroy();
    await ended();
    expect(found(recorded())).toEqual([]);
  });

  test('one pipeline of different results, an error in it, and what comes behind', async () => {
    const peer = await open();
    peer.send(
      parse('a', 'select name from people where id = 1'),
      describeStatement('a'),
      parse('b', 'select email as name from people where id = 1'),
      describeStatement('b'),
      parse('c', "select total || '' as name from orders where id = 10"),
      describeStatement('c'),
      bind('', 'b', []),
      execute(''),
      bind('', 'a', []),
      execute(''),
      bind('', 'c', []),
      execute(''),
      sync(),
      bind('', 'a', []),
      parse('bad', 'select 1 / 0'),
      bind('', 'bad', []),
      execute(''),
      bind('', 'b', []),
      execute(''),
      sync(),
      bind('', 'b', []),
      execute(''),
      sync(),
    );
    expect(cells(await peer.upTo('Z'))).toEqual([['[masked]'], ['Ann'], ['99']]);
    expect(cells(await peer.upTo('Z'))).toEqual([]);
    expect(cells(await peer.upTo('Z'))).toEqual([['[masked]']]);
    peer.socket.destroy();
  });

  test('a function by its number gives NULL; a name in SQL is reached through the protocol', async () => {
    const peer = await open();
    const { rows } = await direct.query("select 'app.peek'::regproc::oid::int8::int as oid");
    peer.send(message('F', rows[0].oid, int16(0), int16(0), int16(0)));
    const answer = await peer.upTo('Z');
    expect(answer.find(({ type }) => type === 'V')?.body.readInt32BE(0)).toBe(-1);
    peer.send(message('Q', text('prepare named as select email, name from people where id = 1')));
    await peer.upTo('Z');
    peer.send(bind('', 'named', []), execute(''), sync());
    expect(cells(await peer.upTo('Z')).flat()).not.toContain('secretsecret@example.com');
    peer.socket.destroy();
    await ended();
    expect(found(recorded())).toEqual([]);
  });

  test('every message byte by byte comes to the same', async () => {
    const peer = await open();
    for (const byte of Buffer.concat([
      parse('', 'select email, name from people where id = 1'),
      bind('', '', []),
      describePortal(''),
      execute(''),
      sync(),
    ]))
      peer.send(Buffer.from([byte]));
    expect(cells(await peer.upTo('Z'))).toEqual([['[masked]', 'Ann']]);
    peer.socket.destroy();
  });
});

test('what the client got is what was recorded, byte for byte', async () => {
  const peer = await dialRaw(gateway.port);
  await logInRaw(peer, password);
  const before = gateway.log.last.wire('target').length;
  peer.send(
    message('Q', 'select * from people; select email::int from people; \0'),
    message('Q', 'copy people to stdout\0'),
    message('Q', 'listen c; select pg_notify($$c$$, email) from people\0'),
  );
  const got: Buffer[] = [];
  for (let i = 0; i < 3; i++) for (const one of await peer.upTo('Z')) got.push(message(one.type, one.body));
  expect(gateway.log.last.wire('target').subarray(before).equals(Buffer.concat(got))).toBe(true);
  expect(found(Buffer.concat(got).toString('latin1'))).toEqual([]);
  peer.socket.destroy();
});

test('other masks in the middle of a session count from the next statement on', async () => {
  use({ policyVersion: 1, rule: 'open', limits: {} });
  const client = await connect();
  const ask = async () =>
    (await client.query('select email, name, upper(email) as u from people where id = 1')).rows[0];
  expect(await ask()).toEqual({ email: 'secretsecret@example.com', name: 'Ann', u: 'SECRETSECRET@EXAMPLE.COM' });
  gateway.edge.applyRules(SessionRules.parse(RULES));
  expect(await ask()).toEqual({ email: '[masked]', name: 'Ann', u: '[masked]' });
  gateway.edge.applyRules(
    SessionRules.parse({ ...RULES, policyVersion: 2, mask: [{ columns: ['people.name'], with: 'null' }] }),
  );
  expect(await ask()).toEqual({ email: 'secretsecret@example.com', name: null, u: 'SECRETSECRET@EXAMPLE.COM' });
  gateway.edge.applyRules(SessionRules.parse({ ...RULES, policyVersion: 3 }));
  expect(await ask()).toEqual({ email: '[masked]', name: 'Ann', u: '[masked]' });
  gateway.edge.applyRules(SessionRules.parse({ policyVersion: 4, rule: 'open', limits: {} }));
  expect(await ask()).toMatchObject({ email: 'secretsecret@example.com' });
  gateway.edge.applyRules(
    SessionRules.parse({ ...RULES, policyVersion: 5, mask: [{ columns: ['people.email'], with: 'hash' }] }),
  );
  expect((await ask()).email).toMatch(/^h_[0-9a-f]{32}$/);
});

test('COPY FROM STDIN: the target gets the original, the recording a copy that hides what rules concern', async () => {
  const peer = await dialRaw(gateway.port);
  await logInRaw(peer, password);
  const copyIn = async (into: string, parts: readonly string[]) => {
    peer.send(message('Q', `copy ${into} from stdin\0`));
    await peer.upTo('G');
    for (const part of parts) peer.send(message('d', part));
    peer.send(message('c'));
    await peer.upTo('Z');
  };
  await copyIn('people (id, email, name)', ['60\tsecretsecret60@exam', 'ple.com\tZoe\n']);
  await copyIn('notes', ['1\tcard 4111111111111111\n2\tplain\n3\tcard 41111111', '11111111 cut\n4\tlast\n']);
  peer.socket.destroy();
  await ended();
  expect(found(recorded())).toEqual([]);
  const wire = gateway.log.last.wire('client').toString('latin1');
  expect(wire).toContain('1\tcard [credit-card]***\n2\tplain\n');
  expect(wire).toContain('4\tlast\n');
  const { rows } = await direct.query(
    "select (select email from app.people where id = 60) as email, string_agg(note, '|' order by id) as notes from app.notes",
  );
  expect(rows).toEqual([
    { email: 'secretsecret60@example.com', notes: 'card 4111111111111111|plain|card 4111111111111111 cut|last' },
  ]);
  await direct.query('delete from app.people where id = 60');
});

test('a target whose catalogue cannot be read: withheld, told, and the session goes on', async () => {
  const limitedServer = await startPostgres({ hba: ['host all limited 127.0.0.1/32 trust'] });
  const admin = new pg.Client({ host: '127.0.0.1', port: limitedServer.port, user: 'postgres', database: 'postgres' });
  await admin.connect();
  await admin.query(SCHEMA);
  await admin.query(
    'create role limited login connection limit 1; grant usage on schema app to limited; grant select on all tables in schema app to limited',
  );
  await admin.end();
  const far = await startGateway({
    targets: { demo: { ...trusted(limitedServer.port), user: 'limited', database: 'postgres' } },
  });
  const other = new pg.Client({ ...login(), port: far.port, password: far.edge.issue().secret });
  try {
    far.edge.rules = SessionRules.parse(RULES);
    await other.connect();
    const { rows } = await other.query('select id, email, name from app.people where id = 1');
    expect(rows).toEqual([{ id: null, email: null, name: null }]);
    expect((await other.query('select 1 as one')).rows).toHaveLength(1);
    expect(far.log.last.facts('mask.withheld').map(({ reason }) => reason)).toContain('catalogue_unavailable');
  } finally {
    await other.end();
    await far.close();
    await limitedServer.stop();
  }
});
