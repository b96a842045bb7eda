// Exports in parts that go on where they were left: the same bytes wherever runs end, and nothing read twice but a segment.

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ExportQuery } from '../../core/replay/exports.ts';
import type { SessionEntry } from '../../core/catalogue.ts';
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
import { type CutExport, exportedInCuts, MemoryRenderedStore } from '../../test/harness/session/cut-exports.ts';
import { entryOf, exportedBytes } from '../../test/harness/session/exported.ts';
import { SOAK } from '../../test/harness/soak.ts';
import { block, data, handle, INIT, open, read, READ, VERSION } from '../../test/harness/ssh/sftp-packets.ts';

import type { RenderJob } from './job.ts';
import { MAX_IDLE_RUNS } from './progress.ts';
import { renderedKeyOf } from './rendered-store.ts';
import { decodePoint, encodePoint } from './resume-points.ts';

/** The same for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
type Random = ReturnType<typeof randomOf>;
type From = 'client' | 'target';

/** Bytes of lanes as a network cuts them, in segments that end anywhere. */
class Story {
  readonly builder: RecordingBuilder;
  readonly random: Random;
  readonly #said = new Map<string, number>();
  action = 0;

  constructor(builder: RecordingBuilder, random: Random) {
    this.builder = builder;
    this.random = random;
  }

  offset(from: From, lane: number): number {
    return this.#said.get(`${from} ${lane}`) ?? 0;
  }

  maybeCut(): void {
    if (this.random(4) === 0) this.builder.cut();
  }

  say(from: From, bytes: Uint8Array, lane = 0): void {
    for (let at = 0; at < bytes.length; ) {
      const share = 1 + this.random(this.random(3) === 0 ? 8 : 120);
      this.builder.wait(this.random(3000)).bytes(from, bytes.subarray(at, at + share), lane);
      at += share;
      this.maybeCut();
    }
    this.#said.set(`${from} ${lane}`, this.offset(from, lane) + bytes.length);
  }

  statement(text: string, asked: Uint8Array, form: 'simple' | 'extended', lane: number): number {
    const action = ++this.action;
    const at = { direction: 'client' as const, lane, offset: this.offset('client', lane), length: asked.length };
    this.say('client', asked, lane);
    this.builder.fact({ kind: 'statement.started', action, form, text, at }, lane);
    this.maybeCut();
    return action;
  }

  answered(
    action: number,
    bytes: Uint8Array,
    more: { tags?: string[]; rows?: number; suspended?: true },
    lane: number,
  ) {
    const at = { direction: 'target' as const, lane, offset: this.offset('target', lane), length: bytes.length };
    // Its fact may stand in front of its last bytes.
    const early = this.random(3) === 0;
    this.say('target', early ? bytes.subarray(0, bytes.length >> 1) : bytes, lane);
    const { tags = [], rows = 0, suspended } = more;
    const told = { action, tags, rows, bytes: bytes.length, durationUs: 5, at, ...(suspended && { suspended }) };
    this.builder.fact({ kind: 'statement.finished', ...told }, lane);
    this.maybeCut();
    if (early) this.say('target', bytes.subarray(bytes.length >> 1), lane);
  }
}

const utf8 = (text: string) => new TextEncoder().encode(text);
const joined = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
const CELLS = ['é"漢,\n🎉', '', null, 'plain', '=1+1', '# x', ' <b>|&`', 'x'.repeat(300)];

