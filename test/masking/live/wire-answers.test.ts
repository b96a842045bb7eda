// Message by message as the server itself answers, under column masks: pipelines, names of any letters, what is reported.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { message } from '../../../connector/protocols/postgres/wire/messages.ts';
import {
  bind,
  closeStatement,
  describePortal,
  describeStatement,
  execute,
  parse,
  query,
  run,
  sync,
} from '../../harness/postgres/client-messages.ts';
import { clientEncoding } from '../../../core/text/client-encoding.ts';
import { dialRaw, logInRaw, type RawPeer } from '../../harness/postgres/raw-postgres.ts';
import { RULES, SCHEMA } from './live-schema.ts';
import { forget, found, hangUp, leave, open, type Place, place } from '../place.ts';

/** What is checked, and what runs, at the end of a transaction. */
const LATE = `
create table twins (id int, email text unique deferrable initially deferred);
insert into twins values (1, 'a'), (2, 'b');
create table late (n int);
create function late_word() returns trigger language plpgsql as
  $$ begin raise notice 'have %', (select email from app.people where id = 1); return null; end $$;
create constraint trigger t after insert on late deferrable initially deferred for each row execute function late_word();
`;

let at: Place;
beforeAll(async () => {
  at = await place('shared', [SCHEMA, LATE]);
});
beforeEach(() => forget(at));
afterEach(() => hangUp(at));
afterAll(() => leave(at));

const usual = {
  ...RULES,
  mask: RULES.mask.map((entry) => ('columns' in entry ? { ...entry, strict: undefined } : entry)),
};

async function directly(): Promise<RawPeer> {
  const peer = await dialRaw(at.server.port);
  at.peers.push(peer);
  expect((await logInRaw(peer, '', { user: 'postgres', database: at.server.database })).at(-1)?.type).toBe('Z');
  return peer;
}

/** Each part of `writes` is sent at once, and answered by `Z` as many times as it asks for. */
async function answers(peer: RawPeer, writes: readonly Buffer[]): Promise<string[]> {
  const all: string[] = [];
  for (const write of writes) {
    peer.send(write);
    for (let left = ends(write); left > 0; left--)
      for (const { type, body } of await peer.upTo('Z'))
        all.push(`${type} ${(type === 'A' ? body.subarray(4) : body).toString('latin1').replaceAll('\0', '|')}`);
  }
  return all;
}

/** Queries and Syncs in it. */
function ends(write: Buffer): number {
  let count = 0;
  for (let from = 0; from < write.length; from += 1 + write.readInt32BE(from + 1))
    if ('QS'.includes(String.fromCharCode(write[from] as number))) count++;
  return count;
}

const latin1 = (type: string, text: string, ...more: (string | Buffer)[]): Buffer =>
  message(type, Buffer.from(text, 'latin1'), ...more);

