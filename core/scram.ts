// SCRAM-SHA-256 (RFC 5802, RFC 7677): what is stored of a secret, and the check of a proof or of
// the secret itself against it. WebCrypto only, so edge and connector share it.
//
//   SaltedPassword  = PBKDF2-HMAC-SHA-256(secret, salt, iterations)
//   StoredKey       = SHA-256(HMAC(SaltedPassword, "Client Key"))
//   ServerKey       = HMAC(SaltedPassword, "Server Key")
//   ClientProof     = ClientKey xor HMAC(StoredKey, AuthMessage)
//   ServerSignature = HMAC(ServerKey, AuthMessage)
//
// Secrets here are ASCII that we made ourselves, on which SASLprep changes nothing; none is applied.

import type { ScramVerifier } from './grant.ts';

const encoder = new TextEncoder();

export async function deriveScramVerifier(
  secret: string,
  salt: Uint8Array,
  iterations: number,
): Promise<ScramVerifier> {
  const salted = await saltPassword(secret, salt, iterations);
  const clientKey = await hmac(salted, encoder.encode('Client Key'));
  return {
    storedKey: toBase64(await sha256(clientKey)),
    serverKey: toBase64(await hmac(salted, encoder.encode('Server Key'))),
  };
}

/** Whether `secret` is the one behind the verifier. Constant time in the comparison. */
export async function isScramSecret(
  secret: string,
  salt: Uint8Array,
  iterations: number,
  verifier: ScramVerifier,
): Promise<boolean> {
  const derived = await deriveScramVerifier(secret, salt, iterations);
  return equalBytes(fromBase64(derived.storedKey), fromBase64(verifier.storedKey));
}

/** Whether `proof` (the client-final-message's `p=`, decoded) shows knowledge of the secret for this exchange. */
export async function isScramProof(proof: Uint8Array, authMessage: string, verifier: ScramVerifier): Promise<boolean> {
  const storedKey = fromBase64(verifier.storedKey);
  const signature = await hmac(storedKey, encoder.encode(authMessage));
  if (proof.length !== signature.length) return false;
  const clientKey = signature.map((byte, index) => byte ^ (proof[index] ?? 0));
  return equalBytes(await sha256(clientKey), storedKey);
}

/** The server-final-message's `v=`: proves to the client that the server knows the verifier. */
export async function scramServerSignature(authMessage: string, verifier: ScramVerifier): Promise<string> {
  return toBase64(await hmac(fromBase64(verifier.serverKey), encoder.encode(authMessage)));
}

async function saltPassword(secret: string, salt: Uint8Array, iterations: number): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey('raw', encoder.encode(secret), 'PBKDF2', false, ['deriveBits']);
  const parameters = { name: 'PBKDF2', hash: 'SHA-256', salt: copy(salt), iterations };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, key, 256));
}

async function hmac(key: Uint8Array, message: Uint8Array): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey('raw', copy(key), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, copy(message)));
}

async function sha256(data: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', copy(data)));
}

/** Compares without stopping at the first difference. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** WebCrypto wants bytes over a plain ArrayBuffer. */
const copy = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
