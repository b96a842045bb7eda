// Further ways to a masked value that were open once: names of portals, encodings, plans, texts that the server
// keeps, children that leave.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  bind,
  describePortal,
  describeStatement,
  execute,
  parse,
  query as queryMessage,
  sync,
} from '../../harness/postgres/client-messages.ts';
import type { RawPeer } from '../../harness/postgres/raw-postgres.ts';
import { DEFAULT_RULES, RULES, SCHEMA } from './live-schema.ts';
import { forget, found, hangUp, leave, NOTHING, open, type Place, place, recorded } from '../place.ts';

// Of this letter SJIS has a backslash as the second byte.
const LETTERS = "create table app.letters (letter text); insert into app.letters values (U&'\\8868')";
const PREPARES = `create function app.prepares() returns text language plpgsql as
  $$ begin execute 'deallocate p'; execute 'prepare p as select upper(email) from app.people'; return 'ok'; end $$`;

const MORE = `
create table app.docs (id int, doc jsonb, bounds int[]); insert into app.docs values (1, '{}', '{}'), (3, '{}', '{}');
create view app.leaky as select id, email as name from app.people;
create function app.opens() returns void language plpgsql as
  $$ begin execute 'create or replace view app.of_names as select id, email as name from app.people'; end $$;
create view app.of_names as select id, name from app.people;
create function app.says() returns boolean language plpgsql as
  $$ begin raise notice 'says %', (select email from app.people where id = 1); return true; end $$;
create function app.says_it(text) returns boolean immutable language plpgsql as
  $$ begin raise notice 'says %', $1; return true; end $$;
create table app.slots (id int, span int4range, exclude using gist (span with &&));
insert into app.slots values (1, '[7,987654321)');
create view app.zones as select 1 as id, to_char(now(), 'TZ') as zone;
create view app.own_setting as select current_setting('my.x', true) as x;
create table app.stamped (id int, x text default current_setting('my.x', true));
create domain app.stamp as text default current_setting('my.x', true);
create table app.stamped_by_domain (id int, x app.stamp);
create table app.triggered (id int, x text);
create function app.stamps() returns trigger language plpgsql as $$ begin new.x := current_setting('my.x', true); return new; end $$;
create trigger t before insert on app.triggered for each row execute function app.stamps();
create function app.the_time() returns text language sql set datestyle = 'Postgres' as 'select now()::text';
create domain app.checked as text check (app.says());
create domain app.mail as text; create table app.mails (id int, email app.mail);
insert into app.mails select id, email from app.people;
create table app.dept (id int primary key); create table app.emp (dept int references app.dept);
create function app.truncated() returns trigger language plpgsql as
  $$ begin raise notice 'says %', (select email from app.people where id = 1); return null; end $$;
create trigger t before truncate on app.emp execute function app.truncated()`;

let at: Place;
beforeAll(async () => {
  at = await place('shared', [SCHEMA, LETTERS, PREPARES, MORE]);
});
beforeEach(() => forget(at));
afterEach(() => hangUp(at));
afterAll(() => leave(at));

const query = (text: string) => [queryMessage(text)];

/** Each step ends with one ReadyForQuery. Gives all that came, and what of it and of the recording is secret. */
async function say(peer: RawPeer, steps: readonly (readonly Buffer[])[]) {
  let came = '';
  for (const step of steps) {
    peer.send(...step);
    for (const { type, body } of await peer.upTo('Z')) came += `${type} ${body.toString('latin1')}\n`;
  }
  return { came, leaks: { client: found(came), recording: found(recorded(at)) } };
}

/** Fields of an ErrorResponse end in NUL. */
const GATEWAYS_OWN = /^E SERROR\0VERROR\0C0A000\0MGatehouse: .*$/gm;
const HARMLESS = 'select upper(name) from people';
const SECRET = 'select upper(email) from people';

