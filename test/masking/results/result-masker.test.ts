// The rewriter on streams of messages, without a server: any split gives the same messages, long rows
// pass with bounded memory, and nothing that fails lets a value through.

import { SOAK } from '../../harness/soak.ts';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ResultMasker } from '../../../connector/protocols/postgres/results/result-masker.ts';
import { mask } from '../../../core/masking/masked.ts';
import { masksOf, throwingHash } from '../masks-of.ts';
import { TEXT, resolve, fields, complete, ready, RULES, run, rowsOf, typesOf } from './people-result.ts';
import { planResult, SimpleGuide } from './simple-guide.ts';
import { dataRow, int16, int32, message, readMessages, rowDescription } from './wire.ts';

const result = Buffer.concat([
  fields(),
  dataRow(['1', 'secret@example.com', 'nothing here', '{"a":1}']),
  dataRow([
    '2',
    null,
    'card 4111111111111111, bye',
    '{"password":"hunter2","n":4111111111111111,"\\u0061":"x\\u0040example.com"}',
  ]),
  dataRow(['3', '', 'é ü', null]),
  complete,
  ready,
]);

test('cells are masked by column and by detector, and lengths are right', () => {
  const { masks } = masksOf(RULES);
  const { bytes } = run(masks, result);
  expect(rowsOf(bytes)).toEqual([
    ['1', '[masked]', 'nothing here', '{"a":1}'],
    ['2', null, 'card [credit-card], bye', '{"password":"[password]","n":"[credit-card]","\\u0061":"[email]"}'],
    ['3', '[masked]', 'é ü', null],
  ]);
  expect(
    readMessages(bytes)
      .map(({ type }) => type)
      .join(''),
  ).toBe('TDDDCZ');
  expect(masks.masked()).toEqual([
    { rule: 'r#1', count: 2 },
    { rule: 'r#2/credit-card', count: 2 },
    { rule: 'r#2/email', count: 1 },
    { rule: 'r#2/password', count: 1 },
  ]);
});

