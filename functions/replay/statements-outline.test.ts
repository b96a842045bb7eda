// The outline of a session of statements, and the rows that are asked for with it: what they show, and how many bytes it takes.

import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ReplayEvent } from '../../core/catalogue.ts';
import {
  answer,
  commandComplete,
  dataRow,
  int16,
  int32,
  message,
  readyForQuery,
  RecordingBuilder,
  rowDescription,
} from '../../test/harness/recording-builder.ts';
import { storedReplay } from '../../test/harness/session/stored-replay.ts';

const MIB = 1024 * 1024;
const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

type Rows = Extract<ReplayEvent, { kind: 'rows' }>;
const rowsIn = (events: readonly ReplayEvent[]): Rows[] =>
  events.flatMap((event) => (event.kind === 'rows' ? [event] : []));

/** A statement of the extended protocol that was prepared and described once, and is executed with a result in binary. */
class Prepared {
  readonly #builder: RecordingBuilder;
  #sent = 0;
  #got = 0;
  #action = 1000;

  constructor(builder: RecordingBuilder) {
    this.#builder = builder;
  }

  #say(direction: 'client' | 'target', bytes: Uint8Array): void {
    this.#builder.bytes(direction, bytes, 5);
    if (direction === 'client') this.#sent += bytes.length;
    else this.#got += bytes.length;
  }

  prepare(): void {
    this.#say('client', join(message('P', 's\0select n, t\0', int16(0)), message('D', 'Ss\0'), message('S')));
    const columns = rowDescription([
      { name: 'n', type: 23 },
      { name: 't', type: 25 },
    ]);
    this.#say('target', join(message('1'), message('t', int16(0)), columns, readyForQuery()));
  }

  execute(rows: number, text: string): void {
    const action = this.#action++;
    const at = { direction: 'client' as const, lane: 5, offset: this.#sent, length: 10 };
    const bind = message('B', 'p\0s\0', int16(0), int16(0), int16(2), int16(1), int16(0));
    this.#say('client', join(bind, message('E', 'p\0', int32(0)), message('S')));
    this.#builder.fact({ kind: 'statement.started', action, form: 'extended', text: 'select n, t', at }, 5);
    this.#builder.wait(1000);
    this.#say('target', message('2'));
    const offset = this.#got;
    for (let n = 0; n < rows; n++) this.#say('target', dataRow([int32(n), `${text} ${n}`]));
    this.#say('target', commandComplete(`SELECT ${rows}`));
    const length = this.#got - offset;
    this.#builder.fact(
      {
        ...{ kind: 'statement.finished', action, tags: [`SELECT ${rows}`], rows, bytes: length, durationUs: 1000 },
        at: { direction: 'target', lane: 5, offset, length },
      },
      5,
    );
    this.#say('target', readyForQuery());
  }
}

const many = (count: number, text: string) =>
  Array.from({ length: count }, (_, n): [string, string | null] => [String(n), n % 7 === 0 ? null : `${text} ${n}`]);

describe('the outline of statements', () => {
  const drawn: Readonly<Record<string, (builder: RecordingBuilder) => number>> = {
    'described by each answer, several in one': (builder) => {
      builder.query('select 1', answer(['one'], [['1']]));
      for (let n = 0; n < 12; n++) {
        const rows = many(60 + n * 30, `of query ${n} ${'x'.repeat(100)}`);
        // Two results in one answer.
        const both = join(answer(['a', 'b'], rows).subarray(0, -6), answer(['c', 'd'], rows));
        builder.query(`select ${n}`, both, { rows: rows.length * 2 });
        if (n % 2) builder.cut();
      }
      return 24;
    },
    'described long before, in binary, beside another lane': (builder) => {
      builder.fact({ kind: 'lane.opened', lane: 5, of: 'exchange', label: 'beside' }, 5);
      const prepared = new Prepared(builder);
      prepared.prepare();
      builder.bytes('target', readyForQuery()).cut();
      for (let n = 0; n < 5; n++) {
        prepared.execute(80, 'of a prepared statement, long enough to be left out of an outline');
        if (n % 2) builder.cut();
      }
      return 5;
    },
  };
  it.each(Object.keys(drawn))('with the rows asked for shows what the whole replay shows: %s', async (what) => {
    const builder = new RecordingBuilder();
    const leftOut = drawn[what]?.(builder);
    const { ask } = storedReplay<ReplayEvent>(builder.end());
    const whole = await ask({});
    const outline = await ask({ part: 'outline' });
    expect(outline.events.map(({ kind }) => kind)).toEqual(whole.events.map(({ kind }) => kind));
    const wanted = rowsIn(whole.events);
    const shown = rowsIn(outline.events);
    expect(shown.filter(({ cursor }) => cursor !== undefined)).toHaveLength(leftOut ?? 0);
    for (const [index, { cursor, ...left }] of shown.entries()) {
      const expected = wanted[index] as Rows;
      if (cursor === undefined) {
        expect(left).toEqual(expected);
        continue;
      }
      expect(left.rows).toEqual([]);
      expect(left.omitted).toBe(expected.omitted + expected.rows.length);
      const { events } = await ask({ cursor });
      expect(events).toMatchObject([{ kind: 'rows', statement: expected.statement, rows: expected.rows }]);
    }
  });

  it('reads the encoding and the columns that were told before', async () => {
    const builder = new RecordingBuilder();
    builder.bytes('target', message('S', 'client_encoding\0LATIN1\0'));
    const latin = many(50, 'x'.repeat(100)).map(([n]) => dataRow([n, Buffer.from('Grüße'.repeat(20), 'latin1')]));
    const rows = join(
      rowDescription([{ name: 'n' }, { name: 'w' }]),
      ...latin,
      commandComplete('SELECT 50'),
      readyForQuery(),
    );
    builder.query('select', rows, { rows: 50 });
    const { ask } = storedReplay<ReplayEvent>(builder.end());
    const [whole] = rowsIn((await ask({})).events);
    const [left] = rowsIn((await ask({ part: 'outline' })).events);
    const [page] = rowsIn((await ask({ cursor: left?.cursor ?? '' })).events);
    expect(page?.rows[0]?.[1]).toBe('Grüße'.repeat(20));
    expect(page?.rows).toEqual(whole?.rows);
  });

  it('takes no cursor for more than a place', async () => {
    const builder = new RecordingBuilder();
    builder.query('select', answer(['a', 'b'], many(90, 'x'.repeat(100))));
    const { ask } = storedReplay<ReplayEvent>(
      builder
        .cut()
        .query('select 1', answer(['a'], [['1']]))
        .end(),
    );
    const { cursor = '' } = rowsIn((await ask({ part: 'outline' })).events)[0] as Rows;
    const read = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const write = (change: object) => Buffer.from(JSON.stringify({ ...read, ...change })).toString('base64url');
    const wrong = write({ segment: { ...read.segment, number: 1, previous: 'ab'.repeat(32) } });
    expect((await ask({ cursor: wrong })).events).toMatchObject([{ kind: 'damaged' }]);
    expect((await ask({ cursor: write({ offset: read.offset + 3 }) })).events).toEqual([]);
    for (const bad of ['e30', 'x', write({ layout: '{' }), write({ layout: '[]' }), write({ lane: -1 })])
      await expect(ask({ cursor: bad })).rejects.toThrow('the cursor is none of an outline');
    await expect(ask({ cursor, part: 'outline' })).rejects.toThrow('asked for whole');
  });
});

