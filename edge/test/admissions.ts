// The witness's record of the sessions that the archive of the tests holds.

import { env } from 'cloudflare:workers';
import type { SessionEntry } from '../../core/catalogue.ts';
import { AdmittedSession } from '../../core/session-evidence.ts';
import { remote } from '../objects/rpc.ts';

export const admitted = async (...sessions: readonly SessionEntry[]): Promise<void> => {
  for (const session of sessions)
    await remote(env.WITNESS).admitAll(
      [{ session: session.id, opened: AdmittedSession.parse(session) }],
      session.connector,
    );
};
