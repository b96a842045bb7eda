// The connection over which a target's catalogue is read, made to misbehave in each way while a session
// asks for what a rule hides: withheld, said, and the session goes on.

import { randomBytes } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { message } from '../../../connector/protocols/postgres/wire/messages.ts';
import { SessionRules } from '../../../core/policy/session-rules.ts';
import { query } from '../../harness/postgres/client-messages.ts';
import { type Gateway, startGateway, trusted } from '../../harness/gateway.ts';
import { findPsql } from '../../harness/guarded.ts';
import { type OwnDatabase, ownDatabase } from '../../harness/postgres/own-database.ts';
import { startPostgres } from '../../harness/postgres/postgres.ts';
import { dialRaw, logInRaw } from '../../harness/postgres/raw-postgres.ts';
import { run, until } from '../../harness/run.ts';
import { RULES, SCHEMA, SECRETS } from './live-schema.ts';

type Answer = (query: Buffer, toGateway: Socket, pass: () => void) => void;
const count = (value: number) => Buffer.from([value >> 8, value & 255]);
const error = message('E', 'SERROR\0VERROR\0C42501\0Mpermission denied for secretsecret\0\0');
const done = Buffer.concat([message('C', 'SELECT 1\0'), message('Z', 'I')]);
const row = (...cells: Buffer[]) => message('D', count(cells.length), ...cells.flatMap((cell) => [cell.length, cell]));

const ANSWERS: Readonly<Record<string, Answer>> = {
  'is cut at the query': (_, to) => to.destroy(),
  'is cut in the midst of a row': (_, to) => void to.end(row(randomBytes(2_000)).subarray(0, 900)),
  hangs: () => undefined,
  'hangs in the midst of a row': (_, to) => void to.write(row(randomBytes(2_000)).subarray(0, 900)),
  'is refused': (_, to) => void to.write(Buffer.concat([error, message('Z', 'I')])),
  'gives nothing': (_, to) => void to.write(Buffer.concat([message('I'), message('Z', 'I')])),
  'gives bytes that are no messages': (_, to) => void to.write(randomBytes(5_000)),
  'gives a row of a negative length': (_, to) => void to.write(Buffer.from([0x44, 255, 255, 255, 255])),
  'gives rows of random cells': (_, to) =>
    void to.write(Buffer.concat([row(...Array.from({ length: 9 }, () => randomBytes(40))), done, done])),
  'gives rows of no cells': (_, to) => void to.write(Buffer.concat([row(), done, done])),
  'gives rows that lie about their cells': (_, to) =>
    void to.write(Buffer.concat([message('D', count(7), 2 ** 30, 'x'), done, done])),
  'gives empty cells': (_, to) =>
    void to.write(Buffer.concat([row(...Array.from({ length: 12 }, () => Buffer.alloc(0))), done, done])),
  'gives rows without end': (_, to) => {
    const many = Buffer.concat(Array.from({ length: 2_000 }, () => row(Buffer.from('1'), Buffer.from('x'))));
    const more = () => {
      while (!to.destroyed && to.write(many));
    };
    to.on('drain', more);
    more();
  },
};

let server: OwnDatabase;
let proxy: Server;
let gateway: Gateway;
let answer: Answer | undefined;
let asked = 0;
const sockets = new Set<Socket>();

