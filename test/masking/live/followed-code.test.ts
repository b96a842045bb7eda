// Functions of a database's own are followed by the words of their bodies: whatever a body reads is masked where it
// comes out, in whatever notation it is called, and what cannot be followed is withheld.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SCHEMA } from './live-schema.ts';
import { leave, NOTHING, ONLY_REFUSED, type Place, place, psql } from '../place.ts';

const READ = 'select email from app.people where id = 1';
const plpgsql = (name: string, body: string, declared = '') =>
  `create function app.${name} returns text language plpgsql as $$ ${declared} begin return (${body}); end $$`;
const sql = (name: string, body = READ) => `create function app.${name} returns text language sql as $$ ${body} $$`;
const filling = (setting: string) => `perform set_config('${setting}', (${READ}), false)`;

const MORE = [
  'create table app.quiet (a int); insert into app.quiet values (1)',
  'create view app."Odd View" as select email as e from app.people where id = 1',
  sql('any_of(anyelement)'),
  plpgsql('quoted()', `select "EMAIL" from (select email as "EMAIL" from app."people" where id = 1) s`),
  plpgsql('capitals()', 'SELECT EMAIL FROM APP.PEOPLE WHERE ID = 1'),
  plpgsql('behind_comments()', `select /* ' */ email -- '\n from app./* */people where id = 1`),
  plpgsql('behind_strings()', `select e'\\'' || '--' || $a$'$a$ || email from app.people where id = 1`),
  plpgsql('odd_view()', 'select e from app."Odd View"'),
  plpgsql('in_numbers()', `select e from app.U&"Odd\\0020View"`),
  plpgsql('in_other_numbers()', `select email from app.U&"p!0065ople" uescape '!' where id = 1`),
  sql('peek0()'),
  sql('by_default(a text default app.peek0())', 'select a'),
  sql('calls()', 'select app.peek0()'),
  plpgsql('calls_that()', 'app.calls()'),
  plpgsql('by_attribute()', 'select q.any_of from app.quiet q'),
  'create function app.atomic() returns text language sql begin atomic select email from app.people where id = 1; end',
  'create function app.atomic_view() returns text language sql return (select e from app."Odd View")',
  plpgsql('row_type()', 'select (p).email from app.people p where id = 1', 'declare r app.people;'),
  plpgsql('as_xml()', `query_to_xml('${READ}', true, true, '')::text`),
  sql('table_as_xml()', "select table_to_xml('app.people', true, true, '')::text"),
  `create function app.executes() returns text language plpgsql as
     $$ declare r text; begin execute 'select em' || 'ail from app.peo' || 'ple where id = 1' into r; return r; end $$`,
  `create function app.opens() returns text language plpgsql as
     $$ declare c cursor for ${READ}; r text; begin open c; fetch c into r; return r; end $$`,
  `create function app.fetches(c refcursor) returns text language plpgsql as
     $$ declare r text; begin fetch c into r; return r; end $$`,
  plpgsql('calls_executes()', 'app.executes()'),
  sql('of_person(r app.people)', 'select r.email').replace('of_person', 'name_of'),
  'create function app.all_people() returns setof app.people language sql as $$ select * from app.people $$',
  `create function app.addresses() returns table (x text) language plpgsql as
     $$ begin return query select email from app.people; end $$`,
  sql('reads_setting()', "select current_setting('my.s', true)"),
  sql('step(text, text)'),
  'create aggregate app.agg_of(text) (sfunc = app.step, stype = text)',
  sql('string_agg(text, text, text)'),
  `create procedure app.hands_out(inout x text) language plpgsql as $$ begin x := (${READ}); end $$`,
  `create procedure app.hands_on(inout x text) language plpgsql as $$ begin call app.hands_out(x); end $$`,
  `create procedure app.fills() language plpgsql as $$ begin ${filling('my.procedure')}; end $$`,
  // Planned, it is a constant that looks like lines of a plan.
  plpgsql('folded()', `select e'\n  Filter: (' || email || e')\n' from app.people where id = 1`).replace(
    ' as $$',
    ' immutable as $$$$',
  ),
  // Code that nobody names.
  'create table app.ruled (a int)',
  `create rule r as on insert to app.ruled do also select set_config('my.ruled', (${READ}), false)`,
  'create table app.parent (id int primary key); create table app.child (p int references app.parent on delete cascade)',
  'insert into app.parent values (1); insert into app.child values (1)',
  `create function app.on_delete() returns trigger language plpgsql as $$ begin ${filling('my.cascade')}; return old; end $$`,
  'create trigger t after delete on app.child for each row execute function app.on_delete()',
  'create table app.parted (a int) partition by list (a); create table app.part_1 partition of app.parted for values in (1)',
  'create view app.on_parted as select * from app.parted',
  `create function app.on_insert() returns trigger language plpgsql as $$ begin ${filling('my.part')}; return new; end $$`,
  'create trigger t after insert on app.part_1 for each row execute function app.on_insert()',
  'create table app.guarded (a int); insert into app.guarded values (1)',
  `create function app.may() returns boolean language plpgsql as $$ begin ${filling('my.policy')}; return true; end $$`,
  'alter table app.guarded enable row level security; alter table app.guarded force row level security',
  'create policy p on app.guarded using (app.may())',
  'create table app.query_to_xml (a int)',
  'create table app.measured (a int, b int); insert into app.measured select g, g from generate_series(1, 10) g',
  `create function app.measure(int) returns int immutable language plpgsql as $$ begin ${filling('my.statistics')}; return $1; end $$`,
  'create statistics app.measures on (app.measure(a)), b from app.measured',
  `create function app.key(int) returns int immutable language plpgsql as $$ begin ${filling('my.key')}; return $1; end $$`,
  'create table app.keyed (a int) partition by list (app.key(a)); create table app.keyed_1 partition of app.keyed default',
  `create function app.at_last() returns trigger language plpgsql as $$ begin ${filling('my.last')};
     execute 'deallocate late'; execute 'prepare late as select upper(email) from app.people'; return new; end $$`,
  'create table app.late (a int); create constraint trigger t after insert on app.late initially deferred for each row execute function app.at_last()',
  'create role reader; grant usage on schema app to reader; grant select on all tables in schema app to reader',
];

