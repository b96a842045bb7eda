// Keys derived from EDGE_SECRET, one for each purpose (HKDF, RFC 5869), and the small operations on
// secrets that the edge needs: hashes for storage, random tokens, grant salts.

import { toBase64 } from '../core/scram.ts';
import { type Secret, secret } from '../core/secret.ts';

type KeyPurpose = 'grant-salt' | 'login-cookie' | 'authority-key' | 'log-key' | 'iam-nonce' | 'tunnel-token';

const encoder = new TextEncoder();

export async function deriveKey(
  edgeSecret: Secret<Uint8Array<ArrayBuffer>>,
  purpose: KeyPurpose,
): Promise<Uint8Array<ArrayBuffer>> {
  const root = await crypto.subtle.importKey('raw', edgeSecret.reveal(), 'HKDF', false, ['deriveBits']);
  const info = encoder.encode(`gatehouse/${purpose}/v1`);
  const bits = await crypto.subtle.deriveBits(
    { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info },
    root,
    256,
  );
  return new Uint8Array(bits);
}

/**
 * SCRAM salt of a person on a resource, base64, 16 bytes: the same on every try, also for people
 * and resources that do not exist, so that nobody learns from it who does.
 */
export async function grantSalt(
  edgeSecret: Secret<Uint8Array<ArrayBuffer>>,
  email: string,
  resource: string,
): Promise<string> {
  const raw = await deriveKey(edgeSecret, 'grant-salt');
  const key = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const mac = await crypto.subtle.sign('HMAC', key, encoder.encode(`${email}\n${resource}`));
  return toBase64(new Uint8Array(mac).subarray(0, 16));
}

/** Hex SHA-256. Enough for tokens of 128 random bits or more, which no dictionary holds. */
export async function hashToken(token: Secret<string>): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', encoder.encode(token.reveal()));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** `prefix` and base32 characters of 5 bits each: 160 bits. */
export function newToken(
  prefix: 'ght' | 'gat' | 'gjt' | 'gbs' | 'gdc' | 'gsl' | 'gsc',
  random: (count: number) => Uint8Array,
  characters = 32,
): Secret<string> {
  let text = '';
  for (const byte of random(characters)) text += BASE32.charAt(byte & 31);
  return secret(`${prefix}_${text}`);
}