/** Statements of two lanes by turns: results, pipelines, prepared statements, COPY, errors, other encodings, queries of the catalogue. */
function statements(seed: number, length = 14): RecordingBuilder {
  const random = randomOf(seed);
  const builder = new RecordingBuilder({ startedAt: '2026-11-20T11:00:00.000Z', session: SESSION });
  const story = new Story(builder, random);
  builder.fact({ kind: 'lane.opened', lane: 1, of: 'exchange', label: 'beside' }, 1);
  const rowsOf = (count: number) =>
    Array.from({ length: count }, () => [CELLS[random(CELLS.length)] ?? null, String(random(1e6))]);
  for (let turn = 0; turn < length; turn++) {
    const lane = random(2);
    switch (random(7)) {
      case 0: {
        const count = random(130);
        const action = story.statement(`select ${turn} from t${random(5)}`, message('Q', 'select\0'), 'simple', lane);
        const more = { tags: [`SELECT ${count}`], rows: count };
        story.answered(action, joined(answer(['a', 'b'], rowsOf(count)), readyForQuery()), more, lane);
        break;
      }
      case 1: {
        // A named statement, described once and run later, in a pipeline of two.
        const name = `s${random(3)}`;
        const parse = joined(message('P', `${name}\0select $1\0`, int16(0)), message('D', `S${name}\0`), message('S'));
        const first = story.statement('select $1', parse, 'extended', lane);
        const described = joined(message('1'), message('t', int16(0)), rowDescription([{ name: 'é', type: 23 }]));
        story.answered(first, joined(described, readyForQuery()), {}, lane);
        const run = joined(
          message('B', `\0${name}\0`, int16(0), int16(0), int16(1), int16(random(2))),
          message('E', '\0', int32(0)),
        );
        const [one, two] = [
          story.statement('select $1', run, 'extended', lane),
          story.statement('select $1', joined(run, message('S')), 'extended', lane),
        ];
        const rows = joined(message('2'), dataRow([int32(7)]), dataRow([null]), commandComplete('SELECT 2'));
        story.answered(one, rows, { tags: ['SELECT 2'], rows: 2 }, lane);
        story.answered(two, joined(rows, readyForQuery()), { tags: ['SELECT 2'], rows: 2 }, lane);
        break;
      }
      case 2: {
        const action = story.statement('copy t to stdout', message('Q', 'copy\0'), 'simple', lane);
        const lines = Array.from({ length: 40 + random(60) }, (_, i) => message('d', utf8(`${i}\té漢\n`)));
        const copied = joined(
          message('H', Uint8Array.of(0), int16(1), int16(0)),
          ...lines,
          message('c'),
          commandComplete(`COPY ${lines.length}`),
          readyForQuery(),
        );
        story.answered(action, copied, { tags: [`COPY ${lines.length}`], rows: lines.length }, lane);
        break;
      }
      case 3: {
        const name = `lost${random(3)}`;
        const asked = joined(
          message('P', `${name}\0nonsense\0`, int16(0)),
          message('B', `p\0${name}\0`, int16(0), int16(0), int16(0)),
          message('S'),
        );
        const action = story.statement('nonsense', asked, 'extended', lane);
        const failed = message('E', 'SERROR\0C42P01\0Mno such table\0\0');
        story.answered(action, joined(failed, readyForQuery()), {}, lane);
        break;
      }
      case 4: {
        const action = story.statement(
          'set client_encoding to latin1',
          message('Q', 'set client_encoding\0'),
          'simple',
          lane,
        );
        const to = ['LATIN1', 'UTF8', 'MULE_INTERNAL'][random(3)];
        story.answered(
          action,
          joined(commandComplete('SET'), message('S', `client_encoding\0${to}\0`), readyForQuery()),
          { tags: ['SET'] },
          lane,
        );
        break;
      }
      case 5: {
        const action = story.statement(
          'select relname from pg_catalog.pg_class',
          message('Q', 'select\0'),
          'simple',
          lane,
        );
        story.answered(
          action,
          joined(answer(['relname'], [['t']]), readyForQuery()),
          { tags: ['SELECT 1'], rows: 1 },
          lane,
        );
        break;
      }
      default: {
        // Fetched in turns.
        const bind = joined(
          message('B', 'cur\0s0\0', int16(0), int16(0), int16(0)),
          message('D', 'Pcur\0'),
          message('E', 'cur\0', int32(3)),
          message('S'),
        );
        const action = story.statement('fetch', bind, 'extended', lane);
        const row = dataRow(['漢', null]);
        const head = rowDescription([{ name: 'x' }, { name: 'y' }]);
        story.answered(
          action,
          joined(message('2'), head, row, row, row, message('s'), readyForQuery()),
          { rows: 3, suspended: true },
          lane,
        );
        story.say('client', joined(message('E', 'cur\0', int32(0)), message('S')), lane);
        story.answered(
          action,
          joined(row, commandComplete('SELECT 1'), readyForQuery()),
          { tags: ['SELECT 1'], rows: 1 },
          lane,
        );
      }
    }
    if (random(5) === 0)
      builder.fact({ kind: 'action.refused', action: story.action, reason: 'blocked', message: 'Blocked', rule: 'x' });
  }
  if (random(2) === 0) {
    const cutOff = story.statement('select never', message('Q', 'select never\0'), 'simple', 0);
    expect(cutOff).toBeGreaterThan(0);
    story.say('target', answer(['n'], [['1'], ['2']]).subarray(0, -12));
  }
  builder.fact({ kind: 'lane.closed', lane: 1, recorded: 'full' }, 1);
  return builder.end();
}

