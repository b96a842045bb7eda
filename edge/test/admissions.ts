// The witness's record of the sessions that the archive of the tests holds.

import { env } from 'cloudflare:workers';
import type { SessionEntry } from '../../core/catalogue.ts';
import { AdmittedSession } from '../../core/session-evidence.ts';
import { witnessOf } from '../objects/witness/days.ts';

export const admitted = (...sessions: readonly SessionEntry[]): Promise<void> => admittedUnder(true, ...sessions);

/** `viewOwn` as the rule said when they were opened. */
export const admittedUnder = async (viewOwn: boolean, ...sessions: readonly SessionEntry[]): Promise<void> => {
  for (const session of sessions)
    await witnessOf(env).admitAll(
      [{ session: session.id, opened: AdmittedSession.parse(session), viewOwn, retainDays: 30 }],
      session.connector,
    );
};
