import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { secret } from '../../core/secret.ts';
import { createKeyedHash } from './keyed-hash.ts';

test('is HMAC-SHA-256, whatever the key and the value, however often', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 64 }),
      fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1 }),
      (key, values) => {
        const hash = createKeyedHash(secret(key));
        for (const value of values)
          expect(Buffer.from(hash(value))).toEqual(createHmac('sha256', key).update(value).digest());
      },
    ),
  );
});

test.each([0, 4095, 4096, 4097, 100_000])('of a value of %i bytes', (length) => {
  const key = new Uint8Array(32).fill(7);
  const value = new Uint8Array(length).fill(0x61);
  expect(Buffer.from(createKeyedHash(secret(key))(value))).toEqual(createHmac('sha256', key).update(value).digest());
});

test('what it gave stays as it is', () => {
  const hash = createKeyedHash(secret(new Uint8Array(32)));
  const first = hash(Buffer.from('a'));
  const kept = Buffer.from(first);
  hash(Buffer.from('b'));
  expect(Buffer.from(first)).toEqual(kept);
});
