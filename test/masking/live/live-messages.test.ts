// Masking in force for messages as a client may send them: what it gets and what is recorded are the same
// bytes, and neither holds what a rule hides.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { message } from '../../../connector/protocols/postgres/wire/messages.ts';
import {
  describePortal,
  describeStatement,
  execute,
  parse,
  query,
  sync,
} from '../../harness/postgres/client-messages.ts';
import { SCHEMA } from './live-schema.ts';
import { ended, forget, found, hangUp, leave, open, type Place, place, psql, recorded, straight } from '../place.ts';
import { readRow } from '../results/wire.ts';

let at: Place;
beforeAll(async () => {
  at = await place('shared', [SCHEMA]);
});
beforeEach(() => forget(at));
afterEach(() => hangUp(at));
afterAll(() => leave(at));

const int16 = (value: number) => Buffer.from([value >> 8, value & 255]);
/** `formats`: of the result. */
const bind = (portal: string, name: string, values: readonly string[], formats: readonly number[] = []) =>
  message(
    'B',
    `${portal}\0${name}\0`,
    int16(0),
    int16(values.length),
    ...values.flatMap((value) => [Buffer.byteLength(value), value]),
    int16(formats.length),
    ...formats.map(int16),
  );

/** Messages as a client may send them that describes nothing, or once and for all. */
describe('through raw messages', () => {
  const cells = (messages: readonly { type: string; body: Buffer }[]) =>
    messages
      .filter(({ type }) => type === 'D')
      .map(({ body }) => readRow(body).map((cell) => cell?.toString('latin1') ?? null));

  test('never described: what the parse tree proves passes, all else is withheld', async () => {
    const peer = await open(at);
    peer.send(
      parse('', 'select name, email, upper(name), upper(email) from people where id = 1'),
      bind('', '', []),
      execute(''),
      sync(),
    );
    expect((await peer.upTo('Z')).map(({ type }) => type).join('')).toBe('12EZ');
    peer.send(parse('', 'select name, upper(name) from people where id = 1'), bind('', '', []), execute(''), sync());
    expect(cells(await peer.upTo('Z'))).toEqual([['Ann', 'ANN']]);
    peer.send(parse('', 'select * from people'), bind('', '', []), execute(''), sync());
    expect((await peer.upTo('Z')).map(({ type }) => type).join('')).toBe('12EZ');
    peer.socket.destroy();
  });

  test('described once, then bound and executed in either format, in pieces and in pipelines', async () => {
    const peer = await open(at);
    peer.send(
      parse('s', 'select id, email, ssn, upper(name) as u from people where id < $1::int order by id'),
      describeStatement('s'),
      sync(),
    );
    await peer.upTo('Z');
    peer.send(bind('', 's', ['3'], [0]), execute(''), sync());
    expect(cells(await peer.upTo('Z'))).toEqual([
      ['1', '[masked]', '0', 'ANN'],
      ['2', '[masked]', '0', 'BOB'],
    ]);
    peer.send(
      bind('', 's', ['2'], [1, 0, 1, 0]),
      execute(''),
      bind('', 's', ['2'], []),
      describePortal(''),
      execute(''),
      sync(),
    );
    expect(cells(await peer.upTo('Z'))).toEqual([
      ['\0\0\0\x01', '[masked]', '\0\0\0\0', 'ANN'],
      ['1', '[masked]', '0', 'ANN'],
    ]);
    peer.send(query('begin'));
    await peer.upTo('Z');
    peer.send(
      bind('p', 's', ['3']),
      execute('p', 1),
      bind('q', 's', ['2'], [1]),
      execute('q', 1),
      execute('p', 1),
      sync(),
    );
    expect(cells(await peer.upTo('Z'))).toEqual([
      ['1', '[masked]', '0', 'ANN'],
      ['\0\0\0\x01', '[masked]', '\0\0\0\0', 'ANN'],
      ['2', '[masked]', '0', 'BOB'],
    ]);
    peer.send(query('commit'));
    await peer.upTo('Z');
    peer.socket.destroy();
    await ended(at);
    expect(found(recorded(at))).toEqual([]);
  });

  test('one pipeline of different results, an error in it, and what comes behind', async () => {
    const peer = await open(at);
    peer.send(
      parse('a', 'select name from people where id = 1'),
      describeStatement('a'),
      parse('b', 'select email as name from people where id = 1'),
      describeStatement('b'),
      parse('c', "select total || '' as name from orders where id = 10"),
      describeStatement('c'),
      bind('', 'b', []),
      execute(''),
      bind('', 'a', []),
      execute(''),
      bind('', 'c', []),
      execute(''),
      sync(),
      bind('', 'a', []),
      parse('bad', 'select 1 / 0'),
      bind('', 'bad', []),
      execute(''),
      bind('', 'b', []),
      execute(''),
      sync(),
      bind('', 'b', []),
      execute(''),
      sync(),
    );
    expect(cells(await peer.upTo('Z'))).toEqual([['[masked]'], ['Ann'], ['99']]);
    expect(cells(await peer.upTo('Z'))).toEqual([]);
    expect(cells(await peer.upTo('Z'))).toEqual([['[masked]']]);
    peer.socket.destroy();
  });

  test('a function by its number is refused; a name in SQL is reached through the protocol', async () => {
    const peer = await open(at);
    const { rows } = await at.direct.query("select 'app.peek'::regproc::oid::int8::int as oid");
    peer.send(message('F', rows[0].oid, int16(0), int16(0), int16(0)));
    const answer = await peer.upTo('Z');
    expect(answer.map(({ type }) => type).join('')).toBe('EZ');
    peer.send(query('prepare named as select email, name from people where id = 1'));
    await peer.upTo('Z');
    peer.send(bind('', 'named', []), execute(''), sync());
    expect(cells(await peer.upTo('Z')).flat()).not.toContain('secretsecret@example.com');
    peer.socket.destroy();
    await ended(at);
    expect(found(recorded(at))).toEqual([]);
  });

  test('every message byte by byte comes to the same', async () => {
    const peer = await open(at);
    for (const byte of Buffer.concat([
      parse('', 'select email, name from people where id = 1'),
      bind('', '', []),
      describePortal(''),
      execute(''),
      sync(),
    ]))
      peer.send(Buffer.from([byte]));
    expect(cells(await peer.upTo('Z'))).toEqual([['[masked]', 'Ann']]);
    peer.socket.destroy();
  });
});

