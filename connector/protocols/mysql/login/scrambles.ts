// What a client makes of a password and a server's nonce, by authentication plugin.

import { createHash } from 'node:crypto';
import { exclusiveOr } from './client-login.ts';

const sha1 = (...parts: readonly (Buffer | string)[]): Buffer => digest('sha1', parts);
const sha256 = (...parts: readonly (Buffer | string)[]): Buffer => digest('sha256', parts);

function digest(algorithm: string, parts: readonly (Buffer | string)[]): Buffer {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** SHA1(password) XOR SHA1(nonce, SHA1(SHA1(password))) */
export function nativeAnswer(password: string, nonce: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0);
  const once = sha1(password);
  return exclusiveOr(once, sha1(nonce, sha1(once)));
}

/** SHA256(password) XOR SHA256(SHA256(SHA256(password)), nonce) */
export function cachingSha2Answer(password: string, nonce: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0);
  const once = sha256(password);
  return exclusiveOr(once, sha256(sha256(once), nonce));
}
