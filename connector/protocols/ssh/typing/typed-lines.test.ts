import { describe, expect, it } from 'vitest';
import { TypedLines } from './typed-lines.ts';

/** A terminal, played: `<` is typed, `>` is shown. */
function play(steps: readonly string[], columns = 80): string[] {
  const told: string[] = [];
  const lines = new TypedLines(columns, (line) => told.push(line));
  for (const step of steps) {
    const bytes = Buffer.from(step.slice(1));
    if (step.startsWith('>')) lines.show(bytes);
    else
      for (let at = 0; at < bytes.length; at++) {
        at = lines.type(bytes, at);
        if (at < bytes.length) lines.ended(bytes[at], false);
      }
  }
  return told;
}
/** A shell that echoes each letter. */
const echoed = (text: string) => [...text].flatMap((letter) => [`<${letter}`, `>${letter}`]);
const ENTER = ['<\r', '>\r\n'];

it('outlasts whatever a program shows', () => {
  const odd = [
    '>\x1b[2147483647b\x1b[1;1r\x1b[2147483647S',
    '>漢'.repeat(400),
    '>\x1b]0;',
    `>\x1b[${'9;'.repeat(2000)}m`,
  ];
  for (const columns of [0, 1, 2, 4_000_000_000]) {
    const steps = odd.flatMap((one) => ['<x', one, '<\r', '>\r\n']);
    expect(() => play(steps, columns)).not.toThrow();
  }
});

it('reads no line amid output that costs more than lines do, and is done at once', () => {
  const shown = (odd: string) => play(['>$ ', ...echoed('id'), `>${odd}\x1b[H\x1b[2J$ id`, ...ENTER]);
  // As an editor that clears what is below with each key.
  expect(shown('\x1b[J'.repeat(600))).toEqual(['id']);
  for (const odd of [
    '[2000S',
    '[60L',
    '[2000T',
    '[60M',
    'c',
    '#8',
    '[2J',
    '[?2J',
    '[5 @',
    '[?1;1049h\x1b[?1;1049l',
    "[3'}",
  ])
    expect(shown(`\x1b${odd}`.repeat(2600)), odd).toEqual([]);
  expect(shown('x\x1b[2000b'.repeat(1000))).toEqual([]);
  // Typed ahead, so that each line of output may be one of them: minutes, where each is looked at anew for each.
  const ahead = ['>$ ', ...echoed('sleep'), '<\r', `<${`${'y'.repeat(16_000)}\r`.repeat(90)}`, '<b\r', '>\r\n'];
  const returns = `>${'\r'.repeat(250_000)}`;
  const odd = [`>${'z\n'.repeat(50_000)}`, ...[1, 2, 3, 4].flatMap(() => [returns, '>z\n'])];
  expect(play([...ahead, ...odd, '>b\r\n'])).toEqual(['sleep', 'b']);
});

