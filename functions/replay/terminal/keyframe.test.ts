import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SOAK } from '../../../test/harness/soak.ts';
import { Emulator } from '../../../core/replay/emulator.ts';
import { Keyframes } from './keyframe.ts';

const ESC = '\u001b';
const number = fc.integer({ min: 0, max: 14 });
const csi = (finals: string) =>
  fc
    .tuple(fc.array(number, { maxLength: 2 }), fc.constantFrom(...finals))
    .map(([n, final]) => `${ESC}[${n.join(';')}${final}`);

/** What programs send: text of many widths, cursor, regions, saved cursors, modes, character sets. */
const piece = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 30 }) },
  { weight: 2, arbitrary: fc.constantFrom('漢字かな', '👩‍🚀', '🎉🎉', 'é', 'e\u0301', '한국어', '─│┌', 'ﬁ', '\u00ad') },
  { weight: 2, arbitrary: fc.constantFrom('\r\n', '\n', '\r', '\b', '\t', '\u000e', '\u000f', '\u000b') },
  { weight: 5, arbitrary: csi('ABCDEFGHdfaeJKLMPX@STrbgZI') },
  {
    weight: 2,
    arbitrary: fc
      .array(
        fc.constantFrom(
          '0',
          '1',
          '2',
          '3',
          '4',
          '4:3',
          '5',
          '7',
          '8',
          '9',
          '22',
          '24',
          '27',
          '31',
          '42',
          '95',
          '104',
          '38;5;200',
          '48;2;1;2;3',
          '58:5:9',
          '58:2::4:5:6',
          '53',
          '39',
          '49',
        ),
        { minLength: 1, maxLength: 3 },
      )
      .map((codes) => `${ESC}[${codes.join(';')}m`),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...['7', '8', 'D', 'E', 'M', 'H', '(0', '(B', ')0', '*A', 'n', 'o', 'c', '#8', '='].map((code) => ESC + code),
      ...[
        '?1049h',
        '?1049l',
        '?47h',
        '?47l',
        '?6h',
        '?6l',
        '?7l',
        '?7h',
        '4h',
        '4l',
        '?25l',
        '?25h',
        '?45h',
        '3g',
        '?1000h',
        '?3h',
        '!p',
        's',
        'u',
        '1"q',
        '0"q',
        '?2004h',
      ].map((code) => `${ESC}[${code}`),
      `${ESC}]8;;https://example.com${ESC}\\link${ESC}]8;;${ESC}\\`,
      `${ESC}]0;title\u0007`,
      `${ESC}_Ga=T;AAAA${ESC}\\`,
      `${ESC}P0;0;0q#0~~@@${ESC}\\`,
      `${ESC}P1:x\u009c\u0301`,
      `${ESC}Xshows nothing\u009c\u0301`,
      `${ESC}[38;2;1\n;2;3m`,
      '\u009b2b',
      '\u009b4;4H',
      '\u0301',
    ),
  },
);
const size = fc.record({ columns: fc.integer({ min: 4, max: 20 }), rows: fc.integer({ min: 2, max: 8 }) });
/** Chunks are cut anywhere, as a network does. */
const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      text: fc.array(piece, { minLength: 1, maxLength: 6 }).map((all) => all.join('')),
      cut: fc.nat(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ size }) },
);

type Chunk = string | { columns: number; rows: number };
const chunksOf = (steps: ({ text: string; cut: number } | { size: { columns: number; rows: number } })[]): Chunk[] =>
  steps.flatMap((one): Chunk[] => {
    if ('size' in one) return [one.size];
    const at = one.cut % (one.text.length + 1);
    // No half of a surrogate pair: the recording's bytes are decoded before.
    const whole = /[\ud800-\udbff]$/.test(one.text.slice(0, at)) ? at + 1 : at;
    return [one.text.slice(0, whole), one.text.slice(whole)].filter((text) => text !== '');
  });

/** Plays it. xterm.js throws for some odd sizes. */
function throws(emulator: Emulator, chunk: Chunk): boolean {
  try {
    if (typeof chunk === 'string') emulator.write(chunk);
    else emulator.resize(chunk);
    return false;
  } catch {
    return true;
  }
}

