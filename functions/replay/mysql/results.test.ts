// Rows of MySQL out of made-up conversations: what a recording may hold beside what real servers and clients were seen to say
// (test/conformance/mysql/replay.test.ts has those).

import { describe, expect, it } from 'vitest';
import type { ReplayEvent } from '../../../core/catalogue.ts';
import { definition, query, rowsEnd, textResult } from '../../../test/harness/mysql/raw-mysql.ts';
import { RecordingBuilder } from '../../../test/harness/recording-builder.ts';
import { storedReplay } from '../../../test/harness/session/stored-replay.ts';
import { shownCells } from './cells.ts';
import { MysqlResults } from './results.ts';

type Rows = Extract<ReplayEvent, { kind: 'rows' }>;
const MIB = 1024 * 1024;

/** A packet of a payload's parts: numbers are bytes. */
function packet(sequence: number, ...parts: readonly (number | string | Uint8Array)[]): Buffer {
  const payload = Buffer.concat(
    parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part as Uint8Array))),
  );
  const header = Buffer.alloc(4);
  header.writeUIntLE(payload.length, 0, 3);
  header[3] = sequence;
  return Buffer.concat([header, payload]);
}
const OK = packet(1, 0, 0, 0, 2, 0, 0, 0);
const PREPARE = packet(0, 0x16, 'select n');
const EXECUTE = packet(0, 0x17, 1, 0, 0, 0, 0, 1, 0, 0, 0);
/** Without parameters, and one column; no EOF follows. */
const PREPARED = Buffer.concat([packet(1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0), definition(2, 'n')]);
const DENIED = packet(1, 0xff, 0xcb, 0x04, '#42000Gatehouse: Blocked');
/** Of one text, with DEPRECATE_EOF. */
const binaryResult = (text: string) =>
  Buffer.concat([packet(1, 1), definition(2, 'n'), packet(3, 0, 0, text.length, text), rowsEnd(4)]);

/** One conversation, in chunks of `share` bytes. */
class Talk {
  readonly results = new MysqlResults();
  readonly #share: number;

  constructor(share: number) {
    this.#share = share;
    this.target(OK);
  }

  client(...parts: readonly Uint8Array[]): this {
    return this.#each(Buffer.concat(parts), (part) => this.results.pushClient(part));
  }

  target(...parts: readonly Uint8Array[]): this {
    return this.#each(Buffer.concat(parts), (part) => this.results.push(part));
  }

  /** The bytes of a statement's answer, and what is shown of it. */
  answer(bytes: Uint8Array, form: 'simple' | 'extended' = 'simple') {
    const from = this.results.offset;
    this.target(bytes);
    return this.results
      .takeRange(from, this.results.offset, { statement: 1, form })
      .map(({ rows, unread }) => unread ?? rows);
  }

  #each(bytes: Buffer, push: (part: Uint8Array) => void): this {
    for (let at = 0; at < bytes.length; at += this.#share) push(bytes.subarray(at, at + this.#share));
    return this;
  }
}

describe.each([1, 2, 5, 1000])('in chunks of %i bytes', (share) => {
  it('what is prepared has no end of its own where no EOF follows: the next answer is told from it', () => {
    const talk = new Talk(share);
    talk.client(PREPARE, EXECUTE, query('select 1')).target(PREPARED);
    expect(talk.answer(binaryResult('one'), 'extended')).toEqual([[['one']]]);
    expect(talk.answer(textResult(['a'], [['two']]))).toEqual([[['two']]]);
    // Refused in its turn, while nobody knows whether more of what is prepared comes.
    const other = new Talk(share);
    other.client(PREPARE, query('drop table t'), query('select 1')).target(PREPARED);
    other.results.pushGateway(DENIED);
    expect(other.answer(textResult(['a'], [['three']]))).toEqual([[['three']]]);
  });

  it('a login within the session is answered by the target, whatever the gateway says before', () => {
    const talk = new Talk(share);
    talk.client(packet(0, 0x11, 'u\0'), query('select 1'));
    talk.results.pushGateway(packet(1, 0xfe, 'mysql_clear_password\0'));
    talk.client(packet(2, 'secret\0')).target(OK);
    expect(talk.answer(textResult(['a'], [['one']]))).toEqual([[['one']]]);
  });

  it('an answer that does not fit what was asked is not shown, and the next one is', () => {
    const talk = new Talk(share);
    // Its answer is missing in the recording.
    talk.client(PREPARE, query('select 1'));
    expect(talk.answer(textResult(['a'], [['one']]))).toEqual(['not understood']);
    talk.client(query('select 2'));
    expect(talk.answer(textResult(['a'], [['two']]))).toEqual([[['two']]]);
    // Rows of text that would pass for rows in binary.
    talk.client(EXECUTE, query('select 3'));
    expect(talk.answer(textResult(['a'], [['']]))).toEqual(['not understood']);
    talk.client(query('select 4'));
    expect(talk.answer(textResult(['a'], [['four']]))).toEqual([[['four']]]);
  });

  it('what is written over in the recording is told as hidden', () => {
    const talk = new Talk(share);
    talk.client(query('select 1'));
    const starred = textResult(['a'], [['one']]);
    for (let at = 0; at < starred.length; at += 4 + starred.readUIntLE(at, 3))
      starred.fill('*', at + 4, at + 4 + starred.readUIntLE(at, 3));
    expect(talk.answer(starred)).toEqual(['hidden']);
    talk.client(query('select 2'));
    expect(talk.answer(textResult(['a'], [['two']]))).toEqual([[['two']]]);
  });

  it('rows count to the last, whatever was kept of them', () => {
    const talk = new Talk(Math.max(share, 100));
    talk.client(query('select 1'));
    const from = talk.results.offset;
    talk.target(
      textResult(
        ['a'],
        Array.from({ length: 300 }, (_, n) => [`${n} ${'x'.repeat(9000)}`]),
      ),
    );
    const [result] = talk.results.takeRange(from, talk.results.offset, { statement: 1, form: 'simple' });
    expect([result?.rows.length, result?.omitted]).toEqual([100, 200]);
    expect(result?.rows[99]?.[0]).toHaveLength(1001);
  });
});