const CASES: [string, Buffer[]][] = [
  ['a setting and a select, one text', [query("set timezone to 'Europe/Riga'; select 1")]],
  [
    'a setting and a select of a masked table, one text',
    [query("set timezone to 'Europe/Riga'; select id from people")],
  ],
  [
    'a setting and a select, one pipeline',
    [Buffer.concat([run("set timezone to 'Europe/Riga'"), run('select 1'), sync()])],
  ],
  [
    'several settings, one pipeline',
    [
      Buffer.concat([
        run("set timezone to 'Europe/Riga'"),
        run("set application_name to 'nightly run'"),
        run('set search_path to app, public'),
        run('select 1'),
        sync(),
      ]),
    ],
  ],
  [
    'a setting and a select of a masked table, one pipeline',
    [Buffer.concat([run("set application_name to 'nightly run'"), run('select id from people'), sync()])],
  ],
  [
    'settings in two segments at once',
    [
      Buffer.concat([
        run("set application_name to 'nightly run'"),
        run('select id from people'),
        sync(),
        run("set application_name to 'other run'"),
        sync(),
        query('select id from people'),
      ]),
    ],
  ],
  [
    'set_config by a parameter',
    [
      Buffer.concat([
        run("select set_config('application_name', $1, false)", 'nightly run'),
        run('select id from people'),
        sync(),
      ]),
    ],
  ],
  [
    'set local and its end',
    [
      query('begin'),
      query("set local application_name to 'inner'"),
      query('select id from people'),
      query('commit'),
      query('show application_name'),
    ],
  ],
  [
    'set, rolled back',
    [
      query("set application_name to 'outer'"),
      query('begin'),
      query("set application_name to 'inner'"),
      query('select id from people'),
      query('rollback'),
    ],
  ],
  [
    'reset',
    [
      query("set application_name to 'outer'"),
      query('select id from people'),
      query('reset application_name'),
      query('reset all'),
      query('discard all'),
    ],
  ],
  [
    'session authorization',
    [
      query('create role someone'),
      query('set session authorization someone'),
      query('reset session authorization'),
      query('drop role someone'),
    ],
  ],
  [
    'failed Bind and select',
    [
      Buffer.concat([parse('a', 'select $1::int'), sync()]),
      Buffer.concat([bind('', 'a'), describePortal(), execute(), sync(), run('select 1'), sync()]),
    ],
  ],
  [
    'failed Bind and a query',
    [Buffer.concat([bind('', 'nosuch'), describePortal(), execute(), sync(), query('select 1')])],
  ],
  [
    'failed Bind and a select in one segment',
    [
      Buffer.concat([
        parse('', 'select $1::int'),
        bind('', '', 'x'),
        describePortal(),
        execute(),
        run('select 1'),
        sync(),
        run('select id from people'),
        sync(),
      ]),
    ],
  ],
  [
    'letters: statement',
    [
      Buffer.concat([
        parse('größe', 'select id from people'),
        bind('öse', 'größe'),
        describePortal('öse'),
        execute('öse'),
        closeStatement('größe'),
        sync(),
      ]),
    ],
  ],
  [
    'letters: statement later',
    [
      Buffer.concat([parse('größe', 'select id from people'), describeStatement('größe'), sync()]),
      Buffer.concat([bind('', 'größe'), execute(), sync()]),
    ],
  ],
  [
    'letters: SQL names',
    [
      query('prepare "größe" as select id from people'),
      query('execute "größe"'),
      query('execute GRÖßE'),
      query('deallocate "größe"'),
    ],
  ],
  [
    'letters: cursor',
    [
      query('begin'),
      query('declare "öse" cursor for select id + 1 from people'),
      query('fetch 1 from "öse"'),
      query('move 1 in "öse"'),
      query('close "öse"'),
      query('commit'),
    ],
  ],
  [
    'errors: ascii',
    [
      query('execute NOSUCH'),
      query('fetch 1 from NOSUCH'),
      query('select NME from people'),
      query('select nosuch(1)'),
      query('drop table NOSUCH'),
      query('set NOSUCH to 1'),
      Buffer.concat([execute('nose'), sync()]),
      Buffer.concat([describePortal('nose'), sync()]),
      Buffer.concat([describeStatement('nose'), sync()]),
      query('set timezone to nowhere'),
    ],
  ],
  [
    'errors: of parameters',
    [
      Buffer.concat([run('select $1::int', 'x'), sync()]),
      Buffer.concat([run('insert into orders (id, person, total) values ($1, $2, 5)', '77', '4711'), sync()]),
      Buffer.concat([run("insert into people (id, name) values ($1, 'x')", '1'), sync()]),
      Buffer.concat([run('select $1::numeric(3,1), $2::date', '1234.5', '2026-99-99'), sync()]),
    ],
  ],
  ['letters: channel', [query('listen "größe"; notify "größe"'), query('unlisten *')]],
  [
    'letters: setting',
    [query("set application_name to 'größe'; select id from people"), query('show application_name')],
  ],
  [
    'letters: search_path',
    [query('set search_path to "größe", app; select id from people'), query('show search_path')],
  ],
  [
    'letters: column names',
    [
      query('select id as größe from people'),
      query('select "größe" from (select id as "größe") x'),
      query('select id as größe from people where größe = 1'),
    ],
  ],
  [
    'letters: parameter',
    [query("set a.größe = 'ü'"), query("select current_setting('a.größe')"), query('show a.größe')],
  ],
  [
    'latin1 names',
    [
      query("set client_encoding to 'latin1'"),
      Buffer.concat([
        latin1('P', 'größe\0select id from people\0', Buffer.alloc(2)),
        latin1('B', '\0größe\0', Buffer.alloc(6)),
        describePortal(),
        execute(),
        sync(),
      ]),
      Buffer.concat([
        latin1('B', 'öse\0größe\0', Buffer.alloc(6)),
        latin1('D', 'Pöse\0'),
        latin1('E', 'öse\0', Buffer.alloc(4)),
        sync(),
      ]),
      latin1('Q', 'execute "größe"\0'),
      latin1('Q', 'select id as größe from people\0'),
      latin1('Q', 'select größer from people\0'),
      latin1('Q', "set application_name to 'größe'\0"),
      latin1('Q', 'listen "größe"; notify "größe"\0'),
      latin1('Q', 'begin; declare "öse" cursor for select id from people; fetch 1 from "öse"\0'),
      latin1('Q', 'commit\0'),
      latin1('Q', 'deallocate "größe"\0'),
    ],
  ],
  [
    'sjis names',
    [
      query("set client_encoding to 'sjis'"),
      Buffer.concat([
        message('P', Buffer.from([0x83, 0x5c, 0]), 'select id from people\0', Buffer.alloc(2)),
        message('B', '\0', Buffer.from([0x83, 0x5c, 0]), Buffer.alloc(6)),
        describePortal(),
        execute(),
        sync(),
      ]),
      message('Q', 'select id as "', Buffer.from([0x83, 0x5c]), '" from people\0'),
      message('Q', 'prepare "', Buffer.from([0x83, 0x5c]), '" as select id from people\0'),
      message('Q', 'prepare "', Buffer.from([0x83, 0x5c, 0x83, 0x5c]), '" as select id from people\0'),
      message('Q', 'execute "', Buffer.from([0x83, 0x5c, 0x83, 0x5c]), '"\0'),
      message('Q', "set application_name to '", Buffer.from([0x83, 0x5c]), "'\0"),
    ],
  ],
  [
    'errors: letters',
    [
      query('select größe from people'),
      query('selekt größe'),
      query("select 'ö'::int"),
      query('execute "größe"'),
      query('fetch 1 from "größe"'),
      Buffer.concat([bind('', 'größe'), sync()]),
      Buffer.concat([execute('öse'), sync()]),
    ],
  ],
];

