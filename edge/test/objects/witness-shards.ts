// The object that has what was witnessed of a session (objects/witness/days.ts).

import { env } from 'cloudflare:workers';
import type { SessionId } from '../../../core/ids.ts';
import { dayOfSession } from '../../../core/tlog/witness-rows.ts';

export const shardWith = (session: SessionId, log = 'only') =>
  env.WITNESS_SHARD.get(env.WITNESS_SHARD.idFromName(`${log} ${dayOfSession(session)}`));
