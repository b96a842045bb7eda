// A replay shows what a client saw: real drivers and psql through the gateway's session pipeline to
// a real PostgreSQL, recorded, stored, replayed.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ReplayEvent } from '../../core/catalogue.ts';
import { exportAsciicast } from '../../functions/export/asciicast.ts';
import { message } from '../../connector/protocols/postgres/wire/messages.ts';
import { type Gateway, startGateway, trusted } from '../harness/gateway.ts';
import { memoryReader } from '../harness/memory-reader.ts';
import { type OwnDatabase, ownDatabase } from '../harness/postgres/own-database.ts';
import { findClient } from '../harness/postgres/postgres.ts';
import type { RecordingBuilder } from '../harness/recording-builder.ts';
import {
  bind,
  describePortal,
  describeStatement,
  execute,
  parse,
  query,
  sync,
} from '../harness/postgres/client-messages.ts';
import { dialRaw, logInRaw } from '../harness/postgres/raw-postgres.ts';
import { replayStored, storeRecording } from '../harness/stored-session.ts';

let server: OwnDatabase;
let gateway: Gateway;
let grant: { secret: string };
beforeAll(async () => {
  server = await ownDatabase();
  gateway = await startGateway({ targets: { demo: trusted(server.port, { database: server.database }) } });
  grant = gateway.edge.issue();
});
afterAll(async () => {
  await gateway?.close();
  await server?.drop();
});

const login = () => ({
  host: gateway.host,
  port: gateway.port,
  user: 'alice@example.com',
  password: grant.secret,
  database: 'demo',
});

/** Runs `work` as one session, stores what it recorded in segments of `cutBytes`, and replays that. */
async function replayOf(work: () => Promise<unknown>, cutBytes = 1024): Promise<ReplayEvent[]> {
  const before = gateway.log.sessions.length;
  await work();
  await expect.poll(() => gateway.log.sessions.at(-1)?.ended, { timeout: 10_000 }).toBeDefined();
  const recording = gateway.log.sessions[before];
  if (!recording) throw new Error('nothing was recorded');
  const events: ReplayEvent[] = [];
  for await (const event of replay(storeRecording(recording, cutBytes))) events.push(ReplayEvent.parse(event));
  return events;
}

const replay = (builder: RecordingBuilder) => replayStored(builder.opened, memoryReader(builder.objects));

const of = <K extends ReplayEvent['kind']>(events: readonly ReplayEvent[], kind: K) =>
  events.filter((event): event is Extract<ReplayEvent, { kind: K }> => event.kind === kind);

