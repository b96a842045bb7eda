// Further ways to a masked value that were open once: names of portals, encodings, plans, texts that the server
// keeps, children that leave.

import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { message } from '../../connector/protocols/postgres/messages.ts';
import { SessionRules } from '../../core/policy/session-rules.ts';
import { type Gateway, startGateway, trusted } from '../harness/gateway.ts';
import { type PostgresServer, startPostgres } from '../harness/postgres.ts';
import { dialRaw, logInRaw, type RawPeer } from '../harness/raw-postgres.ts';
import { RULES, SCHEMA, SECRETS } from './live-schema.ts';

const FOUND = [...SECRETS, 'SECRETSECRET'];
let server: PostgresServer;
let gateway: Gateway;
let password: string;
const peers: RawPeer[] = [];

beforeAll(async () => {
  server = await startPostgres();
  const direct = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres' });
  await direct.connect();
  await direct.query(SCHEMA);
  // Of this letter SJIS has a backslash as the second byte.
  await direct.query("create table app.letters (letter text); insert into app.letters values (U&'\\8868')");
  await direct.query(`create function app.prepares() returns text language plpgsql as
    $$ begin execute 'deallocate p'; execute 'prepare p as select upper(email) from app.people'; return 'ok'; end $$`);
  await direct.end();
  gateway = await startGateway({ targets: { demo: trusted(server.port) } });
  gateway.edge.rules = SessionRules.parse(RULES);
  password = gateway.edge.issue().secret;
});
beforeEach(() => {
  gateway.log.sessions.length = 0;
});
afterEach(() => {
  for (const { socket } of peers.splice(0)) socket.destroy();
});
afterAll(async () => {
  await gateway?.close();
  await server?.stop();
  expect(gateway.bugs).toEqual([]);
});

const text = (value: string) => `${value}\0`;
const int16 = (value: number) => Buffer.from([value >> 8, value & 255]);
const query = (sql: string) => [message('Q', text(sql))];
const parse = (name: string, sql: string) => message('P', text(name), text(sql), int16(0));
const bind = (portal: string, name: string) => message('B', text(portal), text(name), int16(0), int16(0), int16(0));
const execute = (portal: string, rows = 0) => message('E', text(portal), rows);
const describePortal = (name: string) => message('D', 'P', text(name));
const sync = () => message('S');

async function open(): Promise<RawPeer> {
  const peer = await dialRaw(gateway.port);
  peers.push(peer);
  expect((await logInRaw(peer, password)).at(-1)?.type).toBe('Z');
  return peer;
}

/** Each step ends with one ReadyForQuery. Gives all that came, and what of it and of the recording is secret. */
async function say(peer: RawPeer, steps: readonly (readonly Buffer[])[]) {
  let came = '';
  for (const step of steps) {
    peer.send(...step);
    for (const { type, body } of await peer.upTo('Z')) came += `${type} ${body.toString('latin1')}\n`;
  }
  const recorded = gateway.log.sessions
    .flatMap(({ frames }) => frames.map(({ bytes, fact }) => (bytes ? bytes.toString('latin1') : JSON.stringify(fact))))
    .join('\n');
  return {
    came,
    client: FOUND.filter((secret) => came.includes(secret)),
    recording: FOUND.filter((secret) => recorded.includes(secret)),
  };
}

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
        [parse('p', HARMLESS), message('D', 'S', text('p')), sync()],
        query('select prepares()'),
        [bind('', 'p'), describePortal(''), execute(''), sync()],
      ],
    ],
  ])('%s', async (_name, steps) => {
    const { client, recording, came } = await say(await open(), steps);
    expect({ client, recording }).toEqual({ client: [], recording: [] });
    expect(came).not.toMatch(/^E /m);
  });

  test('a portal that nothing replaced goes on as it is', async () => {
    const { came } = await say(await open(), [
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
  const { client, recording } = await say(await open(), [query(sql)]);
  expect({ client, recording }).toEqual({ client: [], recording: [] });
});

test('a plan does not bring what the statement was compared with into the recording', async () => {
  const peer = await open();
  const plan = await say(peer, [
    query("explain select 1 from people where email = 'secretsecret@example.com'"),
    query("prepare p(text) as select 1 from people where email = $1; explain execute p('secretsecret@example.com')"),
  ]);
  expect(plan.recording).toEqual([]);
  const plain = await say(peer, [query('explain (costs off) select name from only people')]);
  expect(plain.came).toContain('Seq Scan on people');
});

test('a setting that another session filled is not seen in its name', async () => {
  const [filler, reader] = [await open(), await open()];
  await say(filler, [query("select set_config('application_name', email, false) from people where id = 1")]);
  const { client, recording } = await say(reader, [query('select application_name from pg_stat_activity')]);
  expect({ client, recording }).toEqual({ client: [], recording: [] });
});

test('the texts of prepared statements in the server\u2019s memory are withheld', async () => {
  const { client, recording } = await say(await open(), [
    query("prepare s as select * from people where email = 'secretsecret@example.com'"),
    query("select ident from pg_backend_memory_contexts where ident like '%people%'"),
  ]);
  expect({ client, recording }).toEqual({ client: [], recording: [] });
});

test('a child that leaves its parent stays under the rules of both', async () => {
  const { client, recording } = await say(await open(), [
    query('select 1 from people'),
    query('alter table staff_1 no inherit people'),
    query('select email, upper(email) from staff_1'),
    query('alter table staff_1 inherit people'),
  ]);
  expect({ client, recording }).toEqual({ client: [], recording: [] });
});