describe('names that mean something else now', () => {
  test.each([
    [
      'a portal that DECLARE replaced',
      [
        query('begin'),
        [parse('', HARMLESS), bind('c', ''), describePortal('c'), execute('c', 1), sync()],
        query(`close c; declare c cursor for ${SECRET}`),
        [execute('c'), sync()],
      ],
    ],
    [
      'a portal with a long name',
      [
        query('begin'),
        [parse('', HARMLESS), bind('c'.repeat(70), ''), execute('c'.repeat(70), 1), sync()],
        query(`close ${'c'.repeat(63)}; declare ${'c'.repeat(63)} cursor for ${SECRET}`),
        [execute('c'.repeat(70)), sync()],
      ],
    ],
    [
      'a cursor that a portal replaced',
      [
        query('begin'),
        query(`declare c cursor for ${HARMLESS}; close c`),
        [parse('', SECRET), bind('c', ''), sync()],
        query('fetch all from c'),
      ],
    ],
    [
      'a statement that a function replaced',
      [
        [parse('p', HARMLESS), describeStatement('p'), sync()],
        query('select prepares()'),
        [bind('', 'p'), describePortal(''), execute(''), sync()],
      ],
    ],
  ])('%s', async (_name, steps) => {
    const { leaks, came } = await say(await open(at), steps);
    expect(leaks).toEqual(NOTHING);
    expect(came.replaceAll(GATEWAYS_OWN, '')).not.toMatch(/^E /m);
  });

  test('a portal that nothing replaced goes on as it is', async () => {
    const { came } = await say(await open(at), [
      query('begin'),
      query(`declare other cursor for ${SECRET}`),
      [parse('', `${HARMLESS} where id = 1`), bind('c', ''), describePortal('c'), execute('c'), sync()],
    ]);
    expect(came).toContain('ANN');
  });
});

test.each([
  [
    'COPY in an encoding that its own text chose',
    'set client_encoding to sjis; copy (select l.letter, p.email, p.name from letters l, people p) to stdout',
  ],
  ['the error of a name in too many parts', "select to_regclass(email || '.a.b.c.d') from people where id = 1"],
  ['the error of an operator that is not there', "select ('+' || email)::regoper from people where id = 1"],
])('nothing is seen in %s', async (_name, sql) => {
  const { leaks } = await say(await open(at), [query(sql)]);
  expect(leaks).toEqual(NOTHING);
});

test('a plan does not bring what the statement was compared with into the recording', async () => {
  const peer = await open(at);
  const plan = await say(peer, [
    query("explain select 1 from people where email = 'secretsecret@example.com'"),
    query("prepare p(text) as select 1 from people where email = $1; explain execute p('secretsecret@example.com')"),
  ]);
  expect(plan.leaks.recording).toEqual([]);
  const plain = await say(peer, [query('explain (costs off) select name from only people')]);
  expect(plain.came).toContain('Seq Scan on people');
});

test('a setting that another session filled is not seen in its name', async () => {
  const [filler, reader] = [await open(at), await open(at)];
  await say(filler, [query("select set_config('application_name', email, false) from people where id = 1")]);
  const { leaks } = await say(reader, [query('select application_name from pg_stat_activity')]);
  expect(leaks).toEqual(NOTHING);
});

test('the texts of prepared statements in the server\u2019s memory are withheld', async () => {
  const { leaks } = await say(await open(at), [
    query("prepare s as select * from people where email = 'secretsecret@example.com'"),
    query("select ident from pg_backend_memory_contexts where ident like '%people%'"),
  ]);
  expect(leaks).toEqual(NOTHING);
});

/** A name, texts, and what comes of them. */
type Case = readonly [string, readonly string[], RegExp];