describe('a replay of a PostgreSQL session', () => {
  it('shows node-postgres’ statements with their rows and errors', async () => {
    const events = await replayOf(async () => {
      const client = new pg.Client(login());
      await client.connect();
      await client.query('create temp table t (id int, name text, price numeric(10,2))');
      await client.query('insert into t values ($1, $2, $3), (2, null, 12.5)', [1, 'Ada', '9.99']);
      await client.query('select * from t where id >= $1 order by id', [1]);
      await client.query('select 1 as a; select 2 as b, 3 as c');
      await client.query('select * from nowhere').catch(() => {});
      await client.query('select id from t where false');
      await client.end();
    });
    expect(of(events, 'statement').map(({ text }) => text.slice(0, 12))).toEqual([
      'create temp ',
      'insert into ',
      'select * fro',
      'select 1 as ',
      'select * fro',
      'select id fr',
    ]);
    expect(of(events, 'rows').map(({ statement, columns, rows }) => [statement, columns, rows])).toEqual([
      [
        3,
        ['id', 'name', 'price'],
        [
          ['1', 'Ada', '9.99'],
          ['2', null, '12.50'],
        ],
      ],
      [4, ['a'], [['1']]],
      [4, ['b', 'c'], [['2', '3']]],
      [6, ['id'], []],
    ]);
    expect(of(events, 'result').at(4)?.error).toMatchObject({ code: '42P01', severity: 'ERROR' });
    expect(of(events, 'ended')).toHaveLength(1);
  });

  it('shows the rows of statements that a driver described once and binds in binary or text', async () => {
    const events = await replayOf(async () => {
      const sql = postgres({ ...login(), max: 1, prepare: true, fetch_types: false, onnotice: () => {} });
      for (const i of [1, 2, 3]) await sql`select ${i}::int as number, ${'x'.repeat(i)} as text`;
      await sql.end();
    });
    expect(of(events, 'rows').map(({ columns, rows }) => ({ columns, rows }))).toEqual(
      [1, 2, 3].map((i) => ({ columns: ['number', 'text'], rows: [[String(i), 'x'.repeat(i)]] })),
    );
  });

  it('shows binary cells as text, and what the server itself would have shown', async () => {
    const columns = [
      "'2026-11-20'::date as d",
      "'2026-11-20 04:22:57.760256'::timestamp as ts",
      "'1999-12-31 23:59:59.5+00'::timestamptz as tz",
      "'12:30:15.25'::time as t",
      '-12345.678900::numeric as n',
      '0.0001::numeric as small',
      '1e20::numeric as large',
      "'00112233-4455-6677-8899-aabbccddeeff'::uuid as u",
      'true as yes',
      '-9223372036854775807::int8 as i8',
      '(-7)::int2 as i2',
      '1.5::float8 as f8',
      '0.25::float4 as f4',
      `'{"a": 1}'::jsonb as j`,
      "'\\xdeadbeef'::bytea as b",
      'null::text as nothing',
    ].join(', ');
    const events = await replayOf(async () => {
      const client = new pg.Client(login());
      await client.connect();
      await client.query("set timezone = 'UTC'");
      await client.query({ text: `select ${columns}`, values: [] });
      await client.query({ text: `select ${columns}`, values: [], binary: true } as pg.QueryConfig);
      await client.end();
    });
    const [text, binary] = of(events, 'rows');
    expect(binary?.rows[0]).toEqual(text?.rows[0]);
    expect(text?.rows[0]?.[0]).toBe('2026-11-20');
  });

  /** A session of raw messages; each list is sent as one write and answered before the next. */
  const replayRaw = (writes: readonly (readonly Uint8Array[])[], parameters: Record<string, string> = {}) =>
    replayOf(async () => {
      const peer = await dialRaw(gateway.port);
      await logInRaw(peer, grant.secret, parameters);
      for (const write of writes) {
        peer.send(...write);
        await peer.upTo('Z');
      }
      peer.socket.destroy();
    });
  const shown = (events: readonly ReplayEvent[]) => of(events, 'rows').map(({ columns, rows }) => [columns, ...rows]);
  const int16 = (value: number) => Buffer.from([value >> 8, value & 255]);
  /** Of the unnamed statement, with its results in binary. */
  const bindBinary = (portal = '', name = '') =>
    message('B', `${portal}\0${name}\0`, int16(0), int16(0), int16(1), int16(1));

  it('gives each of a pipeline its own columns and formats, whatever they are named', async () => {
    const run = (text: string) => [parse('', text), bindBinary(), describePortal(), execute()];
    const events = await replayRaw([
      [
        ...run("select 1 as first_a, 'x' as first_b"),
        ...run('select 2::int8 as second'),
        ...run("select '2026-11-20'::date as third"),
        sync(),
      ],
      // By name and described once; the same portal again; an error, behind which a name keeps what it stood for.
      [parse('s', 'select 4 as fourth'), describeStatement('s'), sync()],
      [bindBinary('', 's'), execute(), bind('', 's'), execute(), sync()],
      [parse('s', 'select 5 as fifth'), parse('t', 'select 5'), sync()],
      [parse('', 'select 1 / 0'), bind('', ''), execute(), parse('u', 'select 6'), sync()],
      [bindBinary('p', 's'), execute('p'), sync()],
      [parse('e', ''), bind('', 'e'), describePortal(), execute(), ...run('select 7 as seventh'), sync()],
    ]);
    expect(shown(events)).toEqual([
      [
        ['first_a', 'first_b'],
        ['1', 'x'],
      ],
      [['second'], ['2']],
      [['third'], ['2026-11-20']],
      [['fourth'], ['4']],
      [['fourth'], ['4']],
      [['fourth'], ['4']],
      [['seventh'], ['7']],
    ]);
  });

  it('follows a statement that is described anew after a change of definitions, and portals fetched in pieces', async () => {
    const events = await replayRaw([
      [query('create table changing (a int); insert into changing values (1), (2)')],
      [parse('s', 'select * from changing order by 1'), describeStatement('s'), bindBinary('', 's'), execute(), sync()],
      [query('alter table changing rename a to b')],
      [parse('r', 'select * from changing order by 1'), describeStatement('r'), sync()],
      [query('begin')],
      [bindBinary('p', 'r'), execute('p', 1), bind('q', 'r'), execute('p', 1), execute('q', 1), sync()],
      [query('drop table changing; commit')],
    ]);
    expect(shown(events)).toEqual([
      [['a'], ['1'], ['2']],
      [['b'], ['1']],
      [['b'], ['2']],
      [['b'], ['1']],
    ]);
  });

  it.each([
    ['LATIN1', 'café'],
    ['WIN1252', 'café €'],
    ['LATIN7', 'žuvis'],
    ['WIN1251', 'Жук'],
    ['EUC_JP', '日本'],
    ['SJIS', '日本'],
    ['BIG5', '日本'],
    ['GB18030', '日本 😀'],
    ['UHC', '한국'],
  ])('decodes rows, names, COPY, notices and errors in %s', async (encoding, word) => {
    const literal = `U&'${[...word].map((letter) => `\\+${(letter.codePointAt(0) ?? 0).toString(16).padStart(6, '0')}`).join('')}'`;
    const events = await replayRaw(
      [
        [query(`select ${literal} as word, 1 as n`)],
        [parse('', `select ${literal} as word`), bindBinary(), describePortal(), execute(), sync()],
        [query(`copy (select ${literal}) to stdout`)],
        [
          query(
            `do $$ begin raise warning '%', convert_from('\\x${Buffer.from(word).toString('hex')}', 'UTF8'); end $$`,
          ),
        ],
        [
          query(
            `do $$ begin raise exception '%', convert_from('\\x${Buffer.from(word).toString('hex')}', 'UTF8'); end $$`,
          ),
        ],
      ],
      { client_encoding: encoding },
    );
    expect(shown(events).map(([, ...rows]) => rows.flat()[0])).toEqual([word, word, word]);
    expect(of(events, 'notice')).toMatchObject([{ severity: 'WARNING', message: word }]);
    expect(of(events, 'result').at(-1)?.error?.message).toBe(word);
  });

  it('follows a change of the encoding in mid-session, also between two results of one text or pipeline', async () => {
    const cafe = "select U&'caf\\00E9' as drink";
    const run = (text: string) => [parse('', text), bind('', ''), describePortal(), execute()];
    const events = await replayRaw([
      [query(cafe)],
      [query(`${cafe}; set client_encoding to latin1; ${cafe}`)],
      [query(cafe)],
      [...run("select set_config('client_encoding', 'WIN1252', false)"), ...run(cafe), sync()],
      [...run('reset client_encoding'), ...run(cafe), sync()],
      [query('begin; set local client_encoding to latin1')],
      [query(cafe)],
      [query('rollback')],
      [query(cafe)],
    ]);
    const words = shown(events)
      .flatMap(([, ...rows]) => rows.flat())
      .filter((word) => word !== 'WIN1252');
    expect(words).toEqual(Array.from({ length: 8 }, () => 'café'));
  });

  it('shows bytes, and says so, where an encoding is not known here', async () => {
    const events = await replayRaw([[query("select U&'a\\65E5' as day, 'plain' as b")]], {
      client_encoding: 'EUC_TW',
    });
    expect(shown(events)).toEqual([
      [
        ['day', 'b'],
        ['a\\xc5\\xca', 'plain'],
      ],
    ]);
    expect(of(events, 'notice')).toMatchObject([{ severity: 'UNDECODED', message: expect.stringContaining('EUC_TW') }]);
  });

  it('says what it cuts, and how much there is', async () => {
    const long = `select 1 /* ${'x'.repeat(2_000_000)} */ as n`;
    const wide = `select ${Array.from({ length: 1600 }, (_, i) => `${i} as column_number_${i}_of_a_table_that_is_too_wide`).join(', ')}`;
    const events = await replayRaw([
      [query(long)],
      [query(wide)],
      [parse('', wide), bindBinary(), describePortal(), execute(), sync()],
    ]);
    const [first, second] = of(events, 'statement');
    expect([first?.textBytes, first?.text.length]).toEqual([long.length, 16 * 1024]);
    expect(second?.textBytes).toBe(wide.length);
    const [, ...tables] = of(events, 'rows');
    expect(
      tables.map(({ columns, rows, omittedColumns }) => [columns.length, rows[0]?.length, omittedColumns]),
    ).toEqual([
      [200, 200, 1400],
      [200, 200, 1400],
    ]);
    expect(tables[1]?.rows[0]?.slice(198)).toEqual(['198', '199']);
  });

  it('keeps the first rows of a big answer and counts the rest', async () => {
    const events = await replayOf(async () => {
      const client = new pg.Client(login());
      await client.connect();
      await client.query('select i, repeat(chr(97), 500) from generate_series(1, 5000) i');
      await client.end();
    }, 256 * 1024);
    const [rows] = of(events, 'rows');
    expect(rows?.rows).toHaveLength(100);
    expect(rows?.omitted).toBe(4900);
    expect(rows?.rows[99]?.[0]).toBe('100');
    expect(of(events, 'result')[0]?.rows).toBe(5000);
  });

  it('keeps a pipeline’s answers apart', async () => {
    const events = await replayOf(async () => {
      const sql = postgres({ ...login(), max: 1, fetch_types: false, onnotice: () => {} });
      await Promise.all(Array.from({ length: 50 }, (_, i) => sql`select ${i}::int as i`));
      await sql.end();
    });
    const byStatement = new Map(of(events, 'statement').map(({ statement, parameters }) => [statement, parameters]));
    const rows = of(events, 'rows').filter(({ columns }) => columns[0] === 'i');
    expect(rows).toHaveLength(50);
    for (const { statement, rows: cells } of rows) expect(cells[0]?.[0]).toBe(byStatement.get(statement)?.[0]?.value);
  });

  it('shows psql’s session: COPY both ways, notices, cursors; as a terminal recording too', async (context) => {
    const psql = findClient('psql');
    if (!psql) return context.skip('psql is not installed');
    const script = [
      'create temp table c (a int, b text);',
      'copy c from stdin;\n1\tone\n2\t\\N\n\\.\n',
      'copy c to stdout;',
      "do $$ begin raise notice 'look here'; end $$;",
      'begin; declare k cursor for select generate_series(1, 5); fetch 2 from k; fetch 2 from k; commit;',
    ].join('\n');
    const before = gateway.log.sessions.length;
    const events = await replayOf(async () => {
      const { host, port, user, password } = login();
      const run = promisify(execFile)(psql, [`host=${host} port=${port} dbname=demo user=${user}`, '-qX'], {
        env: { ...process.env, PGPASSWORD: password, PGSSLMODE: 'disable' },
      });
      run.child.stdin?.end(script);
      await run;
    });
    expect(of(events, 'rows').find(({ columns }) => columns[0] === 'copy')?.rows).toEqual([['1\tone'], ['2\t\\N']]);
    expect(of(events, 'notice')).toMatchObject([{ severity: 'NOTICE', message: 'look here' }]);
    expect(of(events, 'rows').filter(({ columns }) => columns[0] === 'generate_series')).toMatchObject([
      { rows: [['1'], ['2']] },
      { rows: [['3'], ['4']] },
    ]);
    const recording = gateway.log.sessions[before];
    if (!recording) throw new Error('nothing was recorded');
    let cast = '';
    for await (const line of exportAsciicast(replay(storeRecording(recording, 1024)))) cast += line;
    expect(cast).toContain('generate_series');
  });
});
