// The published figures hold (docs/masking.md), and rules of an author find what they say.

import { describe, expect, test } from 'vitest';
import { compilePattern } from '../../core/masking/detectors/pattern.ts';
import { masksOf } from './masks-of.ts';
import { lostTogether, SET, scoreOurs, scorePlain } from './labelled/score.ts';

/** Lowest precision and recall that may be published. */
const FLOORS: Readonly<Record<string, readonly [number, number]>> = {
  'private-key': [1, 1],
  jwt: [1, 1],
  'aws-key': [1, 1],
  'gcp-key': [1, 1],
  'github-token': [1, 1],
  'slack-token': [1, 1],
  password: [0.99, 0.99],
  email: [0.9, 0.9],
  'credit-card': [1, 1],
  iban: [1, 0.95],
  'us-ssn': [1, 0.95],
  phone: [0.98, 0.97],
};

describe('on the labelled set', () => {
  test('there are hundreds of values and as many look-alikes', () => {
    expect(SET.length).toBeGreaterThan(900);
    expect(SET.filter(({ values }) => values.length === 0).length).toBeGreaterThan(400);
  });

  const plain = scorePlain();
  test.each(scoreOurs().map((score, index) => [score.detector, score, plain[index]] as const))(
    '%s keeps its floors and is no worse than a plain expression',
    (detector, { precision, recall, values }, baseline) => {
      const [lowestPrecision = 1, lowestRecall = 1] = FLOORS[detector] ?? [];
      expect(values).toBeGreaterThanOrEqual(20);
      expect(precision).toBeGreaterThanOrEqual(lowestPrecision);
      expect(recall).toBeGreaterThanOrEqual(lowestRecall);
      expect(precision).toBeGreaterThanOrEqual(baseline?.precision ?? 0);
      expect(recall).toBeGreaterThanOrEqual(Math.min(baseline?.recall ?? 0, lowestRecall));
    },
  );
});

test('all together they hide what each hides alone', () => {
  expect(lostTogether()).toEqual([]);
});

describe('ways', () => {
  const masked = (detect: string, way: unknown, text: string) =>
    masksOf([{ detect: [detect], with: way }]).masks.maskString(text);
  test.each([
    ['email', 'partial', 'to alice@example.com.', 'to a***@e***.com.'],
    ['email', 'placeholder', 'to alice@example.com.', 'to [email].'],
    ['email', { fixed: 'nobody' }, 'to alice@example.com.', 'to nobody.'],
    ['credit-card', 'partial', '4111 1111 1111 1111', '**** **** **** 1111'],
    ['us-ssn', 'partial', '219-45-6789', '***-**-6789'],
    ['iban', 'partial', 'DE89370400440532013000', 'DE****************3000'],
    ['phone', 'partial', '+1 (415) 555-0132', '+* (***) ***-0132'],
    ['jwt', 'partial', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0In0.abc', '[jwt]'],
    ['github-token', 'partial', 'ghp_16C7e42F292c6912E7710c838347Ae178B4a', 'ghp_***'],
    ['password', 'partial', 'password=hunter2!', 'password=[password]'],
  ] as const)('%s as %j', (detect, way, text, expected) => expect(masked(detect, way, text)).toBe(expected));

  test('a keyed hash is the same for the same value and says nothing of it', () => {
    const once = masked('email', 'hash', 'alice@example.com');
    expect(once).toMatch(/^h_[0-9a-f]{32}$/);
    expect(masked('email', 'hash', 'x alice@example.com y')).toBe(`x ${once} y`);
    expect(masked('email', 'hash', 'alicf@example.com')).not.toBe(once);
  });
});

describe("an author's pattern", () => {
  test('is found and counted under its name', () => {
    const { masks } = masksOf([
      { detect: [{ name: 'employee-id', pattern: '\\bEMP-\\d{6}\\b' }, 'email'], with: 'placeholder' },
    ]);
    expect(masks.maskString('é EMP-123456, EMP-654321 a@b.io EMP-1')).toBe(
      'é [employee-id], [employee-id] [email] EMP-1',
    );
    expect(masks.masked()).toEqual([
      { rule: 'r#1/employee-id', count: 2 },
      { rule: 'r#1/email', count: 1 },
    ]);
  });

  test('overlapping another value leaves nothing of either', () => {
    const { masks } = masksOf([{ detect: ['email', { name: 'own', pattern: 'com [a-z]+' }], with: 'placeholder' }]);
    expect(masks.maskString('alice@example.com secret')).toBe('[email][own]');
  });

  test('runs in linear time on what makes backtracking engines hang', () => {
    const { masks } = masksOf([{ detect: [{ name: 'own', pattern: '(a+)+$' }], with: 'placeholder' }]);
    const begun = performance.now();
    masks.maskString(`${'a'.repeat(30_000)}b`);
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  test.each([
    '(?=a)b',
    '(?<!a)b',
    '(a)\\1',
    '(?>a)b',
    'a++',
    '[a',
    'a{2000}',
    '(?:x{900}){20}',
    'a*',
    '',
    '^',
    `${'a'.repeat(501)}`,
  ])('%s is refused with a reason', (pattern) => {
    const compiled = compilePattern('own', pattern);
    expect(compiled.ok).toBe(false);
    if (!compiled.ok) expect(compiled.error.length).toBeGreaterThan(10);
  });
});
