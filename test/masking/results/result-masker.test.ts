// The rewriter on streams of messages, without a server: any split gives the same messages, long rows
// pass with bounded memory, and nothing that fails lets a value through.

import { SOAK } from '../../harness/soak.ts';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ResultMasker } from '../../../connector/protocols/postgres/results/result-masker.ts';
import { mask } from '../../../core/masking/masked.ts';
import type { Masks } from '../../../core/masking/masks.ts';
import { copyCsv, copyText } from './copy-plans.ts';
import { type CurrentStatement, planResult, SimpleGuide } from './simple-guide.ts';
import { masksOf, throwingHash } from '../masks-of.ts';
import { dataRow, int16, int32, message, readMessages, readRow, rowDescription } from './wire.ts';

const TEXT = 25;
const NAMES = ['id', 'email', 'note', 'doc'];
const resolve = (_table: number, attribute: number) => ({
  schema: 'public',
  table: 'people',
  column: NAMES[attribute - 1] ?? '',
});
const fields = (binary = false) =>
  rowDescription([
    { name: 'id', table: 1, attribute: 1, type: 23, binary },
    { name: 'email', table: 1, attribute: 2, type: TEXT, binary },
    { name: 'note', table: 1, attribute: 3, type: TEXT, binary },
    { name: 'doc', table: 1, attribute: 4, type: 114, binary },
  ]);
const complete = message('C', Buffer.from('SELECT 1\0'));
const ready = message('Z', Buffer.from('I'));
const RULES = [
  { columns: ['people.email'], with: 'placeholder' },
  { detect: ['credit-card', 'iban', 'email', 'password'], with: 'placeholder' },
];

function run(masks: Masks, stream: Buffer, cuts: readonly number[] = [], current?: CurrentStatement) {
  const guide = new SimpleGuide(masks, resolve);
  guide.current = current;
  const masker = new ResultMasker(masks, guide);
  const out: Uint8Array[] = [];
  let from = 0;
  for (const cut of [...[...cuts].sort((a, b) => a - b), stream.length]) {
    out.push(...mask(masker, stream.subarray(from, cut)).map((part) => Buffer.from(part)));
    from = cut;
  }
  return { bytes: Buffer.concat(out), masker };
}
const rowsOf = (bytes: Buffer) =>
  readMessages(bytes)
    .filter(({ type }) => type === 'D')
    .map(({ body }) => readRow(body).map((cell) => cell?.toString() ?? null));

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

const typesOf = (bytes: Buffer): string =>
  readMessages(bytes)
    .map(({ type }) => type)
    .join('');

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

