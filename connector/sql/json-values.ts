// JSON documents: keys stay, values are masked, and what comes out is JSON again. A masked number or boolean becomes a
// string: no number is told from a real one (law 12).

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
    const isString = token.startsWith('"');
    // The author of the rule chose a value of the same type.
    if (!isString && typeof way === 'object' && sameType(token, way.fixed)) return way.fixed;
    // Of two values, a letter or an equal hash would tell which.
    const value = isString ? stringOf(token) : isBoolean(token) ? undefined : token;
    const text = maskText(way, 'masked', value, masks.keyedHash);
    return text === null ? 'null' : JSON.stringify(text);
  });
}

const isBoolean = (token: string): boolean => token === 'true' || token === 'false';

/** Both numbers, or both booleans, as JSON (RFC 8259) writes them. */
const sameType = (token: string, fixed: string): boolean =>
  isBoolean(token) ? isBoolean(fixed) : /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(fixed);

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
        return JSON.stringify(replacement(own[0] as Match, text));
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
    if (!over || isBoolean(token)) return token;
    return JSON.stringify(replacement(over, text));
  });
  if (nulled) return null;
  return changed ? Buffer.from(masked) : undefined;
}

function stringOf(token: string): string {
  const value: unknown = JSON.parse(token);
  return typeof value === 'string' ? value : '';
}
