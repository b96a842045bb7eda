// HMAC-SHA-256 (RFC 2104) at the speed that masking rows asks for: both pads are made once, and each value
// costs two one-shot digests. An HMAC object for each value costs eight times as much, in Node 24.

import { createHmac, hash } from 'node:crypto';
import type { KeyedHash } from '../../core/masking/ways.ts';
import { type Secret, secret } from '../../core/secret.ts';

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
/** Longer values are rare, and cost what they cost. */
const MAX_SHORT_BYTES = 4096;

/** `key`: at most 64 bytes, as RFC 2104 takes it unhashed. */
export function createKeyedHash(key: Secret<Uint8Array>): KeyedHash {
  if (key.reveal().length > BLOCK_BYTES) throw new Error('a masking key has at most 64 bytes');
  const padded = (pad: number, more: number) => {
    const bytes = Buffer.alloc(BLOCK_BYTES + more, pad);
    key.reveal().forEach((byte, at) => {
      bytes[at] = byte ^ pad;
    });
    return bytes;
  };
  // They are as good as the key.
  const pads = secret({ inner: padded(0x36, MAX_SHORT_BYTES), outer: padded(0x5c, DIGEST_BYTES) });
  return (value) => {
    if (value.length > MAX_SHORT_BYTES) return createHmac('sha256', key.reveal()).update(value).digest();
    const { inner, outer } = pads.reveal();
    inner.set(value, BLOCK_BYTES);
    // As letters of a byte each: a buffer of its own for each digest costs more than writing it back, and so do hex digits.
    outer.write(hash('sha256', inner.subarray(0, BLOCK_BYTES + value.length), 'binary'), BLOCK_BYTES, 'latin1');
    const digest = Buffer.allocUnsafe(DIGEST_BYTES);
    digest.write(hash('sha256', outer, 'binary'), 'latin1');
    return digest;
  };
}