const SESSION = new RecordingBuilder().session;
const ESC = '\u001b';
const PIECES = [
  ...['hello world', 'ls -l', '漢字かな', '🎉🎉', 'e\u0301', '\r\n', '\r\n', '\n', '\r', '\b \b', '\t', 'x'.repeat(45)],
  ...[
    `${ESC}[2J`,
    `${ESC}[H`,
    `${ESC}[3;5H`,
    `${ESC}[K`,
    `${ESC}[J`,
    `${ESC}[31;1m`,
    `${ESC}[0m`,
    `${ESC}[5b`,
    `${ESC}[2A`,
  ],
  ...[
    `${ESC}[?1049h`,
    `${ESC}[?1049l`,
    `${ESC}[2;4r`,
    `${ESC}[r`,
    `${ESC}7`,
    `${ESC}8`,
    `${ESC}(0`,
    `${ESC}(B`,
    `${ESC}[L`,
    `${ESC}[3M`,
  ],
  ...[`${ESC}]0;title\u0007`, '\u200d', '\u0301', `${ESC}M`, `${ESC}D`, '50%\r100%\r\n', '─│┌'],
];

/** Terminals, a command without one and a transfer at the same time, whose bytes are cut anywhere. */
function terminals(seed: number, length = 60): RecordingBuilder {
  const random = randomOf(seed);
  const builder = new RecordingBuilder({ protocol: 'ssh', startedAt: '2026-11-20T11:00:00.000Z', session: SESSION });
  const story = new Story(builder, random);
  for (const lane of [1, 2]) {
    builder.fact({ kind: 'lane.opened', lane, of: 'shell', label: `shell ${lane}` }, lane);
    const settings = { terminal: { type: 'xterm', modes: '' } };
    builder.fact({ kind: 'command.started', action: ++story.action, form: 'shell', command: '', ...settings }, lane);
    builder.fact({ kind: 'terminal.resized', columns: 8 + random(40), rows: 3 + random(6) }, lane);
  }
  builder.fact({ kind: 'lane.opened', lane: 3, of: 'exec', label: 'make' }, 3);
  builder.fact({ kind: 'command.started', action: ++story.action, form: 'exec', command: 'make' }, 3);
  builder.fact({ kind: 'lane.opened', lane: 4, of: 'sftp', label: 'sftp' }, 4);
  const [a, b, c] = [block('a'), block('b'), block('c')];
  story.say('client', joined(INIT, open(1, '/f', READ)), 4);
  story.say('target', joined(VERSION, handle(1, 'h')), 4);
  story.say('client', joined(read(3, 'h', 0, 1000), read(4, 'h', 1000, 1000), read(5, 'h', 2000, 1000)), 4);
  const transfer = joined(data(5, c), data(4, b), data(3, a));
  let sent = 0;
  for (let turn = 0; turn < length; turn++) {
    const lane = 1 + random(3);
    const text = Array.from({ length: 1 + random(6) }, () => PIECES[random(PIECES.length)]).join('');
    story.say('target', lane === 3 ? utf8(text.replaceAll('\u200d', '\n')) : utf8(text), lane);
    if (random(6) === 0) story.say('client', utf8('ls é\r'), lane);
    if (random(9) === 0)
      builder.fact({ kind: 'command.typed', action: ++story.action, line: 'ls é', reconstructed: true }, 1 + random(2));
    if (random(20) === 0) builder.fact({ kind: 'terminal.resized', columns: 8 + random(40), rows: 3 + random(6) }, 1);
    if (random(20) === 0)
      builder.fact(
        { kind: 'file.accessed', action: ++story.action, operation: 'remove', path: '/x', durationUs: 3 },
        4,
      );
    const share = Math.min(transfer.length - sent, 60);
    story.say('target', transfer.subarray(sent, sent + share), 4);
    sent += share;
  }
  story.say('target', transfer.subarray(sent), 4);
  const sha256 = createHash('sha256')
    .update(Buffer.concat([a, b, c]))
    .digest('hex');
  const moved = { path: '/f', direction: 'download', size: 3000, sha256 } as const;
  builder.fact({ kind: 'file.transferred', action: 99, ...moved }, 4);
  builder.fact({ kind: 'command.finished', action: 3, durationUs: 9, exit: 0 }, 3);
  for (const lane of [1, 2, 3, 4]) {
    story.maybeCut();
    builder.fact({ kind: 'lane.closed', lane, recorded: 'full' }, lane);
  }
  return builder.end();
}

