import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REPLAY_MAX_ROWS } from '../../../core/catalogue.ts';
import {
  answer,
  commandComplete,
  dataRow,
  int16,
  int32,
  message,
  readyForQuery,
  rowDescription,
} from '../../../test/harness/recording-builder.ts';
import { ResultDecoder } from './results.ts';

const concat = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
function decode(...chunks: Uint8Array[]) {
  const decoder = new ResultDecoder();
  for (const chunk of chunks) decoder.push(chunk);
  return decoder.takeAll();
}
const parseComplete = message('1');
const bindComplete = message('2');
const errorResponse = message('E', 'SERROR\0C42P01\0Mno such table\0\0');

describe('results of a PostgreSQL server', () => {
  const conversation = concat(
    message('S', 'client_encoding\0UTF8\0'),
    readyForQuery(),
    answer(
      ['id', 'name'],
      [
        ['1', 'Ada'],
        ['2', null],
      ],
    ),
    parseComplete,
    bindComplete,
    rowDescription([{ name: 'n', type: 23, format: 1 }]),
    dataRow([int32(42)]),
    commandComplete('SELECT 1'),
    readyForQuery(),
    commandComplete('INSERT 0 1'),
    errorResponse,
    readyForQuery(),
  );
  const results = [
    {
      columns: ['id', 'name'],
      rows: [
        ['1', 'Ada'],
        ['2', null],
      ],
      omitted: 0,
    },
    { columns: ['n'], rows: [['42']], omitted: 0 },
  ];

  it('are the same however the bytes were split', () => {
    expect(decode(conversation)).toMatchObject(results);
    for (let at = 1; at < conversation.length; at++)
      expect(decode(conversation.subarray(0, at), conversation.subarray(at))).toMatchObject(results);
    expect(decode(...Array.from(conversation, (byte) => Uint8Array.of(byte)))).toMatchObject(results);
  });

  it('keep the first rows and count the rest', () => {
    const rows = Array.from({ length: REPLAY_MAX_ROWS + 5 }, (_, i) => [String(i)]);
    const [result] = decode(answer(['i'], rows));
    expect(result?.rows).toEqual(rows.slice(0, REPLAY_MAX_ROWS));
    expect(result?.omitted).toBe(5);
  });

  it('of a row of half a gigabyte take what a screen shows', () => {
    const decoder = new ResultDecoder();
    const size = 512 * 1024 * 1024;
    const head = Buffer.concat([Buffer.from('D'), int32(4 + 2 + 4 + size), int16(1), int32(size)]);
    decoder.push(rowDescription([{ name: 'blob' }]));
    decoder.push(head);
    const chunk = new Uint8Array(1024 * 1024).fill(0x61);
    for (let i = 0; i < 512; i++) decoder.push(chunk);
    decoder.push(commandComplete('SELECT 1'));
    const [result] = decoder.takeAll();
    expect(result?.rows[0]?.[0]?.length).toBeLessThan(2000);
  });

  it('without a description are numbered', () => {
    const [result] = decode(bindComplete, dataRow(['a', null]), commandComplete('SELECT 1'));
    expect(result).toMatchObject({ columns: ['column 1', 'column 2'], rows: [['a', null]] });
  });

  it('of a description that nothing followed are none', () => {
    expect(decode(parseComplete, message('t', int16(0)), rowDescription([{ name: 'x' }]), readyForQuery())).toEqual([]);
  });

  it('of COPY show its lines', () => {
    const copyOut = (format: number) => message('H', Uint8Array.of(format), int16(1), int16(format));
    expect(
      decode(copyOut(0), message('d', '1\tAda\n'), message('d', '2\t\\N\n'), message('c'), commandComplete('COPY 2')),
    ).toMatchObject([{ columns: ['copy'], rows: [['1\tAda'], ['2\t\\N']] }]);
    expect(decode(copyOut(1), message('d', Uint8Array.of(0, 255)), commandComplete('COPY 1'))).toMatchObject([
      { rows: [['\\x00ff']] },
    ]);
  });

  it('are told apart by where they began', () => {
    const first = answer(['a'], [['1']]);
    const second = answer(['b'], [['2']]);
    const decoder = new ResultDecoder();
    decoder.push(concat(first, second));
    expect(decoder.takeRange(0, first.length)).toMatchObject([{ columns: ['a'] }]);
    expect(decoder.takeRange(first.length, first.length + second.length)).toMatchObject([{ columns: ['b'] }]);
  });

  it('come back after bytes that are no message, at the next border that is known', () => {
    const noise = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0);
    const sound = answer(['a'], [['1']]);
    const decoder = new ResultDecoder();
    decoder.push(noise);
    expect(decoder.takeRange(0, noise.length)).toEqual([]);
    decoder.push(sound);
    expect(decoder.takeRange(noise.length, noise.length + sound.length)).toMatchObject([{ rows: [['1']] }]);
  });

  it('never fail on bytes of any kind', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(fc.constantFrom('T', 'D', 'C', 'H', 'd', 'E', 'Z', 'n', '1', 't'), fc.uint8Array({ maxLength: 40 }))
        .map(([type, body]) => message(type, body)),
    );
    const request = fc
      .tuple(fc.constantFrom('P', 'B', 'D', 'E', 'S', 'Q', 'C'), fc.uint8Array({ maxLength: 40 }))
      .map(([type, body]) => message(type, body));
    fc.assert(
      fc.property(fc.array(fc.tuple(request, piece), { maxLength: 20 }), (pieces) => {
        const decoder = new ResultDecoder();
        for (const [asked, answered] of pieces) {
          decoder.pushClient(asked);
          decoder.push(answered);
        }
        decoder.takeAll();
      }),
    );
  });
});
