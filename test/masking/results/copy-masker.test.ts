// COPY TO STDOUT through the rewriter: each format at every split, and fields longer than a chunk.

import { describe, expect, test } from 'vitest';
import { copyCsv, copyText } from './copy-plans.ts';
import { masksOf } from '../masks-of.ts';
import { resolve, fields, RULES, run, typesOf } from './people-result.ts';
import { planResult } from './simple-guide.ts';
import { dataRow, int16, int32, message, readMessages } from './wire.ts';

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
