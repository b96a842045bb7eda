// A result of a table of people, as a stream of messages, and the rewriter that it passes through.

import { ResultMasker } from '../../../connector/protocols/postgres/results/result-masker.ts';
import { mask } from '../../../core/masking/masked.ts';
import type { Masks } from '../../../core/masking/masks.ts';
import { type CurrentStatement, SimpleGuide } from './simple-guide.ts';
import { message, readMessages, readRow, rowDescription } from './wire.ts';

export const TEXT = 25;
const NAMES = ['id', 'email', 'note', 'doc'];
export const resolve = (_table: number, attribute: number) => ({
  schema: 'public',
  table: 'people',
  column: NAMES[attribute - 1] ?? '',
});
export const fields = (binary = false) =>
  rowDescription([
    { name: 'id', table: 1, attribute: 1, type: 23, binary },
    { name: 'email', table: 1, attribute: 2, type: TEXT, binary },
    { name: 'note', table: 1, attribute: 3, type: TEXT, binary },
    { name: 'doc', table: 1, attribute: 4, type: 114, binary },
  ]);
export const complete = message('C', Buffer.from('SELECT 1\0'));
export const ready = message('Z', Buffer.from('I'));
export const RULES = [
  { columns: ['people.email'], with: 'placeholder' },
  { detect: ['credit-card', 'iban', 'email', 'password'], with: 'placeholder' },
];

export function run(masks: Masks, stream: Buffer, cuts: readonly number[] = [], current?: CurrentStatement) {
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
export const rowsOf = (bytes: Buffer) =>
  readMessages(bytes)
    .filter(({ type }) => type === 'D')
    .map(({ body }) => readRow(body).map((cell) => cell?.toString() ?? null));

export const typesOf = (bytes: Buffer): string =>
  readMessages(bytes)
    .map(({ type }) => type)
    .join('');
