import { describe, expect, it } from 'vitest';
import { mask } from '../../../../core/masking/masked.ts';
import { Masks } from '../../../../core/masking/masks.ts';
import type { Exposure } from '../../../../core/sql/mysql/hidden/hidden-columns.ts';
import { definition, rowsEnd, textResult } from '../../../../test/harness/mysql/raw-mysql.ts';
import { AnswerReader } from '../wire/answer-reader.ts';
import { packet } from '../wire/packets.ts';
import { errorPacket, readError } from '../wire/replies.ts';
import { MaskedResults } from './masked-results.ts';

const masks = () =>
  new Masks(
    [
      {
        name: 'r',
        mask: [
          { columns: ['people.ssn'], with: 'placeholder' },
          { detect: ['us-ssn'], with: 'placeholder' },
        ],
      },
    ],
    {
      keyedHash: () => new Uint8Array(32),
      incidents: () => {},
    },
  );
const items = (...before: readonly ('clear' | 'unknown')[]): Exposure => ({
  kind: 'items',
  before,
  star: false,
  after: [],
  byName: undefined,
  tables: [],
});

/** What the client gets of an answer that comes in pieces of `size`; and what of the last piece stood behind it. */
function show(answer: Buffer, exposure: Exposure, size: number, deprecateEof = true) {
  const reader = new AnswerReader('text results', deprecateEof);
  const computed = () => false;
  const results = new MaskedResults(reader, 'text', {
    masks: masks(),
    exposure,
    quotesData: true,
    accounts: false,
    computed,
  });
  const shown: Uint8Array[] = [];
  for (let at = 0; at < answer.length && !reader.over; at += size)
    shown.push(...mask(results, answer.subarray(at, at + size)));
  return {
    shown: Buffer.concat(shown),
    rest: results.rest(),
    over: reader.over,
    fault: results.fault,
    rows: reader.rows,
  };
}

describe('an answer whose rows are masked', () => {
  const answer = textResult(
    ['id', 'what'],
    [
      ['1', 'secret'],
      ['2', 'see 078-05-1120 there'],
      ['3', ''],
    ],
  );
  const twice = Buffer.concat([
    packet(1, 1),
    definition(2, 'a'),
    packet(3, Buffer.from('\x01x')),
    rowsEnd(4, 8),
    packet(5, 1),
    definition(6, 'b'),
    packet(7, Buffer.from('\x01y')),
    rowsEnd(8),
  ]);

  it('is the same however it is cut', () => {
    for (const [bytes, exposure] of [
      [answer, items('clear', 'unknown')],
      [answer, items('clear', 'clear')],
      [answer, { kind: 'clear' }],
      [twice, { kind: 'unknown' }],
    ] as const) {
      const whole = show(bytes, exposure, bytes.length);
      expect(whole).toMatchObject({ over: true, fault: undefined });
      for (const size of [1, 2, 3, 5, 7, 64]) expect(show(bytes, exposure, size)).toEqual(whole);
    }
  });

  it('shows what it may, hides what it must, and finds what looks like it', () => {
    const hidden = show(answer, items('clear', 'unknown'), 9).shown.toString('latin1');
    expect(hidden).toContain('[masked]');
    expect(hidden).not.toMatch(/secret|078-05/);
    const found = show(answer, items('clear', 'clear'), 9).shown.toString('latin1');
    expect(found).toContain('see [us-ssn] there');
    expect(found).toContain('secret');
  });

  it('goes on with the number of the command, which may be of several packets', () => {
    const behind = Buffer.concat([packet(3, 1), definition(4, 'a'), packet(5, Buffer.from('\x01x')), rowsEnd(6)]);
    expect(show(behind, { kind: 'clear' }, 5).shown).toEqual(behind);
    const refused = show(Buffer.concat([packet(3, 1), definition(4, 'n', 8), rowsEnd(5)]), { kind: 'unknown' }, 5);
    expect(refused.shown[3]).toBe(3);
  });

  it('untouched is byte for byte what came', () => {
    const plain = textResult(['a'], [['x'], ['y']]);
    expect(show(plain, { kind: 'clear' }, 4).shown).toEqual(plain);
  });

  it('that has another number of columns than the text says is hidden', () => {
    expect(show(answer, items('clear'), 9).shown.toString('latin1')).not.toMatch(/secret/);
  });

  it('gives back what stands behind it', () => {
    const next = packet(1, 0, 0, 0, 2, 0, 0, 0);
    const { rest, rows } = show(Buffer.concat([answer, next]), { kind: 'clear' }, 10_000);
    expect([rest, rows]).toEqual([next, 3]);
  });

  it('of numbers that may be computed of a hidden column is an error in place of its rows, and nothing follows', () => {
    const numbers = Buffer.concat([
      packet(1, 1),
      definition(2, 'n', 8),
      packet(3, Buffer.from('\x015')),
      rowsEnd(4, 8),
      twice,
    ]);
    const { shown, over } = show(numbers, { kind: 'unknown' }, 3);
    expect(over).toBe(true);
    expect([shown[3], shown[4], readError(shown.subarray(4)).code]).toEqual([1, 0xff, 1227]);
    expect(shown.length).toBe(4 + shown.readUIntLE(0, 3));
  });

  it('of EXPLAIN is shown as a table, but for what quotes something; in one column it quotes', () => {
    const names = ['id', 'select_type', 'table', 'type', 'possible_keys', 'key', 'key_len', 'ref', 'rows', 'Extra'];
    const row = (extra: string) => [...names.slice(0, -1).map((name) => `of ${name}`), extra];
    const plan = textResult(names, [
      row('Using where; Using join buffer (flat, BNL join)'),
      row("pushed: (a = 'secret')"),
    ]);
    const shown = show(plan, { kind: 'plan' }, 9).shown.toString('latin1');
    expect(shown).toContain('of possible_keys');
    expect(shown).toContain('Using join buffer (flat, BNL join)');
    expect(shown).not.toContain('secret');
    const tree = textResult(['EXPLAIN'], [["-> Filter: (a = 'secret')"]]);
    expect(show(tree, { kind: 'plan' }, 9).shown.toString('latin1')).toMatch(/\[masked\]/);
    expect(show(tree, { kind: 'plan' }, 9).shown.toString('latin1')).not.toMatch(/secret/);
  });

  it('that ends in an error does not say what the error quotes', () => {
    const begun = Buffer.concat([packet(1, 1), definition(2, 'a'), packet(3, Buffer.from('\x01x'))]);
    const quotes = errorPacket(4, { code: 1062, sqlstate: '23000', message: "Duplicate entry 'secret'" });
    const names = errorPacket(4, { code: 1064, sqlstate: '42000', message: "near 'secret'" });
    expect(show(Buffer.concat([begun, quotes]), { kind: 'clear' }, 5).shown.toString('latin1')).not.toContain('secret');
    expect(show(Buffer.concat([begun, names]), { kind: 'clear' }, 5).shown.toString('latin1')).toContain(
      "near 'secret'",
    );
  });

  it('whose row is not understood ends the session, and nothing of it is shown', () => {
    const broken = Buffer.concat([packet(1, 1), definition(2, 'a'), packet(3, Buffer.from('\x30secret'))]);
    const { shown, fault } = show(broken, items('unknown'), 10_000);
    expect(fault).toBeDefined();
    expect(shown.length).toBe(0);
  });
});
