// Ways to a masked value that were open once: words of the target, triggers of views, definitions that
// another session changes while an answer is under way.

import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { SessionRules } from '../../core/policy/session-rules.ts';
import { type Gateway, startGateway, trusted } from '../harness/gateway.ts';
import { findClient, type PostgresServer, startPostgres } from '../harness/postgres.ts';
import { run, until } from '../harness/run.ts';
import { RULES, SCHEMA, SECRETS } from './live-schema.ts';

let server: PostgresServer;
let gateway: Gateway;
let direct: pg.Client;
let password: string;
const clients: pg.Client[] = [];

beforeAll(async () => {
  server = await startPostgres();
  direct = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'postgres' });
  await direct.connect();
  await direct.query(SCHEMA);
  await direct.query(`create sequence small_sq maxvalue 10;
    create view changed_by_trigger as select id, name from people;
    create function give_email() returns trigger language plpgsql as
      $$ begin new.name := (select email from app.people where id = 1); return new; end $$;
    create trigger t instead of update on changed_by_trigger for each row execute function give_email();
    create view over_that as select id, name from changed_by_trigger;
    create view of_names as select id, name from people`);
  gateway = await startGateway({ targets: { demo: trusted(server.port) } });
  password = gateway.edge.issue().secret;
});
beforeEach(() => {
  gateway.log.sessions.length = 0;
  use(RULES);
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end().catch(() => undefined);
});
afterAll(async () => {
  await gateway?.close();
  await direct?.end();
  await server?.stop();
  expect(gateway.bugs).toEqual([]);
});

const use = (rules: unknown): void => {
  gateway.edge.rules = SessionRules.parse(rules);
};
const login = () => ({ host: gateway.host, port: gateway.port, user: 'alice@example.com', database: 'demo', password });

async function connect(): Promise<pg.Client> {
  const client = new pg.Client(login());
  client.on('error', () => undefined);
  await client.connect();
  clients.push(client);
  return client;
}

async function psql(...args: string[]) {
  const program = findClient('psql');
  if (!program) throw new Error('psql is not installed (Debian: postgresql-client)');
  const env = {
    PGHOST: gateway.host,
    PGPORT: String(gateway.port),
    PGUSER: 'alice@example.com',
    PGDATABASE: 'demo',
    PGPASSWORD: password,
  };
  return run(program, ['-X', '-A', '-t', ...args], { env });
}

/** Everything recorded of every session: wire bytes of all directions, and facts. */
function recorded(): string {
  return gateway.log.sessions
    .flatMap(({ frames }) => frames.map(({ bytes, fact }) => (bytes ? bytes.toString('latin1') : JSON.stringify(fact))))
    .join('\n');
}
const found = (text: string) => SECRETS.filter((secret) => text.includes(secret));
async function ended(): Promise<void> {
  await until('all sessions have ended', () => gateway.log.sessions.every((session) => session.ended));
}

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
  const ran = await psql('-c', text);
  await ended();
  expect(ran.stderr).toMatch(/^ERROR: {2}.*\*\*\*/);
  for (const shown of [ran.stdout + ran.stderr, recorded()]) {
    expect(found(shown)).toEqual([]);
    expect(shown).not.toContain(inHex('sec'));
  }
});

test.each([
  ['a view', 'update changed_by_trigger set id = 1 where id = 1 returning name'],
  ['a view with everything', 'update changed_by_trigger set id = 1 where id = 1 returning *'],
  ['a view on such a view', 'update over_that set id = 1 where id = 1 returning name, upper(name)'],
])('what an INSTEAD OF trigger gives back is withheld: %s', async (_name, text) => {
  const ran = await psql('-c', text);
  await ended();
  expect(ran.stdout).toContain('UPDATE 1');
  expect(found(ran.stdout + ran.stderr + recorded())).toEqual([]);
});

test('a definition that another session commits while a prepared statement waits for it', async () => {
  const [reader, writer] = [await connect(), await connect()];
  const read = () => reader.query({ name: 'r', text: 'select name from of_names' });
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 3; i++) await read();
    await writer.query('begin');
    await writer.query('create or replace view app.of_names as select id, email as name from app.people');
    const waiting = read();
    await until('it waits', async () => {
      const { rows } = await direct.query("select 1 from pg_stat_activity where wait_event_type = 'Lock'");
      return rows.length > 0;
    });
    // So that the catalogue of before the end has been read.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const [, { rows }] = await Promise.all([writer.query('commit'), waiting]);
    expect(found(JSON.stringify(rows))).toEqual([]);
    await writer.query('create or replace view app.of_names as select id, name from app.people');
  }
  expect(found(recorded())).toEqual([]);
});