describe.each([
  ['by default', DEFAULT_RULES],
  ['strict', RULES],
])('%s', (_mode, given) => {
  const rules = { ...given, mask: [...given.mask, { columns: ['mails.email', 'slots.span'], with: 'placeholder' }] };
  const asked = async (texts: readonly string[], peer?: RawPeer) => say(peer ?? (await open(at)), texts.map(query));
  const LETTER = "U&'\\8868'";
  const OPEN_VIEW = 'create or replace view app.of_names as select id, email as name from app.people';
  const HARMLESS_VIEW = 'create or replace view leaky as select id, name from people';
  const FILLS_PATH = `select set_config('search_path', 'app,"' || email || '"', false) from people where id = 1`;
  const FILLS_ZONE =
    "select set_config('TimeZone', '<' || substr(email, 1, 9) || '>0', false) from people where id = 1";
  beforeEach(async () => {
    forget(at, rules);
    await at.direct.query('create or replace view app.of_names as select id, name from app.people');
  });

  test.each([
    ...['win932', 'win936', 'win949', 'win950'].map(
      (encoding): Case => [
        `COPY in ${encoding}`,
        [`copy (select ${LETTER}, email, name from people where id = 1) to stdout (encoding '${encoding}')`],
        /cannot be shown: the form of the copied data is not certain/,
      ],
    ),
    [
      'JSON in SJIS',
      ["set client_encoding to 'sjis'", `select json_build_object('a', ${LETTER}, 'b', email) from people`],
      /cannot be shown: in this client_encoding/,
    ],
    [
      'the key of a subscript',
      ["update docs set doc[(select email from people where id = 1)] = '1' where id = 1 returning doc"],
      /"\[masked\]"\n/,
    ],
    [
      'the key of a subscript in INSERT',
      ["insert into docs (id, doc[(select email from people where id = 1)]) values (2, '1') returning doc, id"],
      /"\[masked\]"[^\n]*2\n/,
    ],
    [
      'bounds of an array',
      ['update docs set bounds[(select length(email) from people where id = 1)] = 1 returning bounds'],
      /cannot be shown: rule people-prod#1 hides what it is made of/,
    ],
    ['a key that the client wrote', ["update docs set doc['a'] = '1' where id = 3 returning doc"], /\{"a": 1\}\n/],
    ['EXPLAIN of settings', [FILLS_PATH, 'explain (settings) select 1'], /cannot be shown: it may show a setting/],
    ['EXPLAIN without them', [FILLS_PATH, 'explain (settings off) select 1'], /Result {2}\(cost/],
    [
      'a zone in dates',
      [FILLS_ZONE, "set datestyle to 'SQL'", 'select now()'],
      /cannot be shown: it may show a setting/,
    ],
    [
      'a zone in dates of a function',
      [FILLS_ZONE, "set datestyle to 'ISO'", 'select the_time()'],
      /cannot be shown: it may show a setting/,
    ],
    [
      'a zone in dates, in one text',
      [`begin; ${FILLS_ZONE}; set local datestyle to 'SQL'; select now(); rollback`],
      /cannot be shown: it may show a setting/,
    ],
    ['numbers beside such dates', [FILLS_ZONE, "set datestyle to 'SQL'", 'select id from people where id = 1'], /1\n/],
    ['dates in other words', ["set datestyle to 'SQL'", "select timestamptz '2026-01-02 UTC'"], /01\/02\/2026/],
    ['ISO dates', [FILLS_ZONE, 'select now() is not null'], /t\n/],
    ['a zone in a view', [FILLS_ZONE, 'select zone from zones'], /cannot be shown: it may show a setting/],
    [
      'a setting in a view',
      ["select set_config('my.x', email, false) from people", 'select x from own_setting'],
      /cannot be shown: it may show a setting/,
    ],
    ...[
      'insert into stamped (id) values (1) returning id, x',
      'insert into stamped_by_domain (id) values (1) returning x',
      'insert into triggered (id) values (1) returning x',
      "insert into stamped (id, x) values (2, current_setting('my.x')) returning x",
    ].map(
      (writes): Case => [
        `a setting that is written: ${writes}`,
        ["select set_config('my.x', email, false) from people", writes],
        /cannot be shown: it may show a setting/,
      ],
    ),
    ...[
      'insert into stamped (id) values (1) returning x',
      "insert into stamped values (1, current_setting('my.x')) returning x",
    ].map(
      (writes): Case => [
        `a setting that EXECUTE writes: ${writes}`,
        [`prepare p as ${writes}`, "select set_config('my.x', email, false) from people", 'execute p'],
        /cannot be shown: it may show a setting/,
      ],
    ),
    ['a default that reads a setting', ['insert into stamped (id) values (1) returning id'], /1\n/],
    [
      'the same, and nothing given back',
      ["select set_config('my.x', email, false) from people", 'insert into stamped (id) values (1)'],
      /INSERT 0 1/,
    ],
    ...['rolconfig', 'r', '*', 'to_json(r)'].map(
      (what): Case => [
        `settings of roles: ${what}`,
        [FILLS_PATH, `select ${what} from pg_catalog.pg_roles r`],
        /it may show a setting/,
      ],
    ),
    ['names of roles', [FILLS_PATH, 'select r.rolname from pg_catalog.pg_roles r'], /postgres/],
    [
      'ROLLBACK in front, in one text',
      ['begin', HARMLESS_VIEW, 'select 1', 'rollback; select name from leaky'],
      /cannot be shown: statements before it/,
    ],
    [
      'ROLLBACK TO in front, in one text',
      ['begin; savepoint s', HARMLESS_VIEW, 'select 1', 'rollback to s; select upper(name) from leaky'],
      /cannot be shown: statements before it/,
    ],
    [
      'COMMIT of what failed in front, in one text',
      ['begin', HARMLESS_VIEW, 'select 1', 'select 1/0', 'commit; select name from leaky'],
      /cannot be shown: statements before it/,
    ],
    [
      'code that cannot be followed in front, in one text',
      ['select opens(); select name from of_names'],
      /cannot be shown: statements before it/,
    ],
    [
      'what a new value conflicts with',
      [`insert into slots values (2, '[1,9)') returning id as "[1,9)"`],
      /Key \(span\)=\(\[withheld\]\) conflicts with existing key/,
    ],
    ['the check of a domain', ["select 'x'::checked"], /N [\s\S]*\[withheld\][\s\S]*x\n/],
    [
      'an error of ALTER DOMAIN',
      ['alter domain mail add constraint c check (value::int > 0)'],
      /invalid input syntax for type integer: "\[withheld\]"/,
    ],
    [
      'a check of ALTER DOMAIN',
      ['begin; alter domain mail add constraint c check (says_it(value)); rollback'],
      /\[withheld\]/,
    ],
    [
      'the function of an index',
      ['begin', 'create index on people ((says_it(email)))', 'rollback; reindex schema app'],
      /\[withheld\]|REINDEX/,
    ],
    ['triggers that TRUNCATE comes to', ['begin; truncate dept cascade; rollback'], /\[withheld\][\s\S]*TRUNCATE/],
  ] as readonly Case[])('%s', async (_name, texts, answer) => {
    const { came, leaks } = await asked(texts);
    expect(leaks).toEqual(NOTHING);
    expect(came).toMatch(answer);
  });

  test('a trigger of the login says nothing', async () => {
    await at.direct.query(`create function app.on_login() returns event_trigger language plpgsql as
      $$ begin raise notice 'says %', (select email from app.people where id = 1); end $$;
      create event trigger on_login on login execute function app.on_login()`);
    try {
      await asked(['select 1']);
      expect(found(recorded(at))).toEqual([]);
      expect(recorded(at)).toContain('[withheld]');
    } finally {
      await at.direct.query('drop event trigger on_login; drop function app.on_login()');
    }
  });

  test.each([
    ['read committed', 'begin'],
    ['repeatable read', 'begin isolation level repeatable read; select count(*) from pg_class'],
  ])(
    'what another session changes while a transaction is open that changed definitions itself: %s',
    async (level, begin) => {
      const [reader, writer] = [await open(at), await open(at)];
      const own = 'create temp table own (a int)';
      const first = await asked(level === 'read committed' ? [begin, own, 'select 1'] : [begin], reader);
      await asked([OPEN_VIEW], writer);
      const second = await asked(level === 'read committed' ? [] : [own], reader);
      const { came } = await asked(['select name from of_names'], reader);
      expect(found(first.came + second.came + came)).toEqual([]);
      expect(came).toMatch(level === 'read committed' ? /\[masked\]/ : /cannot be shown: /);
      expect(found(recorded(at))).toEqual([]);
    },
  );
});

test('a child that leaves its parent stays under the rules of both', async () => {
  const { leaks } = await say(await open(at), [
    query('select 1 from people'),
    query('alter table staff_1 no inherit people'),
    query('select email, upper(email) from staff_1'),
    query('alter table staff_1 inherit people'),
  ]);
  expect(leaks).toEqual(NOTHING);
});
