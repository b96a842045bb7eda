// Ways to a masked value that were open once: words of the target, triggers of views, definitions that
// another session changes while an answer is under way.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { until } from '../../harness/run.ts';
import { SCHEMA } from './live-schema.ts';
import { connect, forget, found, hangUp, leave, NOTHING, type Place, place, psql, recorded } from '../place.ts';

const MORE = `create sequence small_sq maxvalue 10;
create view changed_by_trigger as select id, name from people;
create function give_email() returns trigger language plpgsql as
  $$ begin new.name := (select email from app.people where id = 1); return new; end $$;
create trigger t instead of update on changed_by_trigger for each row execute function give_email();
create view over_that as select id, name from changed_by_trigger;
create view of_names as select id, name from people`;

let at: Place;
beforeAll(async () => {
  at = await place('shared', [SCHEMA, MORE]);
});
beforeEach(() => forget(at));
afterEach(() => hangUp(at));
afterAll(() => leave(at));

/** Bytes as the server writes them in errors. */
const inHex = (text: string): string => [...Buffer.from(text)].map((byte) => `0x${byte.toString(16)}`).join(' ');

test.each([
  [
    'a number before a name that the client wrote',
    "select setval('app.small_sq', ssn) as small_sq from people where id = 1",
  ],
  [
    'a number before a setting that the client wrote',
    "select set_config('work_mem', '-' || ssn::text, false) as work_mem from people where id = 1",
  ],
  [
    'a number behind a setting that the client wrote',
    "select set_config('max_stack_depth', ssn::text || 'kB', false) as max_stack_depth from people where id = 1",
  ],
  [
    'bytes behind an encoding that the client wrote',
    `select convert_from('\\xf0'::bytea || email::bytea, 'UTF8') as "UTF8" from people where id = 1`,
  ],
])('an error does not show %s', async (_name, text) => {
  const ran = await psql(at, [text]);
  expect(ran.stderr).toMatch(/^ERROR: {2}.*\*\*\*/);
  for (const shown of [ran.stdout + ran.stderr, ran.recorded]) {
    expect(found(shown)).toEqual([]);
    expect(shown).not.toContain(inHex('sec'));
  }
});

test.each([
  ['a view', 'update changed_by_trigger set id = 1 where id = 1 returning name'],
  ['a view with everything', 'update changed_by_trigger set id = 1 where id = 1 returning *'],
  ['a view on such a view', 'update over_that set id = 1 where id = 1 returning name, upper(name)'],
])('what an INSTEAD OF trigger gives back is withheld: %s', async (_name, text) => {
  const ran = await psql(at, [text]);
  expect(ran.stderr).toMatch(/Gatehouse: .* cannot be shown: rules or triggers/);
  expect(ran.leaks).toEqual(NOTHING);
});

test('a definition that another session commits while a prepared statement waits for it', async () => {
  const [reader, writer] = [await connect(at), await connect(at)];
  const read = () => reader.query({ name: 'r', text: 'select name from of_names' });
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 3; i++) await read();
    await writer.query('begin');
    await writer.query('create or replace view app.of_names as select id, email as name from app.people');
    const waiting = read();
    await until('it waits', async () => {
      const { rows } = await at.direct.query("select 1 from pg_stat_activity where wait_event_type = 'Lock'");
      return rows.length > 0;
    });
    // So that the catalogue of before the end has been read.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const [, { rows }] = await Promise.all([writer.query('commit'), waiting]);
    expect(found(JSON.stringify(rows))).toEqual([]);
    await writer.query('create or replace view app.of_names as select id, name from app.people');
  }
  expect(found(recorded(at))).toEqual([]);
});