describe('COPY', () => {
  const plans = (binary: boolean) =>
    planResult(masksOf(RULES).masks, fields(binary).subarray(5), {}, resolve)?.columns ?? [];
  const begin = (binary: boolean) =>
    message(
      'H',
      Buffer.concat([
        Buffer.from([binary ? 1 : 0]),
        int16(4),
        ...Array.from({ length: 4 }, () => int16(binary ? 1 : 0)),
      ]),
    );
  const data = (text: string | Buffer) => message('d', Buffer.from(text as string));
  const joined = (bytes: Buffer) =>
    Buffer.concat(
      readMessages(bytes)
        .filter(({ type }) => type === 'd')
        .map(({ body }) => body),
    ).toString();

  const text = Buffer.concat([
    begin(false),
    data('1\tsecret@example.com\tcard 4111111111111111\\tx\t{"a": "b\\\\u0040c.io"}\n'),
    data('2\t\\N\tplain\\\\ back\t\\N\n'),
    message('c', Buffer.alloc(0)),
    message('C', Buffer.from('COPY 2\0')),
  ]);
  const csv = Buffer.concat([
    begin(false),
    data('id,email,note,doc\n'),
    data('1,secret@example.com,"a ""q"", 4111111111111111\nline",{}\n'),
    data('2,,"x,y",\n'),
    message('c', Buffer.alloc(0)),
  ]);

  test('in text format, at every split', () => {
    const current = { text: '', copy: copyText(plans(false)) };
    const whole = run(masksOf(RULES).masks, text, [], current).bytes;
    expect(joined(whole)).toBe('1\t[masked]\tcard [credit-card]\\tx\t{"a": "[email]"}\n2\t\\N\tplain\\\\ back\t\\N\n');
    expect(
      readMessages(whole)
        .map(({ type }) => type)
        .join(''),
    ).toBe('HddcC');
    for (let at = 0; at < text.length; at++)
      expect(joined(run(masksOf(RULES).masks, text, [at], current).bytes)).toBe(joined(whole));
  });

  test('in CSV, at every split', () => {
    const current = { text: '', copy: copyCsv(plans(false), true) };
    const whole = joined(run(masksOf(RULES).masks, csv, [], current).bytes);
    expect(whole).toBe('id,email,note,doc\n1,[masked],"a ""q"", [credit-card]\nline",{}\n2,,"x,y",\n');
    for (let at = 0; at < csv.length; at++)
      expect(joined(run(masksOf(RULES).masks, csv, [at], current).bytes)).toBe(whole);
  });

  test('a field of megabytes is masked while it passes', () => {
    const long = `${'x'.repeat(300_000)} 4111111111111111 ${'y'.repeat(100_000)}`;
    const stream = Buffer.concat([
      begin(false),
      data(`1\t${'SECRET'.repeat(50_000)}\t${long}\t{}\n`),
      message('c', Buffer.alloc(0)),
    ]);
    const out = joined(run(masksOf(RULES).masks, stream, [], { text: '', copy: copyText(plans(false)) }).bytes);
    expect(out).toBe(`1\t[masked]\t${long.replace('4111111111111111', '[credit-card]')}\t{}\n`);
  });

  test('in binary format', () => {
    const file = Buffer.concat([
      Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'),
      int32(0),
      int32(0),
      dataRow([int32(1), 'secret@example.com', 'iban DE89370400440532013000', '{}']).subarray(5),
      dataRow([int32(2), null, 'x', null]).subarray(5),
      int16(-1),
    ]);
    const stream = Buffer.concat([
      begin(true),
      data(file.subarray(0, 30)),
      data(file.subarray(30)),
      message('c', Buffer.alloc(0)),
    ]);
    const current = { text: '', copy: { kind: 'binary' as const, columns: plans(true) } };
    const whole = joined(run(masksOf(RULES).masks, stream, [], current).bytes);
    expect(whole).toContain('[masked]');
    expect(whole).toContain('iban [iban]');
    expect(whole).not.toMatch(/secret|DE89/);
    for (let at = 0; at < stream.length; at++)
      expect(joined(run(masksOf(RULES).masks, stream, [at], current).bytes)).toBe(whole);
  });

  test('of an unknown form is refused', () => {
    const { masks, incidents } = masksOf(RULES);
    const { bytes } = run(masks, text);
    expect(typesOf(bytes)).toBe('E');
    expect(incidents).toEqual([]);
  });
});

