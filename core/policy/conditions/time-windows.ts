// Time windows of a rule: when access may be asked for and sessions may be open, by the clock on the
// wall of a place.
//
//    - { days: [mon-fri], from: "08:00", to: "18:00", zone: Europe/Berlin }
//    - { days: [sat], from: "22:00", to: "02:00", zone: UTC }      until two on Sunday
//
// Where that clock is set forward over a window's edge, the window begins or ends at the change;
// where it is set back over it, the window holds the hour both times.

import { z } from 'zod';

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const DAY = `(?:${DAYS.join('|')})`;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Every window opens within a week, save where the clock jumps over all of it. */
const LOOK_AHEAD_DAYS = 15;

const TimeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'expected a time such as "08:00"');

export const TimeWindow = z
  .strictObject({
    /** `mon`, or a range: `mon-fri`. The day on which it opens. Missing: every day. */
    days: z
      .array(z.string().regex(new RegExp(`^${DAY}(?:-${DAY})?$`), 'expected a day such as mon, or mon-fri'))
      .min(1)
      .max(7)
      .optional(),
    from: TimeOfDay,
    /** At or before `from`: on the next day. */
    to: TimeOfDay,
    /** IANA: `Europe/Berlin`. */
    zone: z.string().refine(isZone, 'expected a time zone such as Europe/Berlin or UTC'),
  })
  .superRefine(({ from, to }, context) => {
    if (from === to)
      context.addIssue({ code: 'custom', path: ['to'], message: 'is the same as from; all day is "00:00" to "24:00"' });
    if (from === '24:00')
      context.addIssue({ code: 'custom', path: ['from'], message: 'write "00:00" of the next day' });
  });
export type TimeWindow = z.infer<typeof TimeWindow>;

export type WindowState =
  /** `untilMs` undefined: for as long as one can see. */
  | { readonly open: true; readonly untilMs: number | undefined }
  /** `opensMs` undefined: not for as long as one can see. */
  | { readonly open: false; readonly opensMs: number | undefined };

/** Windows that overlap or follow each other without a gap are one. */
export function windowStateAt(windows: readonly TimeWindow[], nowMs: number): WindowState {
  const spans = windows
    .flatMap((window) => occurrences(window, nowMs))
    .filter(({ fromMs, toMs }) => fromMs < toMs)
    .sort((a, b) => a.fromMs - b.fromMs);
  let untilMs = nowMs;
  for (const { fromMs, toMs } of spans) if (fromMs <= untilMs && toMs > untilMs) untilMs = toMs;
  // Open only if one of them holds this very moment: `toMs` itself is outside.
  if (untilMs > nowMs)
    return { open: true, untilMs: untilMs > nowMs + (LOOK_AHEAD_DAYS - 2) * DAY_MS ? undefined : untilMs };
  return { open: false, opensMs: spans.find(({ fromMs }) => fromMs > nowMs)?.fromMs };
}

/** `Monday 08:00 (Europe/Berlin)` of the window that opens then. */
export function describeOpening(windows: readonly TimeWindow[], opensMs: number): string {
  const zone =
    windows.find((window) => occurrences(window, opensMs).some(({ fromMs }) => fromMs === opensMs))?.zone ?? 'UTC';
  const local = localTime(zone, opensMs);
  const day = new Intl.DateTimeFormat('en-GB', { weekday: 'long', timeZone: 'UTC' }).format(local.asUtcMs);
  return `${day} ${new Date(local.asUtcMs).toISOString().slice(0, 16).replace('T', ' ')} (${zone})`;
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

function occurrences({ days, from, to, zone }: TimeWindow, nowMs: number): Span[] {
  const opensOn = days ? daysOf(days) : new Set(DAYS.keys());
  const today = Math.floor(localTime(zone, nowMs).asUtcMs / DAY_MS);
  const begin = minutesOf(from);
  const end = minutesOf(to) > begin ? minutesOf(to) : minutesOf(to) + 24 * 60;
  const spans: Span[] = [];
  for (let day = today - 2; day <= today + LOOK_AHEAD_DAYS; day++) {
    // Day 0 of the epoch was a Thursday.
    if (!opensOn.has((((day + 3) % 7) + 7) % 7)) continue;
    const midnight = day * DAY_MS;
    spans.push({
      fromMs: instantOf(zone, midnight + begin * MINUTE_MS, 'first'),
      toMs: instantOf(zone, midnight + end * MINUTE_MS, 'last'),
    });
  }
  return spans;
}

function daysOf(names: readonly string[]): Set<number> {
  const days = new Set<number>();
  for (const name of names) {
    const [first = 'mon', last = first] = name.split('-');
    const end = DAYS.indexOf(last as (typeof DAYS)[number]);
    for (let day = DAYS.indexOf(first as (typeof DAYS)[number]); ; day = (day + 1) % 7) {
      days.add(day);
      if (day === end) break;
    }
  }
  return days;
}

const minutesOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));

/**
 * When the clock of `zone` shows what a UTC clock shows at `wallMs`: of two times the first or the
 * last, and where it never does the moment at which it is set forward over it.
 */
function instantOf(zone: string, wallMs: number, which: 'first' | 'last'): number {
  const before = wallMs - offsetAt(zone, wallMs - DAY_MS);
  const after = wallMs - offsetAt(zone, wallMs + DAY_MS);
  if (before === after) return before;
  const shown = [before, after].filter((at) => localTime(zone, at).asUtcMs === wallMs);
  if (shown.length > 0) return which === 'first' ? Math.min(...shown) : Math.max(...shown);
  let early = Math.min(before, after);
  let late = Math.max(before, after);
  while (late - early > 1) {
    const middle = Math.floor((early + late) / 2);
    if (localTime(zone, middle).asUtcMs < wallMs) early = middle;
    else late = middle;
  }
  return late;
}

const offsetAt = (zone: string, ms: number): number => localTime(zone, ms).asUtcMs - ms;

/** What the clock of `zone` shows, as the moment at which a UTC clock shows the same. */
function localTime(zone: string, ms: number): { readonly asUtcMs: number } {
  const parts: Record<string, number> = {};
  for (const { type, value } of clockOf(zone).formatToParts(ms)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  // Zones are whole seconds off; what is below a second is the same everywhere.
  return { asUtcMs: Date.UTC(year, month - 1, day, hour, minute, second) + (((ms % 1000) + 1000) % 1000) };
}

/** One for each zone there is: making one takes far longer than using it. */
const clocks = new Map<string, Intl.DateTimeFormat>();

function clockOf(zone: string): Intl.DateTimeFormat {
  const known = clocks.get(zone);
  if (known) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  clocks.set(zone, made);
  return made;
}

/** A place's zone or UTC; `+02:00` and abbreviations such as `CET` follow no place's changes. */
function isZone(zone: string): boolean {
  if (zone !== 'UTC' && !/^[A-Z][A-Za-z_]+(\/[A-Za-z0-9_+-]+){1,2}$/.test(zone)) return false;
  try {
    clockOf(zone);
    return true;
  } catch {
    return false;
  }
}
