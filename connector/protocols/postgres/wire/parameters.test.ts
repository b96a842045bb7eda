import { describe, expect, it } from 'vitest';
import { MAX_FACT_TEXT } from '../../../../core/recording/facts/bytes-at.ts';
import { textReader } from './encoding.ts';
import { readParameters } from './parameters.ts';

const utf8 = textReader('UTF8');

function parametersOf(formats: number[], values: (Buffer | null)[], types: number[] = []) {
  const parts: Buffer[] = [];
  const int16 = (value: number) => parts.push(Buffer.from([value >> 8, value & 255]));
  int16(formats.length);
  for (const format of formats) int16(format);
  int16(values.length);
  for (const value of values) {
    const length = Buffer.alloc(4);
    length.writeInt32BE(value === null ? -1 : value.length);
    parts.push(length, value ?? Buffer.alloc(0));
  }
  const bytes = Buffer.concat(parts);
  return readParameters(bytes, 0, bytes.length, types, utf8);
}

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

describe('bind parameters', () => {
  it('are text as sent where no format or format 0 is given, and null for NULL', () => {
    expect(parametersOf([], [Buffer.from('seven'), null])).toEqual([
      { type: 0, format: 'text', value: 'seven' },
      { type: 0, format: 'text', value: null },
    ]);
  });

  it.each([
    [16, '01', 'true'],
    [21, 'ffff', '-1'],
    [23, '00000007', '7'],
    [20, '7fffffffffffffff', '9223372036854775807'],
    [26, 'ffffffff', '4294967295'],
    [700, '3dcccccd', '0.1'],
    [701, '3fb999999999999a', '0.1'],
    [25, 'c3bc', 'ü'],
    [2950, '00112233445566778899aabbccddeeff', '00112233-4455-6677-8899-aabbccddeeff'],
    [1082, '00000001', '2000-01-02'],
    [1184, '00000000000f4241', '2000-01-01T00:00:01.000001Z'],
    [17, 'dead', '\\xdead'],
    [23, '07', '\\x07'],
    [0, '00000007', '\\x00000007'],
  ])('of type %i in binary, %s, read %s', (type, bytes, value) => {
    expect(parametersOf([1], [hex(bytes)], [type])).toEqual([{ type, format: 'binary', value }]);
  });

  it('take one format for all, or one each', () => {
    const seven = hex('00000007');
    expect(parametersOf([1], [seven, seven], [23, 23]).map(({ value }) => value)).toEqual(['7', '7']);
    expect(parametersOf([0, 1], [Buffer.from('7'), seven], [23, 23]).map(({ format }) => format)).toEqual([
      'text',
      'binary',
    ]);
  });

  it('are cut together at the most that a fact keeps, and say so', () => {
    const long = Buffer.alloc(MAX_FACT_TEXT - 10, 'x');
    const [first, second] = parametersOf([], [long, long]);
    expect(first?.bytes).toBeUndefined();
    expect(second?.bytes).toBe(long.length);
    expect(second?.value).toHaveLength(10);
  });

  it('that are cut short are listed as far as they are whole', () => {
    const bytes = Buffer.from([0, 0, 0, 2, 0, 0, 0, 1, 0x61, 0, 0, 0, 9, 0x62]);
    expect(readParameters(bytes, 0, bytes.length, [], utf8)).toEqual([
      { type: 0, format: 'text', value: 'a' },
      { type: 0, format: 'text', value: 'b', bytes: 9 },
    ]);
    expect(readParameters(bytes, 0, 3, [], utf8)).toEqual([]);
  });
});

describe('client_encoding', () => {
  it.each([
    ['LATIN1', 'fc', 'ü'],
    ['WIN1252', '80', '€'],
    ['EUC_JP', 'c6fc', '日'],
    ['UTF8', 'c3bc', 'ü'],
    ['MULE_INTERNAL', '61', 'a'],
  ])('%s is read', (encoding, bytes, text) => {
    expect(textReader(encoding)(hex(bytes), 0, bytes.length / 2)).toBe(text);
  });
});
