// How a session ended, and how much of it is recorded, in plain words: the same wherever it is told.

import type { EndReason } from './facts/session.ts';
import type { LaneCoverage } from './lane-coverage.ts';
import type { Coverage } from './manifest.ts';

type Hidden = NonNullable<Coverage['hidden']>[number];

const REASONS: Readonly<Record<string, string>> = {
  secret: 'the statement names it as a secret',
  typed: 'typed at a terminal, of which the length alone is recorded',
  not_certain: 'it may meet a column that a mask rule hides',
  too_long: 'the statement is too long to be followed, and it may meet a column that a mask rule hides',
};

/** `3 values that the client sent: rule orders-prod#1`. */
export const hiddenWords = ({ by, count }: Hidden): string =>
  `${count === 1 ? '1 value' : `${count} values`} that the client sent: ${REASONS[by] ?? `rule ${by}`}`;

/** `what masks hid in 12 frames is kept, sealed to 2 keys`. */
export const originalsWords = ({ frames, keys }: NonNullable<Coverage['originals']>): string =>
  `what masks hid in ${frames === 1 ? '1 frame' : `${frames} frames`} is kept, sealed to ${keys === 1 ? '1 key' : `${keys} keys`}`;

const NOT_KEPT: Readonly<Record<string, string>> = {
  too_large: 'because it is too large',
  secret: 'because a secret of the client or an account may be in it',
};

/** `hidden and not kept: 3 values, because it is too large`. */
export const notKeptWords = (notKept: NonNullable<Coverage['notKept']>): string =>
  `hidden and not kept: ${notKept
    .map(({ reason, count }) => `${count === 1 ? '1 value' : `${count} values`}, ${NOT_KEPT[reason] ?? reason}`)
    .join('; ')}`;

/** Behind `It ended because`. */
export const END_WORDS: Readonly<Record<EndReason, string>> = {
  client_closed: 'the client closed it',
  target_closed: 'the target closed it',
  grant_expired: 'the grant ran out',
  grant_revoked: 'the grant was revoked',
  ended_by_person: 'somebody ended it',
  idle_timeout: 'it was idle for too long',
  session_too_long: 'it was open for as long as its rule allows',
  time_window_over: 'its time window was over',
  rows_exceeded: 'more rows went out than its rule allows',
  policy_denied: 'the policy gave no access any more',
  protocol_fault: 'something was sent that Gatehouse does not understand',
  log_failed: 'it could no longer be recorded',
  connector_stopped: 'the connector was stopped',
  connector_crashed: 'the connector crashed',
};

/** core/masking/masked.ts gives the reasons. */
export const WITHHELD_WORDS: Readonly<Record<string, string>> = {
  masking_failed: 'since masking failed',
  lineage_unknown: 'since it is not known which columns they were made of',
  result_unknown: 'since their result was not described',
  copy_unknown: 'of COPY data in a form that is not known',
  encoding_unsafe: 'since their encoding cannot be searched safely',
  message_quotes_data: 'in messages of the target that quote data',
};

/** Of core/recording/facts/action.ts: why an action did not go on. */
export const REFUSED_WORDS: Readonly<Record<string, string>> = {
  blocked: 'blocked by a rule',
  hold_denied: 'an approver said no',
  hold_expired: 'nobody decided in time',
  hold_withdrawn: 'withdrawn while it was held',
  hold_failed: 'an approval could not be asked for',
  too_many_statements: 'too many statements in a minute',
};

export const RECORDED_WORDS: Readonly<Record<LaneCoverage['recorded'], string>> = {
  full: 'in full',
  partial: 'in part',
  none: 'not at all',
};
