// Keys of JSON and lengths of arrays that are data: masked with the rest, where a statement or a view may have made them
// of values; kept where they are stored so, or written in the statement.

import type { QueryArrayConfig } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { SCHEMA } from '../live/live-schema.ts';
import { connect, forget, found, hangUp, leave, NOTHING, type Place, place, psql, straight } from '../place.ts';

const MORE = `create view keyed as select id, json_build_object(email, 1) as made, jsonb_build_object('mail', email) as plain from people;
create materialized view kept_keys as select id, jsonb_object_agg(email, 1) as made from people group by id;
create table docs (id int, doc jsonb, tags text[]);
insert into docs values (1, '{"k": "secretsecret", "n": {"m": 5}}', '[3:4]={secretsecret,b}');
create view over_docs as select id, doc, tags from docs;
create extension hstore`;
const RULES = {
  policyVersion: 1,
  rule: 'people-prod',
  limits: {},
  mask: [{ columns: ['people.email', 'docs.doc', 'docs.tags'], with: 'placeholder' }],
};

let at: Place;
beforeAll(async () => {
  at = await place('shared', [SCHEMA, MORE], RULES);
});
beforeEach(() => forget(at, RULES));
afterAll(() => leave(at));

test.each([
  ['select json_build_object(email, 1) from people where id = 1', '"[masked]"'],
  ["select jsonb_build_object('a', jsonb_build_object(email, 1)) from people where id = 1", '"[masked]"'],
  ['select made from keyed where id = 1', '"[masked]"'],
  ['select made from kept_keys where id = 1', '"[masked]"'],
  ['select to_jsonb(k) from keyed k where id = 1', '"[masked]"'],
  ['select json_object_agg(email, 1) from people where id = 1', '"[masked]"'],
  ["select jsonb_set('{}', array[email], '1') from people where id = 1", '"[masked]"'],
  ["select jsonb_object(array[email, 'x']) from people where id = 1", '"[masked]"'],
  [`select ('{"' || email || '":1}')::json from people where id = 1`, '"[masked]"'],
  ["select hstore_to_json(hstore(email, '1')) from people where id = 1", '"[masked]"'],
  ["select to_jsonb(hstore(email, '1')) from people where id = 1", '"[masked]"'],
  ['select json_object(email: 1) from people where id = 1', '"[masked]"'],
  ['select json_objectagg(email: 1) from people where id = 1', '"[masked]"'],
  ['with made as (select json_build_object(email, 1) j from people where id = 1) select j from made', '"[masked]"'],
  ['copy (select made from keyed where id = 1) to stdout', '"[masked]"'],
  ["select array_fill(''::text, array[1], array[ascii(email)]) from people where id = 1", '{"[masked]"}'],
  ["select array_fill(''::text, array[ascii(email)]) from people where id = 1", '{"[masked]"}'],
  ['select string_to_array(email, null) from people where id = 1', '{"[masked]"}'],
  ["select ('[' || ascii(email) || ':' || ascii(email) || ']={a}')::text[] from people where id = 1", '{"[masked]"}'],
])('%s', async (text, shown) => {
  const ran = await psql(at, [text]);
  expect(ran.stderr).toBe('');
  expect(ran.stdout.trim()).toBe(shown);
  expect(ran.leaks).toEqual(NOTHING);
});

test.each([
  ['select doc from docs', '{"k": "[masked]", "n": {"m": "[masked]"}}'],
  ['select doc from over_docs', '{"k": "[masked]", "n": {"m": "[masked]"}}'],
  ["select doc -> 'n' from docs", '{"m": "[masked]"}'],
  [
    'select doc, jsonb_object(array[tags[3], doc::text]) from docs',
    '{"k": "[masked]", "n": {"m": "[masked]"}}|"[masked]"',
  ],
  ['select tags from docs', '[3:4]={"[masked]","[masked]"}'],
  [
    "select json_build_object('mail', email, 'n', json_build_array(email)) from people where id = 1",
    '{"mail" : "[masked]", "n" : ["[masked]"]}',
  ],
  ["select json_object('mail': email) from people where id = 1", '{"mail" : "[masked]"}'],
  ['select array[email, null] from people where id = 1', '{"[masked]",NULL}'],
])('what is stored or written stays: %s', async (text, shown) => {
  const ran = await psql(at, [text]);
  expect(ran.stdout.trim()).toBe(shown);
  expect(ran.leaks).toEqual(NOTHING);
});

test.each([
  'select json_build_object(name, id) from people where id = 1',
  'select jsonb_object_agg(o.id, total) from orders o',
  "select string_to_array('a,b', ','), array_fill(0, array[3])",
  "select regexp_split_to_array(name, '') from people where id = 1",
  `select '{"a": 1}'::jsonb || jsonb_build_object(id, name) from people where id = 1`,
])("what no rule names is the server's: %s", async (text) => {
  expect((await psql(at, [text])).stdout).toBe(
    (await straight(at, [`set search_path = app, public`, text])).stdout.replace('SET\n', ''),
  );
});

test('in binary format', async () => {
  const client = await connect(at);
  for (const text of [
    "select array_fill(''::text, array[1], array[ascii(email)]) from people",
    'select jsonb_object(array[email, email]) from people',
  ]) {
    const { rows } = await client.query({ text, rowMode: 'array', binary: true } as QueryArrayConfig);
    expect(rows.length).toBe(3);
    expect(found(JSON.stringify(rows))).toEqual([]);
  }
  await hangUp(at);
});
