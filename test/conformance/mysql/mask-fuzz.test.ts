// Random queries about a masked column, past its masks: whatever shape a query has, what comes back is masked or an error.

import fc from 'fast-check';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SOAK } from '../../harness/soak.ts';
import { type GuardedMysql, startGuardedMysql } from '../../harness/mysql/guarded.ts';

let place: GuardedMysql;
let through: Connection;
let past: Connection;

beforeAll(async () => {
  place = await startGuardedMysql();
  await place.server.sql(
    'use shop',
    'create table people (id int primary key, name varchar(50), ssn varchar(20), pay int)',
    "insert into people values (1, 'Ann', '123-45-6789', 77123), (2, 'Bob', '987-65-4321', 88456)",
    'create table orders (id int primary key, person int, note varchar(100))',
    "insert into orders values (1, 1, 'first'), (2, 2, 'second')",
    'create view shows as select id, name, concat(ssn) as ssn, pay from people',
    'create view plain_view as select id, name from people',
  );
  place.rules([], { mask: [{ columns: ['people.ssn', 'people.pay'], with: 'placeholder' }] });
  through = await place.connect();
  past = await place.connect({}, 'gateway');
});
afterAll(() => place.close());

const one = <T>(...of: readonly T[]) => fc.constantFrom(...of);
const alias = fc.option(one('id', 'name', 'a', '`x y`', "'q'"), { nil: undefined });
const called = one('id', 'name', 'a', 'offset', '`x y`', 'pay');
const column = one('ssn', 'pay', 'p.ssn', 'p.pay', 'SSN', '`ssn`', 'p.`pay`', 'name', 'ssn', 'pay');

/** What has no alias, and what servers call it. */
const unnamed = one<readonly [said: string, name: string]>(
  ["'z'", 'z'],
  ['"z"', 'z'],
  ["n'z'", 'z'],
  ["_utf8mb4'z'", 'z'],
  ["'z' 'y'", 'z'],
  ["'z' 'y'", 'zy'],
  ["('z')", 'z'],
  ["+('z')", 'z'],
  ["''", 'Name_exp_1'],
  ['1', '1'],
  ['1e2', '1e2'],
  ['0x41', '0x41'],
  ["x'41'", "x'41'"],
  ['null', 'NULL'],
  ['true', 'TRUE'],
  ['\\N', 'NULL'],
  ['(id)', 'id'],
  ['((name))', 'name'],
  ['+name', 'name'],
  ['+(people.name)', 'name'],
  ['(select 1)', '(select 1)'],
  ['-id', '-id'],
  ['concat(name)', 'concat(name)'],
  ['current_user', 'current_user'],
  ["date'2020-01-01'", "date'2020-01-01'"],
);

