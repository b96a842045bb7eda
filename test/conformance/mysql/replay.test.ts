// Rows of MySQL in replays and in what is made of them, recorded through a gateway from a real MariaDB: both protocols, cursors,
// several results, what cuts a result short, and what else goes over the wire beside results.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { ReplayEvent } from '../../../core/catalogue.ts';
import { CAPABILITIES } from '../../../connector/protocols/mysql/wire/capabilities.ts';
import { packet } from '../../../connector/protocols/mysql/wire/packets.ts';
import { littleEndian } from '../../../connector/protocols/mysql/wire/values.ts';
import type { MemoryRecording } from '../../harness/memory-log.ts';
import { type GuardedMysql, startGuardedMysql } from '../../harness/mysql/guarded.ts';
import { dialMysql, logInRawMysql, query, USUAL } from '../../harness/mysql/raw-mysql.ts';
import { RecordingBuilder } from '../../harness/recording-builder.ts';
import { exportRecorded } from '../../harness/session/exported.ts';
import { storedReplay } from '../../harness/session/stored-replay.ts';
import { storeRecording } from '../../harness/stored-session.ts';

type Rows = Extract<ReplayEvent, { kind: 'rows' }>;

let place: GuardedMysql;
beforeAll(async () => {
  place = await startGuardedMysql({}, ['--local-infile=1']);
  await place.server.sql(
    'use shop',
    `create table kinds (id int primary key, u64 bigint unsigned, d decimal(20,6), f float, dt date, tm time(3),
      dtm datetime(6), y year, vc varchar(50), bl blob, bt bit(9), l1 varchar(9) character set latin1, mail varchar(40))`,
    `insert into kinds values
      (1, 18446744073709551615, -1234.5, 1.5, '1987-06-05', '-12:34:56.789', '2024-02-29 12:34:56.123456', 2024,
       'näthing 😀', x'00ff27', b'100000001', 'ä', 'ada@example.com'),
      (2, null, null, null, null, null, null, null, null, null, null, null, null)`,
    'create table loaded (id int primary key, name varchar(50))',
    'create procedure both_of(in a int, inout b int) begin select a as first; select a * 2 as second; set b = b + a; end',
  );
});
beforeEach(() => place.rules([]));
afterAll(() => place.close());

const HEAD = ['id', 'u64', 'd', 'f', 'dt', 'tm', 'dtm', 'y', 'vc', 'bl', 'bt', 'l1', 'mail'];
const ROW_1 = [
  ...['1', '18446744073709551615', '-1234.500000', '1.5', '1987-06-05', '-12:34:56.789', '2024-02-29 12:34:56.123456'],
  ...['2024', 'näthing 😀', '0x00FF27', '0x0101', 'ä', 'ada@example.com'],
];
const ROW_2 = ['2', ...Array.from({ length: 12 }, () => null)];

/** `share`: bytes of a frame, where they are to be cut in pieces. */
function stored(recording: MemoryRecording, share = Number.POSITIVE_INFINITY) {
  if (share === Number.POSITIVE_INFINITY) return storedReplay<ReplayEvent>(storeRecording(recording, 4096));
  const builder = new RecordingBuilder({ session: recording.opened.session, protocol: 'mysql' });
  for (const frame of recording.frames) {
    if (frame.fact && frame.fact.kind !== 'session.opened') builder.fact(frame.fact, frame.lane);
    const { bytes } = frame;
    for (let at = 0; bytes && at < bytes.length; at += share)
      builder.bytes(frame.direction, bytes.subarray(at, at + share), frame.lane);
  }
  return storedReplay<ReplayEvent>(builder.end());
}

/** All rows of a session's replay. Its outline has the same, with what it leaves out asked for apart. */
async function rowsOf(recording: MemoryRecording, share?: number): Promise<Rows[]> {
  const { ask } = stored(recording, share);
  const all = (events: readonly ReplayEvent[]) => events.flatMap((event) => (event.kind === 'rows' ? [event] : []));
  const whole = all((await ask({})).events);
  const outline = all((await ask({ part: 'outline' })).events);
  expect(outline).toHaveLength(whole.length);
  for (const [i, { cursor, ...left }] of outline.entries()) {
    if (cursor === undefined) expect(left).toEqual(whole[i]);
    else expect((await ask({ cursor })).events).toMatchObject([{ kind: 'rows', rows: whole[i]?.rows }]);
  }
  return whole;
}

