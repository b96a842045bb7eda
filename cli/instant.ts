// Points in time as a person writes them. What names no zone is in the person's own, as lists print it.

import { UNIT_MS } from '../core/policy/duration.ts';
import { usage } from './failure.ts';

/** For help and errors: forms that are taken. */
export const INSTANTS = '2h, "2 hours ago", yesterday, 2026-11-20, "2026-11-20 09:00"';

const WRITTEN = /^(\d{4})-(\d{2})-(\d{2})(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s?(Z|[+-]\d{2}:?\d{2})?)?$/i;
const AGO = /^([1-9]\d{0,5})\s*(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)(?:\s+ago)?$/;
const DAYS_BACK: Readonly<Record<string, number>> = { today: 0, yesterday: 1 };

/** A date (its midnight here), an instant, `today`, `yesterday`, or how long before now; as ISO 8601 UTC. */
export function instant(text: string, flag: string, nowMs: number): string {
  const at = instantMs(text.trim(), nowMs);
  if (Number.isNaN(at)) throw usage(`${flag} ${text}: expected ${INSTANTS.replace(/, ([^,]*)$/, ' or $1')}`);
  return new Date(at).toISOString();
}

/** NaN: it is none. */
function instantMs(text: string, nowMs: number): number {
  const word = text.toLowerCase();
  if (word === 'now') return nowMs;
  const back = DAYS_BACK[word];
  if (back !== undefined) {
    const now = new Date(nowMs);
    // By the calendar: a day may have 23 hours.
    return new Date(now.getFullYear(), now.getMonth(), now.getDate() - back).getTime();
  }
  const ago = AGO.exec(word);
  if (ago) return nowMs - Number(ago[1]) * unitMs(ago[2] ?? '');
  const written = WRITTEN.exec(text);
  const [year, month, day] = [Number(written?.[1]), Number(written?.[2]), Number(written?.[3])];
  // Dates alone are UTC in ECMAScript; and it takes 30 February for a day in March.
  const isDay = new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day && month >= 1 && month <= 12;
  if (!written || !isDay) return Number.NaN;
  if (text.length === 10) return Date.parse(`${text}T00:00:00`);
  const [date = '', clock = ''] = text.toUpperCase().split(/[T ]/, 2);
  const zone = written[4]?.toUpperCase() ?? '';
  const time = clock.replace(/(Z|[+-]\d{2}:?\d{2})$/, '');
  return Date.parse(
    `${date}T${time.indexOf(':') === 1 ? '0' : ''}${time}${zone.replace(/^([+-]\d{2})(\d{2})$/, '$1:$2')}`,
  );
}

const unitMs = (unit: string): number => {
  const [first = 's'] = unit;
  return first === 'w' ? 7 * UNIT_MS.d : UNIT_MS[first as keyof typeof UNIT_MS];
};