const OF_STATEMENTS: readonly ExportQuery[] = [
  { format: 'ndjson' },
  { format: 'csv' },
  { format: 'csv', exact: 'true' },
  { format: 'csv', statement: 3, exact: 'true' },
  { format: 'csv', statement: 5 },
  { format: 'text' },
  { format: 'text', all: 'true' },
  { format: 'text', statement: 6 },
  { format: 'markdown' },
  { format: 'html' },
  { format: 'asciicast', asciicast: 2 },
  { format: 'asciicast', asciicast: 3 },
];
const OF_TERMINALS: readonly ExportQuery[] = [
  { format: 'ndjson' },
  { format: 'text' },
  { format: 'text', statement: 4, through: 7 },
  { format: 'markdown' },
  { format: 'html' },
  { format: 'asciicast' },
  { format: 'asciicast', lane: 3 },
  { format: 'file', file: '/f' },
];
const wholeOf = (builder: RecordingBuilder, query: ExportQuery, session: SessionEntry) =>
  exportedBytes(builder, query, session).catch(() => undefined);
const nameOf = (query: ExportQuery) => Object.values(query).join(' ');

const STORIES = [
  ['statements', statements, OF_STATEMENTS],
  ['terminals', terminals, OF_TERMINALS],
] as const;

describe.each(STORIES)('an export of %s', (_, storyOf, queries) => {
  it.each(queries.map((query) => [nameOf(query), query] as const))(
    '%s is the same when each run reads one segment, and reads none twice',
    async (_name, query) => {
      // Cut by parts, and by time alone: no part is full before the end.
      for (const [seed, partBytes] of SOAK
        ? manySeeds
        : ([
            [1, 700],
            [2, 1_000_000],
          ] as const)) {
        const builder = storyOf(seed);
        const session = entryOf(builder.opened);
        const whole = await wholeOf(builder, query, session);
        if (!whole) continue;
        // A digest is made by one run, or by none (ADR 59).
        const borders = () => (query.format === 'file' ? 1000 : 1);
        const cut = await exportedInCuts(builder, query, session, { borders, partBytes });
        expect(cut.bytes.equals(whole), `seed ${seed}`).toBe(true);
        // A run that was left is gone on with at the very segment, and reads none before it.
        for (const { first, from } of cut.runs) if (first !== undefined) expect(first).toBe(from ?? 0);
        if (query.format !== 'file') expect(cut.runs.length).toBeGreaterThan(10);
      }
    },
  );
});
const manySeeds = Array.from({ length: 30 }, (_, i) => [i + 1, i % 2 === 0 ? 700 : 1_000_000] as const);

