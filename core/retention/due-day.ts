// When somebody has to look whether a session may go. The earliest day that can be: what was stored later is kept longer, and moves it.

import type { SessionOpened } from '../recording/facts/session.ts';
import { DAY_MS } from './may-purge.ts';

/** `2027-02-18`, UTC. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

export const dueDayOf = ({ startedAt, grant }: SessionOpened): string =>
  dayOf(Date.parse(startedAt) + grant.obligations.record.retainDays * DAY_MS);
