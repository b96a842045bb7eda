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
} from '../harness/client-messages.ts';
import type { RawPeer } from '../harness/raw-postgres.ts';
import { SCHEMA } from './live-schema.ts';
import { forget, found, hangUp, leave, NOTHING, open, type Place, place, recorded } from './place.ts';

// Of this letter SJIS has a backslash as the second byte.
const LETTERS = "create table app.letters (letter text); insert into app.letters values (U&'\\8868')";
const PREPARES = `create function app.prepares() returns text language plpgsql as
  $$ begin execute 'deallocate p'; execute 'prepare p as select upper(email) from app.people'; return 'ok'; end $$`;

let at: Place;
beforeAll(async () => {
  at = await place(18, [SCHEMA, LETTERS, PREPARES]);
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

test('a child that leaves its parent stays under the rules of both', async () => {
  const { leaks } = await say(await open(at), [
    query('select 1 from people'),
    query('alter table staff_1 no inherit people'),
    query('select email, upper(email) from staff_1'),
    query('alter table staff_1 inherit people'),
  ]);
  expect(leaks).toEqual(NOTHING);
});