describe('words of the target', () => {
  const error = (fieldsOf: Record<string, string>) =>
    message(
      'E',
      Buffer.from(
        `${Object.entries(fieldsOf)
          .map(([code, text]) => `${code}${text}\0`)
          .join('')}\0`,
      ),
    );
  const said = (message: Buffer, text?: string) =>
    run(
      masksOf([{ columns: ['people.email'], with: 'hash' }]).masks,
      message,
      [],
      text === undefined ? undefined : { text },
    ).bytes.toString('latin1');
  test('keep names and lose values', () => {
    const duplicate = said(
      error({
        S: 'ERROR',
        C: '23505',
        M: 'duplicate key value violates unique constraint "people_email_key"',
        D: 'Key (email)=(a@b.c) already exists.',
        s: 'public',
        t: 'people',
        n: 'people_email_key',
        F: 'nbtinsert.c',
        R: '_bt_check_unique',
      }),
    );
    expect(duplicate).toContain('duplicate key value violates unique constraint "people_email_key"');
    expect(duplicate).toContain('Key (email)=([withheld]) already exists.');
    const syntax = said(
      error({ S: 'ERROR', C: '22P02', M: 'invalid input syntax for type integer: "a@b.c"', F: 'numutils.c' }),
    );
    expect(syntax).toContain('invalid input syntax for type integer: "[withheld]"');
  });
  test('keep what the client wrote itself', () => {
    const wrong = error({
      S: 'ERROR',
      C: '42P01',
      M: 'relation "poeple" does not exist',
      P: '15',
      F: 'parse_relation.c',
    });
    expect(said(wrong, 'select * from poeple')).toContain('relation "poeple" does not exist');
    const read = error({ S: 'ERROR', C: '42P01', M: 'relation "poeple" does not exist', F: 'namespace.c' });
    expect(said(read, 'select email::regclass from x')).not.toContain('poeple');
    const key = error({ S: 'ERROR', C: '23505', D: 'Key (id, name)=(17, Ann) already exists.', F: 'nbtinsert.c' });
    expect(said(key, "insert into people values (17, 'Ann')")).toContain('(id, name)=(17, Ann)');
    for (const other of ["values (170, 'Ann')", "values (1.17, 'Ann')", "values (17, 'Anna')", 'values ($1, $2)'])
      expect(said(key, `insert into people ${other}`)).toContain('(id, name)=([withheld])');
  });
  test.each([
    ['42704', 'ascii.c', 'alice is not a valid encoding name'],
    ['42883', 'parse_func.c', 'aggregate alice(integer) does not exist'],
    ['42883', 'parse_func.c', 'function alice(integer, a.alice) is not unique'],
    ['42704', 'amcmds.c', 'operator 1 (integer, alice) of alice does not exist'],
    ['42704', 'parse_type.c', 'type alice does not exist'],
    ['42704', 'functioncmds.c', 'cast from type integer to type alice does not exist'],
    // What stands behind a colon may hold quotes itself.
    ['42883', 'regproc.c', 'operator does not exist: alice"x"'],
    ['22023', 'varlena.c', 'invalid normalization form: alice"id"alice'],
  ])('lose names without quotes that were read while the statement ran: %s %s %s', (C, F, M) => {
    const told = error({ S: 'ERROR', C, M, F });
    expect(said(told, 'select f(email, id) from people')).not.toContain('alice');
    // What the client wrote itself, and what is about a place in it.
    expect(said(told, `select f('${M.replace(/^.*: /, '')}'), alice, a.alice from people`)).toContain(M);
    if (!M.includes(':')) expect(said(error({ S: 'ERROR', C, M, F, P: '8' }), 'select 1')).toContain('alice');
  });
  test('keep what the server says in words alone', () => {
    const M = 'left operand of jsonpath operator + is not a single numeric value';
    for (const text of [
      M,
      'cannot subscript type integer because it is not an array',
      'function lower(integer) does not exist',
    ])
      expect(said(error({ S: 'ERROR', C: '42883', M: text, F: 'x.c' }), 'drop function lower(int)')).toContain(text);
  });
  test('are searched by detectors where there is no column rule', () => {
    const { masks } = masksOf([{ detect: ['email'], with: 'placeholder' }]);
    const notice = message('N', Buffer.from('SNOTICE\0C00000\0Mhello alice@example.com\0\0'));
    expect(run(masks, notice).bytes.toString()).toContain('Mhello [email]');
  });
  test('a function call is refused where a column may be hidden, and is searched where not', () => {
    const answer = message('V', Buffer.concat([int32(13), Buffer.from('alice@exam.io')]));
    expect(typesOf(run(masksOf(RULES).masks, answer).bytes)).toBe('E');
    expect(run(masksOf([{ detect: ['email'], with: 'hash' }]).masks, answer).bytes.toString()).toContain(
      '[email]******',
    );
  });
  test('a long answer of a function call is not taken for an answer to the call before it', () => {
    const { masks } = masksOf([{ columns: ['people.email'], with: 'hash' }]);
    const guide = Object.assign(new SimpleGuide(masks, resolve), {
      ready: () => true,
      calledPasses: () => handed === 0,
    });
    let handed = 0;
    const length = 2 * 1024 * 1024;
    const stream = Buffer.concat([
      message('V', Buffer.concat([int32(1), Buffer.from('x')])),
      message('Z', Buffer.from('I')),
      message('V', Buffer.concat([int32(length), Buffer.alloc(length, 'x')])),
    ]);
    const masker = new ResultMasker(masks, guide);
    const out: Buffer[] = [];
    for (let chunk = stream.subarray(0, 1000); ; chunk = Buffer.alloc(0)) {
      for (const part of mask(masker, chunk)) {
        out.push(Buffer.from(part));
        handed += part.length;
      }
      if (!masker.more) break;
    }
    expect(typesOf(Buffer.concat(out))).toBe('VZE');
  });
  test('a long answer of a function call is refused where it would be searched, and never NULL', () => {
    const length = 2 * 1024 * 1024;
    const long = Buffer.concat([
      message('V', Buffer.concat([int32(length), Buffer.alloc(length, 'x')])),
      message('Z', Buffer.from('I')),
    ]);
    for (const rules of [RULES, [{ detect: ['email'], with: 'hash' } as const]]) {
      const { bytes } = run(masksOf([...rules]).masks, long, [1000]);
      expect(typesOf(bytes)).toBe('EZ');
      expect(bytes.toString('latin1')).toContain('0A000');
    }
  });
});
