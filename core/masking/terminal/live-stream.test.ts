// Cut anywhere, a stream is masked as when it came whole; after a pause as ADR 35 says.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DETECTOR_NAMES } from '../detectors/names.ts';
import { compileMasks, Masks } from '../masks.ts';
import type { LiveStream, Shape } from './live-stream.ts';

const CARD = '4111 1111 1111 1111';
const KEY = `-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMw\nAAAAtzc2gtZW\n-----END OPENSSH PRIVATE KEY-----\n`;

function masksBy(way: 'placeholder' | 'partial'): Masks {
  const rules = compileMasks([
    { name: 'r', mask: [{ detect: [...DETECTOR_NAMES, { name: 'own', pattern: 'EMP-\\d{6}' }], with: way }] },
  ]);
  return new Masks(rules, { keyedHash: (value) => value.slice(0, 16), incidents: () => {} });
}

function streamOf(shape: Shape, way: 'placeholder' | 'partial' = 'placeholder'): LiveStream {
  const stream = masksBy(way).liveStream(shape);
  if (!stream) throw new Error('no detectors');
  return stream;
}

function run(stream: LiveStream, text: Uint8Array, cuts: readonly number[] = []): Buffer {
  const out: Uint8Array[] = [];
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    out.push(stream.push(text.subarray(from, cut)));
    from = cut;
  }
  out.push(stream.push(text.subarray(from)), stream.end());
  return Buffer.concat(out);
}

const masked = (text: string, shape: Shape = 'free', way: 'placeholder' | 'partial' = 'placeholder'): string =>
  run(streamOf(shape, way), Buffer.from(text)).toString();

test('values, through colours and character sets between their letters', () => {
  expect(masked(`card ${CARD}, mail é@exämple.com\n`)).toBe('card [credit-card], mail [email]\n');
  expect(masked('4111 \x1b[1;31m1111\x1b(B\x1b[m 1111\x0f 1111.\n')).toBe('[credit-card]\x1b[1;31m\x1b(B\x1b[m\x0f.\n');
  expect(masked('4111\x1b[C1111\x1b[C1111\x1b[C1111\n', 'columns')).toBe('****\x1b[C****\x1b[C****\x1b[C****\n');
  expect(masked('41\x1b[5b 1111 1111\n')).toBe('41\x1b[5b 1111 1111\n'.replace('\x1b[5b', '11111'));
  expect(masked('41\x1b[2b 1111 1111 1111\n')).toBe('[credit-card]\n');
});

test('at a terminal as many columns, and lines stay where they are', () => {
  expect(masked(`| ${CARD} |\r\n`, 'columns')).toBe('| [credit-card]****** |\r\n');
  expect(masked(`| ${CARD} |\r\n`, 'columns', 'partial')).toBe('| **** **** **** 1111 |\r\n');
  expect(masked('a@b.co 漢字@example.com|\r\n', 'columns')).toBe(`****** [email]${'*'.repeat(9)}|\r\n`);
  const lines = masked(KEY, 'columns').split('\n');
  expect(lines.map((line) => line.length)).toEqual(KEY.split('\n').map((line) => line.length));
  expect(lines.join('')).toMatch(/^\[private-key\]\*+$/);
});

const pieces = fc.constantFrom(
  CARD,
  '4111111111111111',
  KEY,
  KEY.repeat(3),
  `${'x'.repeat(70_000)} ${CARD} `,
  `-----BEGIN PGP PRIVATE KEY BLOCK-----\nComment: a (b) @c\n\n${'QUJD'.repeat(2_000)}\n-----END PGP PRIVATE KEY BLOCK-----`,
  'alice@example.com',
  'DE89 3704 0044 0532 0130 00',
  'password=hunter2!\n',
  'password:\n  "hunter2!"\n',
  `eyJhbGciOiJIUzI1NiJ9.${'eyJzdWIiOiIxMjM0NTY3ODkwIn0'.repeat(3)}.abc`,
  'EMP-123456',
  '\x1b[31m',
  '\x1b[m\x1b[K',
  '\x1b[10;20H',
  '\x1b]0;title\x07',
  '\x1b[C',
  '1\x1b[3b',
  '\x1b',
  '\r\n',
  '\n',
  '\r',
  ' ',
  'é',
  '💳',
  'word',
  '4111 ',
);

test('any split gives the same, in every shape', () => {
  fc.assert(
    fc.property(
      fc.array(pieces, { maxLength: 10 }),
      fc.array(fc.nat(), { maxLength: 8 }),
      fc.constantFrom<Shape>('free', 'columns'),
      (parts, cuts, shape) => {
        const text = Buffer.from(parts.join(''));
        const whole = run(streamOf(shape), text);
        const at = cuts.map((cut) => cut % (text.length + 1));
        expect(run(streamOf(shape), text, at).equals(whole)).toBe(true);
      },
    ),
    { numRuns: 150 },
  );
});

