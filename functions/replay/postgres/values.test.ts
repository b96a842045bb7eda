import { describe, expect, it } from 'vitest';
import { MAX_CELL_CHARS, showCell } from './values.ts';

const binary = (type: number, hex: string) => {
  const bytes = new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  return showCell(bytes, bytes.length, type, 'binary');
};
const text = (value: string) => {
  const bytes = new TextEncoder().encode(value);
  return showCell(bytes, bytes.length, 25, 'text');
};

describe('a cell in binary format', () => {
  // Each as PostgreSQL 15 sends it.
  it.each([
    ['boolean', 16, '01', 't'],
    ['boolean', 16, '00', 'f'],
    ['bytea', 17, 'dead beef', '\\xdeadbeef'],
    ['bigint', 20, '8000000000000000', '-9223372036854775808'],
    ['smallint', 21, 'ffff', '-1'],
    ['integer', 23, '0000002a', '42'],
    ['oid', 26, 'ffffffff', '4294967295'],
    ['text', 25, 'c3a4', 'ä'],
    ['double', 701, '3ff8000000000000', '1.5'],
    ['date', 1082, '0000265c', '2026-11-20'],
    ['time', 1083, '0000000a 0eebb000', '12:00:00'],
    ['timestamp', 1114, '000303ac5e140400', '2026-11-20 04:22:57.760256'],
    ['timestamp before 2000', 1114, 'ffffffffffffffff', '1999-12-31 23:59:59.999999'],
    ['uuid', 2950, '00112233445566778899aabbccddeeff', '00112233-4455-6677-8899-aabbccddeeff'],
    ['jsonb', 3802, '01 7b7d', '{}'],
    ['numeric', 1700, '0002 0000 0000 0002 000c 0d7a', '12.34'],
    ['numeric', 1700, '0001 0001 4000 0000 0001', '-10000'],
    ['numeric', 1700, '0001 ffff 0000 0004 0001', '0.0001'],
    ['numeric', 1700, '0000 0000 0000 0000', '0'],
    ['numeric', 1700, '0000 0000 c000 0000', 'NaN'],
    ['a type that is not known', 600, '00ff', '\\x00ff'],
    ['an integer that is cut', 23, '0000', '\\x0000'],
    ['infinity', 1082, '7fffffff', 'infinity'],
    ['infinity', 1184, '8000000000000000', '-infinity'],
    ['a date beyond reckoning', 1082, '7ffffffe', '\\x7ffffffe'],
  ])('%s is shown as people read it', (_, type, hex, shown) => {
    expect(binary(type, hex)).toBe(shown);
  });
});

describe('a cell in text format', () => {
  it('is shown as it came', () => {
    expect(text('Zoë')).toBe('Zoë');
  });
  it('is cut, and marked as cut, when it is long', () => {
    expect(text('x'.repeat(MAX_CELL_CHARS + 1))).toBe(`${'x'.repeat(MAX_CELL_CHARS)}…`);
    expect(text('x'.repeat(MAX_CELL_CHARS))).toBe('x'.repeat(MAX_CELL_CHARS));
  });
  it('is read as binary when it holds a NUL, which no text does', () => {
    expect(showCell(Uint8Array.of(0, 0, 0, 7), 4, 23, 'text')).toBe('7');
  });
});