/** Formats that between them have every step. */
const SOME: readonly (readonly [string, (seed: number) => RecordingBuilder, ExportQuery])[] = [
  ['the archive of results', statements, { format: 'csv' }],
  ['rows of one statement', statements, { format: 'csv', statement: 2 }],
  ['Markdown of statements', statements, { format: 'markdown' }],
  ['text of terminals', terminals, { format: 'text' }],
  ['an asciicast of a terminal', terminals, { format: 'asciicast' }],
  ['a file', terminals, { format: 'file', file: '/f' }],
];

describe.each(SOME)('%s', (_, storyOf, query) => {
  const builder = storyOf(3);
  const session = entryOf(builder.opened);

  it('is the same when runs are killed before any of their writes, or end anywhere', async () => {
    const whole = await exportedBytes(builder, query, session);
    for (let seed = 1; seed <= (SOAK ? 60 : 4); seed++) {
      const random = randomOf(seed);
      const cut = await exportedInCuts(builder, query, session, {
        borders: () => (query.format === 'file' ? 1000 : 1 + random(12)),
        // Three that come no further give up: each third is left to itself.
        puts: (run) => (run % 3 === 2 ? Infinity : random(14)),
        partBytes: 500 + random(3000),
      });
      expect(cut.bytes.equals(whole), `seed ${seed}`).toBe(true);
      expect(cut.runs.some(({ ran }) => ran === 'killed')).toBe(true);
    }
  });

  it('is the same when what was kept to go on from is damaged, cut, of another export or of another release', async () => {
    const whole = await exportedBytes(builder, query, session);
    const others: CutExport[] = [];
    for (const [which, damage] of Object.entries(DAMAGES)) {
      const cut = await exportedInCuts(builder, query, session, {
        borders: (run) => (run === 0 ? 12 : Infinity),
        partBytes: 2000,
        meanwhile: ({ run, store, job }) => {
          if (run > 0) return;
          for (const slot of ['resume-0', 'resume-1'] as const) {
            const key = renderedKeyOf(job.place, slot);
            const kept = store.objects.get(key);
            if (kept) store.objects.set(key, damage(Buffer.from(kept), { job, slot }));
          }
        },
      });
      expect(cut.bytes.equals(whole), which).toBe(true);
      others.push(cut);
    }
    // They are of no use: the file is made from its beginning.
    for (const { runs } of others) if (runs.length > 1) expect(runs[1]?.anew).toBe(true);
  });

  it('goes on from the place before where the last is damaged', async () => {
    const whole = await exportedBytes(builder, query, session);
    let before = 0;
    const cut = await exportedInCuts(builder, query, session, {
      borders: (run) => (run === 0 && query.format !== 'file' ? 12 : Infinity),
      puts: (run) => (run === 0 && query.format === 'file' ? 9 : Infinity),
      partBytes: 2000,
      meanwhile: ({ run, store, job }) => {
        if (run > 0) return;
        const points = SLOTS.map((slot) => {
          const kept = store.objects.get(renderedKeyOf(job.place, slot));
          return { slot, point: kept && decodePoint(job.place, kept) };
        }).sort((a, b) => (b.point?.segments ?? 0) - (a.point?.segments ?? 0));
        before = points[1]?.point?.segment.number ?? 0;
        if (points[0]?.point) store.objects.set(renderedKeyOf(job.place, points[0].slot), Buffer.from('damaged'));
      },
    });
    expect(cut.bytes.equals(whole)).toBe(true);
    expect(cut.runs[1]?.first).toBe(before);
  });
});

const SLOTS = ['resume-0', 'resume-1'] as const;
type Damage = (kept: Buffer, of: { readonly job: RenderJob; readonly slot: (typeof SLOTS)[number] }) => Uint8Array;

