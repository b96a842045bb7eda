// How a value is masked, as text. Types other than text are a protocol's business: it asks for
// `digest` and makes a valid value of its own from it.

import { z } from 'zod';
import { unreachable } from '../result.ts';

/** How a value is masked. `fixed` is put in its place where the column's type can hold it. */
export const Way = z.union(
  [
    z.enum(['placeholder', 'partial', 'hash', 'null']),
    z.strictObject({
      fixed: z
        .string()
        .max(200)
        .regex(/^[^\0]*$/),
    }),
  ],
  { error: 'expected placeholder, partial, hash, null or { fixed: TEXT }' },
);
export type Way = z.infer<typeof Way>;

/** HMAC-SHA-256 under the session's masking key. Given in: core names no platform. */
export type KeyedHash = (value: Uint8Array) => Uint8Array;

const encoder = new TextEncoder();

/** What a value turned out to be, or `masked` for a column whose content nobody looked at. */
type Kind = string;

/** null: the value becomes NULL where there is such a thing. `value` undefined: it was too long to be kept. */
export function maskText(way: Way, kind: Kind, value: string | undefined, keyed: KeyedHash): string | null {
  if (typeof way === 'object') return way.fixed;
  switch (way) {
    case 'placeholder':
      return placeholder(kind);
    case 'partial':
      return value === undefined ? placeholder(kind) : partial(kind, value);
    case 'hash':
      return value === undefined ? placeholder(kind) : hashText(keyed(encoder.encode(value)));
    case 'null':
      return null;
    default:
      return unreachable(way);
  }
}

/** A value of a masked column: `partial` of an e-mail address is that of an address, also where no detector is asked for. */
export const maskColumnText = (way: Way, value: string, keyed: KeyedHash): string | null =>
  maskText(way, way === 'partial' ? looksLike(value) : 'masked', value, keyed);

/** Addresses and numbers are shorter. */
const MAX_LOOKED_AT = 4_096;

function looksLike(value: string): Kind {
  if (value.length > MAX_LOOKED_AT) return 'masked';
  if (/^[^@\s]+@[^@\s]+\.[^@\s.]+$/.test(value)) return 'email';
  if (/^\d{3}-\d{2}-\d{4}$/.test(value)) return 'us-ssn';
  if (/^[A-Z]{2}\d{2}[A-Z0-9 ]{11,}$/.test(value)) return 'iban';
  if (/^[\d -]{13,23}$/.test(value)) return 'credit-card';
  if (/^[+(]?\d[\d ()./-]{6,}$/.test(value)) return 'phone';
  return 'masked';
}

export const placeholder = (kind: Kind): string => `[${kind}]`;

/** 128 bits: enough for joins, and no two people share one. */
export function hashText(digest: Uint8Array): string {
  let text = 'h_';
  for (let at = 0; at < 16; at++) text += HEX[digest[at] as number] as string;
  return text;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Keeps what helps to recognise a value one knows, and never more than a third of a secret. */
function partial(kind: Kind, value: string): string {
  switch (kind) {
    case 'email':
      return partialEmail(value);
    case 'credit-card':
    case 'phone':
      return keepLast(value, 4, /\d/);
    case 'us-ssn':
      return `***-**-${value.slice(-4)}`;
    case 'iban':
      return `${value.slice(0, 2)}${keepLast(value.slice(2), 4, /[A-Z0-9]/)}`;
    case 'jwt':
    case 'private-key':
    case 'password':
      return placeholder(kind);
    case 'aws-key':
    case 'gcp-key':
    case 'github-token':
    case 'slack-token':
      return `${value.slice(0, 4)}***`;
    default:
      return partialWord(value);
  }
}

function partialEmail(value: string): string {
  const at = value.lastIndexOf('@');
  const dot = value.lastIndexOf('.');
  if (at < 1 || dot < at) return '***@***';
  return `${firstLetter(value)}***@${firstLetter(value.slice(at + 1))}***${value.slice(dot)}`;
}

const firstLetter = (text: string): string => String.fromCodePoint(text.codePointAt(0) ?? 0x2a);

function keepLast(value: string, count: number, counts: RegExp): string {
  let kept = 0;
  let text = '';
  for (let at = value.length - 1; at >= 0; at--) {
    const letter = value[at] as string;
    if (!counts.test(letter)) text = letter + text;
    else if (kept < count) {
      kept++;
      text = letter + text;
    } else text = `*${text}`;
  }
  return text;
}

const partialWord = (value: string): string => (value.length < 4 ? '***' : `${firstLetter(value)}***`);