const LEAKS: [string, string[], string[]][] = [
  [
    'a setting that a rollback brings back',
    ["select set_config('application_name', email, false) from people where id = 1"],
    ['begin', "set application_name to 'other'", 'rollback'],
  ],
  [
    'a setting that reset brings back, of a transaction',
    ['begin', "select set_config('search_path', email, true) from people where id = 1"],
    ['savepoint a', "set local search_path to 'other'", 'rollback to a', 'rollback'],
  ],
  [
    'a key that is checked at the end',
    ['begin', 'update twins set email = (select email from people where id = 1)'],
    ['commit'],
  ],
  [
    'a key that is checked when SET says so',
    ['begin', 'update twins set email = (select email from people where id = 1)'],
    ['set constraints all immediate', 'rollback'],
  ],
  ['what a trigger says at the end', ['begin', 'insert into late values (1)'], ['commit']],
];

describe.each([
  ['strict', RULES],
  ['usual', usual],
])('%s', (_mode, rules) => {
  test.each(LEAKS)('hides %s', async (_name, before, texts) => {
    forget(at, rules);
    const peer = await open(at);
    const said = await answers(peer, [...before, ...texts].map(query));
    said.push(
      ...(await answers(await open(at), [Buffer.concat([...[...before, ...texts].map((text) => run(text)), sync()])])),
    );
    said.push(
      ...(await answers(await open(at), [
        Buffer.concat([...before.filter((one) => one !== 'begin').map((text) => run(text)), sync()]),
      ])),
    );
    said.push(
      ...(await answers(await open(at), [
        Buffer.concat([...before.filter((one) => one !== 'begin').map((text) => run(text)), query('select 1')]),
      ])),
    );
    expect(found(said.join('\n'))).toEqual([]);
    expect(said.join('\n')).toContain('[withheld]');
  });

  test.each(CASES)('%s', async (_name, writes) => {
    forget(at, rules);
    const through = await answers(await open(at), writes);
    expect(through).toEqual(await answers(await directly(), writes));
  });
});

test('letters of one byte are read as the server reads them', async () => {
  await at.direct.query(
    `create function letter(b int, encoding text) returns text language plpgsql as
     $$ begin return convert_from(set_byte(' ', 0, b), encoding); exception when others then return null; end $$`,
  );
  const { rows } = await at.direct.query<{ b: number; name: string; letter: string }>(
    `select b, pg_encoding_to_char(e) as name, letter(b, pg_encoding_to_char(e))
     from generate_series(128, 255) b, generate_series(0, 41) e where letter(b, pg_encoding_to_char(e)) is not null`,
  );
  const others = rows.filter(({ name }) => clientEncoding(name).oneByte);
  expect(new Set(others.map(({ name }) => name)).size).toBeGreaterThan(20);
  expect(others.filter(({ b, name, letter }) => clientEncoding(name).decode(Buffer.of(b)) !== letter)).toEqual([]);
});