/** As somebody would make it who knows how: with a digest that is right. */
const madeUp =
  (change: (text: string) => string): Damage =>
  (kept, { job }) => {
    const { from, bytes, ...point } = decodePoint(job.place, kept) ?? {};
    return encodePoint(job.place, change(JSON.stringify(point)), from ?? 0, bytes ?? Buffer.alloc(0));
  };
const changed = (change: (point: { states: Record<string, unknown>; [name: string]: unknown }) => unknown): Damage =>
  madeUp((text) => JSON.stringify(change(JSON.parse(text))));

const DAMAGES: Readonly<Record<string, Damage>> = {
  empty: () => Buffer.alloc(0),
  'cut off': (kept) => kept.subarray(0, kept.length - 7),
  'one bit is another': (kept) => {
    kept[kept.length >> 1] = (kept[kept.length >> 1] ?? 0) ^ 4;
    return kept;
  },
  'of another export': (kept, { job: { place } }) => {
    const { from, bytes, ...point } = decodePoint(place, kept) ?? {};
    return encodePoint({ ...place, key: 'd'.repeat(64) }, JSON.stringify(point), from ?? 0, bytes ?? Buffer.alloc(0));
  },
  'of another release': changed((point) => ({ ...point, version: 999 })),
  'no JSON': madeUp(() => '{'),
  'nothing of the steps': changed((point) => ({ ...point, states: {} })),
  'more than the steps': changed((point) => ({ ...point, states: { ...point.states, more: 1 } })),
  'a step keeps something else': changed((point) => ({
    ...point,
    states: Object.fromEntries(Object.keys(point.states).map((name) => [name, { no: 'such' }])),
  })),
  'another reading': changed((point) => ({ ...point, reading: 'no such.' })),
  'a segment that does not follow': changed((point) => ({
    ...point,
    segment: { number: 5, previous: 'ab'.repeat(32), firstFrame: 9 },
  })),
  'a segment that is not there': changed((point) => ({
    ...point,
    segment: { number: 90_000, previous: 'ab'.repeat(32), firstFrame: 9 },
  })),
};

describe('a run that comes no further', () => {
  const builder = statements(4);
  const session = entryOf(builder.opened);

  it('is told from one that makes no part: three of those give up', async () => {
    const query = { format: 'text' } as const;
    const cut = await exportedInCuts(builder, query, session, { borders: () => 1, partBytes: 1_000_000 });
    expect(cut.runs.length).toBeGreaterThan(MAX_IDLE_RUNS);
    const stuck = exportedInCuts(builder, query, session, { borders: () => 1, puts: () => 1, partBytes: 1_000_000 });
    await expect(stuck).rejects.toThrow('failed');
  });

  it('gives up too where what was kept can never be read again', async () => {
    const forgotten = exportedInCuts(builder, { format: 'text' }, session, {
      borders: () => 2,
      partBytes: 1_000_000,
      meanwhile: ({ store, job }) => {
        for (const slot of SLOTS) store.objects.set(renderedKeyOf(job.place, slot), Buffer.alloc(3));
      },
    });
    await expect(forgotten).rejects.toThrow('failed');
  });
});

it('leaves nothing of what was kept when the file is whole', async () => {
  const builder = statements(5);
  const cut = await exportedInCuts(builder, { format: 'csv' }, entryOf(builder.opened), { borders: () => 3 });
  expect(SLOTS.map((slot) => cut.store.objects.get(renderedKeyOf(cut.job.place, slot))?.length)).toEqual([0, 0]);
});

it('keeps no more of a long session than of a short one', async () => {
  const [short, long] = await Promise.all(
    [60, 240].map((length) => {
      const builder = terminals(6, length);
      return exportedInCuts(builder, { format: 'text' }, entryOf(builder.opened), { borders: () => 20 });
    }),
  );
  expect(long?.stateBytes).toBeLessThan(3 * (short?.stateBytes ?? 0));
});

