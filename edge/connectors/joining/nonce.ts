// What a connector signs so that its signature is of now and of here: bound to its key and this edge, good for five minutes. Nothing
// is kept of one until it is used, so that asking for them fills no store.

import type { Secret } from '../../../core/secret.ts';
import { deriveKey } from '../../keys.ts';

export const NONCE_MS = 5 * 60_000;
const NONCE = /^(\d{13})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;

interface NonceDeps {
  readonly edgeSecret: Secret<Uint8Array<ArrayBuffer>>;
  /** The edge's origin. */
  readonly edge: string;
}

export async function makeNonce(
  deps: NonceDeps,
  key: string,
  now: number,
  random: (count: number) => Uint8Array,
): Promise<{ readonly nonce: string; readonly expiresMs: number }> {
  const expiresMs = now + NONCE_MS;
  const head = `${String(expiresMs).padStart(13, '0')}.${base64url(random(16))}`;
  const mac = await crypto.subtle.sign('HMAC', await macKey(deps), bound(deps.edge, key, head));
  return { nonce: `${head}.${base64url(new Uint8Array(mac))}`, expiresMs };
}

/** When it ends, where it is this edge's, for this key, and not over. */
export async function readNonce(
  deps: NonceDeps,
  { nonce, key }: { readonly nonce: string; readonly key: string },
  now: number,
): Promise<number | undefined> {
  const [, expires, random, mac] = NONCE.exec(nonce) ?? [];
  if (expires === undefined || random === undefined || mac === undefined) return undefined;
  const isOurs = await crypto.subtle.verify(
    'HMAC',
    await macKey(deps),
    bytesOf(mac),
    bound(deps.edge, key, `${expires}.${random}`),
  );
  return isOurs && Number(expires) > now ? Number(expires) : undefined;
}

const bound = (edge: string, key: string, head: string) => new TextEncoder().encode(`${edge}\n${key}\n${head}`);

async function macKey({ edgeSecret }: NonceDeps): Promise<CryptoKey> {
  const raw = await deriveKey(edgeSecret, 'iam-nonce');
  return crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
}

const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');

const bytesOf = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
