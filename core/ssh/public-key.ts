// Public keys of SSH, and signatures by them: RFC 4253 section 6.6 (RSA by RFC 8332), RFC 5656 (ECDSA), RFC 8709 (Ed25519).
// Nothing that rests on SHA-1: an RSA key signs by rsa-sha2-256 or rsa-sha2-512, and `ssh-rsa` names the key alone.

import { fromBase64, toBase64 } from '../scram.ts';
import { type WireFields, readWhole } from './fields.ts';

export interface SshPublicKey {
  /** `ssh-ed25519`. */
  readonly type: string;
  /** As it is on the wire. */
  readonly blob: Uint8Array;
  /** Its fields behind the type, as they are on the wire. */
  readonly fields: Uint8Array;
  readonly parts: KeyParts;
}

type KeyParts =
  | { readonly of: 'ed25519'; readonly point: Uint8Array }
  | { readonly of: 'ecdsa'; readonly curve: Curve; readonly point: Uint8Array }
  | { readonly of: 'rsa'; readonly exponent: Uint8Array; readonly modulus: Uint8Array };

interface Curve {
  readonly ssh: string;
  readonly web: string;
  readonly hash: string;
  /** Of a coordinate. */
  readonly bytes: number;
}

const ECDSA = 'ecdsa-sha2-';
const CURVES: readonly Curve[] = [
  { ssh: 'nistp256', web: 'P-256', hash: 'SHA-256', bytes: 32 },
  { ssh: 'nistp384', web: 'P-384', hash: 'SHA-384', bytes: 48 },
  { ssh: 'nistp521', web: 'P-521', hash: 'SHA-512', bytes: 66 },
];
/** NIST SP 800-131A; above, one signature takes longer to check than anybody should be able to ask for. */
const RSA_BITS = { least: 2048, most: 8192 };
const ED25519_POINT_BYTES = 32;
const ED25519_SIGNATURE_BYTES = 64;

export const ED25519 = 'ssh-ed25519';

/** Undefined: it is no key of a kind that is taken (Ed25519, ECDSA, RSA of 2048 to 8192 bits). */
export const readPublicKey = (blob: Uint8Array): SshPublicKey | undefined =>
  readWhole(blob, (fields) => {
    const type = fields.text();
    const from = fields.at;
    const parts = readKeyParts(type, fields);
    return parts && { type, blob, fields: blob.subarray(from, fields.at), parts };
  });

/** `ssh-ed25519 AAAA... comment`, as files that end in `.pub` have it. Undefined: it is none of these. */
export function readPublicLine(line: string): SshPublicKey | undefined {
  const [, type, encoded = ''] = /^([a-z0-9@.-]{1,60}) ([A-Za-z0-9+/]{1,4000}={0,2})(?: .*)?$/.exec(line.trim()) ?? [];
  if (encoded.length % 4 !== 0) return undefined;
  const key = readPublicKey(fromBase64(encoded));
  return key?.type === type ? key : undefined;
}

export const publicKeyLine = (type: string, blob: Uint8Array): string => `${type} ${toBase64(blob)}`;

/** `SHA256:...`, as `ssh-keygen -l` shows it. `blob`: as it is on the wire. */
export async function fingerprintOf(blob: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new Uint8Array(blob));
  return `SHA256:${toBase64(new Uint8Array(hash)).replace(/=+$/, '')}`;
}

/** The fields behind the type, which stand in a key and in a certificate alike. Undefined: of another kind. */
export function readKeyParts(type: string, fields: WireFields): KeyParts | undefined {
  if (type === ED25519) {
    const point = fields.string();
    return point.length === ED25519_POINT_BYTES ? { of: 'ed25519', point } : undefined;
  }
  if (type === 'ssh-rsa') {
    const [exponent, modulus] = [fields.positive(), fields.positive()];
    const bits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24;
    const odd =
      ((exponent.at(-1) ?? 0) & 1) === 1 && exponent.length <= 4 && !(exponent.length === 1 && exponent[0] === 1);
    return odd && bits >= RSA_BITS.least && bits <= RSA_BITS.most ? { of: 'rsa', exponent, modulus } : undefined;
  }
  const curve = CURVES.find(({ ssh }) => type === ECDSA + ssh);
  if (!curve || fields.text() !== curve.ssh) return undefined;
  const point = fields.string();
  return point.length === 1 + 2 * curve.bytes && point[0] === 4 ? { of: 'ecdsa', curve, point } : undefined;
}

/** Algorithms that a key of this type signs by. */
export const signatureAlgorithms = (type: string): readonly string[] =>
  type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type];

/**
 * Whether `signature` (string algorithm | string bytes) is the key's over `data`, by this very algorithm. A signature of
 * another algorithm is none, whatever it may verify as.
 */
export async function isSignature(
  key: Pick<SshPublicKey, 'type' | 'parts'>,
  algorithm: string,
  data: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (!signatureAlgorithms(key.type).includes(algorithm)) return false;
  const bytes = readWhole(signature, (fields) => (fields.text() === algorithm ? fields.string() : undefined));
  const raw = bytes && rawSignature(key.parts, bytes);
  if (!raw) return false;
  try {
    return await verifies(key.parts, algorithm, raw, new Uint8Array(data));
  } catch {
    // A point that is not on its curve, say.
    return false;
  }
}

/** As WebCrypto takes it. Undefined: it is no signature of this kind. */
function rawSignature(parts: KeyParts, bytes: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  if (parts.of === 'ed25519') return bytes.length === ED25519_SIGNATURE_BYTES ? new Uint8Array(bytes) : undefined;
  if (parts.of === 'ecdsa') {
    const numbers = readWhole(bytes, (fields) => [fields.positive(), fields.positive()] as const);
    const [r, s] = numbers?.map((number) => leftPadded(number, parts.curve.bytes)) ?? [];
    return r && s && new Uint8Array([...r, ...s]);
  }
  // Some clients leave out zeros at its beginning.
  return leftPadded(bytes, parts.modulus.length);
}

function leftPadded(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> | undefined {
  if (bytes.length > length) return undefined;
  const padded = new Uint8Array(length);
  padded.set(bytes, length - bytes.length);
  return padded;
}

async function verifies(
  parts: KeyParts,
  algorithm: string,
  signature: Uint8Array<ArrayBuffer>,
  data: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const { subtle } = crypto;
  if (parts.of === 'ed25519') {
    const key = await subtle.importKey('raw', new Uint8Array(parts.point), { name: 'Ed25519' }, false, ['verify']);
    return subtle.verify({ name: 'Ed25519' }, key, signature, data);
  }
  if (parts.of === 'ecdsa') {
    const { web, hash } = parts.curve;
    const by = { name: 'ECDSA', namedCurve: web };
    const key = await subtle.importKey('raw', new Uint8Array(parts.point), by, false, ['verify']);
    return subtle.verify({ name: 'ECDSA', hash }, key, signature, data);
  }
  const by = { name: 'RSASSA-PKCS1-v1_5', hash: algorithm === 'rsa-sha2-512' ? 'SHA-512' : 'SHA-256' };
  const jwk = { kty: 'RSA', n: base64Url(parts.modulus), e: base64Url(parts.exponent) };
  const key = await subtle.importKey('jwk', jwk, by, false, ['verify']);
  return subtle.verify(by, key, signature, data);
}

const base64Url = (bytes: Uint8Array): string =>
  toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
