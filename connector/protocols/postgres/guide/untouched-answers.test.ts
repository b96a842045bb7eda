import { expect, test } from 'vitest';
import { Masks } from '../../../../core/masking/masks.ts';
import { message } from '../wire/messages.ts';
import type { StatementReading } from '../catalogue/statement-reading.ts';
import { UntouchedAnswers } from './untouched-answers.ts';

const environment = { keyedHash: (value: Uint8Array) => value, incidents: () => {} };
const masks = new Masks([], environment);
const statement = {} as StatementReading;
const description = Buffer.from('\0\x01id\0...');
const parts = {
  bound: message('2'),
  described: message('T', description),
  row: message('D', Buffer.from('\0\x01\0\0\0\x017')),
  done: message('C', 'SELECT 1\0'),
  ready: message('Z', 'I'),
};
const known = new UntouchedAnswers();
known.learn(statement, masks, undefined, description);
const covers = (...messages: Buffer[]) => known.covers(Buffer.concat(messages), statement, masks, undefined);
const { bound, described, row, done, ready } = parts;

test('a whole answer passes that is described as it was when nothing of it was touched', () => {
  expect(covers(bound, described, row, row, done, ready)).toBe(true);
  expect(covers(bound, message('n'), done, ready)).toBe(true);
});

test.each<[string, Buffer[]]>([
  ['it is described otherwise', [bound, message('T', Buffer.from('\0\x01ix\0...')), row, done, ready]],
  ['it is described twice', [described, row, described, row, done, ready]],
  ['its rows are not described', [bound, row, done, ready]],
  ['it says something', [bound, described, row, message('N', 'x\0\0'), done, ready]],
  ['it fails', [bound, message('E', 'x\0\0'), ready]],
  ['a setting is reported', [bound, message('S', 'a\0b\0'), done, ready]],
  ['COPY data comes', [message('H', '\0\0\0'), message('d', 'x'), done, ready]],
  ['its portal goes on', [bound, described, row, message('s'), ready]],
  ['another answer follows', [bound, described, row, done, ready, bound]],
  ['its end has not come', [bound, described, row, done]],
  ['its last message is cut', [Buffer.concat([bound, described, row, done, ready]).subarray(0, -1)]],
  ['a length is no length', [Buffer.from([0x43, 0, 0, 0, 3, 0, 0])]],
])('it does not pass when %s', (_when, messages) => {
  expect(covers(...messages)).toBe(false);
});

test('what was learned under other masks, another catalogue or of another statement does not count', () => {
  const answer = Buffer.concat([bound, described, row, done, ready]);
  expect(known.covers(answer, statement, new Masks([], environment), undefined)).toBe(false);
  expect(known.covers(answer, {} as StatementReading, masks, undefined)).toBe(false);
});