const shownBy = (rows: readonly Rows[]) => rows.map(({ columns, rows }) => [columns, ...rows]);

async function session(run: (connection: Connection) => Promise<unknown>, options = {}): Promise<MemoryRecording> {
  const connection = await place.connect(options);
  await run(connection);
  await connection.end();
  return place.recorded();
}

it('have every type of a text result and of a prepared statement alike, however the bytes came', async () => {
  const recording = await session(async (c) => {
    await c.query('select * from kinds order by id');
    await c.ping();
    await c.execute('select * from kinds where id > ? order by id', [0]);
    await c.query('do 0');
    await c.execute('select id from kinds where id > ?', [7]);
  });
  const expected = [[HEAD, ROW_1, ROW_2], [HEAD, ROW_1, ROW_2], [['id']]];
  expect(shownBy(await rowsOf(recording))).toEqual(expected);
  for (const share of [1, 3, 7, 64]) expect(shownBy(await rowsOf(recording, share))).toEqual(expected);
  for (const format of ['html', 'markdown'] as const) {
    const made = (await exportRecorded(recording, { format })).toString();
    expect(made).toContain('näthing 😀');
    expect(made).not.toContain('ROWS:');
  }
});

it('are what the client itself read, of values made at random', async () => {
  const cell = fc.oneof(
    fc.constant(null),
    fc.maxSafeInteger(),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.uint8Array({ maxLength: 260 }).map((bytes) => Buffer.from(bytes)),
  );
  const read: (string | null)[][] = [];
  const recording = await session(async (c) => {
    await fc.assert(
      fc.asyncProperty(fc.array(cell, { minLength: 1, maxLength: 9 }), async (cells) => {
        const items = cells.map((value, i) => `${Buffer.isBuffer(value) ? 'cast(? as binary)' : '?'} as c${i}`);
        const text = `select ${items.join(', ')}`;
        for (const [result] of [
          await c.query<RowDataPacket[]>(text, cells),
          await c.execute<RowDataPacket[]>(text, cells),
        ]) {
          const row = Object.values(result[0] as Record<string, unknown>);
          read.push(
            row.map((value) =>
              value === null
                ? null
                : Buffer.isBuffer(value)
                  ? `0x${value.toString('hex').toUpperCase()}`
                  : String(value),
            ),
          );
        }
      }),
      { numRuns: 40 },
    );
  });
  const rows = await rowsOf(recording, 97);
  expect(rows.map(({ rows }) => rows[0])).toEqual(read);
}, 60_000);

it('of several results of a text and of a procedure with OUT parameters stand under their statement', async () => {
  const recording = await session(
    async (c) => {
      await c.query("select 1 as one; do 0; select 'two' as two, null as n");
      await c.query('set @b = 5');
      await c.query('call both_of(21, @b); select @b as b');
      await c.execute('call both_of(?, ?)', [3, 4]).catch(() => undefined);
    },
    { multipleStatements: true },
  );
  const rows = await rowsOf(recording);
  expect(shownBy(rows).slice(0, 5)).toEqual([
    [['one'], ['1']],
    [
      ['two', 'n'],
      ['two', null],
    ],
    [['first'], ['21']],
    [['second'], ['42']],
    [['b'], ['26']],
  ]);
  const [first, second, third] = recording.facts('statement.started').map(({ action }) => action);
  expect(rows.slice(0, 5).map(({ statement }) => statement)).toEqual([first, first, third, third, third]);
  expect(second).toBeDefined();
});

