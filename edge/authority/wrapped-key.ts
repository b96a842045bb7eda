// Private keys of authorities as they are stored: under AES-256-GCM, by a key derived from EDGE_SECRET.

import { fromBase64, toBase64 } from '../../core/scram.ts';
import type { Secret } from '../../core/secret.ts';
import { deriveKey } from '../keys.ts';

type EdgeSecret = Secret<Uint8Array<ArrayBuffer>>;

export async function wrapKey(edgeSecret: EdgeSecret, key: CryptoKey): Promise<string> {
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', key);
  if (!(pkcs8 instanceof ArrayBuffer)) throw new Error('expected PKCS #8 bytes');
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const wrapping = await wrappingKey(edgeSecret, 'encrypt');
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, wrapping, pkcs8);
  return `${toBase64(iv)}.${toBase64(new Uint8Array(sealed))}`;
}

/** It signs, and cannot be read. */
export async function unwrapKey(
  edgeSecret: EdgeSecret,
  wrapped: string,
  algorithm: { readonly name: string; readonly namedCurve?: string },
): Promise<CryptoKey> {
  const [iv = '', sealed = ''] = wrapped.split('.');
  const pkcs8 = await crypto.subtle.decrypt(
    { name: 'AES-GCM', iv: fromBase64(iv) },
    await wrappingKey(edgeSecret, 'decrypt'),
    fromBase64(sealed),
  );
  return crypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']);
}

async function wrappingKey(edgeSecret: EdgeSecret, use: 'encrypt' | 'decrypt'): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', await deriveKey(edgeSecret, 'authority-key'), 'AES-GCM', false, [use]);
}
