// What a server keeps of a password, and takes in its place, so that the password is in no statement and no log.

import { createHash } from 'node:crypto';
import type { Secret } from '../../../../core/secret.ts';

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** MySQL's own `caching_sha2_password_digest_rounds`, in thousands, hex. */
const ROUNDS_WORD = '005';
const ROUNDS = 5_000;
/** Of the event loop, between which others have their turn. */
const ROUNDS_AT_ONCE = 250;

/** mysql_native_password: `*` and SHA1(SHA1(password)) in hex. */
export function nativeVerifier(password: Secret<string>): string {
  const once = createHash('sha1').update(password.reveal()).digest();
  return `*${createHash('sha1').update(once).digest('hex').toUpperCase()}`;
}

/**
 * caching_sha2_password: `$A$005$`, 20 bytes of salt, 43 characters of SHA-256 crypt (Drepper, "Unix crypt using SHA-256 and SHA-512").
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
 */
export async function cachingSha2Verifier(password: Secret<string>, random: Uint8Array): Promise<Buffer> {
  const salt = Buffer.from(Array.from(random.subarray(0, 20), (byte) => ALPHABET.charCodeAt(2 + (byte % 62))));
  const digest = await sha256Crypt(Buffer.from(password.reveal()), salt);
  return Buffer.concat([Buffer.from(`$A$${ROUNDS_WORD}$`), salt, Buffer.from(digest)]);
}

const sha256 = (parts: readonly Buffer[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** Of `length` bytes. */
const repeated = (digest: Buffer, length: number): Buffer => Buffer.alloc(length, digest);

async function sha256Crypt(key: Buffer, salt: Buffer): Promise<string> {
  const other = sha256([key, salt, key]);
  const first = [key, salt, repeated(other, key.length)];
  for (let bits = key.length; bits > 0; bits >>= 1) first.push(bits & 1 ? other : key);
  let digest = sha256(first);
  const keys = repeated(sha256(Array<Buffer>(key.length).fill(key)), key.length);
  const salts = repeated(sha256(Array<Buffer>(16 + (digest[0] as number)).fill(salt)), salt.length);
  for (let round = 0; round < ROUNDS; round++) {
    if (round % ROUNDS_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    const odd = (round & 1) === 1;
    const parts = [odd ? keys : digest];
    if (round % 3 !== 0) parts.push(salts);
    if (round % 7 !== 0) parts.push(keys);
    parts.push(odd ? digest : keys);
    digest = sha256(parts);
  }
  return encode(digest);
}

/** Three bytes at a time, in crypt's own order, least significant letters first. */
function encode(digest: Buffer): string {
  const byte = (index: number) => digest[index] as number;
  let text = '';
  const letters = (value: number, count: number) => {
    for (let left = value, n = 0; n < count; n++, left >>= 6) text += ALPHABET.charAt(left & 63);
  };
  for (let turn = 0, [a, b, c] = [0, 10, 20]; turn < 10; turn++) {
    letters((byte(a) << 16) | (byte(b) << 8) | byte(c), 4);
    [a, b, c] = [(c + 1) % 30, (a + 1) % 30, (b + 1) % 30];
  }
  letters((byte(31) << 8) | byte(30), 3);
  return text;
}
