// The rewriter beside a plain one: each value decoded, searched byte by byte, masked as text, written
// again. Random rows, rules, formats and cuts; a failure names its seed, with which it comes again.

import { describe, expect, test } from 'vitest';
import type { CopyPlan, CopyTextPlan } from '../../../connector/protocols/postgres/results/copy-plan.ts';
import { PARTIAL_ROOM_BYTES, writePartial } from '../../../connector/sql/partial-bytes.ts';
import { HiddenParts } from '../../../connector/protocols/postgres/results/hidden-parts.ts';
import { ResultMasker } from '../../../connector/protocols/postgres/results/result-masker.ts';
import { giveBack, lend } from '../../../connector/net/kept-buffer.ts';
import { createKeyedHash } from '../../../connector/masking/keyed-hash.ts';
import { mask } from '../../../core/masking/masked.ts';
import { encodeReplacements, restoreBody } from '../../../core/recording/originals/original-object.ts';
import { secret } from '../../../core/secret.ts';
import { planResult, SimpleGuide } from './simple-guide.ts';
import { copyCsv, copyText } from './copy-plans.ts';
import { randomOf } from '../labelled/cases.ts';
import { masksOf } from '../masks-of.ts';
import { dataRow, int16, message, readMessages, rowDescription } from './wire.ts';
import {
  forgetValues,
  INT4,
  KEY,
  kindOfColumn,
  NUMERIC,
  partialOf,
  plainly,
  TEXT,
  type Value,
  values,
} from './plain-rewriter.ts';
import { randomTable, type Table } from './random-tables.ts';