beforeAll(async () => {
  server = await ownDatabase();
  const made = await run(findPsql(), ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', SCHEMA], { env: server.env });
  if (made.code !== 0) throw new Error(made.stderr);
  proxy = createServer((client) => {
    const upstream = connect(server.port, '127.0.0.1');
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => undefined));
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    upstream.pipe(client);
    let ours = false;
    client.on('data', (chunk) => {
      ours ||= chunk.includes('application_name\0gatehouse\0');
      if (!ours || chunk[0] !== 0x51 || !answer) return void upstream.write(chunk);
      asked++;
      upstream.unpipe(client);
      answer(chunk, client, () => upstream.write(chunk));
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  proxy?.close();
  await server?.drop();
});
beforeEach(() => {
  asked = 0;
  answer = undefined;
});

async function withGateway(work: (secret: string) => Promise<void>): Promise<void> {
  gateway = await startGateway({
    targets: { demo: trusted((proxy.address() as AddressInfo).port, { database: server.database }) },
  });
  gateway.edge.rules = SessionRules.parse(RULES);
  try {
    await work(gateway.edge.issue().secret);
  } finally {
    await gateway.close();
  }
  expect(gateway.bugs).toEqual([]);
}

const recorded = () =>
  gateway.log.sessions
    .flatMap(({ frames }) => frames.map(({ bytes, fact }) => (bytes ? bytes.toString('latin1') : JSON.stringify(fact))))
    .join('\n');

test.each(Object.keys(ANSWERS))('from the beginning: a catalogue that %s', async (name) => {
  answer = ANSWERS[name];
  await withGateway(async (secret) => {
    const peer = await dialRaw(gateway.port);
    await logInRaw(peer, secret);
    let got = '';
    peer.socket.on('data', (chunk: Buffer) => {
      got += chunk.toString('latin1');
    });
    for (const text of [
      'select * from people',
      'select email || 1 from people',
      "select (email || '!')::int from people",
    ]) {
      peer.send(query(text));
      await peer.upTo('Z');
    }
    expect(asked).toBeGreaterThan(0);
    expect(SECRETS.filter((one) => got.includes(one))).toEqual([]);
    peer.send(query('select 1'));
    expect((await peer.upTo('Z')).map(({ type }) => type).join('')).toMatch(/T(DC|E)Z$/);
    peer.socket.destroy();
    await until('it is over', () => gateway.log.sessions.every(({ ended }) => ended));
    expect(SECRETS.filter((one) => recorded().includes(one))).toEqual([]);
    expect(recorded()).toContain('"mask.withheld"');
  });
});

test.each(['is cut at the query', 'hangs', 'is refused', 'gives rows of random cells'])(
  'in the midst of a session: a catalogue that %s',
  async (name) => {
    await withGateway(async (secret) => {
      const peer = await dialRaw(gateway.port);
      await logInRaw(peer, secret);
      peer.send(query('select email, name from people order by id'));
      expect((await peer.upTo('Z')).map(({ body }) => body.toString('latin1')).join()).toMatch(/\[masked\].*Ann/s);
      answer = ANSWERS[name];
      // A definition of its own makes what was loaded too old.
      peer.send(query('drop table if exists fresh; create table fresh as select email as note_of from people'));
      await peer.upTo('Z');
      let got = '';
      peer.socket.on('data', (chunk: Buffer) => {
        got += chunk.toString('latin1');
      });
      for (const text of ['select * from fresh', 'select email, name from people']) {
        peer.send(query(text));
        await peer.upTo('Z');
      }
      expect(asked).toBeGreaterThan(0);
      expect(SECRETS.filter((one) => got.includes(one))).toEqual([]);
      peer.socket.destroy();
      await until('it is over', () => gateway.log.sessions.every(({ ended }) => ended));
      expect(recorded()).toContain('"mask.withheld"');
    });
  },
);

test('a target whose catalogue cannot be read: refused, told, and the session goes on', async () => {
  const limitedServer = await startPostgres({ hba: ['host all limited 127.0.0.1/32 trust'] });
  const admin = new pg.Client({ host: '127.0.0.1', port: limitedServer.port, user: 'postgres', database: 'postgres' });
  await admin.connect();
  await admin.query(SCHEMA);
  await admin.query(
    'create role limited login connection limit 1; grant usage on schema app to limited; grant select on all tables in schema app to limited',
  );
  await admin.end();
  const far = await startGateway({
    targets: { demo: { ...trusted(limitedServer.port), user: 'limited', database: 'postgres' } },
  });
  const other = new pg.Client({
    host: far.host,
    port: far.port,
    user: 'alice@example.com',
    database: 'demo',
    password: far.edge.issue().secret,
  });
  try {
    far.edge.rules = SessionRules.parse(RULES);
    await other.connect();
    const refused = await other.query('select id, email, name from app.people where id = 1').catch((error) => error);
    expect(refused).toMatchObject({ code: '0A000', message: expect.stringContaining('catalogue could not be read') });
    expect((await other.query('set work_mem = 1000')).command).toBe('SET');
    expect(far.log.last.facts('mask.withheld').map(({ reason }) => reason)).toContain('catalogue_unavailable');
  } finally {
    await other.end();
    await far.close();
    await limitedServer.stop();
  }
});