/** Of one column, and of two or more. */
const { single, pair } = fc.letrec<{ single: string; pair: string; expression: string; item: string; tables: string }>(
  (tie) => ({
    expression: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { weight: 6, arbitrary: column },
      one('1', "'t'", 'count(*)', 'count(ssn)', '@v', 'null'),
      tie('expression').map((e) => `concat(${e}, '')`),
      tie('expression').map((e) => `max(${e})`),
      tie('expression').map((e) => `(${e})`),
      tie('expression').map((e) => `${e} /* ' */ + 0`),
      tie('expression').map((e) => `cast(${e} as char)`),
      tie('expression').map((e) => `if(1 = 1, ${e}, ${e})`),
      tie('expression').map((e) => `coalesce(null, ${e})`),
      tie('expression').map((e) => `{fn concat(${e})}`),
      tie('expression').map((e) => `${e} + @@autocommit - 1`),
      tie('expression').map((e) => `case when ${e} is null then 1 else ${e} end`),
      tie('expression').map((e) => `lag(${e}, 0) over (order by id)`),
      tie('expression').map((e) => `- ${e}`),
      tie('expression').map((e) => `json_unquote(json_extract(json_object('a', ${e}), '$.a'))`),
      tie('expression').map((e) => `/*! ${e} */`),
      tie('single').map((q) => `(select * from (${q}) s limit 1)`),
    ),
    item: fc
      .tuple(tie('expression'), alias, one(' ', ' as '))
      .map(([e, a, as]) => (a === undefined ? e : `${e}${as}${a}`)),
    tables: fc.oneof(
      { depthSize: 'small' },
      {
        weight: 4,
        arbitrary: one('people p', 'shows p', 'people p join orders o on o.person = p.id', 'orders o, people p'),
      },
      tie('single').map((q) => `(select p.*, t.* from people p, (${q}) t) p`),
      tie('single').map((q) => `(select 1 as pay, s.* from (${q}) s (ssn) limit 9) p`),
    ),
    single: fc.oneof(
      { depthSize: 'small' },
      {
        weight: 4,
        arbitrary: fc
          .tuple(
            one('select ', 'select ', 'select distinct ', 'select sql_calc_found_rows ', 'SELECT\n'),
            tie('item'),
            tie('tables'),
            one('', '', " where ssn <> ''", ' group by 1', ' group by ssn', ' order by 1', ' order by pay desc'),
          )
          .map(([select, item, tables, rest]) => `${select}${item} from ${tables}${rest}`),
      },
      fc.tuple(tie('single'), one('union', 'union all'), tie('single')).map(([a, by, b]) => `(${a}) ${by} (${b})`),
      // Under a name that is used outside, by itself and as the first of a union.
      fc
        .tuple(tie('expression'), called, one(' as ', ' '), tie('tables'), one('', ' union select name from people'))
        .map(([e, a, as, tables, union]) => `select ${a} from (select ${e}${as}${a} from ${tables}${union}) d`),
      fc
        .tuple(tie('single'), called, one('*', 'd.*', 'max(d.id)', 'd.name', 'name as id'))
        .map(([q, a, items]) => `select ${items} from (select 'z' as ${a} union all (${q})) d`),
      // Under the name that the server gives to what has no alias.
      fc
        .tuple(
          unnamed,
          tie('single'),
          one('`?`', 'd.`?`', '*', 'max(`?`)', '`?` as id', '(select `?`)'),
          one('', 'all'),
        )
        .map(
          ([[said, name], q, items, all]) =>
            `select ${items.replaceAll('?', name)} from (select ${said} from people union ${all} (${q})) d`,
        ),
      // From one to the next, with their names and with others.
      fc
        .tuple(tie('single'), called, called, one('*', 'c.*', 'c.id', 'c.name', 'c.a', 'concat(c.a)', 'c.pay x'))
        .map(([q, a, b, items]) => `with b (${a}) as (${q}), c (${b}) as (select * from b) select ${items} from c`),
      fc
        .tuple(tie('expression'), called, called, one('a', 'b'))
        .map(
          ([e, a, b, shown]) =>
            `with recursive c as (select 1 as n, ${e} as a, 'z' as b from people p union select n + 1, b, a from c where n < 3) select c.${shown} as ${a}, n ${b} from c`,
        ),
      fc
        .tuple(tie('single'), one('id', 'name', 'ssn', 'a'), one('p.name', 'x', '*', 'n.*', 'max(x)'))
        .map(
          ([q, a, items]) => `select ${items} from people p natural join (select 1 as id, s.${a} as x from (${q}) s) n`,
        ),
      fc
        .tuple(tie('expression'), one('is null', 'is not null', 'is null + 1'), tie('single'))
        .map(([e, test, q]) => `select if(${e} ${test}, 1, exists (${q})) from people p`),
      fc
        .tuple(tie('single'), alias)
        .map(([q, a = 'ssn']) => `with c (${a.replaceAll("'", '')}) as (${q}) select * from c`),
    ),
    pair: fc
      .tuple(tie('item'), one(', p.*', ', ssn', ', pay as name', ', 1', '', ', count(*)'), tie('tables'))
      .map(([item, more, tables]) => `select ${item}${more} from ${tables}`),
  }),
);
const query = fc.oneof(single, pair);

const LEAKED = /123-45|987-65|77123|88456/;

it('shows no value of it, in text nor in binary', async () => {
  let leaks = 0;
  let shown = 0;
  await fc.assert(
    fc.asyncProperty(query, one('query' as const, 'execute' as const), async (sql, how) => {
      const [rows] = await past.query(sql).catch(() => [undefined]);
      if (rows !== undefined && LEAKED.test(JSON.stringify(rows))) leaks++;
      const [seen, error] = await (how === 'query' ? through.query(sql) : through.execute(sql)).then(
        ([got]) => [got, undefined],
        (caught: Error) => [undefined, caught.message],
      );
      if (seen !== undefined) shown++;
      if (LEAKED.test(JSON.stringify([seen, error]))) throw new Error(`it shows ${JSON.stringify(seen)}`);
    }),
    { numRuns: SOAK ? 20_000 : Number(process.env.FUZZ_RUNS ?? 300) },
  );
  // Queries that show nothing anyway prove nothing.
  expect([leaks > 60, shown > 60]).toEqual([true, true]);
}, 600_000);
