// Values of fields as people write them: amounts, durations, times.

import { readInstant } from '../text/instant.ts';

const UNIT_US: Readonly<Record<string, number>> = { us: 1, ms: 1e3, s: 1e6, m: 60e6, h: 3600e6, d: 86_400e6 };
const AMOUNT = /^(>=|<=|>|<|=)?(.+)$/;
const RANGE = /^(.+)\.\.(.+)$/;
const DURATION = /^(\d+(?:\.\d+)?)(us|ms|s|m|h|d)$/;

export const readRows = (text: string): number | undefined => {
  const rows = /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  return rows;
};

/** In microseconds. */
export function readDuration(text: string): number | undefined {
  const [, amount, unit = ''] = DURATION.exec(text.toLowerCase()) ?? [];
  const us = Number(amount) * (UNIT_US[unit] ?? Number.NaN);
  return us <= Number.MAX_SAFE_INTEGER ? us : undefined;
}

/** `5`, `>5`, `<=5`, `5..9`: both ends inside. undefined: none of these. */
export function readAmount(
  text: string,
  read: (text: string) => number | undefined,
): { readonly from: number; readonly to: number } | undefined {
  const [, first, last] = RANGE.exec(text) ?? [];
  if (first !== undefined && last !== undefined) {
    const [from, to] = [read(first), read(last)];
    return from === undefined || to === undefined ? undefined : { from, to };
  }
  const [, sign, rest = ''] = AMOUNT.exec(text) ?? [];
  const value = read(rest);
  if (value === undefined) return undefined;
  switch (sign) {
    // Amounts are whole numbers: what is more than 1.5 is 2 or more.
    case '>':
      return { from: Math.floor(value) + 1, to: Number.POSITIVE_INFINITY };
    case '>=':
      return { from: value, to: Number.POSITIVE_INFINITY };
    case '<':
      return { from: 0, to: Math.ceil(value) - 1 };
    case '<=':
      return { from: 0, to: value };
    default:
      return { from: value, to: value };
  }
}

/** For the errors: forms that are taken. */
export const TIME_FORMS = (field: string): string =>
  `today, yesterday, a day or a month (${field}:2026-11-30, ${field}:2026-11), a time (${field}:09:00, ${field}:2026-11-30T08:00Z, ${field}:"2026-11-30 08:00"), or how long ago (${field}:2h, ${field}:7d, ${field}:"2 hours ago")`;

/**
 * A day, a time, or how long ago (`2h`), in milliseconds since 1970; without a zone it is UTC. `end`: a day means its end, so that
 * `until:` takes it in.
 */
export function readTime(text: string, now: number, end: boolean): number | undefined {
  const ago = readDuration(text);
  if (ago !== undefined) return now - ago / 1000;
  const span = readInstant(text, now, 'utc');
  return end ? span?.until : span?.from;
}
