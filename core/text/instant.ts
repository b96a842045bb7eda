// Points in time as people write them. What names no zone is in the reader's own, or in UTC, as whoever asks says.

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const MONTH = /^(\d{4})-(\d{2})$/;
const CLOCK = /^\d{1,2}:\d{2}(?::\d{2})?$/;
const WRITTEN = /^(\d{4}-\d{2}-\d{2})[T ](\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s?(Z|[+-]\d{2}:?\d{2})?$/i;
const AGO = /^([1-9]\d{0,5})\s*(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)(?:\s+ago)?$/;
const DAYS_BACK: ReadonlyMap<string, number> = new Map([
  ['today', 0],
  ['yesterday', 1],
]);

/** Milliseconds since 1970. */
interface Span {
  readonly from: number;
  /** Its end, which is no more of it: of a day the next midnight. Of an instant, itself. */
  readonly until: number;
}

/** `now`, `today`, `yesterday`, a month, a day, a time of a day, of this day, or how long before now. undefined: none of these. */
export function readInstant(text: string, nowMs: number, zone: 'utc' | 'local'): Span | undefined {
  const word = text.trim().toLowerCase();
  if (word === 'now') return { from: nowMs, until: nowMs };
  const back = DAYS_BACK.get(word);
  if (back !== undefined) return dayAt(calendarDay(nowMs, zone), zone, -back);
  const [, amount, unit = ''] = AGO.exec(word) ?? [];
  if (amount !== undefined) return instantAt(nowMs - Number(amount) * unitMs(unit));
  if (CLOCK.test(word)) return instantAt(timeAt(dayText(calendarDay(nowMs, zone)), word, zone));
  const [, year = '', month = ''] = MONTH.exec(word) ?? [];
  if (month !== '') {
    const first = parseDay(`${year}-${month}-01`);
    return first && { from: midnight(first, zone), until: midnight({ ...first, month: first.month + 1 }, zone) };
  }
  const day = parseDay(DAY.test(word) ? word : (WRITTEN.exec(word)?.[1] ?? ''));
  if (!day) return undefined;
  if (DAY.test(word)) return dayAt(day, zone, 0);
  const [, date = '', clock = '', named] = WRITTEN.exec(word) ?? [];
  return instantAt(timeAt(date, clock, zone, named));
}

/** `month` from 0. */
interface Day {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** undefined: the calendar has no such day. ECMAScript takes 30 February for a day in March. */
function parseDay(text: string): Day | undefined {
  const [year = 0, month = 0, day = 0] = text.split('-').map(Number);
  const date = new Date(Date.UTC(year, month - 1, day));
  const is = [date.getUTCFullYear() === year, date.getUTCMonth() === month - 1, date.getUTCDate() === day];
  const isOne = text !== '' && is.every(Boolean);
  return isOne ? { year, month: month - 1, day } : undefined;
}

function calendarDay(ms: number, zone: 'utc' | 'local'): Day {
  const now = new Date(ms);
  return zone === 'utc'
    ? { year: now.getUTCFullYear(), month: now.getUTCMonth(), day: now.getUTCDate() }
    : { year: now.getFullYear(), month: now.getMonth(), day: now.getDate() };
}

const dayText = ({ year, month, day }: Day): string => new Date(Date.UTC(year, month, day)).toISOString().slice(0, 10);

const midnight = ({ year, month, day }: Day, zone: 'utc' | 'local'): number =>
  zone === 'utc' ? Date.UTC(year, month, day) : new Date(year, month, day).getTime();

/** By the calendar: a day may have 23 hours. */
const dayAt = (day: Day, zone: 'utc' | 'local', days: number): Span => ({
  from: midnight({ ...day, day: day.day + days }, zone),
  until: midnight({ ...day, day: day.day + days + 1 }, zone),
});

/** NaN: the clock has no such time. */
function timeAt(date: string, clock: string, zone: 'utc' | 'local', named?: string): number {
  const offset = named?.toUpperCase().replace(/^([+-]\d{2})(\d{2})$/, '$1:$2') ?? (zone === 'utc' ? 'Z' : '');
  return Date.parse(`${date}T${clock.indexOf(':') === 1 ? '0' : ''}${clock}${offset}`);
}

const instantAt = (ms: number): Span | undefined => (Number.isNaN(ms) ? undefined : { from: ms, until: ms });

/** By its first letter. */
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const unitMs = (unit: string): number => UNIT_MS[unit.charAt(0)] ?? Number.NaN;
