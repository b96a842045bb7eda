// JSON documents: keys stay, values are masked, and what comes out is JSON again.

import type { Match } from '../../core/masking/finder.ts';
import type { Masks } from '../../core/masking/masks.ts';
import { maskText } from '../../core/masking/ways.ts';
import type { Way } from '../../core/masking/ways.ts';

/** Strings, numbers and the words true and false; a string that a colon follows is a key. */
const TOKEN = /"(?:[^"\\]|\\[\s\S])*"(\s*:)?|-?\d[\d.eE+-]*|true|false/g;

/** A whole document of a masked column. */
export function maskJsonScalars(document: string, way: Way, masks: Masks): string {
  return document.replace(TOKEN, (token, key: string | undefined) => {
    if (key !== undefined) return token;
    if (token.startsWith('"')) {
      const text = maskText(way, 'masked', stringOf(token), masks.keyedHash);
      return text === null ? 'null' : JSON.stringify(text);
    }
    if (token === 'true' || token === 'false') return 'false';
    if (way !== 'hash') return '0';
    return String(Buffer.from(masks.keyedHash(Buffer.from(token))).readUIntBE(0, 6));
  });
}

/**
 * Values that detectors find in a document, found in the text as it is and in each string as it is meant (an escape
 * hides nothing). `start` to `end` is the document. Gives undefined when there are none; null when a rule says NULL.
 */
export function maskJsonMatches(b: Buffer, start: number, end: number, masks: Masks): Buffer | null | undefined {
  const { finder } = masks;
  if (!finder) return undefined;
  const raw = finder.find(b, start, end);
  const escapes = b.subarray(start, end).includes(0x5c);
  if (raw.length === 0 && !escapes) return undefined;
  const document = b.toString('utf8', start, end);
  const ascii = document.length === end - start;
  let changed = false;
  let nulled = false;
  const replacement = (match: Match, value: Uint8Array): string => {
    changed = true;
    const text = masks.replacementOf(match.source, value);
    if (text === null) nulled = true;
    return text ?? '';
  };
  const masked = document.replace(TOKEN, (token: string, key: string | undefined, offset: number) => {
    const isString = token.startsWith('"');
    const body = isString ? token.slice(0, token.length - (key?.length ?? 0)) : token;
    const text = Buffer.from(isString ? stringOf(body) : body);
    const own = finder.find(text, 0, text.length);
    if (own.length > 0) {
      if (!isString) {
        replacement(own[0] as Match, text);
        return '0';
      }
      let out = '';
      let from = 0;
      for (const match of own) {
        out += text.toString('utf8', from, match.start) + replacement(match, text.subarray(match.start, match.end));
        from = match.end;
      }
      return JSON.stringify(out + text.toString('utf8', from)) + (key ?? '');
    }
    // What only the text around it gives away: {"password": "..."}.
    const at = start + (ascii ? offset : Buffer.byteLength(document.slice(0, offset)));
    const over =
      key === undefined
        ? raw.find((match) => match.start < at + Buffer.byteLength(token) && match.end > at)
        : undefined;
    if (!over) return token;
    const put = replacement(over, text);
    return isString ? JSON.stringify(put) : token === 'true' || token === 'false' ? token : '0';
  });
  if (nulled) return null;
  return changed ? Buffer.from(masked) : undefined;
}

function stringOf(token: string): string {
  const value: unknown = JSON.parse(token);
  return typeof value === 'string' ? value : '';
}
