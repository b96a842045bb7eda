// Why somebody is turned away: stable reasons, safe to log and to count. The words a person reads
// are made at each border (SQLSTATE and sentence, HTTP status and body) from these.

import { z } from 'zod';

export const RefusalReason = z.enum([
  'bad_request', // malformed, or not understood (law 3)
  'not_supported', // understood and refused on purpose, e.g. replication mode
  'credentials_missing',
  'credentials_wrong', // unknown person, wrong secret, another person's grant: not told apart on the wire
  'grant_expired',
  'grant_revoked',
  'session_ended', // before it had begun: by a person, a limit or its own client's hanging up
  'resource_unknown',
  'policy_denied',
  'too_many_sessions', // as many as the grant may have, or as the target takes
  'too_many_logins', // no place among those who have not proven a grant yet: nothing about this one
  'network_not_allowed', // the client's address is outside the rule's networks
  'outside_time_window',
  'edge_unreachable', // law 4: no new sessions while the edge is away
  'log_unavailable', // law 1: disk full or failing
  'upstream_unreachable',
  'upstream_login_failed',
  'upstream_untrusted', // its certificate did not verify
  'deadline_exceeded',
  'connector_stopping',
]);
export type RefusalReason = z.infer<typeof RefusalReason>;

export interface Refusal {
  readonly reason: RefusalReason;
  /** One sentence for the person, saying what to do next. Never holds a secret, SQL or data. */
  readonly message: string;
}
