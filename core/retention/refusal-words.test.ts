import { expect, test } from 'vitest';
import { HoldId } from '../ids.ts';
import { PurgeRefusal } from './may-purge.ts';
import { refusalParts, refusalWords } from './refusal-words.ts';

const until = '2027-02-18T13:00:00.000Z';
const [hold, other] = ['0', '1'].map((digit) => HoldId.parse(`hld_${digit.repeat(26)}`));
const REFUSALS: readonly PurgeRefusal[] = [
  { why: 'kept', until },
  { why: 'contradicted', claimed: 1, granted: 30, until },
  { why: 'locked', mode: 'GOVERNANCE', until },
  { why: 'unfinished', until },
  { why: 'held', holds: [hold, other] as HoldId[] },
  { why: 'held_objects', objects: 3 },
  { why: 'unknown' },
  { why: 'refused', objects: 1 },
  { why: 'not_ordered' },
  { why: 'holds_differ' },
];

test('says each reason against a purge as one sentence, with its dates and holds', () => {
  expect(REFUSALS.map(({ why }) => why).toSorted()).toEqual(
    PurgeRefusal.options.map(({ shape }) => shape.why.value).toSorted(),
  );
  for (const refusal of REFUSALS) {
    const words = refusalWords(refusal, (time) => `<${time}>`);
    expect(words).toMatch(/^[A-Z\d].*\.$/);
    expect([words, words.includes(`<${until}>`)]).toEqual([words, 'until' in refusal]);
  }
  expect(refusalParts({ why: 'held', holds: [hold, other] as HoldId[] })).toEqual([
    'It is under legal hold: ',
    { hold },
    ', ',
    { hold: other },
    '.',
  ]);
});

test('says of the store’s own hold that it goes within the hour of a lift', () => {
  expect(refusalWords({ why: 'held_objects', objects: 1 }, String)).toMatch(
    /^1 object is .* lifted, .* within the hour\.$/,
  );
});