test('every split of the stream, byte by byte and at random', () => {
  const whole = run(masksOf(RULES).masks, result).bytes;
  for (let at = 0; at <= result.length; at++)
    expect(run(masksOf(RULES).masks, result, [at]).bytes.equals(whole)).toBe(true);
  expect(
    run(
      masksOf(RULES).masks,
      result,
      Array.from({ length: result.length }, (_, at) => at),
    ).bytes.equals(whole),
  ).toBe(true);
  fc.assert(
    fc.property(fc.array(fc.nat(result.length), { maxLength: 9 }), (cuts) => {
      expect(run(masksOf(RULES).masks, result, cuts).bytes.equals(whole)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test('what nobody rewrites is the very bytes that came', () => {
  const { masks } = masksOf([{ columns: ['other.column'], with: 'null' }]);
  const guide = new SimpleGuide(masks, resolve);
  const masker = new ResultMasker(masks, guide);
  const [only, ...more] = mask(masker, result);
  expect(more).toEqual([]);
  expect(only?.buffer).toBe(result.buffer);
  expect(only?.length).toBe(result.length);
  expect(planResult(masks, fields().subarray(5), {}, resolve)).toBeUndefined();
});

test('lineage masks an expression, and an unknown one is refused', () => {
  const description = rowDescription([1, 2, 3].map((n) => ({ name: `c${n}`, table: 0, attribute: 0, type: TEXT })));
  const stream = Buffer.concat([description, dataRow(['SECRET', '42', 'SECRET']), complete]);
  const { masks, incidents } = masksOf([{ columns: ['people.email'], with: 'placeholder' }]);
  const { bytes } = run(masks, stream, [], {
    text: '',
    lineage: [[{ table: 'people', column: 'email' }], [{ table: 'people', column: 'id' }], 'unknown'],
  });
  // The rest of the answer is left out, and the error stands in its place.
  expect(typesOf(bytes)).toBe('TE');
  expect(bytes.toString()).toMatch(/C0A000.*column 3 \("c3"\)/s);
  expect(bytes.toString()).not.toContain('SECRET');
  const known = run(masksOf([{ columns: ['people.email'], with: 'placeholder' }]).masks, stream, [], {
    text: '',
    lineage: [[{ table: 'people', column: 'email' }], [{ table: 'people', column: 'id' }], []],
  });
  expect(rowsOf(known.bytes)).toEqual([['[masked]', '42', 'SECRET']]);
  expect(incidents).toEqual([{ kind: 'mask.withheld', reason: 'lineage_unknown', column: 3 }]);
  const elsewhere = run(masksOf([{ columns: ['people.email'], with: 'placeholder' }]).masks, stream, [], {
    text: '',
    touched: [{ table: 'orders' }],
  });
  expect(rowsOf(elsewhere.bytes)).toEqual([['SECRET', '42', 'SECRET']]);
});

test('rows without a description are refused', () => {
  const { masks, incidents } = masksOf([{ detect: ['email'], with: 'placeholder' }]);
  expect(typesOf(run(masks, Buffer.concat([dataRow(['SECRET', '1']), complete])).bytes)).toBe('E');
  expect(incidents.map(({ reason }) => reason)).toEqual(['result_unknown']);
});

test('a row that does not add up ends everything, and nothing of it is shown', () => {
  const { masks, incidents } = masksOf(RULES);
  const broken = message('D', Buffer.concat([int16(4), int32(1), Buffer.from('1'), int32(999), Buffer.from('SECRET')]));
  const { bytes, masker } = run(masks, Buffer.concat([fields(), broken, complete]));
  expect(bytes.toString('latin1')).not.toContain('SECRET');
  expect(masker.fault).toBeDefined();
  expect(mask(masker, complete)).toEqual([]);
  expect(incidents.at(-1)?.reason).toBe('masking_failed');
});

test('a way that throws refuses the result; no throw leaves', () => {
  const { masks, incidents } = masksOf(
    [
      { columns: ['people.email'], with: 'hash' },
      { detect: ['credit-card'], with: 'hash' },
    ],
    throwingHash,
  );
  const { bytes, masker } = run(masks, result);
  expect(typesOf(bytes)).toBe('TEZ');
  expect(bytes.toString()).toContain('masking failed');
  expect(masker.fault).toBeUndefined();
  expect(incidents.every(({ reason }) => reason === 'masking_failed')).toBe(true);
});

test('text in an encoding whose letters hold ASCII bytes is refused where it is not ASCII', () => {
  const { masks, incidents } = masksOf([{ detect: ['email'], with: 'placeholder' }]);
  const stream = Buffer.concat([
    message('S', Buffer.from('client_encoding\0SJIS\0')),
    fields(),
    dataRow(['1', 'a@b.io', 'x', null]),
    dataRow(['2', Buffer.from([0x83, 0x40, 0x61]), 'x', null]),
    complete,
  ]);
  const { bytes } = run(masks, stream);
  expect(typesOf(bytes)).toBe('STDE');
  expect(rowsOf(bytes)).toEqual([['1', '[email]', 'x', null]]);
  expect(incidents.map(({ reason }) => reason)).toEqual(['encoding_unsafe']);
});

test('a row of 50 MB, or 200, passes with bounded memory, every value as long as it was', () => {
  const { masks } = masksOf(RULES);
  const guide = new SimpleGuide(masks, resolve);
  const masker = new ResultMasker(masks, guide);
  mask(masker, fields());
  const CHUNK = 64 * 1024;
  const CHUNKS = SOAK ? 1600 : 400;
  const note = CHUNKS * CHUNK;
  const mail = CHUNKS * CHUNK;
  const filling = Buffer.from('lorem ipsum 4111111111111111 dolor '.repeat(2000)).subarray(0, CHUNK);
  const head = Buffer.alloc(5);
  head.write('D');
  const begin = Buffer.concat([int16(4), int32(1), Buffer.from('7'), int32(mail)]);
  const between = int32(note);
  const end = Buffer.concat([int32(7), Buffer.from('{"a":1}')]);
  head.writeInt32BE(4 + begin.length + mail + between.length + note + end.length, 1);
  let bytes = 0;
  let seen = 0;
  let tail = Buffer.alloc(0);
  const take = (chunk: Buffer) => {
    for (const part of mask(masker, chunk)) {
      bytes += part.length;
      const text = Buffer.concat([tail, part]);
      if (text.includes('SECRET') || text.includes('4111111111111111')) seen++;
      tail = Buffer.from(text.subarray(-16));
    }
  };
  // What is kept, and not what the collector has not taken yet.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const kept = (): number => {
    // What the first finds dead is freed by another thread, which the second waits for.
    collect();
    collect();
    return process.memoryUsage().arrayBuffers;
  };
  const before = kept();
  let most = 0;
  take(Buffer.concat([head, begin]));
  for (let i = 0; i < CHUNKS; i++) {
    take(Buffer.alloc(CHUNK, 'SECRET'));
    if (i % 50 === 0) most = Math.max(most, kept() - before);
  }
  take(between);
  for (let i = 0; i < CHUNKS; i++) {
    take(filling);
    if (i % 50 === 0) most = Math.max(most, kept() - before);
  }
  take(end);
  expect(masker.fault).toBeUndefined();
  expect(bytes).toBe(head.readInt32BE(1) + 1);
  expect(seen).toBe(0);
  expect(most).toBeLessThan(16 * 1024 * 1024);
  expect(masks.masked().find(({ rule }) => rule === 'r#2/credit-card')?.count).toBeGreaterThan(1000);
});
