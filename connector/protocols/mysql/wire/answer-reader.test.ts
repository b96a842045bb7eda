import { describe, expect, it } from 'vitest';
import { AnswerReader } from './answer-reader.ts';
import type { AnswerShape } from './commands.ts';
import { FULL_PACKET_BYTES, packet } from './packets.ts';
import { errorPacket, okPacket } from './replies.ts';
import { lengthBytes, littleEndian } from './values.ts';

const int16 = (value: number) => littleEndian(value, 2);
const definition = (sequence: number, name = 'x') =>
  packet(sequence, Buffer.from('\x03def\0\0\0'), lengthBytes(Buffer.from(name)), 0, 0x0c, Buffer.alloc(12));
const eof = (sequence: number, status = 2) => packet(sequence, 0xfe, int16(0), int16(status));
const okEnd = (sequence: number, status = 2) => packet(sequence, 0xfe, 0, 0, int16(status), int16(0));
const ok = (sequence: number, affected: number, status = 2) =>
  packet(sequence, 0, affected, 0, int16(status), int16(0));
const row = (sequence: number, ...cells: (string | Buffer)[]) =>
  packet(sequence, ...cells.map((cell) => lengthBytes(Buffer.from(cell))));
const error = (sequence: number) => errorPacket(sequence, { code: 1064, sqlstate: '42000', message: 'no' });
const all = (...parts: Buffer[]) => Buffer.concat(parts);

function read(shape: AnswerShape, deprecateEof: boolean, chunks: readonly Buffer[]) {
  const reader = new AnswerReader(shape, deprecateEof);
  let taken = 0;
  for (const chunk of chunks) {
    let at = 0;
    while (at < chunk.length && !reader.over && reader.fault === undefined) at = reader.read(chunk, at);
    taken += at;
  }
  const { over, fault, rows, results, error, prepared, status, sequence } = reader;
  return { taken, over, fault, rows, results, error, prepared, status, sequence };
}

const FORTY_ROWS = Array.from({ length: 40 }, (_, n) => row(4 + n, String(n), n % 2 ? 'even' : ''));

const ANSWERS: readonly [name: string, shape: AnswerShape, deprecateEof: boolean, bytes: Buffer, seen: object][] = [
  ['OK', 'text results', true, ok(1, 3), { results: [{ rows: 0, affected: 3 }] }],
  ['ERR', 'text results', true, error(1), { error: { code: 1064, sqlstate: '42000', message: 'no' }, results: [] }],
  [
    'rows',
    'text results',
    true,
    all(packet(1, 2), definition(2), definition(3), ...FORTY_ROWS, okEnd(44)),
    { rows: 40, sequence: 44 },
  ],
  [
    'rows with EOF',
    'text results',
    false,
    all(packet(1, 2), definition(2), definition(3), eof(4), ...FORTY_ROWS, eof(45)),
    { rows: 40 },
  ],
  [
    'no rows with EOF',
    'text results',
    false,
    all(packet(1, 1), definition(2), eof(3), eof(4)),
    { rows: 0, results: [{ rows: 0, affected: undefined }] },
  ],
  [
    'an old EOF where none is due',
    'text results',
    true,
    all(packet(1, 1), definition(2), row(3, 'a'), eof(4)),
    { rows: 1, status: 2 },
  ],
  [
    'results and an OK',
    'text results',
    true,
    all(packet(1, 1), definition(2), row(3, 'a'), okEnd(4, 10), packet(5, 1), definition(6), okEnd(7, 10), ok(8, 0)),
    {
      results: [
        { rows: 1, affected: undefined },
        { rows: 0, affected: undefined },
        { rows: 0, affected: 0 },
      ],
    },
  ],
  [
    'an error in the second result',
    'text results',
    true,
    all(ok(1, 1, 10), error(2)),
    { results: [{ rows: 0, affected: 1 }] },
  ],
  [
    'an error in mid-rows',
    'binary results',
    true,
    all(packet(1, 1), definition(2), packet(3, 0, 0, 5), error(4)),
    { rows: 1 },
  ],
  ['a cursor', 'binary results', false, all(packet(1, 1), definition(2), eof(3, 0x42)), { rows: 0, status: 0x42 }],
  [
    'a cursor without EOF',
    'binary results',
    true,
    all(packet(1, 1), definition(2), okEnd(3, 0x42)),
    { rows: 0, status: 0x42 },
  ],
  ['fetched rows', 'fetched', false, all(packet(1, 0, 0, 5), packet(2, 0, 0, 6), eof(3, 0x82)), { rows: 2 }],
  [
    'prepared',
    'prepared',
    false,
    all(
      packet(1, 0, littleEndian(7, 4), int16(1), int16(2), 0, int16(0)),
      definition(2),
      definition(3),
      eof(4),
      definition(5),
      eof(6),
    ),
    { prepared: { id: 7, parameters: 2 } },
  ],
  [
    'prepared without EOF',
    'prepared',
    true,
    all(packet(1, 0, littleEndian(7, 4), int16(1), int16(2), 0, int16(0)), definition(2), definition(3), definition(4)),
    { prepared: { id: 7, parameters: 2 } },
  ],
  [
    'prepared of nothing',
    'prepared',
    true,
    packet(1, 0, littleEndian(9, 4), int16(0), int16(0), 0, int16(0)),
    { prepared: { id: 9, parameters: 0 } },
  ],
  ['a line', 'line', true, packet(1, 'Uptime: 4'), {}],
  ['a single EOF', 'single', false, eof(1), { status: 2 }],
  ['columns', 'columns', true, all(definition(1), definition(2), okEnd(3)), {}],
];