const CALLS =
  `any_of(1) quoted() capitals() behind_comments() behind_strings() odd_view() in_numbers() in_other_numbers() peek0()
  by_default() calls() calls_that() by_attribute() atomic() atomic_view() row_type() as_xml() table_as_xml() executes() opens()
  calls_executes()`.split(/\s+/);

describe.each([18, 15] as const)('PostgreSQL %i', (version) => {
  let at: Place;
  beforeAll(async () => {
    at = await place(version, [SCHEMA, ...MORE]);
  });
  beforeEach(() => {
    at.gateway.log.sessions.length = 0;
  });
  afterAll(() => leave(at));

  test('functions, alone, in expressions and beside columns', async () => {
    const texts = CALLS.flatMap((call) => [
      `select ${call}`,
      `select upper(${call}) || 'x', (select ${call}), array[${call}], to_jsonb(${call})`,
      `select total, ${call} from orders`,
      `copy (select ${call}) to stdout`,
    ]);
    const ran = await psql(at, texts);
    // Before 16 a cursor that was opened twice is an error.
    const stderr =
      version === 15
        ? ran.stderr.replaceAll(/^(?:ERROR: {2}\[withheld\]|CONTEXT: {2}PL\/pgSQL function opens.*)\n/gm, '')
        : ran.stderr;
    expect({ stderr, leaks: ran.leaks }).toEqual({ stderr: expect.stringMatching(ONLY_REFUSED), leaks: NOTHING });
  });

  test.each([
    [
      'functions as attributes',
      [
        'select s.any_of from (select 1 as a) s',
        'select upper(s.any_of) from (values (1)) s(a)',
        'with s as (select 1 as a) select s.any_of from s',
        'select (s).any_of from (select 1 a) s',
        'select any_of(s) from (select 1 a) s',
        'select (row(1)::quiet).any_of',
        'select (x).any_of from (select row(1)::quiet as x) y',
        'select q.any_of, upper(q.any_of) from quiet q',
        'select name_of(p), p.name_of from people p',
      ],
    ],
    [
      'functions that give rows',
      [
        'select * from all_people()',
        'select upper(email), email from all_people()',
        'select all_people()',
        'select (all_people()).email',
        'select x.email from rows from (all_people()) x',
        'select * from addresses()',
        'select upper(x) from addresses() y(x)',
      ],
    ],
    ['aggregates', ['select agg_of(name) from people', "select agg_of('x')", "select agg_of('x') over () from quiet"]],
    ['a name of the server’s', ["select string_agg('a', 'b', 'c')"]],
    [
      'cursors handed in',
      ['begin', `declare cu cursor for ${READ}`, "select fetches('cu'), upper(fetches('cu'))", 'commit'],
    ],
    [
      'settings read',
      [`do $$ begin ${filling('my.s')}; end $$`, 'select reads_setting()', 'select upper(reads_setting())'],
    ],
    [
      'procedures',
      [
        'call hands_out(null)',
        'call app.hands_on(null)',
        `do $$ declare r text; begin call app.hands_out(r); raise notice '%', r; end $$`,
        'call fills()',
        'show my.procedure',
        "select current_setting('my.procedure')",
      ],
    ],
    ['rules', ['insert into ruled values (1)', 'show my.ruled']],
    ['triggers of tables that a foreign key leads to', ['delete from parent', 'show my.cascade']],
    ['triggers of a partition', ['insert into parted values (1)', 'show my.part']],
    ['statistics', ['analyze measured', 'show my.statistics']],
    ['statistics of all tables', ['analyze', 'show my.statistics']],
    ['partition keys', ['insert into keyed values (1)', 'show my.key']],
    [
      'triggers at the end of a transaction',
      [
        'begin',
        'insert into late values (1)',
        'prepare late as select upper(name) from people',
        'commit',
        'execute late',
        'show my.last',
      ],
    ],
    ['triggers behind a view', ['insert into on_parted values (1)', 'show my.part']],
    ['row policies', ['set role reader', 'select a from guarded', 'reset role', 'show my.policy']],
    [
      'plans',
      [
        'explain (verbose, costs off) select 1 from quiet where a::text = peek0()',
        'explain (verbose) select peek0()',
        'explain (verbose, format json) select peek0()',
        'explain (costs off) select 1 from quiet where a::text <> folded()',
        'explain (costs off) select 1 from people where name <> folded()',
      ],
    ],
  ] as const)('%s', async (_name, texts) => {
    const ran = await psql(at, texts);
    expect(ran.leaks).toEqual(NOTHING);
    expect(ran.stderr).not.toMatch(/does not exist|syntax error/);
  });
});

