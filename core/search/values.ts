// Values of fields as people write them: amounts, durations, times.

const UNIT_US: Readonly<Record<string, number>> = { us: 1, ms: 1e3, s: 1e6, m: 60e6, h: 3600e6, d: 86_400e6 };
const AMOUNT = /^(>=|<=|>|<|=)?(.+)$/;
const RANGE = /^(.+)\.\.(.+)$/;
const DURATION = /^(\d+(?:\.\d+)?)(us|ms|s|m|h|d)$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?$/i;
const DAY_MS = 86_400_000;

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

/**
 * A day, a time, or how long ago (`2h`), in milliseconds since 1970; without a zone it is UTC. `end`: a day means its end, so that
 * `until:` takes it in.
 */
export function readTime(text: string, now: number, end: boolean): number | undefined {
  const ago = readDuration(text);
  if (ago !== undefined) return now - ago / 1000;
  if (DAY.test(text)) return orUndefined(Date.parse(`${text}T00:00:00Z`) + (end ? DAY_MS : 0));
  const [, , , zone] = TIME.exec(text) ?? [];
  return TIME.test(text) ? orUndefined(Date.parse(zone === undefined ? `${text}Z` : text)) : undefined;
}

const orUndefined = (time: number): number | undefined => (Number.isNaN(time) ? undefined : time);
