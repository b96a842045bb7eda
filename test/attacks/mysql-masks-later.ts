// Ways to get at a masked column (test/harness/mysql/people.ts) that only later servers have. What others made there meanwhile is in `MADE`.

/** By someone with another way in. */
export const MADE_IN_MYSQL_9: readonly string[] = [
  'create materialized view kept_rows as select id, ssn as x from people',
  "create json relational duality view documents as select json_duality_object('_id': id, 'q': ssn) from people",
];

export const LEAKS_OF_MYSQL_9: readonly (readonly [why: string, ...statements: readonly string[]])[] = [
  [
    'TABLE',
    'table people',
    '(table people) union table people',
    'select * from (table people) d',
    'table people order by id limit 1',
  ],
  [
    'EXPLAIN that runs, into a variable',
    'explain analyze select ssn from people',
    'explain format=json into @plan select * from people where ssn > 1',
    'select @plan',
  ],
  ['EXPLAIN of a database', 'explain format=json for database shop select * from people where ssn > 1'],
  ['the tree of a statement', "show parse_tree select ssn from people where ssn = ''"],
  [
    'a materialized view',
    'select * from kept_rows',
    'select x from kept_rows',
    'table kept_rows',
    'select json_arrayagg(x) from kept_rows',
  ],
  ['a duality view', 'select * from documents', 'select data from documents', "select data->>'$.q' from documents"],
  ['one of its own', 'create materialized view mine as select ssn as m from people', 'select * from mine'],
  [
    'a document of its own',
    "create json duality view mine as select json_duality_object('_id': id, 'm': ssn) from people",
    'select * from mine',
  ],
  [
    'CREATE TABLE of one',
    'create table mine table people',
    'table mine',
    'create table mine as select ssn as m from people',
    'select * from mine',
  ],
  [
    'QUALIFY',
    'select ssn from people qualify row_number() over (order by id) = 1',
    'select name, ssn as qualify_ from people',
  ],
  [
    'INTERSECT and EXCEPT of tables',
    'table people intersect table people',
    'select ssn from people except table orders',
    '(select ssn as name from people intersect select ssn from people) order by 1',
  ],
  [
    'VALUES',
    'values row((select ssn from people limit 1))',
    'select * from (values row((select max(ssn) from people))) d (id)',
  ],
  ['LATERAL', 'select d.s from orders o, lateral (select ssn as s from people p where p.id = o.person) d'],
  ['JSON_TABLE', "select v from people, json_table(json_array(ssn), '$[*]' columns (v varchar(30) path '$')) d"],
  [
    'a vector',
    'select string_to_vector(concat("[", pay, "]")) from people',
    'select vector_to_string(string_to_vector(concat("[", pay, ",1]"))) from people',
  ],
  [
    'a histogram',
    'analyze table people update histogram on ssn with 4 buckets',
    'select histogram from information_schema.column_statistics',
  ],
  [
    'an upsert by a row alias',
    'insert into orders (id, note) select id, ssn from people as n on duplicate key update note = n.ssn',
    'select note from orders',
  ],
  [
    'a row alias',
    "insert into people (id, ssn) values (1, 'z') as n on duplicate key update name = people.ssn",
    'select name from people',
  ],
  ['a text between dollars', 'select $$x$$, ssn from people', 'select $a$, ssn from people'],
  [
    'ROLLUP',
    'select ssn, count(*) from people group by rollup (ssn)',
    'select grouping(ssn), ssn from people group by ssn with rollup',
  ],
  [
    'a comment that runs',
    'select /*!80000 ssn */ from people',
    'select /*!090000 ssn */ from people',
    'select id /*!80000 , ssn */ from people',
  ],
  ['SET PERSIST', 'set persist init_connect = (select max(ssn) from people)', 'select @@init_connect'],
  ['HANDLER', 'handler people open', 'handler people read first', 'handler people close'],
];

export const MADE_IN_MARIADB_11: readonly string[] = ['alter table people add system versioning'];

export const LEAKS_OF_MARIADB_11: readonly (readonly [why: string, ...statements: readonly string[]])[] = [
  [
    'RETURNING',
    "insert into people (id, name) values (40, 'r') returning ssn, shadow",
    "replace into people (id, ssn) values (1, '123-45-6789') returning ssn",
    'delete from people where id = 2 returning *',
    'delete from people returning concat(ssn)',
  ],
  [
    'TABLE by VALUES',
    'values ((select ssn from people limit 1))',
    'select * from (values ((select max(ssn) from people))) d',
  ],
  [
    'a vector',
    'select vec_totext(vec_fromtext(concat("[", pay, "]"))) from people',
    'select vec_distance_euclidean(vec_fromtext(concat("[", pay, "]")), vec_fromtext("[0]")) from people',
  ],
  ['ANALYZE', 'analyze select ssn from people', 'analyze format=json select * from people where ssn = 1'],
  [
    'EXECUTE IMMEDIATE',
    "execute immediate 'select ssn from people'",
    "execute immediate concat('select s', 'sn from people')",
  ],
  [
    'a block',
    'begin not atomic select ssn from people; end',
    'begin not atomic declare a text; select ssn into a from people limit 1; select a; end',
  ],
  ['SET STATEMENT', 'set statement max_statement_time=1 for select ssn from people'],
  [
    'a sequence',
    'select setval(missing, pay) from people',
    'create sequence mine start with 77123',
    'select nextval(mine), ssn from people',
  ],
  [
    'JSON',
    "select json_detailed(json_object('a', ssn)), json_key_value(json_object('a', ssn), '$') from people",
    "select v from people, json_table(json_array(ssn), '$[*]' columns (v varchar(30) path '$')) d",
  ],
  [
    'SFORMAT, CHR, natural sort',
    "select sformat('{}', ssn) from people",
    'select natural_sort_key(ssn) from people',
    'select crc32c(ssn), kdf(ssn, name, 1000) from people limit 0',
  ],
  [
    'PERCENTILE and MEDIAN',
    'select median(pay) over (partition by id) from people',
    'select percentile_disc(0.5) within group (order by pay) over (partition by id) from people',
  ],
  ['GROUP_CONCAT with a limit', 'select group_concat(ssn order by id limit 1) from people'],
  [
    'FETCH FIRST',
    'select ssn from people fetch first 1 rows only',
    'select ssn from people order by id fetch first 1 rows with ties',
    'select ssn from people limit 5 rows examined 100',
  ],
  [
    'a comment of its own',
    'select /*M! ssn */ from people',
    'select /*M!110800 ssn */ from people',
    'select id /*!110800, ssn */ from people',
  ],
  [
    'a RECURSIVE one with CYCLE',
    'with recursive c (q) as (select ssn from people union select q from c) cycle q restrict select q from c',
  ],
  [
    'a default',
    'create table mine (id int, s varchar(30) default (select ssn from people limit 1))',
    'insert into mine (id) values (1)',
    'select * from mine',
  ],
  [
    'history',
    'select * from people for system_time all',
    "select ssn from people for system_time as of timestamp '2999-01-01 00:00:00'",
    'select concat(ssn) from people for system_time all',
  ],
];
