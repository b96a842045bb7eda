// Points in time as a person writes them. What names no zone is in the person's own, as lists print it.

import { readInstant } from '../core/text/instant.ts';
import { usage } from './failure.ts';

/** For help and errors: forms that are taken. */
export const INSTANTS = '2h, "2 hours ago", yesterday, 2026-11-20, "2026-11-20 09:00"';

/** A date (its midnight here), an instant, `today`, `yesterday`, or how long before now; as ISO 8601 UTC. */
export const instant = (text: string, flag: string, nowMs: number): string => iso(read(text, flag, nowMs).from);

/** Where a span of time ends that names `text` as its last: a day is part of it, as in a search's `until:`. */
export const instantUntil = (text: string, flag: string, nowMs: number): string => iso(read(text, flag, nowMs).until);

function read(text: string, flag: string, nowMs: number) {
  const read = readInstant(text, nowMs, 'local');
  if (!read) throw usage(`${flag} ${text}: expected ${INSTANTS.replace(/, ([^,]*)$/, ' or $1')}`);
  return read;
}

const iso = (ms: number): string => new Date(ms).toISOString();
