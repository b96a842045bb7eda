// What terminals showed, as lines: output that is drawn again and again comes once. Sequences are those of the programs' own output
// (procps-ng 4 top and watch, htop, apt, docker, npm, readline), shortened.

import { describe, expect, it } from 'vitest';
import { ScreenLines } from './screen-lines.ts';

const E = '\u001b';
/** Each piece a second after the one before; an empty one stands for something else that was told. */
function linesOf(...pieces: readonly string[]): string[] {
  const screen = new ScreenLines({ columns: 40, rows: 6 });
  const shown = pieces.flatMap((piece, i) =>
    piece === '' ? screen.settled() : screen.write((i + 1) * 1_000_000, piece),
  );
  return [...shown, ...screen.end(pieces.length * 1_000_000)].map((each) =>
    each.kind === 'line' ? each.text.trimEnd() : `(${each.kind} ${(each.timeUs - each.sinceUs) / 1e6})`,
  );
}

describe('what is drawn again and again', () => {
  const frame = (n: number) => [`top ${n}`, `tasks ${n}`, '', `1 init ${n}`, `2 sh ${n}`, '3 ps'].join(`${E}[K\r\n`);

  it('top: its last screen alone', () => {
    expect(
      linesOf(
        '$ ls\r\na\r\n$ top\r\n',
        `${E}[?1h${E}=${E}[?25l${E}[H${E}[2J${frame(1)}`,
        ...[2, 3, 4].map((n) => `${E}[H${frame(n)}${E}[J`),
        `${E}[?1l${E}>${E}[7;1H\r\n${E}[?25h${E}[K$ exit\r\n`,
      ),
    ).toEqual(['$ ls', 'a', '$ top', '(drawn-over 4)', 'top 4', 'tasks 4', '', '1 init 4', '2 sh 4', '3 ps', '$ exit']);
  });

  it('frames that begin with a cleared screen, with line feeds and without', () => {
    for (const [down, blank] of [
      ['\r\n', ['']],
      [`${E}[3;1H`, []],
    ] as const) {
      const watched = (n: number) => `${E}[H${E}[2JEvery 1s: date${down === '\r\n' ? '\r\n\r\n' : down}${n}${E}[6;1H`;
      expect(linesOf('$ watch\r\n', watched(1), watched(2), watched(3))).toEqual([
        ...['$ watch', '(drawn-over 2)', 'Every 1s: date', ...blank, '3'],
      ]);
    }
  });

  it('htop without the alternate screen: the cursor sent to each row', () => {
    const bars = (n: number) => `${E}[1;1HCPU[${'|'.repeat(n)}${E}[K${E}[2;1HMem[${n}${E}[K${E}[6;1H`;
    expect(linesOf('$ htop\r\n', bars(1), bars(2), bars(3), '').slice(-2)).toEqual(['CPU[|||', 'Mem[3']);
  });

  it('several bars that grow, by a cursor that goes up', () => {
    expect(
      linesOf(
        '$ docker pull x\r\n1: Waiting\r\n2: Waiting\r\n',
        `${E}[2A${E}[2K\r1: Done${E}[2B\r`,
        `${E}[1A${E}[2K\r2: Done\r\n`,
        `${E}[2A1: Complete\r\n2: Complete\r\n$ `,
      ),
    ).toEqual(['$ docker pull x', '(drawn-over 3)', '1: Complete', '2: Complete', '$']);
  });
});

describe('what is not', () => {
  it('apt: its lines, and of the bar at the foot no flood', () => {
    const bar = (percent: number) => `${E}7${E}[6;0f${E}[42mProgress: [${percent}%]${E}[0m${E}8`;
    const lines = linesOf(
      `# apt install x\r\n\n${E}7${E}[0;5r${E}8${E}[1A`,
      ...[10, 40, 70].map((percent) => `\r\nUnpacking ${percent}${bar(percent)}`),
      ...[80, 90, 99].map((percent) => `\r\nSetting up ${percent}${bar(percent)}`),
      `\r\n\n${E}7${E}[0;6r${E}8${E}[1A${E}[J`,
    );
    expect(lines.filter((line) => /^(Unpacking|Setting)/.test(line))).toEqual([
      ...[10, 40, 70].map((percent) => `Unpacking ${percent}`),
      ...[80, 90, 99].map((percent) => `Setting up ${percent}`),
    ]);
    expect(lines.filter((line) => line.startsWith('Progress')).length).toBeLessThan(2);
  });

  it('one bar and a spinner: their last state', () => {
    expect(linesOf('10%\r', '50%\r', '100%\r\n', `\\${E}[1G`, `|${E}[1G`, `${E}[0Kadded 3 packages\r\n`)).toEqual([
      ...['100%', 'added 3 packages'],
    ]);
  });

  it('line editing, also over a wrapped line', () => {
    expect(
      linesOf('$ lx', '\b \bs', '\r\na\r\n', `$ ${'x'.repeat(50)}`, `${E}[A\r$ y${E}[K\r\n${E}[K`, '\r\n'),
    ).toEqual(expect.arrayContaining(['$ ls', 'a']));
  });

  it('clear: what was there before is told, and what comes after it', () => {
    expect(linesOf('$ ls\r\na\r\n$ clear\r\n', `${E}[H${E}[2J${E}[3J$ `, 'ls\r\na\r\n$ ')).toEqual([
      ...['$ ls', 'a', '$ clear', '$ ls', 'a', '$'],
    ]);
  });

  it('a line is told once, whatever is told in between', () => {
    expect(
      linesOf('a\r\nb\r\n', '', 'c\r\n', '', '', `${Array.from({ length: 9 }, (_, i) => i).join('\r\n')}\r\n`),
    ).toEqual([...['a', 'b', 'c', '0', '1', '2', '3', '4', '5', '6', '7', '8']]);
  });

  it('more than a screen goes on as it comes', () => {
    const screen = new ScreenLines({ columns: 40, rows: 6 });
    expect(screen.write(0, 'x\r\n'.repeat(1000)).length).toBeGreaterThan(990);
  });
});

describe('one that goes on where another was left', () => {
  it.each([
    ['within a sequence', `ab\r\n${E}[3`, '1mred\r\n'],
    ['before a repetition', 'ab', `${E}[3b\r\n`],
    ['before what joins the letter', 'ae', '\u0301x\r\n'],
    ['within a line that wraps', 'x'.repeat(60), `${'y'.repeat(50)}\r\n`],
    ['while a bar grows', 'ten\r', 'one hundred\r\n'],
    ['on the other screen', `sh\r\n${E}[?1049h${E}[2;3Hvi`, `${E}[?1049lback\r\n`],
    ['in a region', `a\r\nb\r\nc\r\nd\r\n${E}[2;4r${E}[4;1H`, '\n\n\nz\r\n'],
    ['while lines are drawn over', `one\r\ntwo\r\n${E}[2A`, 'ONE\r\nTWO\r\nthree\r\n'],
  ])('tells the same lines: %s', (_, before, after) => {
    const whole = new ScreenLines({ columns: 40, rows: 6 });
    whole.write(1_000_000, before);
    const kept = JSON.parse(JSON.stringify(whole.state())) as ReturnType<ScreenLines['state']>;
    const other = new ScreenLines({ columns: 1, rows: 1 }, kept);
    const [one, two] = [whole, other].map((screen) => [
      ...screen.write(2_000_000, after),
      ...screen.settled(),
      ...screen.end(3_000_000),
    ]);
    expect(two).toEqual(one);
    expect(two?.length).toBeGreaterThan(0);
  });
});
