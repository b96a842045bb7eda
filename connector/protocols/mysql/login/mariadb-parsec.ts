// parsec of MariaDB 11.6 and later: an Ed25519 key is derived from password and salt, and signs both sides' nonces.
// https://mariadb.com/kb/en/authentication-plugin-parsec, https://mariadb.com/kb/en/connection/#parsec-plugin

import { createPrivateKey, pbkdf2, randomBytes, sign } from 'node:crypto';
import { promisify } from 'node:util';

const NONCE_BYTES = 32;
/** 1024 rounds, doubled as often: what MariaDB makes is 0. A target may not keep a thread busy for long. */
const MAX_DOUBLINGS = 8;
const MAX_SALT_BYTES = 128;
/** DER before the 32 bytes of a key: RFC 8410, 7. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

const derive = promisify(pbkdf2);

/**
 * `extendedSalt`: 'P', how often the rounds are doubled, salt. Gives a nonce of 32 bytes and the signature of both, 64;
 * undefined: no derivation that is known, or one that takes too long.
 */
export async function parsecAnswer(password: string, extendedSalt: Buffer, nonce: Buffer): Promise<Buffer | undefined> {
  const [kind, doublings = MAX_DOUBLINGS + 1] = extendedSalt;
  const salt = extendedSalt.subarray(2);
  const isKnown = kind === 0x50 && doublings <= MAX_DOUBLINGS && salt.length > 0 && salt.length <= MAX_SALT_BYTES;
  if (!isKnown || nonce.length !== NONCE_BYTES) return undefined;
  const seed = await derive(password, salt, 1024 << doublings, 32, 'sha512');
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
  const own = randomBytes(NONCE_BYTES);
  return Buffer.concat([own, sign(null, Buffer.concat([nonce, own]), key)]);
}