/** A raw client that prepared a statement with 120 rows, and what it sends about it. */
async function preparedBy(capabilities: number) {
  const peer = await dialMysql(place.gateway.port);
  await logInRawMysql(peer, 'alice@example.com#demo', place.secret, capabilities);
  peer.send(packet(0, 0x16, "select seq, concat('row ', seq, repeat(' and more', 9)) as words from seq_1_to_120"));
  const id = littleEndian((await peer.next())?.payload.readUInt32LE(1) ?? 0, 4);
  const withEof = (capabilities & CAPABILITIES.DEPRECATE_EOF) === 0;
  for (let left = withEof ? 3 : 2; left > 0; left--) await peer.next();
  return {
    peer,
    execute: (flags: number) => packet(0, 0x17, id, flags, littleEndian(1, 4)),
    fetch: (rows: number) => packet(0, 0x1c, id, littleEndian(rows, 4)),
    close: packet(0, 0x19, id),
  };
}

it('that a client fetched through a cursor stand under the statement that opened it, once it is closed', async () => {
  for (const capabilities of [USUAL, USUAL & ~CAPABILITIES.DEPRECATE_EOF]) {
    const { peer, execute, fetch, close } = await preparedBy(capabilities);
    // One after another, before anything is answered.
    peer.send(
      execute(1),
      fetch(50),
      query('select 9 as nine'),
      fetch(1000),
      close,
      query('select 10 as ten'),
      packet(0, 1),
    );
    await peer.untilClosed();
    const recording = await place.recorded();
    const [opened] = recording.facts('statement.started');
    for (const share of [Number.POSITIVE_INFINITY, 5]) {
      const rows = await rowsOf(recording, share);
      expect(rows.map(({ columns, rows, omitted, fetched }) => [columns, rows.length, omitted, fetched])).toEqual([
        [['nine'], 1, 0, undefined],
        [['seq', 'words'], 100, 20, true],
        [['ten'], 1, 0, undefined],
      ]);
      expect(rows[1]).toMatchObject({ statement: opened?.action });
      expect(rows[1]?.rows[99]).toEqual(['100', `row 100${' and more'.repeat(9)}`]);
    }
    const html = (await exportRecorded(recording, { format: 'html' })).toString();
    expect(html).toMatch(new RegExp(`#${opened?.action}, fetched later`));
    expect(html).toContain('row 100 and more');
  }
});

it('of a cursor that goes on for long are asked for with a cursor of the replay, among other statements', async () => {
  const { peer, execute, fetch } = await preparedBy(USUAL);
  const steps = [execute(1)];
  for (let n = 0; n < 9; n++) steps.push(fetch(10), query(`select ${n} as other, repeat('o', 5000) as long_one`));
  for (const step of [...steps, packet(0, 1)]) {
    const before = peer.receivedBytes;
    peer.send(step);
    while (peer.receivedBytes === before && !peer.closed) await new Promise((resolve) => setImmediate(resolve));
  }
  await peer.untilClosed();
  const recording = await place.recorded();
  const outline = (await stored(recording).ask({ part: 'outline' })).events;
  // Others came between, and theirs are shown.
  expect(outline.filter((event) => event.kind === 'rows' && event.fetched)).toMatchObject([
    { rows: [], omitted: 90, cursor: expect.any(String) },
  ]);
  const rows = await rowsOf(recording);
  const fetched = rows.filter((event) => event.fetched);
  expect(fetched).toHaveLength(1);
  expect(fetched[0]?.rows).toHaveLength(90);
  expect(fetched[0]?.rows[89]?.[0]).toBe('90');
  expect(rows).toHaveLength(10);
});

