import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  deriveScramVerifier,
  equalBytes,
  fromBase64,
  isScramProof,
  isScramSecret,
  scramServerSignature,
  toBase64,
} from './scram.ts';

// RFC 7677, section 3: user "user", password "pencil".
const SALT = fromBase64('W22ZaJ0SNY7soEsUEjb6gQ==');
const ITERATIONS = 4096;
const AUTH_MESSAGE =
  'n=user,r=rOprNGfwEbeRWgbNEkqO,' +
  'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,' +
  'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
const CLIENT_PROOF = fromBase64('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=');
const SERVER_SIGNATURE = '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=';

test('the exchange of RFC 7677 verifies, and its server signature comes out', async () => {
  const verifier = await deriveScramVerifier('pencil', SALT, ITERATIONS);
  expect(await isScramProof(CLIENT_PROOF, AUTH_MESSAGE, verifier)).toBe(true);
  expect(await scramServerSignature(AUTH_MESSAGE, verifier)).toBe(SERVER_SIGNATURE);
});

test('another proof, message or password does not verify', async () => {
  const verifier = await deriveScramVerifier('pencil', SALT, ITERATIONS);
  const other = await deriveScramVerifier('pencils', SALT, ITERATIONS);
  const bent = CLIENT_PROOF.map((byte, index) => (index === 31 ? byte ^ 1 : byte));
  expect(await isScramProof(bent, AUTH_MESSAGE, verifier)).toBe(false);
  expect(await isScramProof(CLIENT_PROOF.subarray(0, 31), AUTH_MESSAGE, verifier)).toBe(false);
  expect(await isScramProof(new Uint8Array(0), AUTH_MESSAGE, verifier)).toBe(false);
  expect(await isScramProof(CLIENT_PROOF, `${AUTH_MESSAGE}x`, verifier)).toBe(false);
  expect(await isScramProof(CLIENT_PROOF, AUTH_MESSAGE, other)).toBe(false);
});

test("agrees with Node's own PBKDF2 and HMAC for any secret and salt", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ minLength: 1, maxLength: 60 }),
      fc.uint8Array({ minLength: 1, maxLength: 32 }),
      fc.integer({ min: 1, max: 50 }),
      async (secret, salt, iterations) => {
        const salted = pbkdf2Sync(secret, salt, iterations, 32, 'sha256');
        const clientKey = createHmac('sha256', salted).update('Client Key').digest();
        expect(await deriveScramVerifier(secret, salt, iterations)).toEqual({
          storedKey: createHash('sha256').update(clientKey).digest('base64'),
          serverKey: createHmac('sha256', salted).update('Server Key').digest('base64'),
        });
      },
    ),
    { numRuns: 50 },
  );
});

test('a secret is known by its verifier, and no other is', async () => {
  const verifier = await deriveScramVerifier('ght_right', SALT, ITERATIONS);
  expect(await isScramSecret('ght_right', SALT, ITERATIONS, verifier)).toBe(true);
  expect(await isScramSecret('ght_wrong', SALT, ITERATIONS, verifier)).toBe(false);
  expect(
    await isScramSecret(
      'ght_right',
      SALT.map((byte) => byte ^ 1),
      ITERATIONS,
      verifier,
    ),
  ).toBe(false);
});

test('base64 there and back, and equality of bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(equalBytes(fromBase64(toBase64(bytes)), bytes)).toBe(true);
      expect(equalBytes(bytes, Uint8Array.of(...bytes, 0))).toBe(false);
    }),
  );
});
