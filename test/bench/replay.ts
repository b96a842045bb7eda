// What a seek into ten hours costs: bytes and objects read from the store, characters sent, for the outline once and for each of
// many moments.

import { randomBytes } from 'node:crypto';
import type { ReplayEvent } from '../../core/catalogue.ts';
import type { TerminalEvent } from '../../core/replay/terminal.ts';
import { answer, RecordingBuilder } from '../harness/recording-builder.ts';
import { storedReplay } from '../harness/session/stored-replay.ts';

const TEN_HOURS_US = 36_000_000_000;
const MOMENTS = 200;
/** The player loads no more from one keyframe. */
const PLAYED_BYTES = 8 * 1024 * 1024;
const utf8 = (text: string) => new TextEncoder().encode(text);
const below = (most: number): number => Math.floor(Math.random() * most);
const word = (): string => below(1e12).toString(36);

/** Chunks of output, evenly over ten hours. */
function terminal(
  size: readonly [columns: number, rows: number],
  chunks: number,
  chunk: (index: number) => Uint8Array,
) {
  const [columns, rows] = size;
  const builder = new RecordingBuilder({ protocol: 'ssh', cuts: true })
    .fact({ kind: 'lane.opened', lane: 1, of: 'shell', label: 'shell' }, 1)
    .fact({ kind: 'terminal.resized', columns, rows }, 1)
    .fact({ kind: 'command.started', action: 1, form: 'shell', command: '' }, 1);
  for (let index = 0; index < chunks; index++) {
    builder.wait(TEN_HOURS_US / chunks);
    const bytes = chunk(index);
    if (bytes.length > 0) builder.bytes('target', bytes, 1);
  }
  return builder.end();
}

const logLine = (): string =>
  `app[${below(1e5)}]: \u001b[3${below(8)}m${word()} ${word()}\u001b[0m order ${below(1e6)}\r\n`;
const cell = (): string =>
  `\u001b[${1 + below(500)};${1 + below(1000)}H\u001b[38;2;${below(256)};${below(256)};${below(256)}m${below(10)}`;
const times = (count: number, make: () => string): string => Array.from({ length: count }, make).join('');

const TERMINALS: Readonly<Record<string, () => RecordingBuilder>> = {
  'a shell at work, 120 x 40': () =>
    terminal([120, 40], 7200, () =>
      Math.random() < 0.4 ? utf8(`$ journalctl\r\n${times(below(60), logLine)}`) : utf8(''),
    ),
  '`yes`, 120 MB': () => terminal([120, 40], 2000, () => utf8('y\r\n'.repeat(20_000))),
  'random bytes, 39 MB': () => terminal([120, 40], 600, () => new Uint8Array(randomBytes(64 * 1024))),
  'cells in colour anywhere, 1000 x 500': () => terminal([1000, 500], 600, () => utf8(times(2000, cell))),
};

function statements(): RecordingBuilder {
  const builder = new RecordingBuilder();
  for (let n = 0; n < 1200; n++) {
    const rows = Array.from({ length: 1000 }, () => [word(), `${word()} ${word()}`, word()]);
    builder
      .wait(TEN_HOURS_US / 1200)
      .query(`select id, name, note from orders_${n}`, answer(['id', 'name', 'note'], rows), {
        rows: rows.length,
      });
    builder.cut();
  }
  return builder.end();
}

interface Cost {
  readonly read: number;
  readonly objects: number;
  readonly sent: number;
}

export async function benchReplay(): Promise<void> {
  for (const [name, make] of Object.entries(TERMINALS)) {
    const { ask } = storedReplay<TerminalEvent>(make());
    const began = performance.now();
    const outline = await ask({ part: 'outline' });
    const tookMs = performance.now() - began;
    const keyframes = outline.events.filter((event) => event.kind === 'keyframe');
    tell(
      name,
      outline,
      tookMs,
      keyframes.map((keyframe) => JSON.stringify(keyframe).length),
    );
    const seeks: Cost[] = [];
    for (let i = 0; i < MOMENTS; i++) {
      const moment = below(TEN_HOURS_US);
      const index = Math.max(
        0,
        keyframes.findLastIndex(({ timeUs }) => timeUs <= moment),
      );
      const until = keyframes[index + 1]?.cursor;
      const cost = { read: 0, objects: 0, sent: 0 };
      for (let cursor = keyframes[index]?.cursor; cursor !== undefined && cost.sent < PLAYED_BYTES; ) {
        const page = await ask({ lane: 1, cursor, ...(until !== undefined && { until }) });
        for (const what of ['read', 'objects', 'sent'] as const) cost[what] += page[what];
        const last = page.events.at(-1);
        cursor = last?.kind === 'more' ? last.cursor : undefined;
      }
      seeks.push(cost);
    }
    tellSeeks(seeks);
  }
  const { ask } = storedReplay<ReplayEvent>(statements());
  const began = performance.now();
  const outline = await ask({ part: 'outline' });
  tell('1,200 statements of 1,000 rows', outline, performance.now() - began, []);
  const cursors = outline.events.flatMap((event) => (event.kind === 'rows' && event.cursor ? [event.cursor] : []));
  const seeks: Cost[] = [];
  for (let i = 0; i < MOMENTS; i++) seeks.push(await ask({ cursor: cursors[below(cursors.length)] ?? '' }));
  tellSeeks(seeks);
}

function tell(name: string, { read, objects, sent }: Cost, tookMs: number, keyframes: readonly number[]): void {
  console.log(name);
  console.log(`  outline: ${kib(sent)} sent, ${kib(read)} read in ${objects} objects, ${Math.round(tookMs)} ms`);
  if (keyframes.length > 0) console.log(`  keyframes: ${keyframes.length}, ${spread(keyframes, kib)}`);
}

function tellSeeks(seeks: readonly Cost[]): void {
  console.log(
    `  seek, read: ${spread(
      seeks.map(({ read }) => read),
      kib,
    )}`,
  );
  console.log(
    `  seek, objects: ${spread(
      seeks.map(({ objects }) => objects),
      String,
    )}`,
  );
  console.log(
    `  seek, sent: ${spread(
      seeks.map(({ sent }) => sent),
      kib,
    )}`,
  );
}

const kib = (bytes: number): string => `${Math.ceil(bytes / 1024).toLocaleString('en')} KiB`;

function spread(values: readonly number[], show: (value: number) => string): string {
  const sorted = values.toSorted((a, b) => a - b);
  return `p50 ${show(sorted[sorted.length >> 1] ?? 0)}, max ${show(sorted.at(-1) ?? 0)}`;
}
