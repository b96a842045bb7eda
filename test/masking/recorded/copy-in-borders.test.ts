// COPY FROM STDIN in binary, cut at every byte by the borders of messages: the target gets what was sent,
// and the recording holds no value, neither whole nor in the pieces.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { message } from '../../../connector/protocols/postgres/wire/messages.ts';
import { SessionRules } from '../../../core/policy/session-rules.ts';
import { query } from '../../harness/postgres/client-messages.ts';
import { type Gateway, startGateway, trusted } from '../../harness/gateway.ts';
import { findPsql } from '../../harness/guarded.ts';
import { type OwnDatabase, ownDatabase } from '../../harness/postgres/own-database.ts';
import { dialRaw, logInRaw } from '../../harness/postgres/raw-postgres.ts';
import { run, until } from '../../harness/run.ts';
import { int16, int32, readMessages } from '../results/wire.ts';

const CARD = '4111111111111111';
const MAIL = 'somebody.secret@example.com';
let server: OwnDatabase;
let gateway: Gateway;
let secret: string;

beforeAll(async () => {
  server = await ownDatabase();
  const sql = 'create table people (id int, email text); create table notes (id int, note text)';
  const made = await run(findPsql(), ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', sql], { env: server.env });
  if (made.code !== 0) throw new Error(made.stderr);
  gateway = await startGateway({ targets: { demo: trusted(server.port, { database: server.database }) } });
  secret = gateway.edge.issue().secret;
  gateway.edge.rules = SessionRules.parse({
    policyVersion: 1,
    rule: 'r',
    limits: {},
    mask: [
      { columns: ['people.email'], with: 'placeholder' },
      { detect: ['credit-card'], with: 'placeholder' },
    ],
  });
});
afterAll(async () => {
  await gateway?.close();
  await server?.drop();
  expect(gateway.bugs).toEqual([]);
});

const file = (value: string): Buffer =>
  Buffer.concat([
    Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'),
    int32(0),
    int32(0),
    int16(2),
    int32(4),
    int32(7),
    int32(value.length),
    Buffer.from(value),
    int16(-1),
  ]);

test.each([
  ['people', MAIL, MAIL],
  ['notes', `card ${CARD} on file`, CARD],
])('into %s', async (table, value, hidden) => {
  const peer = await dialRaw(gateway.port);
  await logInRaw(peer, secret);
  const whole = file(value);
  const cuts = Array.from({ length: whole.length - 1 }, (_, index) => [index + 1]);
  for (const at of [[], ...cuts, cuts.flat()]) {
    peer.send(query(`copy ${table} from stdin (format binary)`));
    await peer.upTo('G');
    const ends = [0, ...at, whole.length];
    for (let index = 1; index < ends.length; index++)
      peer.send(message('d', whole.subarray(ends[index - 1] as number, ends[index])));
    peer.send(message('c'));
    expect((await peer.upTo('Z')).map(({ type }) => type).join('')).toBe('CZ');
  }
  peer.send(query(`select count(*) from ${table} where ${table === 'people' ? 'email' : 'note'} = '${value}'`));
  expect((await peer.upTo('Z'))[1]?.body.toString('latin1')).toContain(String(cuts.length + 2));
  peer.send(message('X'));
  await until('it is over', () => gateway.log.last.ended !== undefined);
  const sent = readMessages(gateway.log.last.wire('client'));
  const data = Buffer.concat(sent.filter(({ type }) => type === 'd').map(({ body }) => body)).toString('latin1');
  expect(data).not.toContain(hidden);
  // Nor its larger part, before or behind a border.
  expect(data).not.toContain(hidden.slice(0, hidden.length - 1));
  expect(data).not.toContain(hidden.slice(1));
});
