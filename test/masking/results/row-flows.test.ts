// What RETURNING gives of a row that masked values were put into: by the statement itself, or by a trigger on the way.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { SCHEMA } from '../live/live-schema.ts';
import { forget, leave, NOTHING, type Place, place, psql } from '../place.ts';

const MORE = `create table copies (id int, memo text, phone text, changed text, upper_memo text generated always as (upper(memo)) stored);
create function copy_phone() returns trigger language plpgsql as $$ begin new.memo := new.phone; return new; end $$;
create trigger t before insert or update on copies for each row execute function copy_phone();
create table looked_up (id int, memo text);
create function look_up() returns trigger language plpgsql as
  $$ begin select email into new.memo from app.people where app.people.id = 1; return new; end $$;
create trigger t before insert on looked_up for each row execute function look_up();
create table stamped (id int, name text, phone text, changed text);
create function stamp() returns trigger language plpgsql as $$ begin new.changed := 'now'; return new; end $$;
create trigger t before insert or update on stamped for each row execute function stamp();
create table whole (id int, memo text, phone text);
create function whole_row() returns trigger language plpgsql as
  $$ begin new := jsonb_populate_record(new, jsonb_build_object('memo', to_jsonb(new) ->> 'phone')); return new; end $$;
create trigger t before insert on whole for each row execute function whole_row()`;
const RULES = {
  policyVersion: 1,
  rule: 'people-prod',
  limits: {},
  mask: [
    {
      columns: ['people.email', 'people.ssn', 'copies.phone', 'stamped.phone', 'whole.phone'],
      with: 'placeholder',
    },
  ],
};

let at: Place;
beforeAll(async () => {
  at = await place('shared', [SCHEMA, MORE], RULES);
});
beforeEach(async () => {
  forget(at, RULES);
  await at.direct.query("truncate notes, copies, stamped; insert into notes values (1, 'old')");
});
afterAll(() => leave(at));

const ANN = '(select email from people where id = 1)';
test.each([
  ['update notes', `update notes set note = ${ANN} returning note`, '[masked]'],
  [
    'several at once',
    `update notes set (id, note) = (select id, email from people where id = 1) returning note`,
    '[masked]',
  ],
  ['from a table', 'update notes n set note = p.email from people p where p.id = 1 returning n.note', '[masked]'],
  ['new', `update notes set note = ${ANN} returning new.note`, '[masked]'],
  ['under another name', `update notes set note = ${ANN} returning with (new as x) x.note`, '[masked]'],
  ['insert values', `insert into notes (note) values (${ANN}) returning note`, '[masked]'],
  ['insert by place', `insert into notes values (7, ${ANN}) returning *`, '7|[masked]'],
  ['insert select', 'insert into notes (note) select email from people where id = 1 returning note', '[masked]'],
  ['in a WITH', `with w as (update notes set note = ${ANN} returning *) select note from w`, '[masked]'],
  [
    'merge',
    'merge into notes n using (select * from people where id = 1) p on n.id = p.id when matched then update set note = p.email returning n.note',
    '[masked]',
  ],
  [
    'merge of everything',
    'merge into notes n using (select id as i, email from people where id = 1) p on n.id = p.i when matched then update set note = p.email returning *',
    '1|[masked]|1|[masked]',
  ],
  ['a trigger', "insert into copies (id, phone) values (1, 'secretsecret') returning id, memo", '1|[masked]'],
  ['and what is generated', "insert into copies (phone) values ('secretsecret') returning upper_memo", '[masked]'],
  ['a trigger that reads', 'insert into looked_up (id) values (1) returning memo', '[masked]'],
])('%s', async (_name, text, shown) => {
  const ran = await psql(at, [text]);
  expect(ran.stderr).toBe('');
  expect(ran.stdout.split('\n')[0]).toBe(shown);
  expect(ran.leaks.client).toEqual([]);
});

test.each([
  ["insert into notes values (3, 'mine') returning *", '3|mine'],
  ["update notes set note = 'mine' where id = 1 returning id, note", '1|mine'],
  [
    'update notes n set note = p.name from people p where p.id = n.id returning n.note, p.name, p.email',
    'Ann|Ann|[masked]',
  ],
  ["insert into stamped values (1, 'Ann', 'secretsecret') returning *", '1|Ann|[masked]|now'],
  ['insert into looked_up values (5) returning id', '5'],
  ['delete from notes where id = 1 returning note', 'old'],
])('what holds nothing hidden comes as it is: %s', async (text, shown) => {
  const ran = await psql(at, [text]);
  expect(ran.stdout.split('\n')[0]).toBe(shown);
  expect(ran.leaks.client).toEqual(NOTHING.client);
});

test('a number that a hidden one was put in has no masked form', async () => {
  const ran = await psql(at, [
    'update orders set total = (select ssn from people where id = 1) where id = 10 returning total',
    'update orders set total = 5 where id = 10 returning total',
  ]);
  expect(ran.stderr).toMatch(/^ERROR: {2}Gatehouse: column 1 \("total"\)/);
  expect(ran.stdout.split('\n')[0]).toBe('5');
  expect(ran.leaks.client).toEqual([]);
});

test('a trigger that takes the whole row gives nothing away', async () => {
  const ran = await psql(at, ["insert into whole (phone) values ('secretsecret') returning memo"]);
  expect(ran.leaks.client).toEqual([]);
});
