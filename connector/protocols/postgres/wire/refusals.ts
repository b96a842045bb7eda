// What PostgreSQL clients are told: SQLSTATE by reason. The sentence comes with the refusal. Codes:
// https://www.postgresql.org/docs/current/errcodes-appendix.html

import type { EndReason } from '../../../../core/recording/facts/session.ts';
import type { RefusalReason } from '../../../../core/refusal.ts';
import type { SyntaxFault } from '../../../../core/sql/statement.ts';
import { onLines } from '../../../../core/text/written-text.ts';
import type { ActionRefusal, ActionRefusalReason } from '../../../action.ts';
import type { TargetRefusal } from '../../../door.ts';
import { errorResponse, message } from './messages.ts';

const SQLSTATE: Readonly<Record<RefusalReason, string>> = {
  bad_request: '08P01', // protocol_violation
  not_supported: '0A000', // feature_not_supported
  credentials_missing: '28000', // invalid_authorization_specification
  credentials_wrong: '28P01', // invalid_password
  grant_expired: '28000',
  grant_revoked: '28000',
  session_ended: '57P01', // admin_shutdown
  resource_unknown: '3D000', // invalid_catalog_name
  policy_denied: '42501', // insufficient_privilege
  too_many_sessions: '53300', // too_many_connections
  too_many_logins: '53300',
  network_not_allowed: '28000',
  outside_time_window: '28000',
  edge_unreachable: '57P03', // cannot_connect_now
  log_unavailable: '53100', // disk_full
  upstream_unreachable: '57P03', // as of a server that cannot be reached: libpq goes on to its next host
  upstream_login_failed: '08004', // sqlserver_rejected_establishment_of_sqlconnection
  upstream_untrusted: '08001', // sqlclient_unable_to_establish_sqlconnection
  deadline_exceeded: '08006', // connection_failure
  connector_stopping: '57P03', // as a server that shuts down answers new connections
};

/** `sqlstate`: the target's own, in place of what the reason stands for. */
export interface LoginRefusal extends TargetRefusal {
  readonly sqlstate?: string;
}

export const refusalMessage = ({ reason, message: text, sqlstate }: LoginRefusal): Buffer =>
  errorResponse('FATAL', sqlstate ?? SQLSTATE[reason], onLines(`Gatehouse: ${text}`));

const END_SQLSTATE: Readonly<Record<EndReason, string>> = {
  client_closed: '57P01',
  target_closed: '08006',
  grant_expired: '57P01',
  grant_revoked: '57P01',
  ended_by_person: '57P01', // admin_shutdown, as pg_terminate_backend has it
  idle_timeout: '57P05', // idle_session_timeout
  session_too_long: '57P01',
  time_window_over: '57P01',
  rows_exceeded: '53400', // configuration_limit_exceeded
  policy_denied: '57P01',
  protocol_fault: '08P01',
  log_failed: '53100',
  connector_stopped: '57P01',
  connector_crashed: '57P02', // crash_shutdown
};

export const farewellMessage = (reason: EndReason, text: string, encoding: string): Buffer =>
  errorResponse('FATAL', END_SQLSTATE[reason], readable(`Gatehouse: ${text}`, encoding));

const ACTION_SQLSTATE: Readonly<Record<ActionRefusalReason, string>> = {
  blocked: '42501', // insufficient_privilege
  too_many_statements: '53400', // configuration_limit_exceeded
  hold_denied: '42501',
  hold_expired: '42501',
  hold_withdrawn: '57014', // query_canceled
  hold_failed: '42501',
};

/** What takes the place of the target's error for a statement that was refused. `syntax`: it is blocked for that alone. */
export function statementRefused(
  { reason, message: text, hint }: ActionRefusal,
  encoding: string,
  syntax?: SyntaxFault,
): Buffer {
  const why = readable(`Gatehouse: ${text}`, encoding);
  const way = hint && readable(hint, encoding);
  if (reason !== 'blocked' || !syntax) return errorResponse('ERROR', ACTION_SQLSTATE[reason], why, way);
  return errorResponse('ERROR', SYNTAX_ERROR, readable(syntax.message, encoding), way, {
    detail: `${why} It was not sent to the database: rules read every statement first.`,
    position: syntax.position,
  });
}

const SYNTAX_ERROR = '42601';

/** 'N' fields as of an error. Ends nothing. */
export function noticeResponse(
  severity: 'NOTICE' | 'WARNING',
  text: string,
  hint: string | undefined,
  encoding: string,
): Buffer {
  const fields = [`S${severity}`, `V${severity}`, `C${severity === 'WARNING' ? '01000' : '00000'}`];
  fields.push(`M${readable(`Gatehouse: ${text}`, encoding)}`);
  if (hint) fields.push(`H${readable(hint, encoding)}`);
  return message('N', `${fields.join('\0')}\0\0`);
}

/** Rules and people have names in any script, and people write reasons; a client of another encoding gets what all encodings share. */
const readable = (text: string, encoding: string): string => {
  const whole = onLines(text);
  return encoding === 'UTF8' || encoding === 'SQL_ASCII' ? whole : whole.replace(/[^\n -~]/gu, '?');
};

const REFUSED_TEXT = 'gatehouse refused a statement';

/**
 * Fails at the target for its syntax, whatever the state of the transaction, and so has the same effect on it as
 * any error. In place of a Query or FunctionCall.
 */
export const failingQuery = (): Buffer => message('Q', `${REFUSED_TEXT}\0`);

/** The same in place of an extended-query message. `name`: one that nobody has prepared. The Flush has the target answer at once. */
export const failingParse = (name: string): Buffer =>
  Buffer.concat([message('P', `${name}\0${REFUSED_TEXT}\0`, Buffer.alloc(2)), message('H')]);