test('colours in front of a value stay in front of it, wherever a chunk ended', () => {
  // ESC ESC is read as a line break: nothing of what stands before it waits.
  const text = Buffer.from(`a\x1b\x1b[m\x1b[31m${CARD}\x1b[m\n`);
  const expected = 'a\x1b\x1b[m\x1b[31m[credit-card]\x1b[m\n';
  for (let cut = 0; cut <= text.length; cut++) expect(run(streamOf('free'), text, [cut]).toString()).toBe(expected);
});

test('a letter behind a colour is repeated, wherever a chunk ended', () => {
  const text = Buffer.from('a\x1b\x1b[31m5\x1b[3b 5555 5555 4444\n');
  const expected = 'a\x1b\x1b[31m[credit-card]\n';
  for (let cut = 0; cut <= text.length; cut++) expect(run(streamOf('free'), text, [cut]).toString()).toBe(expected);
});

test('byte by byte, and nothing but lines waits', () => {
  const text = Buffer.from(`a ${CARD}\r\n${KEY}b password=hunter2!\r\n\x1b[5;5H${CARD}\x1b[1;1H`);
  const every = Array.from({ length: text.length }, (_, at) => at);
  for (const shape of ['free', 'columns'] as const)
    expect(run(streamOf(shape), text, every).toString()).toBe(run(streamOf(shape), text).toString());
  const stream = streamOf('columns');
  expect(Buffer.from(stream.push(Buffer.from('ls\r\nREADME\r\n$ '))).toString()).toBe('ls\r\nREADME\r\n');
  expect(Buffer.from(stream.pause('short')).toString()).toBe('$ ');
  expect(stream.holds).toBe(false);
});

test('text without values goes on as the very bytes that came', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3_000 }), fc.array(fc.nat(3_000), { maxLength: 5 }), (bytes, cuts) => {
      const text = bytes.map((byte) => (byte === 0x1b || byte === 0x40 ? 0x20 : byte));
      fc.pre(masksBy('placeholder').finder?.find(text, 0, text.length).length === 0);
      const at = cuts.map((cut) => Math.min(cut, text.length));
      expect(run(streamOf('free'), text, at).equals(text)).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test('in a pause what may be the beginning of a value waits, and what was shown is not shown again', () => {
  for (const [beginning, rest] of [
    ['4111 1111', ' 1111 1111'],
    ['alice@exam', 'ple.com'],
    ['DE89 3704 0', '044 0532 0130 00'],
    ['password=h', 'unter2!'],
    ['AKIAIOSF', 'ODNN7EXAMPLE'],
    ['-----BEGIN RSA PRI', `VATE KEY-----\n${'QUJD'.repeat(20)}\n-----END RSA PRIVATE KEY-----`],
  ] as const) {
    const stream = streamOf('free');
    let out = Buffer.from(stream.push(Buffer.from(`see ${beginning}`))).toString();
    out += Buffer.from(stream.pause('short')).toString();
    expect(out.startsWith('see ')).toBe(true);
    expect(out).not.toContain(beginning.slice(-4));
    out += Buffer.from(stream.push(Buffer.from(`${rest}\n`))).toString();
    out += Buffer.from(stream.end()).toString();
    expect(out).toMatch(/^see (?:password=)?\[[a-z-]+\]\n$/);
  }
});

test('after a longer pause the rest alone is hidden, and told', () => {
  const stream = streamOf('columns');
  stream.push(Buffer.from('4111 1111'));
  expect(Buffer.from(stream.pause('long')).toString()).toBe('4111 1111');
  expect(Buffer.from(stream.push(Buffer.from(' 1111 1111\r\n'))).toString()).toBe('**********\r\n');
  expect(stream.partly).toBe(1);
});

test('a value that was hidden in a pause and goes on stays hidden', () => {
  const stream = streamOf('free');
  stream.push(Buffer.from('mail alice@example.co'));
  expect(Buffer.from(stream.pause('long')).toString()).toBe('mail [email]');
  expect(Buffer.from(stream.push(Buffer.from('m ok\n'))).toString()).toBe(' ok\n');
  expect(stream.partly).toBe(0);
});

test('a key of which the end does not come is held, at a terminal hidden as it comes', () => {
  const half = KEY.slice(0, 90);
  const free = streamOf('free');
  expect(free.push(Buffer.from(half)).length + free.pause('long').length).toBe(0);
  const terminal = streamOf('columns');
  const shown = Buffer.concat([terminal.push(Buffer.from(half)), terminal.pause('long')]).toString();
  expect(shown).toMatch(/^\[private-key\]\*+\n\*+$/);
  expect(shown.length).toBe(half.length);
});