it('that an error or the end of the session cut short are shown as far as they came', async () => {
  const timed = await session((c) =>
    c
      .query(
        "set statement max_statement_time = 0.3 for select seq, repeat('x', 9000) as x, sleep(if(seq < 9, 0, 1)) as z from seq_1_to_12",
      )
      .catch(({ errno }) => expect(errno).toBe(1969)),
  );
  const [cut] = await rowsOf(timed);
  expect(cut?.columns).toEqual(['seq', 'x', 'z']);
  expect(cut?.rows.length).toBeGreaterThan(0);
  expect(cut?.rows[0]).toEqual(['1', `${'x'.repeat(1000)}…`, '0']);

  const before = place.gateway.log.sessions.length;
  const { edge } = place.gateway;
  const { secret, id } = edge.issue();
  const connection = await place.connect({ password: secret });
  expect(place.gateway.log.sessions.length).toBe(before + 1);
  const running = connection.query(
    "select seq, repeat('y', 9000) as y, sleep(if(seq < 9, 0, 1)) as z from seq_1_to_900",
  );
  running.catch(() => {});
  await expect.poll(() => place.gateway.log.last.counts.target, { timeout: 5_000 }).toBeGreaterThan(20_000);
  edge.revoke(id, 'left the team');
  const ended = await place.recorded();
  const finished = ended.facts('statement.finished');
  expect(finished.at(-1)?.error?.code).toBe('skipped');
  const [left] = await rowsOf(ended);
  expect(left?.rows[0]).toEqual(['1', `${'y'.repeat(1000)}…`, '0']);
}, 30_000);

it('of what is longer than a packet show the beginning', async () => {
  const recording = await session(async (c) => {
    await c.query('set max_statement_time = 0');
    await c.query("select repeat('ä', 4500000) as a, repeat('b', 9000000) as b, 1 as c");
    await c.query('select 2 as behind');
  });
  const rows = await rowsOf(recording);
  expect(shownBy(rows)).toEqual([
    [
      ['a', 'b', 'c'],
      [`${'ä'.repeat(1000)}…`, '…', '…'],
    ],
    [['behind'], ['2']],
  ]);
}, 30_000);

it('are right behind a file of the client, another login, and what the gateway refuses', async () => {
  place.rules([{ block: ['drop'] }, { allow: ['*', 'load data local'] }]);
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-replay-'));
  const file = join(directory, 't.txt');
  // A packet each: their numbers come by 0, as those of commands have it.
  const lines = Array.from({ length: 400 }, (_, n) => Buffer.from(`${n}\tname ${n}\n`));
  writeFileSync(file, Buffer.concat(lines));
  const recording = await session(async (c) => {
    const refused = [
      c.query('drop table loaded'),
      c.query('select 1 as behind_refused'),
      c.prepare('drop table loaded'),
    ];
    await Promise.allSettled(refused);
    await c.query({
      sql: `load data local infile '${file}' into table loaded`,
      infileStreamFactory: () => Readable.from(lines),
    });
    await c.query('select * from loaded where id = 7');
    await c.changeUser({});
    await c.query('select 2 as behind_login');
    await c.query('select nothing').catch(() => {});
    await c.query('select 3 as behind_error');
  });
  rmSync(directory, { recursive: true });
  expect(shownBy(await rowsOf(recording)).filter(([head]) => !head?.[0]?.startsWith('@'))).toEqual([
    [['behind_refused'], ['1']],
    [
      ['id', 'name'],
      ['7', 'name 7'],
    ],
    [['behind_login'], ['2']],
    [['behind_error'], ['3']],
  ]);
});

it('show masked values masked, and say where what describes them is hidden', async () => {
  place.rules([], { mask: [{ columns: ['kinds.mail'], with: 'placeholder' }] });
  const recording = await session(async (c) => {
    await c.query('select id, mail from kinds order by id');
    await c.execute('select id, mail from kinds where id = ?', [1]);
    await c.query("select password = 'hunter2-hunter2' from (select 'x' as password) as t");
    await c.query('select 4 as behind');
  });
  expect(shownBy(await rowsOf(recording))).toEqual([
    [
      ['id', 'mail'],
      ['1', '[masked]'],
      ['2', null],
    ],
    [['behind'], ['4']],
  ]);
  const { events } = await stored(recording).ask({});
  expect(JSON.stringify(events)).not.toMatch(/hunter2|ada@example/);
  const notices = events.filter((event) => event.kind === 'notice' && event.severity === 'ROWS');
  expect(notices).toMatchObject(Array(2).fill({ message: expect.stringContaining('hidden in the recording') }));
});
