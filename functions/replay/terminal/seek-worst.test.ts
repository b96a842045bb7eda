// Seeks where there is most to read: what cannot be compressed, large screens, characters of many bytes, strings that show nothing,
// other lanes. Segments are as connectors cut them. Counted are all bytes that the store gives for the stretch of a moment; what is
// shown then is compared with playing from the beginning.

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Emulator } from '../../../core/replay/emulator.ts';
import { unpackedScreen } from '../../../core/replay/packed-screen.ts';
import type { TerminalEvent } from '../../../core/replay/terminal.ts';
import { RecordingBuilder } from '../../../test/harness/recording-builder.ts';
import { storedReplay } from '../../../test/harness/session/stored-replay.ts';
import { writeScreen } from './screen.ts';

const MIB = 1024 * 1024;
const TEN_HOURS_US = 36_000_000_000;
const MOMENTS = 6;
const SHELL = 1;
const BESIDE = 2;
const FRAME = 48 * 1024;

/** xorshift32: bytes that nothing compresses, the same in each run. */
function seeded(seed: number) {
  let state = seed;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  const below = (most: number): number => next() % most;
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => next() >>> 24);
  return { below, bytes };
}
const { below, bytes } = seeded(20_261_130);
const utf8 = (text: string) => new TextEncoder().encode(text);
const times = (count: number, make: () => string): string => Array.from({ length: count }, make).join('');

const shell = (columns: number, rows: number) =>
  new RecordingBuilder({ protocol: 'ssh', cuts: true })
    .fact({ kind: 'lane.opened', lane: SHELL, of: 'shell', label: 'shell' }, SHELL)
    .fact({ kind: 'terminal.resized', columns, rows }, SHELL)
    .fact({ kind: 'command.started', action: 1, form: 'shell', command: '' }, SHELL);

/** In frames over ten hours, cut anywhere. */
function over(builder: RecordingBuilder, all: Uint8Array, direction: 'client' | 'target' = 'target', lane = SHELL) {
  const frames = Math.ceil(all.length / FRAME);
  // A busy moment, and then nothing for long.
  for (let n = 0; n < frames; n++) {
    if (n % 24 === 0) builder.wait(Math.floor((TEN_HOURS_US * 24) / frames));
    builder.bytes(direction, all.subarray(n * FRAME, (n + 1) * FRAME), lane);
  }
  return builder;
}

const color = () => `${below(256)};${below(256)};${below(256)}`;
const cell = () => `\u001b[38;2;${color()};48;2;${color()}m${String.fromCharCode(33 + below(90))}`;
const anywhere = (columns: number, rows: number) => () => `\u001b[${1 + below(rows)};${1 + below(columns)}H${cell()}`;

const WORST: Readonly<Record<string, () => RecordingBuilder>> = {
  'random bytes': () => over(shell(120, 40), bytes(8 * MIB)),
  'noise in true colour, line by line': () => over(shell(200, 60), utf8(times(200_000, cell))),
  'noise in true colour, anywhere on 500 x 200': () => over(shell(500, 200), utf8(times(240_000, anywhere(500, 200)))),
  'random characters of three and four bytes': () =>
    over(
      shell(120, 40),
      utf8(times(1_500_000, () => String.fromCodePoint(below(8) ? 0x4e00 + below(20_000) : 0x1f300 + below(500)))),
    ),
  'images, of which nothing is shown': () => {
    const image = () => Buffer.from(bytes(2 * MIB)).toString('base64');
    const builder = shell(120, 40);
    for (const [begin, end] of [
      ['\u001b]1337;File=inline=1:', '\u0007'],
      ['\u001b_Ga=T;', '\u001b\\'],
      ['\u001bP0;0;0q', '\u001b\\'],
    ])
      over(builder, utf8(`before\r\n${begin}${image()}${end} after\r\n`));
    return builder;
  },
  'a quiet shell beside files that are copied': () => {
    const builder = shell(120, 40).fact({ kind: 'lane.opened', lane: BESIDE, of: 'sftp', label: 'sftp' }, BESIDE);
    for (let n = 0; n < 160; n++) {
      builder.wait(TEN_HOURS_US / 160).bytes('target', bytes(FRAME), BESIDE);
      if (n % 50 === 10) builder.bytes('target', utf8(`\u001b[3${n % 8}mline ${n}\r\n`), SHELL);
    }
    return builder;
  },
  'a shell that takes a file and says nothing': () =>
    over(shell(120, 40).bytes('target', utf8('$ rz\r\n'), SHELL), bytes(6 * MIB), 'client'),
};

type Keyframe = Extract<TerminalEvent, { kind: 'keyframe' }>;

function play(emulator: Emulator, event: TerminalEvent): void {
  if (event.kind === 'output') emulator.write(event.text);
  if (event.kind === 'resize') emulator.resize(event);
}

/** With colours. */
function shownBy(emulator: Emulator): string {
  const rows = Array.from({ length: emulator.rows }, (_, y) =>
    emulator.terminal.buffer.active.getLine(y)?.translateToString(),
  );
  return createHash('sha256')
    .update(`${writeScreen(emulator)}${rows.join('\n')}`)
    .digest('hex');
}

describe('a seek into ten hours', () => {
  it.each(Object.keys(WORST))(
    'reads less than 2 MiB and shows what playing shows: %s',
    async (what) => {
      const builder = WORST[what]?.();
      if (!builder) throw new Error('no recording');
      const { ask } = storedReplay<TerminalEvent>(builder.end());
      const outline = await ask({ part: 'outline' });
      expect(outline.events.at(-1)?.kind).toBe('ended');
      expect(outline.read).toBeGreaterThan(2.2 * MIB);
      const keyframes = outline.events.filter(
        (event): event is Keyframe => event.kind === 'keyframe' && event.lane === SHELL,
      );
      const moments = Array.from({ length: MOMENTS }, () => below(TEN_HOURS_US / 1e6) * 1e6)
        .concat(keyframes.slice(1, 7).map(({ timeUs }) => timeUs - 1))
        .sort((a, b) => a - b);
      const whole = (await ask({})).events.filter((event) => 'lane' in event && event.lane === SHELL);
      const played = new Emulator({ columns: 0, rows: 0 });
      let most = 0;
      let at = 0;
      for (const moment of moments) {
        for (let event = whole[at]; event && event.timeUs <= moment; event = whole[++at]) play(played, event);
        const index = keyframes.findLastIndex(({ timeUs }) => timeUs <= moment);
        const [keyframe, next] = [keyframes[index], keyframes[index + 1]];
        if (!keyframe) throw new Error('no keyframe before it');
        const sought = new Emulator(keyframe);
        sought.restore(await unpackedScreen(keyframe));
        let read = 0;
        for (let cursor: string | undefined = keyframe.cursor; cursor !== undefined; ) {
          const page = await ask({ lane: SHELL, cursor, ...(next && { until: next.cursor }) });
          read += page.read;
          for (const event of page.events) if (event.timeUs <= moment) play(sought, event);
          const last = page.events.at(-1);
          cursor = last?.kind === 'more' ? last.cursor : undefined;
        }
        expect(shownBy(sought)).toBe(shownBy(played));
        sought.close();
        most = Math.max(most, read);
      }
      expect(most).toBeLessThan(2 * MIB);
      expect(outline.sent).toBeLessThan(outline.read);
    },
    120_000,
  );
});