test('triggers at the login', async () => {
  const at = await place('shared', [
    SCHEMA,
    `create function app.welcomes() returns event_trigger language plpgsql as $$ begin ${filling('my.login')}; end $$`,
    'create event trigger welcome on login execute function app.welcomes(); alter event trigger welcome enable always',
  ]);
  try {
    const ran = await psql(at, [
      'show my.login',
      "select current_setting('my.login')",
      'select name from people where id = 1',
    ]);
    expect({ out: ran.stdout, err: ran.stderr, leaks: ran.leaks }).toEqual({
      out: 'Ann\n',
      err: expect.stringMatching(ONLY_REFUSED),
      leaks: NOTHING,
    });
  } finally {
    await leave(at);
  }
});

test('checks of domains', async () => {
  const at = await place('shared', [
    SCHEMA,
    `create function app.fills(text) returns boolean language plpgsql as $$ begin ${filling('my.domain')}; return true; end $$`,
    'create domain app.filling as text check (app.fills(value))',
  ]);
  try {
    const ran = await psql(at, ["select 'x'::filling", 'show my.domain', "select current_setting('my.domain')"]);
    expect({ out: ran.stdout, err: ran.stderr, leaks: ran.leaks }).toEqual({
      out: 'x\n',
      err: expect.stringMatching(ONLY_REFUSED),
      leaks: NOTHING,
    });
  } finally {
    await leave(at);
  }
});

describe('operators, casts and names that are words of the language', () => {
  let at: Place;
  beforeAll(async () => {
    at = await place('shared', [
      SCHEMA,
      sql('"from"()'),
      'create table app.quiet (a int); insert into app.quiet values (1)',
      sql('of_quiet(app.quiet)'),
      'create cast (app.quiet as text) with function app.of_quiet(app.quiet)',
      sql('of_numbers(int, int)'),
      'create operator app.@@@ (leftarg = int, rightarg = int, function = app.of_numbers)',
    ]);
  });
  beforeEach(() => {
    at.gateway.log.sessions.length = 0;
  });
  afterAll(() => leave(at));

  test.each([
    [
      'casts',
      ['select (q)::text from quiet q', 'select cast(q as text) from quiet q', "select q::text || '' from quiet q"],
    ],
    ['words', ['select "from"()', 'select upper(app."from"())']],
    ['operators', ['select 1 @@@ 2', 'select 1 operator(app.@@@) 2', 'select upper(1 @@@ a) from quiet']],
  ])('%s', async (_name, texts) => {
    const ran = await psql(at, texts);
    expect(ran.leaks).toEqual(NOTHING);
    expect(ran.stderr).not.toMatch(/does not exist/);
  });
});