describe('ten hours of statements with large results', () => {
  const random = (bytes: number) => randomBytes((bytes * 3) / 4).toString('base64');
  it.each([
    ['of twelve rows of 300 kB', 12, 300_000, 7],
    ['of five rows of 3 MB, of the first of which it is the beginning', 5, 3_000_000, 1],
    ['of a hundred rows of 20 kB', 100, 20_000, 33],
  ])(
    'show what less than 2 MiB of the store have, and count the rest: %s',
    async (_, rows, bytes, shown) => {
      const builder = new RecordingBuilder({ cuts: true });
      for (let n = 0; n < 2; n++) {
        builder.wait(16_200_000_000).query(`select ${n}`, answer(['a'], [['before']]), { rows: 1 });
        const large = Array.from({ length: rows }, () => [random(bytes)]);
        builder.query(`select large from t${n}`, answer(['large'], large), { rows });
      }
      const { ask } = storedReplay<ReplayEvent>(builder.end());
      const outline = await ask({ part: 'outline' });
      const left = rowsIn(outline.events).filter(({ cursor }) => cursor !== undefined);
      expect(left).toHaveLength(2);
      for (const { cursor = '', omitted } of left) {
        expect(omitted).toBe(rows);
        const page = await ask({ cursor });
        expect(page.read).toBeLessThan(2 * MIB);
        const [found] = rowsIn(page.events);
        expect(found?.rows.length).toBeGreaterThanOrEqual(1);
        expect(found?.rows.length).toBeLessThanOrEqual(shown);
        for (const [cell] of found?.rows ?? []) expect(cell).toMatch(/^[A-Za-z0-9+/]{900,}/);
      }
    },
    60_000,
  );

  it('have an outline of less than 2 MiB, and rows of any statement in less than that', async () => {
    const builder = new RecordingBuilder();
    let state = 5;
    const random = () => {
      state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
      return state.toString(36);
    };
    for (let n = 0; n < 400; n++) {
      const rows = Array.from({ length: 120 }, () => [random(), `${random()}${random()} ${random()}`, random()]);
      builder.wait(90_000_000).query(`select id, name, note from orders_${n}`, answer(['id', 'name', 'note'], rows), {
        rows: rows.length,
      });
      builder.cut();
    }
    const { ask } = storedReplay<ReplayEvent>(builder.end());
    const whole = await ask({});
    expect(whole.sent).toBeGreaterThan(1.5 * MIB);
    const outline = await ask({ part: 'outline' });
    expect(outline.sent).toBeLessThan(MIB);
    const left = rowsIn(outline.events).filter(({ cursor }) => cursor !== undefined);
    expect(left.length).toBeGreaterThan(200);
    for (let i = 0; i < left.length; i += 40) {
      const page = await ask({ cursor: left[i]?.cursor ?? '' });
      expect(rowsIn(page.events)[0]?.rows).toHaveLength(100);
      expect([page.objects, page.read < 2 * MIB, page.sent < 2 * MIB]).toEqual([1, true, true]);
    }
  }, 120_000);
});
