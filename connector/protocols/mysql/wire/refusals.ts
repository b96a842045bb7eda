// What MySQL clients are told: error code and SQLSTATE by reason. The sentence comes with the refusal.
// https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html

import type { EndReason } from '../../../../core/recording/facts/session.ts';
import type { RefusalReason } from '../../../../core/refusal.ts';
import { onLines } from '../../../../core/text/written-text.ts';
import type { ActionRefusal, ActionRefusalReason } from '../../../action.ts';
import type { TargetRefusal } from '../../../door.ts';
import { type MysqlError, errorPacket } from './replies.ts';

type Code = readonly [code: number, sqlstate: string];

const HANDSHAKE: Code = [1043, '08S01']; // ER_HANDSHAKE_ERROR
const NOT_SUPPORTED: Code = [1235, '42000']; // ER_NOT_SUPPORTED_YET
const DENIED: Code = [1045, '28000']; // ER_ACCESS_DENIED_ERROR
const NO_PRIVILEGE: Code = [1227, '42000']; // ER_SPECIFIC_ACCESS_DENIED_ERROR
const TOO_MANY: Code = [1040, '08004']; // ER_CON_COUNT_ERROR
const STOPPING: Code = [1053, '08S01']; // ER_SERVER_SHUTDOWN
const UNAVAILABLE: Code = [1429, 'HY000']; // ER_CONNECT_TO_FOREIGN_DATA_SOURCE
const LIMIT: Code = [1226, '42000']; // ER_USER_LIMIT_REACHED
const INTERRUPTED: Code = [1317, '70100']; // ER_QUERY_INTERRUPTED
const KILLED: Code = [1927, '70100']; // ER_CONNECTION_KILLED
const DISK_FULL: Code = [1021, 'HY000']; // ER_DISK_FULL

const LOGIN: Readonly<Record<RefusalReason, Code>> = {
  bad_request: HANDSHAKE,
  not_supported: NOT_SUPPORTED,
  credentials_missing: DENIED,
  credentials_wrong: DENIED,
  grant_expired: DENIED,
  grant_revoked: DENIED,
  session_ended: KILLED,
  resource_unknown: DENIED,
  policy_denied: NO_PRIVILEGE,
  too_many_sessions: TOO_MANY,
  too_many_logins: TOO_MANY,
  network_not_allowed: DENIED,
  outside_time_window: DENIED,
  edge_unreachable: STOPPING,
  log_unavailable: DISK_FULL,
  upstream_unreachable: UNAVAILABLE,
  upstream_login_failed: UNAVAILABLE,
  upstream_untrusted: UNAVAILABLE,
  deadline_exceeded: HANDSHAKE,
  connector_stopping: STOPPING,
};

/** `error`: the target's own code, in place of what the reason stands for. */
export interface MysqlRefusal extends TargetRefusal {
  readonly error?: Code;
}

export const loginError = ({ reason, message, error }: MysqlRefusal): MysqlError =>
  fields(error ?? LOGIN[reason], message);

export const loginRefused = (sequence: number, refusal: MysqlRefusal): Buffer =>
  errorPacket(sequence, loginError(refusal));

const ENDS: Readonly<Record<EndReason, Code>> = {
  client_closed: KILLED,
  target_closed: KILLED,
  grant_expired: KILLED,
  grant_revoked: KILLED,
  ended_by_person: KILLED,
  idle_timeout: [4031, 'HY000'], // ER_CLIENT_INTERACTION_TIMEOUT
  session_too_long: KILLED,
  time_window_over: KILLED,
  rows_exceeded: LIMIT,
  policy_denied: NO_PRIVILEGE,
  protocol_fault: [1047, '08S01'], // ER_UNKNOWN_COM_ERROR
  log_failed: DISK_FULL,
  connector_stopped: STOPPING,
  connector_crashed: STOPPING,
};

export const sessionEnds = (sequence: number, reason: EndReason, message: string): Buffer =>
  errorPacket(sequence, fields(ENDS[reason], message));

const ACTIONS: Readonly<Record<ActionRefusalReason, Code>> = {
  blocked: NO_PRIVILEGE,
  too_many_statements: LIMIT,
  hold_denied: NO_PRIVILEGE,
  hold_expired: NO_PRIVILEGE,
  hold_withdrawn: INTERRUPTED,
  hold_failed: NO_PRIVILEGE,
};

export const actionRefused = ({ reason, message, hint }: ActionRefusal): MysqlError =>
  fields(ACTIONS[reason], hint === undefined ? message : `${message} ${hint}`);

export const notSupported = (message: string): MysqlError => fields(NOT_SUPPORTED, message);
/** Of a demand for a file. */
export const fileNotAskedFor = (name: string): MysqlError =>
  fields(
    NO_PRIVILEGE,
    `The database asks for the file ${JSON.stringify(name.slice(0, 100))}, which the statement does not name, or no rule allows. Nothing of it was sent.`,
  );
export const masksRefuse = (why: string): MysqlError =>
  fields(NO_PRIVILEGE, `Not run under the masks of this session: ${why}.`);
/** ER_PARSE_ERROR: most of what is not read is none to the server either. */
export const masksUnread = (why: string): MysqlError =>
  fields([1064, '42000'], `Not run under the masks of this session: ${why}.`);
export const cursorUnknown = (): MysqlError =>
  fields(
    NO_PRIVILEGE,
    'The masks of this session do not know the columns of this cursor. Execute its statement again.',
  );
export const resultRefused = (column: number, computed: boolean): MysqlError =>
  computed
    ? fields(
        NO_PRIVILEGE,
        `Column ${column} of the result may be computed from a masked column, and its type has no form that looks masked. Leave it out, select the column itself, or cast to CHAR.`,
      )
    : fields(
        NOT_SUPPORTED,
        `Column ${column} comes in a character set in which masks cannot be put. SET NAMES utf8mb4.`,
      );
/** ER_NO_SUCH_THREAD, ER_KILL_DENIED_ERROR */
export const killRefused = (message: string): MysqlError => fields([1095, 'HY000'], message);
/** ER_MAX_PREPARED_STMT_COUNT_REACHED */
export const tooManyPrepared = (message: string): MysqlError => fields([1461, '42000'], message);

/** ER_SECURE_TRANSPORT_REQUIRED */
export const TLS_REQUIRED: Code = [3159, 'HY000'];
/** ER_NOT_SUPPORTED_AUTH_MODE */
export const AUTH_MODE: Code = [1251, '08004'];

const fields = ([code, sqlstate]: Code, message: string): MysqlError => ({
  code,
  sqlstate,
  message: onLines(`Gatehouse: ${message}`),
});