test('what the client got is what was recorded, byte for byte', async () => {
  const peer = await open(at);
  const before = at.gateway.log.last.wire('target').length;
  peer.send(
    message('Q', 'select * from people; select email::int from people; \0'),
    message('Q', 'copy people to stdout\0'),
    message('Q', 'listen c; select pg_notify($$c$$, email) from people\0'),
  );
  const got: Buffer[] = [];
  for (let i = 0; i < 3; i++) for (const one of await peer.upTo('Z')) got.push(message(one.type, one.body));
  expect(at.gateway.log.last.wire('target').subarray(before).equals(Buffer.concat(got))).toBe(true);
  expect(found(Buffer.concat(got).toString('latin1'))).toEqual([]);
  peer.socket.destroy();
});

test('COPY FROM STDIN: the target gets the original, the recording a copy that hides what rules concern', async () => {
  const peer = await open(at);
  const copyIn = async (into: string, parts: readonly string[]) => {
    peer.send(message('Q', `copy ${into} from stdin\0`));
    await peer.upTo('G');
    for (const part of parts) peer.send(message('d', part));
    peer.send(message('c'));
    await peer.upTo('Z');
  };
  await copyIn('people (id, email, name)', ['60\tsecretsecret60@exam', 'ple.com\tZoe\n']);
  await copyIn('notes', ['1\tcard 4111111111111111\n2\tplain\n3\tcard 41111111', '11111111 cut\n4\tlast\n']);
  peer.socket.destroy();
  await ended(at);
  expect(found(recorded(at))).toEqual([]);
  const wire = at.gateway.log.last.wire('client').toString('latin1');
  expect(wire).toContain('1\tcard [credit-card]***\n2\tplain\n');
  expect(wire).toContain('4\tlast\n');
  const { rows } = await at.direct.query(
    "select (select email from app.people where id = 60) as email, string_agg(note, '|' order by id) as notes from app.notes",
  );
  expect(rows).toEqual([
    { email: 'secretsecret60@example.com', notes: 'card 4111111111111111|plain|card 4111111111111111 cut|last' },
  ]);
  await at.direct.query('delete from app.people where id = 60');
});

describe('words that the server alone wrote', () => {
  /** Figures of a run differ from the next one's. */
  const alike = (words: string) => words.replace(/[\d.]+/g, '0').replace(/oldest xmin.*/g, '');

  test('come through: of dropping, of VACUUM and ANALYZE, of plans', async () => {
    const texts = [
      'drop table if exists nope_xyz; drop schema if exists nope_schema; drop role if exists nobody_here;',
      'create temp table parent(a int); create temp view child as select * from parent; drop table parent cascade;',
      'create table if not exists people (id int)',
      'vacuum (verbose) orders',
      'vacuum (verbose) people',
      'analyze verbose people',
      'reindex (verbose) table people',
      'create temp table plan_change(a int); prepare same as select * from plan_change; execute same;',
      'alter table plan_change add b int',
      'execute same',
      'commit',
      'grant select on people to current_user; revoke select on orders from public',
      'alter table orders add constraint positive check (total > 0) not valid; alter table orders drop constraint positive',
      'alter table orders drop constraint if exists nothing; drop function if exists nothing(int, text)',
      'create temp table a1 (n int); create temp table a2 (n int) inherits (a1); truncate a1 cascade; drop table a1 cascade',
    ];
    // What the first run finds to clear away, the second does not.
    for (const table of ['orders', 'people']) await at.direct.query(`vacuum ${table}`);
    const [theirs, ours] = [await straight(at, texts), await psql(at, texts)];
    expect(theirs.stderr).toContain('drop cascades to view child');
    expect(theirs.stderr).toContain(`INFO:  finished vacuuming "${at.server.database}.app.people"`);
    expect(theirs.stderr).toContain('cached plan must not change result type');
    expect(alike(ours.stderr)).toBe(alike(theirs.stderr));
  });

  test('and not where code of the database chose what they are about', async () => {
    const ran = await psql(at, [
      `do $$ begin execute format('drop table if exists %I', (select email from app.people where id = 1)); end $$`,
      `create function pg_temp.gone() returns void language plpgsql as $$ declare v text := (select email from app.people where id = 1);
         begin execute format('drop schema if exists %I', v); raise notice using message = v; end $$; select pg_temp.gone()`,
      `do $$ begin raise info '%', (select email from app.people where id = 1); end $$`,
    ]);
    expect(ran.stderr).toContain('[withheld]');
    expect(ran.stderr).not.toContain('secretsecret');
  });
});