it('a cell that is cut ends with a whole letter, in every character set', () => {
  const column = { name: 'a', characterSet: 45, type: 0xfd, unsigned: false, decimals: 0 };
  for (const [letter, bytes] of [
    ['ä', 2],
    ['€', 3],
    ['😀', 4],
  ] as const)
    for (let begin = 0; begin < 4; begin++) {
      const text = Buffer.from('x'.repeat(begin) + letter.repeat(2000 * bytes));
      const payload = Buffer.concat([Buffer.of(0xfd, text.length & 255, (text.length >> 8) & 255, 0), text]);
      const [cell] = shownCells(payload.subarray(0, 3000 + begin), payload.length, [column], false, 9);
      expect(cell).not.toMatch(/\\x|�/);
      expect(cell).toMatch(new RegExp(`^x{${begin}}${letter}+…$`, 'u'));
    }
});

/** Statements with 120 rows each, a segment for each of them. */
function many(statements: number) {
  const builder = new RecordingBuilder({ protocol: 'mysql' });
  let [asked, came] = [0, OK.length];
  builder.bytes('target', OK);
  for (let n = 1; n <= statements; n++) {
    const request = query(`select ${n}`);
    const rows = Array.from({ length: 120 }, (_, i) => [`${n}.${i}`, `row ${i} of statement ${n}`, 'x'.repeat(40)]);
    const bytes = textResult(['n', 'words', 'x'], rows);
    const at = { direction: 'client', lane: 0, offset: asked, length: request.length } as const;
    builder.bytes('client', request);
    builder.fact({ kind: 'statement.started', action: n, form: 'simple', text: `select ${n}`, at });
    builder.wait(90_000_000).bytes('target', bytes);
    builder.fact({
      ...{ kind: 'statement.finished', action: n, tags: ['ROWS 120'], rows: 120, bytes: bytes.length, durationUs: 5 },
      at: { direction: 'target', lane: 0, offset: came, length: bytes.length },
    });
    builder.cut();
    asked += request.length;
    came += bytes.length;
  }
  return storedReplay<ReplayEvent>(builder.end());
}

it('ten hours of large results have an outline of less than a MiB, and rows of any statement from one object', async () => {
  const { ask } = many(400);
  const outline = await ask({ part: 'outline' });
  expect(outline.sent).toBeLessThan(MIB);
  const left = outline.events.filter((event): event is Rows => event.kind === 'rows' && event.cursor !== undefined);
  expect(left.length).toBeGreaterThan(200);
  for (const { statement, cursor, omitted } of left.filter((_, i) => i % 60 === 0)) {
    const page = await ask({ cursor: cursor ?? '' });
    expect(page.events).toMatchObject([{ kind: 'rows', statement, columns: ['n', 'words', 'x'] }]);
    expect((page.events[0] as Rows).rows[99]).toEqual([
      `${statement}.99`,
      `row 99 of statement ${statement}`,
      'x'.repeat(40),
    ]);
    expect([page.objects, page.read < 2 * MIB, omitted]).toEqual([1, true, 120]);
  }
}, 60_000);

it('a cursor of a replay is taken for no more than a place', async () => {
  const { ask } = many(3);
  const outline = await ask({ part: 'outline' });
  const { cursor = '' } = outline.events.find((event): event is Rows => event.kind === 'rows') as Rows;
  const read = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  const write = (change: object) => Buffer.from(JSON.stringify({ ...read, ...change })).toString('base64url');
  for (const layout of ['{', '[]', '["r",2,null]', '["c",1,0]', '["UTF8",null]'])
    await expect(ask({ cursor: write({ layout }) })).rejects.toThrow('the cursor is none of an outline');
  // Elsewhere, and read as something else: what comes of it is nonsense or nothing, and ends.
  for (const layout of ['["r",1,0]', '["r",0,1]', '["c",90,0,[[253,45,0,0]],1]', '["c",0,1,[],0]'])
    for (let offset = read.offset; offset < read.offset + 60; offset++)
      expect((await ask({ cursor: write({ offset, layout }) })).events.length).toBeLessThan(2);
});