/** By the library's own interface: whatever a viewer sees. */
function seen({ terminal }: Emulator): unknown {
  const { active } = terminal.buffer;
  const rows: string[] = [];
  for (let y = 0; y < terminal.rows; y++) {
    const line = active.getLine(y);
    const cells: string[] = [];
    for (let x = 0; x < terminal.cols; x++) {
      const cell = line?.getCell(x);
      if (!cell) continue;
      const style = [
        cell.isBold(),
        cell.isDim(),
        cell.isItalic(),
        cell.isUnderline(),
        cell.isBlink(),
        cell.isInverse(),
        cell.isInvisible(),
        cell.isStrikethrough(),
        cell.isOverline(),
      ];
      const colors = [cell.getFgColorMode(), cell.getFgColor(), cell.getBgColorMode(), cell.getBgColor()];
      cells.push(`${cell.getChars()}|${cell.getWidth()}|${style.map(Number).join('')}|${colors.join()}`);
    }
    rows.push(cells.join(' '));
  }
  const { x, y } = { x: active.cursorX, y: active.cursorY };
  return { type: active.type, rows, x, y, cols: terminal.cols };
}

/** What both show behind a cut at the end of `before`; undefined: none is given there. */
function shownAfter(before: string, after: string, next: string | undefined = after) {
  const keyframes = new Keyframes({ columns: 20, rows: 4 });
  keyframes.write(before);
  const screen = keyframes.take(next);
  if (screen === undefined) return undefined;
  const sought = new Emulator(keyframes.emulator);
  sought.restore(screen);
  sought.write(after);
  keyframes.write(after);
  return { sought: seen(sought), played: seen(keyframes.emulator) };
}

describe('a keyframe', () => {
  it.each([
    ['a sequence', `a${ESC}[3`, '1mb'],
    ['a sequence with a control in it', `a${ESC}[3\r\n`, '1mb'],
    ['a sequence of C1', 'a\r\u009b4;', '4Hb'],
    ['an image of a kitty', `a\r\n${ESC}_Ga=T;AAAA`, `AAA${ESC}\\b`],
    ['an image of an iTerm', `a${ESC}]1337;File=inline=1:AA`, 'AAA\u0007b'],
    ['a sixel image', `a${ESC}P0;0;0q#0`, `~~@@${ESC}\\b`],
    ['a title', `a${ESC}]0;ti`, `tle${ESC}\\b`],
    ['nothing, before a character of two cells', 'a', '漢b'],
    ['half of a wide character', `漢漢漢\u001b[2G${ESC}[31m${ESC}[@`, 'b'],
  ])('is given in the middle of %s', (_, before, after) => {
    const shown = shownAfter(before, after);
    expect(shown).toBeDefined();
    expect(shown?.sought).toEqual(shown?.played);
  });

  it.each([
    ['a repetition', 'a', `${ESC}[3b`],
    ['what may become one', `a${ESC}[3`, 'b'],
    ['a character that joins the one before', 'e', '\u0301'],
    ['one behind a string that ends with C1', `e${ESC}Xa`, 'b\u009c\u0301'],
    ['a string that ends with C1', 'e', `${ESC}Xb\u009c\u0301`],
    ['a sequence that is none', 'e', `${ESC}[1<m\u0301`],
  ])('is not given before %s', (_, before, after) => {
    expect(shownAfter(before, after)).toBeUndefined();
  });

  it('alone may write half of a character: what was recorded does not', () => {
    const emulator = new Emulator({ columns: 20, rows: 4 });
    emulator.write(`ab${ESC}]7701;0;0\u0007c`);
    expect(emulator.terminal.buffer.active.getLine(0)?.translateToString(true)).toBe('abc');
  });

  it('and the rest show what all of it shows, wherever it is cut', () => {
    let given = 0;
    let asked = 0;
    fc.assert(
      fc.property(
        size,
        fc.array(step, { minLength: 2, maxLength: 25 }),
        fc.nat(),
        fc.nat(),
        (begin, steps, cut, known) => {
          const chunks = chunksOf(steps);
          const at = cut % Math.max(1, chunks.length);
          const keyframes = new Keyframes(begin);
          for (const chunk of chunks.slice(0, at))
            if (typeof chunk === 'string') keyframes.write(chunk);
            else keyframes.resize(chunk);
          const next = chunks.slice(at).find((chunk): chunk is string => typeof chunk === 'string');
          const screen = keyframes.take(known % 3 > 0 ? next : undefined);
          asked++;
          if (screen === undefined) return;
          given++;
          const sought = new Emulator(keyframes.emulator);
          sought.restore(screen);
          expect(seen(sought)).toEqual(seen(keyframes.emulator));
          for (const chunk of chunks.slice(at)) {
            const threw = throws(keyframes.emulator, chunk);
            expect(throws(sought, chunk)).toBe(threw);
            // What a viewer is told then is that nothing more is shown.
            if (threw) return;
            expect(seen(sought)).toEqual(seen(keyframes.emulator));
          }
        },
      ),
      { numRuns: SOAK ? 10_000 : 150 },
    );
    // One that is never given would always be right.
    expect(given / asked).toBeGreaterThan(0.3);
  });
});
