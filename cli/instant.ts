// Points in time as a person writes them. What names no zone is in the person's own, as lists print it.

import { parseDuration } from '../core/policy/document.ts';
import { usage } from './failure.ts';

const WRITTEN = /^(\d{4})-(\d{2})-(\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

/** A date (its midnight here), an instant, or a duration before now; as ISO 8601 UTC. */
export function instant(text: string, flag: string, nowMs: number): string {
  if (/^[1-9]\d{0,5}(s|m|h|d)$/.test(text)) return new Date(nowMs - parseDuration(text)).toISOString();
  const written = WRITTEN.exec(text);
  const [year, month, day] = [Number(written?.[1]), Number(written?.[2]), Number(written?.[3])];
  // Dates alone are UTC in ECMAScript; and it takes 30 February for a day in March.
  const isDay = new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day && month >= 1 && month <= 12;
  const at =
    !written || !isDay ? Number.NaN : Date.parse(text.length === 10 ? `${text}T00:00:00` : text.replace(' ', 'T'));
  if (Number.isNaN(at)) throw usage(`${flag} ${text}: expected a date, an instant such as 2026-11-20T09:00:00Z, or 2h`);
  return new Date(at).toISOString();
}