describe('an answer', () => {
  it.each(ANSWERS)(
    '%s: ends where it ends, whatever follows, at every split',
    (_name, shape, deprecateEof, bytes, seen) => {
      const whole = read(shape, deprecateEof, [bytes]);
      expect(whole).toMatchObject({ over: true, fault: undefined, taken: bytes.length, ...seen });
      const more = all(bytes, Buffer.from([9, 9, 9, 9, 9]));
      expect(read(shape, deprecateEof, [more])).toEqual(whole);
      for (let at = 1; at < bytes.length; at++)
        expect(read(shape, deprecateEof, [bytes.subarray(0, at), bytes.subarray(at)])).toEqual(whole);
      expect(
        read(
          shape,
          deprecateEof,
          [...bytes].map((byte) => Buffer.of(byte)),
        ),
      ).toEqual(whole);
    },
  );

  it('rows and columns may begin with every byte', () => {
    for (let first = 0; first < 256; first++) {
      // A cell of that many bytes has its length in front.
      const rows = first === 0xfb ? packet(3, 0xfb) : row(3, 'x'.repeat(first));
      const answer = all(packet(1, 1), definition(2, 'x'.repeat(first)), rows, okEnd(4));
      expect(read('text results', true, [answer])).toMatchObject({ rows: 1, over: true, taken: answer.length });
    }
  });

  it('a row of more than a packet is one row, whatever its parts begin with', () => {
    for (const size of [FULL_PACKET_BYTES - 4, FULL_PACKET_BYTES]) {
      const answer = all(packet(1, 1), definition(2), row(3, Buffer.alloc(size, 0xff)), okEnd(9));
      expect(read('text results', true, [answer])).toMatchObject({
        rows: 1,
        over: true,
        taken: answer.length,
        error: undefined,
      });
    }
  });

  it.each<[string, AnswerShape, Buffer]>([
    ['a file that is asked of the client', 'text results', packet(1, 0xfb, '/etc/passwd')],
    ['no columns', 'text results', packet(1, 0xfe)],
    ['an empty packet', 'text results', packet(1)],
    ['another first packet of prepared', 'prepared', packet(1, 1)],
    ['rows instead of an OK', 'single', packet(1, 2)],
    ['an OK that ends in its middle', 'text results', packet(1, 0, 0)],
  ])('%s is a fault', (_name, shape, bytes) => {
    expect(read(shape, true, [bytes]).fault).toBeDefined();
    expect(
      read(
        shape,
        true,
        [...bytes].map((byte) => Buffer.of(byte)),
      ).fault,
    ).toBeDefined();
  });

  it('tells where it quotes the statement, and nothing else', () => {
    const bytes = all(packet(1, 1), definition(2, "password('x')"), row(3, 'kept'), error(4));
    for (let at = 0; at <= bytes.length; at++) {
      const reader = new AnswerReader('text results', true);
      const shown = Buffer.from(bytes);
      let base = 0;
      reader.onQuote = (from, to) => void shown.fill(0x2a, base + from, base + to);
      for (const part of [bytes.subarray(0, at), bytes.subarray(at)]) {
        reader.read(part, 0);
        base += part.length;
      }
      const text = shown.toString('latin1');
      expect(text).not.toContain('password');
      expect(text).toContain('kept');
      expect(text).toContain('#42000**');
    }
  });

  it('a packet that is under way has a length; one that goes on another has none', () => {
    const reader = new AnswerReader('text results', true);
    reader.read(okPacket(1).subarray(0, 6), 0);
    expect(reader.unfinished).toBe(6);
    const long = new AnswerReader('fetched', true);
    long.read(packet(1, Buffer.alloc(FULL_PACKET_BYTES)).subarray(0, FULL_PACKET_BYTES + 4), 0);
    expect(long.unfinished).toBe(Number.POSITIVE_INFINITY);
  });
});
