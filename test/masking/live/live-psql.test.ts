// Masking in force for psql: nothing that a rule hides reaches the client or the recording, and what no
// rule hides comes through.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { query } from '../../harness/postgres/client-messages.ts';
import { DEFAULT_RULES, RULES, SCHEMA } from './live-schema.ts';
import {
  ended,
  forget,
  found,
  hangUp,
  leave,
  NOTHING,
  open,
  type Place,
  place,
  psql,
  recorded,
  use,
} from '../place.ts';

let at: Place;
beforeAll(async () => {
  at = await place('shared', [SCHEMA]);
});
beforeEach(() => forget(at));
afterAll(() => leave(at));

const WAYS: readonly (readonly [string, string])[] = [
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
];

describe('nothing leaks through psql', () => {
  test.each(WAYS)('%s', async (_name, text) => {
    const ran = await psql(at, [text]);
    expect(ran.leaks).toEqual(NOTHING);
    expect(at.gateway.log.last.ended?.reason).toBe('client_closed');
  });
});

describe('nor where nobody is assumed to look for ways around', () => {
  test.each(WAYS)('%s', async (_name, text) => {
    forget(at, DEFAULT_RULES);
    const peer = await open(at);
    peer.send(query(text));
    const came = await peer.upTo('Z');
    await hangUp(at);
    await ended(at);
    const all = came.map(({ type, body }) => type + body.toString('latin1')).join('\n');
    expect({ client: found(all), recording: found(recorded(at)) }).toEqual(NOTHING);
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
    const ran = await psql(at, [text]);
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
      const masked = await psql(at, [look]);
      expect(masked.stderr).toBe('');
      use(at, { ...RULES, mask: undefined });
      const plain = await psql(at, [look]);
      use(at, RULES);
      // The cost of a look changes the size of what was looked at now and then.
      expect({ look, out: masked.stdout.replace(/\d+ (kB|bytes)/g, '') }).toEqual({
        look,
        out: plain.stdout.replace(/\d+ (kB|bytes)/g, ''),
      });
    }
  });

  test('a table made by the session itself, in its transaction and behind it', async () => {
    const text = [
      'begin; create table tt (a int, b text)',
      "insert into tt values (1, 'x')",
      'select * from tt',
      'commit',
      'select a, upper(b) from tt',
      'drop table tt',
    ];
    const ran = await psql(at, text);
    expect(ran.stdout).toBe('BEGIN\nCREATE TABLE\nINSERT 0 1\n1|x\nCOMMIT\n1|X\nDROP TABLE\n');
  });

  test('the same with a rule on every table', async () => {
    use(at, { ...RULES, mask: [{ columns: ['*.email', '*.ssn'], with: 'partial' }] });
    expect((await psql(at, ['select id, email, upper(name) from people where id = 1'])).stdout).toBe(
      '1|s***@e***.com|ANN\n',
    );
    expect((await psql(at, ['\\d people'])).stdout).toContain('email|text');
    expect(
      (await psql(at, ["select upper(relname), pg_get_viewdef('v1'::regclass) from pg_class where relname = 'v1'"]))
        .stdout,
    ).toMatch(/^V1\|\s*SELECT/);
  });
});
