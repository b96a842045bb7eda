import { expect, it } from 'vitest';
import { lineShown } from './shown-line.ts';

const read = (since: string) => lineShown({ columns: 80, prompt: '$ ', since });

it('reads a line alike whatever was shown of another before, which may be of another session', () => {
  const lines = [
    'id',
    'echo 漢字\x1b[D\x1b[Kx',
    'a\tb',
    'x'.repeat(100),
    'q\n w',
    'lqk',
    'a\x1b[2D\x1b[@z',
    '\x1b8z',
    '\x1b[5bq',
    '\u0301x',
  ];
  const left = [
    ...[
      '\x1b',
      '\x1b[',
      '\x1b[1;',
      '\x1b[?',
      '\x1b]0;',
      '\x1bP',
      '\x1bPq',
      '\x1b_x',
      '\x1b^',
      '\x1bX',
      '\x1b(',
      '\x1b#',
      '\uD83D',
      'e',
    ],
    ...[
      '\x1b[20h',
      '\x1b[4h',
      '\x1b[?7l',
      '\x1b[?6h',
      '\x1b[?45h',
      '\x1b[?1;1049h',
      '\x1b[3g',
      '\x1b[2;5r',
      '\x1b[5;5H\x1b7',
    ],
    ...['\x1b(0', '\x1b)0\x0e', '\x1b*0\x1bn', '\x1b[31m', '\x1b[1"q', '\x1b[2;5H\x1bH', '\x1b[2J'.repeat(3000)],
  ];
  const alone = lines.map(read);
  for (const before of left)
    for (const [index, line] of lines.entries()) {
      read(before);
      expect(read(line), JSON.stringify(before.slice(0, 20))).toEqual(alone[index]);
    }
});