const SIGNS: Readonly<Record<string, string>> = { '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't', '\v': 'v' };
const asText = (value: string, delimiter: string): string =>
  [...value]
    .map((letter) => {
      if (SIGNS[letter]) return `\\${SIGNS[letter]}`;
      return letter === '\\' || letter === delimiter ? `\\${letter}` : letter;
    })
    .join('');
function asCsv(value: string, delimiter: string, nullText: string, always: boolean): string {
  const needed = value === '' || value === nullText || /["\r\n\\]/.test(value) || value.includes(delimiter);
  return needed || always ? `"${value.replaceAll('"', '""')}"` : value;
}

function rewritten(table: Table, stream: Buffer, copy: ((plans: CopyTextPlan['columns']) => CopyPlan) | undefined) {
  const { masks, incidents } = masksOf(table.rules, createKeyedHash(secret(KEY)));
  const resolve = (_: number, attribute: number) => ({
    schema: 's',
    table: 't',
    column: table.columns[attribute - 1]?.name ?? '',
  });
  const guide = new SimpleGuide(masks, resolve);
  const description = described(table, false);
  const plan = planResult(masks, description.subarray(5), {}, resolve);
  const passed = table.columns.map(() => ({ kind: 'pass' }) as const);
  if (copy) guide.current = { text: '', copy: copy(plan?.columns ?? passed) };
  const hidden = new HiddenParts({ total: 0, leaveOut() {} });
  const masker = new ResultMasker(masks, guide, 'UTF8', hidden);
  const cuts = [0, 1, 7, 40][table.below(4)] ?? 0;
  const places = Array.from({ length: cuts }, () => table.below(stream.length + 1)).sort((a, b) => a - b);
  const out: Buffer[] = [];
  const restored: Uint8Array[] = [];
  let from = 0;
  for (const cut of [...places, stream.length]) {
    // Its memory is the reader's own afterwards.
    const chunk = Buffer.from(stream.subarray(from, cut));
    const parts = mask(masker, chunk);
    const hid = hidden.take(parts);
    for (const [index, part] of parts.entries()) {
      out.push(Buffer.from(part));
      restored.push(restoreBody(part, [encodeReplacements(hid[index] ?? [], 0)]));
    }
    chunk.fill(0xff);
    from = cut;
  }
  expect(masker.fault, `seed ${table.seed}`).toBeUndefined();
  // With what stood in it, it is what came.
  expect(Buffer.concat(restored).equals(stream), `seed ${table.seed}`).toBe(true);
  expect(incidents, `seed ${table.seed}`).toEqual([]);
  return { bytes: Buffer.concat(out), counted: masks.masked().reduce((sum, { count }) => sum + count, 0) };
}

const described = (table: Table, binary: boolean): Buffer =>
  rowDescription(
    table.columns.map(({ name, type }) => ({
      name,
      table: 1,
      attribute: Number(name.slice(1)) + 1,
      type,
      binary: binary && type !== INT4 && type !== NUMERIC,
    })),
  );
const expectedRows = (table: Table): readonly (readonly Value[])[] =>
  table.rows.map((row) =>
    row.map((value, index) => plainly(table.columns[index]?.todo ?? { kind: 'pass' }, table.names, table.way, value)),
  );
const turned = (table: Table): Table => ({
  ...table,
  columns: [...table.columns].reverse(),
  rows: table.rows.map((row) => [...row].reverse()),
});
const SEEDS = Array.from({ length: 250 }, (_, index) => index + 1);

describe('the rewriter gives what a plain one gives', () => {
  test.each([false, true])('for rows (binary: %s)', (binary) => {
    for (const seed of SEEDS) {
      const table = randomTable(seed);
      const end = message('C', Buffer.from('SELECT 1\0'));
      // A second result with the columns the other way round.
      const two = [table, turned(table)];
      const stream = Buffer.concat(
        two.flatMap((one) => [described(one, binary), ...one.rows.map((row) => dataRow(row)), end]),
      );
      const { bytes, counted } = rewritten(table, stream, undefined);
      forgetValues();
      const expected = Buffer.concat(
        two.flatMap((one) => [described(one, binary), ...expectedRows(one).map((row) => dataRow(row)), end]),
      );
      expect(bytes.equals(expected), `seed ${seed}: ${difference(bytes, expected)}`).toBe(true);
      expect(counted, `seed ${seed}`).toBe(values);
    }
  });

  const formats = [
    ['text', '\t', '\\N', false],
    ['text', '|', '***', false],
    ['text', '@', '', false],
    ['csv', ',', '', false],
    ['csv', ';', 'x', true],
    ['csv', ';', '***', false],
    ['csv', '_', '***', false],
  ] as const;
  test.each(formats)('for COPY as %s with %j, NULL as %j, header: %s', (format, delimiter, nullText, header) => {
    const csv = format === 'csv';
    for (const seed of SEEDS.slice(0, 110)) {
      const table = randomTable(seed);
      const field = (value: Value, always: boolean): string => {
        if (value === null) return nullText;
        const letters = value.toString('latin1');
        return csv ? asCsv(letters, delimiter, nullText, always) : asText(letters, delimiter);
      };
      const given: string[] = [];
      const wanted: string[] = [];
      const names = `${table.columns.map(({ name }) => name).join(delimiter)}\n`;
      if (header) {
        given.push(names);
        wanted.push(names);
      }
      const wantedRows = expectedRows(table);
      table.rows.forEach((row, index) => {
        const always = csv && table.below(4) === 0;
        const raw = row.map((value) => field(value, always));
        const to = (wantedRows[index] ?? []).map((value, column) => {
          const was = row[column] ?? null;
          const same = value === was || (value !== null && was !== null && value.equals(was));
          const isMasked = table.columns[column]?.todo.kind === 'mask' && was !== null;
          return same && !isMasked
            ? (raw[column] as string)
            : readsAsNull(raw, column)
              ? raw[column]
              : field(value, false);
        });
        // A value that reads as NULL is NULL to whoever reads the data.
        function readsAsNull(fields: readonly string[], column: number): boolean {
          return fields[column] === nullText || (column === 0 && ['', '\\.'].includes(fields[0] ?? ''));
        }
        given.push(`${raw.join(delimiter)}\n`);
        wanted.push(`${to.join(delimiter)}\n`);
      });
      const data = Buffer.from(given.join(''), 'latin1');
      const asRows = table.below(3) > 0;
      const messages = asRows
        ? given.map((line) => message('d', Buffer.from(line, 'latin1')))
        : chop(data, table.below).map((part) => message('d', part));
      const head = message(
        'H',
        Buffer.concat([Buffer.from([0]), int16(table.columns.length), Buffer.alloc(table.columns.length * 2)]),
      );
      const stream = Buffer.concat([head, ...messages, message('c', Buffer.alloc(0))]);
      const { bytes } = rewritten(table, stream, (columns) => ({
        ...((csv ? copyCsv(columns, header) : copyText(columns)) as CopyTextPlan),
        delimiter: delimiter.charCodeAt(0),
        nullText,
      }));
      const came = readMessages(bytes).filter(({ type }) => type === 'd');
      const all = Buffer.concat(came.map(({ body }) => body));
      const expected = Buffer.from(wanted.join(''), 'latin1');
      expect(all.equals(expected), `seed ${seed}: ${difference(all, expected)}`).toBe(true);
      if (asRows)
        expect(
          came.map(({ body }) => body.toString('latin1')),
          `seed ${seed}`,
        ).toEqual(wanted);
    }
  });
});

test('partial as bytes is that of the text', () => {
  const random = randomOf(23);
  const below = (limit: number): number => Math.floor(random.next() * limit);
  const some = (alphabet: string, length: number): string =>
    Array.from({ length }, () => alphabet[below(alphabet.length)]).join('');
  const alphabets = ['a@.', 'a@. ', '01 -', '01-', 'AZ01 ', '0(+)- ./', '0', ' \n\t0', 'a.\u00a0é@', 'aA0'];
  const out = Buffer.alloc(120);
  for (let turn = 0; turn < 60_000; turn++) {
    const heads = ['', '', '123-45-', 'DE12', '+1', '(1'];
    const text = `${heads[below(heads.length)]}${some(alphabets[below(alphabets.length)] as string, below(27))}`;
    const bytes = Buffer.from(`#${text}#`);
    const written = writePartial(bytes, 1, bytes.length - 1, out, 5);
    const ascii = /^[\0-\x7f]*$/.test(text);
    const expected = ascii ? partialOf(text, kindOfColumn(text)) : undefined;
    const came = written < 0 ? undefined : out.toString('latin1', 5, 5 + written);
    if (came !== expected || written > text.length + PARTIAL_ROOM_BYTES)
      expect.fail(`turn ${turn}: ${JSON.stringify(text)} became ${came} and not ${expected}`);
  }
});

test('memory is used again only when nothing in it is still to be sent', () => {
  for (const seed of [1, 2, 3, 5, 8, 13]) {
    const random = randomTable(seed + 1000);
    const names = ['email'] as const;
    const table: Table =
      seed > 2
        ? random
        : // Rows of which few change: most chunks pass as they lie.
          {
            ...random,
            names,
            rules: [{ detect: names, with: random.way }],
            columns: [{ name: 'c0', type: TEXT, todo: { kind: 'search' } }],
            rows: Array.from({ length: 40 }, (_, row) => [
              Buffer.from(`row ${row} ${row === 7 ? 'a@b.io' : ''}`.padEnd(9000, '-')),
            ]),
          };
    const many = Array.from(
      { length: Math.max(1, Math.floor(2000 / (table.rows.length || 1) / (seed > 2 ? 1 : 40))) },
      () => table.rows,
    ).flat();
    const wanted = expectedRows({ ...table, rows: many });
    const stream = Buffer.concat([described(table, false), ...many.map((row) => dataRow(row))]);
    const { masks } = masksOf(table.rules, createKeyedHash(secret(KEY)));
    const column = (index: number) => table.columns[index - 1]?.name ?? '';
    const guide = new SimpleGuide(masks, (_, index) => ({ schema: 's', table: 't', column: column(index) }));
    const masker = new ResultMasker(masks, guide);
    const sent: Buffer[] = [];
    let waiting: Uint8Array[] = [];
    for (let at = 0; at < stream.length; ) {
      const size = table.below(5) === 0 ? 1 + table.below(20) : 5000 + table.below(60_000);
      // As a socket is read, and as a relay sends what was recorded.
      const part = stream.subarray(at, at + size);
      const chunk = lend(part.length).subarray(0, part.length);
      part.copy(chunk);
      at += part.length;
      waiting.push(...mask(masker, chunk));
      if (table.below(3) > 0) continue;
      for (const bytes of waiting) sent.push(Buffer.from(bytes));
      for (const bytes of waiting) giveBack(bytes as Buffer);
      waiting = [];
    }
    const all = Buffer.concat([...sent, ...waiting]);
    const expected = Buffer.concat([described(table, false), ...wanted.map((row) => dataRow(row))]);
    expect(all.equals(expected), `seed ${seed}: ${difference(all, expected)}`).toBe(true);
  }
});

function chop(data: Buffer, below: (limit: number) => number): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < data.length; ) {
    const to = at + 1 + below(90);
    parts.push(data.subarray(at, to));
    at = to;
  }
  return parts;
}

function difference(came: Buffer, expected: Buffer): string {
  let at = 0;
  while (at < came.length && came[at] === expected[at]) at++;
  const around = (bytes: Buffer) => JSON.stringify(bytes.toString('latin1', Math.max(0, at - 60), at + 60));
  return `at ${at}\n${around(came)}\n${around(expected)}`;
}