describe('lines that are typed at a terminal', () => {
  it('are told as they are shown, each once, when Enter was answered', () => {
    expect(play(['>$ ', ...echoed('ls -l'), ...ENTER, '>a b\r\n$ ', ...echoed('id'), '<\r'])).toEqual(['ls -l']);
    expect(play(['<id', '>$ id', ...ENTER])).toEqual(['id']);
    expect(play(['>$ ', ...echoed('ls 漢字'), ...ENTER, '>$ ', ...echoed('id'), ...ENTER])).toEqual(['ls 漢字', 'id']);
  });

  it('are never told without an echo, or where stars stand for it', () => {
    const asked = ['>$ ', ...echoed('su'), ...ENTER, '>Password: '];
    expect(play([...asked, '<sesame\r', '>\r\n', '>$ ', ...echoed('id'), ...ENTER])).toEqual(['su', 'id']);
    expect(play([...asked, '<s', '>*', '<e', '>*', ...ENTER])).toEqual(['su']);
    expect(play([...asked, '<s', '>*', '<\t', '>*', ...ENTER])).toEqual(['su']);
    // What was shown beside it is not what was typed.
    expect(play([...asked, '<sesame', '>try again: ', '<\r', '>\r\n'])).toEqual(['su']);
    // Typed before it was asked for, so that nobody knows whether it is.
    const ahead = ['>$ ', ...echoed('su'), '<\rsesame\r', '>\r\nPassword: ', '>\r\n$ '];
    expect(play([...ahead, ...echoed('id'), ...ENTER, '>$ ', '<\x1b[A', '>id', ...ENTER])).toEqual(['su', 'id', 'id']);
  });

  it('are what the screen shows after completion, history and editing', () => {
    expect(play(['>$ ', ...echoed('cat fo'), '<\t', '>obar.txt ', ...ENTER])).toEqual(['cat foobar.txt']);
    expect(play(['>$ ', '<\x1b[A', '>make all', ...ENTER])).toEqual(['make all']);
    // Home, and a letter before the others.
    expect(play(['>$ ', ...echoed('s -l'), '<\x01', '>\r\x1b[2C', '<l', '>ls -l\b\b\b\b', ...ENTER])).toEqual([
      'ls -l',
    ]);
    expect(play(['>$ ', ...echoed('lx'), '<\x7f', '>\b\x1b[K', ...echoed('s'), ...ENTER])).toEqual(['ls']);
    // Listed, and drawn anew below.
    expect(play(['>$ ', ...echoed('cat f'), '<\t\t', '>\r\nfoo  fun\r\n$ cat f', ...echoed('oo'), ...ENTER])).toEqual([
      'cat foo',
    ]);
    const known = ['>$ ', ...echoed('id'), ...ENTER];
    const listed = ['>$ ', ...echoed('cat f'), '<\t\t', '>\r\nfoo  fun\r\n$ cat f', ...echoed('oo'), ...ENTER];
    expect(play([...known, ...listed])).toEqual(['id', 'cat foo']);
    expect(play([...known, '>$ ', ...echoed('ls'), '<\x0c', '>\x1b[H\x1b[2J$ ls', ...ENTER])).toEqual(['id', 'ls']);
  });

  it('are not what an editor suggests behind the cursor', () => {
    expect(play(['>$ ', '<l', '>l\x1b[2ms -l /root\x1b[m\x1b[10D', ...ENTER])).toEqual(['l']);
  });

  it('are whole where they wrap, and where several lines are pasted', () => {
    const long = `echo ${'x'.repeat(30)}`;
    // As readline does at the last column.
    const wrapped = [...long].flatMap((letter, at) => [`<${letter}`, `>${letter}${at === 17 ? ' \r' : ''}`]);
    expect(play(['>$ ', ...wrapped, ...ENTER], 20)).toEqual([long]);
    expect(play(['>$ ', '<\x1b[200~a\rb\x1b[201~', '>a\r\nb', ...ENTER])).toEqual(['a\nb']);
    expect(play(['>$ ', '<a\rb\r', '>a\r\n', '>out\r\n$ ', '>b\r\n', '>$ '])).toEqual(['a', 'b']);
  });

  it('are forgotten when they are given up', () => {
    expect(play(['>$ ', ...echoed('rm x'), '<\x03', '>^C\r\n$ ', ...echoed('ls'), ...ENTER])).toEqual(['ls']);
    expect(play(['>$ ', ...echoed('cat'), ...ENTER, '<\x04', '>$ ', ...echoed('ls'), ...ENTER])).toEqual(['cat', 'ls']);
    expect(play(['>$ ', ...echoed('rm x'), '<\x15', '>\r\x1b[2C\x1b[K', ...echoed('ls'), ...ENTER])).toEqual(['ls']);
  });

  it('are none on the screens of editors and pagers, wherever the switch is cut', () => {
    const edited = ['<:wq', '>:wq', '<\r', '>\r\n'];
    for (const at of [1, 3, 6, 7, 8, 9]) {
      const enter = '\x1b[?1049h\x1b[2J';
      const leave = '\x1b[?1049l$ ';
      const steps = [
        `>${enter.slice(0, at)}`,
        `>${enter.slice(at)}`,
        ...edited,
        `>${leave.slice(0, at)}`,
        `>${leave.slice(at)}`,
      ];
      expect(play([...steps, ...echoed('ls'), ...ENTER])).toEqual(['ls']);
    }
  });

  it('are found again after keys that were for a program', () => {
    const known = ['>$ ', ...echoed('less x'), ...ENTER];
    expect(play([...known, '>text\r\n:', '<q', '>\r\x1b[K$ ', ...echoed('ls'), ...ENTER])).toEqual(['less x', 'ls']);
  });

  it('cost nothing but a look at what is shown meanwhile', () => {
    const flood = `>${'y\r\n'.repeat(50_000)}`;
    expect(
      play([
        '>$ ',
        ...echoed('yes'),
        ...ENTER,
        flood,
        '<ls',
        flood,
        '<\r',
        flood,
        flood,
        '>$ ',
        ...echoed('id'),
        ...ENTER,
      ]),
    ).toEqual(['yes', 'id']);
  });
});
