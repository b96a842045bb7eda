// A rewriter that is plain to see: each value decoded, searched byte by byte, masked as text.

import { createHmac } from 'node:crypto';
import { DETECTORS } from '../../../core/masking/detectors/catalogue.ts';
import type { DetectorName } from '../../../core/masking/detectors/names.ts';

export const KEY = Buffer.from('a key of this test');
const hmac = (value: Buffer): Buffer => createHmac('sha256', KEY).update(value).digest();
export const TEXT = 25;
export const VARCHAR = 1043;
export const BPCHAR = 1042;
export const INT4 = 23;
export const NUMERIC = 1700;
export type Value = Buffer | null;
export type TextWay = 'placeholder' | 'partial' | 'hash' | 'null' | { fixed: string };
export type Todo =
  | { readonly kind: 'pass' }
  | { readonly kind: 'mask'; readonly way: TextWay; readonly type: number }
  | { readonly kind: 'search' }
  /** A number: what is found makes it 0. */
  | { readonly kind: 'search number' };

/** Values that it masked. */
export let values = 0;
export const forgetValues = (): void => {
  values = 0;
};

export function partialOf(value: string, kind: string): string {
  const lastFour = (text: string, counted: RegExp): string => {
    let later = 0;
    return [...text]
      .reverse()
      .map((letter) => (!counted.test(letter) || ++later <= 4 ? letter : '*'))
      .reverse()
      .join('');
  };
  const first = (text: string) => [...text][0] ?? '*';
  if (kind === 'email') {
    const at = value.lastIndexOf('@');
    const dot = value.lastIndexOf('.');
    if (at < 1 || dot < at) return '***@***';
    return `${first(value)}***@${first(value.slice(at + 1))}***${value.slice(dot)}`;
  }
  if (kind === 'us-ssn') return `***-**-${value.slice(-4)}`;
  if (kind === 'iban') return value.slice(0, 2) + lastFour(value.slice(2), /[A-Z0-9]/);
  if (kind === 'credit-card' || kind === 'phone') return lastFour(value, /\d/);
  if (['jwt', 'private-key', 'password'].includes(kind)) return `[${kind}]`;
  if (/-key$|-token$/.test(kind)) return `${value.slice(0, 4)}***`;
  return value.length < 4 ? '***' : `${first(value)}***`;
}

export function kindOfColumn(value: string): string {
  if (/^[^@\s]+@[^@\s]+\.[^@\s.]+$/.test(value)) return 'email';
  if (/^\d{3}-\d{2}-\d{4}$/.test(value)) return 'us-ssn';
  if (/^[A-Z]{2}\d{2}[A-Z0-9 ]{11,}$/.test(value)) return 'iban';
  if (/^[\d -]{13,23}$/.test(value)) return 'credit-card';
  if (/^[+(]?\d[\d ()./-]{6,}$/.test(value)) return 'phone';
  return 'masked';
}

function masked(way: TextWay, kind: string, value: Buffer): string | null {
  values++;
  if (typeof way === 'object') return way.fixed;
  if (way === 'null') return null;
  if (way === 'hash') return `h_${hmac(value).toString('hex', 0, 16)}`;
  return way === 'partial' ? partialOf(value.toString(), kind) : `[${kind}]`;
}

function maskedColumn(way: TextWay, type: number, value: Buffer): Value {
  const meant = type === BPCHAR ? Buffer.from(value.toString('latin1').replace(/ +$/, ''), 'latin1') : value;
  // A text type hashes the bytes, the padded one the letters.
  const text = masked(way, way === 'partial' ? kindOfColumn(meant.toString()) : 'masked', meant);
  return text === null ? null : Buffer.from(text);
}

/** Every place of the text is shown to every detector, in order. */
function searched(names: readonly DetectorName[], way: TextWay, value: Buffer): Value {
  const alone = new Uint8Array(value);
  const out: Buffer[] = [];
  let free = 0;
  let nulled = false;
  for (let at = 0; at < alone.length; at++) {
    for (const name of names) {
      const detector = DETECTORS[name];
      const byte = alone[at] as number;
      if (!detector.triggers.includes(String.fromCharCode(byte))) continue;
      const before = alone[at - 1] ?? 0;
      if (detector.firstDigitOnly && byte >= 0x30 && byte <= 0x39 && before >= 0x30 && before <= 0x39) continue;
      const found = { start: 0, end: 0 };
      if (!detector.match(alone, at, 0, free, alone.length, found)) continue;
      const tail = detector.tail ? detector.tail(alone, found.end, alone.length) : found.end;
      const end = tail < 0 ? alone.length : tail;
      const put = masked(way, name, value.subarray(found.start, end));
      if (put === null) nulled = true;
      out.push(value.subarray(free, found.start), Buffer.from(put ?? ''));
      free = end;
      at = end - 1;
      break;
    }
  }
  return nulled ? null : Buffer.concat([...out, value.subarray(free)]);
}

export const plainly = (todo: Todo, names: readonly DetectorName[], way: TextWay, value: Value): Value => {
  if (value === null || todo.kind === 'pass') return value;
  if (todo.kind === 'mask') return maskedColumn(todo.way, todo.type, value);
  if (todo.kind === 'search') return searched(names, way, value);
  const before = values;
  const result = searched(names, way, value);
  // However much is found in it, it is one value.
  values = Math.min(values, before + 1);
  return values === before ? value : result && Buffer.from('0');
};
