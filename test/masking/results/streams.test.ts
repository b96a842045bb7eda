// Detectors see streams: where a text was cut never changes what is masked.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DETECTOR_NAMES } from '../../../core/masking/detectors/names.ts';
import { BLOCK_BYTES, type TextStream, WHOLE_BYTES } from '../../../core/masking/text-stream.ts';
import { HARD_CASES, generate, randomOf } from '../labelled/cases.ts';
import { masksOf } from '../masks-of.ts';

const rules = [{ detect: [...DETECTOR_NAMES, { name: 'own', pattern: '\\bEMP-\\d+\\b' }], with: 'placeholder' }];

function run(stream: TextStream | undefined, bytes: Buffer, cuts: readonly number[]): string {
  if (!stream) throw new Error('no detectors');
  const out: Uint8Array[] = [];
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    out.push(stream.push(bytes.subarray(from, cut)));
    from = cut;
  }
  out.push(stream.push(bytes.subarray(from)), stream.end());
  return Buffer.concat(out).toString('utf8');
}

const pieces = fc.constantFrom(
  ...HARD_CASES.map(({ text }) => text),
  ...generate(7, 60).map(({ text }) => text),
  ' ',
  '\n',
  'é',
  '💳',
  'EMP-123',
  '-----BEGIN PRIVATE KEY-----',
  '@',
  '4111',
  '"',
);

test('a text at every two-way split, byte by byte', () => {
  const text = Buffer.from(
    'é alice@example.com 4111 1111 1111 1111 DE89370400440532013000 password=hunter2! EMP-77 💳 +14155550132',
  );
  const whole = run(masksOf(rules).masks.stream(), text, []);
  expect(whole).toBe('é [email] [credit-card] [iban] password=[password] [own] 💳 [phone]');
  for (let at = 0; at <= text.length; at++) expect(run(masksOf(rules).masks.stream(), text, [at])).toBe(whole);
  expect(
    run(
      masksOf(rules).masks.stream(),
      text,
      Array.from({ length: text.length }, (_, at) => at),
    ),
  ).toBe(whole);
  expect(masksOf(rules).masks.maskString(text.toString())).toBe(whole);
});

test('any split of any text gives the same', () => {
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 6 }), (parts, cuts) => {
      const text = Buffer.from(parts.join(''));
      const { masks } = masksOf(rules);
      const whole = run(masks.stream(), text, []);
      expect(
        run(
          masks.stream(),
          text,
          cuts.map((cut) => cut % (text.length + 1)),
        ),
      ).toBe(whole);
      expect(masks.maskString(text.toString())).toBe(whole);
      expect(
        run(
          masks.sameLengthStream(),
          text,
          cuts.map((cut) => cut % (text.length + 1)),
        ).length,
      ).toBeGreaterThan(-1);
    }),
    { numRuns: 150 },
  );
});

test('a text of many blocks: values on and around each border are found, whatever the chunks', () => {
  const random = randomOf(3);
  const values = [
    'alice@example.com',
    '4111-1111-1111-1111',
    'EMP-998877',
    'AKIAIOSFODNN7EXAMPLE',
    'password="hunter2 x"',
    '+44 20 7946 0958',
  ];
  // A value begins a few bytes before or behind each block's border.
  for (let shift = -40; shift <= 8; shift++) {
    let text = '';
    const put: string[] = [];
    for (let block = 1; block <= 3; block++) {
      text = text.padEnd(block * BLOCK_BYTES + shift, 'lorem ipsum ');
      const value = values[(block + shift + 60) % values.length] ?? '';
      put.push(value);
      text += ` ${value} `;
    }
    const bytes = Buffer.from(`${text}${' tail'.repeat(100)}`);
    const whole = run(masksOf(rules).masks.stream(), bytes, []);
    const { masks } = masksOf(rules);
    const expected = put.reduce(
      (now, value) => now.replace(` ${value} `, ` ${masks.maskString(value)} `),
      bytes.toString(),
    );
    expect(whole).toBe(expected);
    expect(whole.match(/\[[a-z-]+\]/g)?.length).toBe(3);
    for (const value of ['alice', '4111', '998877', 'AKIA', 'hunter2', '7946']) expect(whole).not.toContain(value);
    const cuts = Array.from({ length: 20 }, () => Math.floor(random.next() * bytes.length));
    expect(run(masks.stream(), bytes, cuts)).toBe(whole);
    const same = run(masks.sameLengthStream(), bytes, cuts);
    expect(Buffer.byteLength(same)).toBe(bytes.length);
    expect(same).not.toContain('alice');
  }
});

test('values without a bound pass through with bounded memory and leave nothing', () => {
  const key = `-----BEGIN PRIVATE KEY-----\n${'QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0\n'.repeat(9000)}-----END PRIVATE KEY-----`;
  const token = `eyJhbGciOiJIUzI1NiJ9.${'eyJzdWIiOiIxMjM0NTY3ODkwIn0'.repeat(8000)}.c2ln`;
  const bytes = Buffer.from(`a ${key} b ${token} c`);
  expect(bytes.length).toBeGreaterThan(4 * WHOLE_BYTES);
  for (const chunk of [1000, 65_536, bytes.length]) {
    const { masks } = masksOf(rules);
    const cuts = Array.from({ length: Math.floor(bytes.length / chunk) }, (_, index) => (index + 1) * chunk);
    expect(run(masks.stream(), bytes, cuts)).toBe('a [private-key] b [jwt] c');
    const same = run(masks.sameLengthStream(), bytes, cuts);
    expect(same.length).toBe(bytes.length);
    expect(same.replace(/\*+/g, '*')).toBe('a [private-key]* b [jwt]* c');
  }
});