it('is whole when two runs make it at once', async () => {
  const builder = statements(7);
  const session = entryOf(builder.opened);
  const query = { format: 'html' } as const;
  const whole = await exportedBytes(builder, query, session);
  const store = new MemoryRenderedStore();
  const cuts = [1, 2].map(() => exportedInCuts(builder, query, session, { borders: () => Infinity, store }));
  for (const { bytes } of await Promise.all(cuts)) expect(bytes.equals(whole)).toBe(true);
});

it.each([3, 4, 5, 8, 9, 12])('is whole when a run that was thought dead goes on at its write %d', async (at) => {
  const builder = statements(8);
  const session = entryOf(builder.opened);
  const query = { format: 'csv' } as const;
  const whole = await exportedBytes(builder, query, session);
  const asleep = new MemoryRenderedStore();
  let wake = () => {};
  const sleeping = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let sleeps = () => {};
  const slept = new Promise<void>((resolve) => {
    sleeps = resolve;
  });
  let writes = 0;
  const put = asleep.put.bind(asleep);
  asleep.put = async (...args) => {
    if (++writes === at) {
      sleeps();
      await sleeping;
    }
    await put(...args);
  };
  const late = exportedInCuts(builder, query, session, { borders: () => Infinity, store: asleep, partBytes: 700 });
  await slept;
  const other = new MemoryRenderedStore(asleep.objects);
  const made = await exportedInCuts(builder, query, session, {
    borders: () => Infinity,
    store: other,
    partBytes: 700,
    laterMs: 3_600_000,
  });
  expect(made.bytes.equals(whole)).toBe(true);
  wake();
  expect((await late).bytes.equals(whole)).toBe(true);
});

it.each([{ format: 'text' }, { format: 'csv' }, { format: 'html' }] as const)(
  'tells of frames behind the end of the session as $format too, when it begins behind that end',
  async (query) => {
    const late = { kind: 'notice.received', severity: 'NOTICE', code: '00000', message: 'late' } as const;
    const builder = statements(9).cut().fact(late).cut().bytes('client', utf8('more')).cut();
    const session = entryOf(builder.opened);
    const whole = await exportedBytes(builder, query, session);
    const cut = await exportedInCuts(builder, query, session, { borders: () => 1, partBytes: 700 });
    expect(cut.bytes.equals(whole)).toBe(true);
  },
);

it('goes on within a character, and between the question for columns and its answer', async () => {
  const lane = new RecordingBuilder({ protocol: 'ssh' })
    .fact({ kind: 'lane.opened', lane: 1, of: 'exec', label: 'x' }, 1)
    .fact({ kind: 'command.started', action: 1, form: 'exec', command: 'x' }, 1)
    .bytes('target', Uint8Array.of(0xc3), 1)
    .cut()
    .bytes('target', Uint8Array.of(0xa9, 10), 1)
    .cut()
    .end();
  const story = new Story(new RecordingBuilder(), () => 1);
  const ask = joined(message('P', 's\0select $1\0', int16(0)), message('D', 'Ss\0'), message('S'));
  const asked = story.statement('select $1', ask, 'extended', 0);
  story.builder.cut();
  const described = joined(message('1'), message('t', int16(0)), rowDescription([{ name: 'named', type: 23 }]));
  story.answered(asked, joined(described, readyForQuery()), {}, 0);
  story.builder.cut();
  const run = joined(message('B', '\0s\0', int16(0), int16(0), int16(0)), message('E', '\0', int32(0)), message('S'));
  const ran = story.statement('select $1', run, 'extended', 0);
  story.answered(ran, joined(message('2'), dataRow(['7']), commandComplete('SELECT 1'), readyForQuery()), {}, 0);
  const cases = [
    [lane, { format: 'text' }, 'é'],
    [story.builder.end(), { format: 'csv', statement: 2 }, 'named'],
  ] as const;
  for (const [builder, query, holds] of cases) {
    const cut = await exportedInCuts(builder, query, entryOf(builder.opened), { borders: () => 1 });
    expect(cut.bytes.toString()).toContain(holds);
  }
});
