// What PostgreSQL clients are told: SQLSTATE by reason. The sentence comes with the refusal. Codes:
// https://www.postgresql.org/docs/current/errcodes-appendix.html

import type { EndReason } from '../../../core/recording/facts.ts';
import type { Refusal, RefusalReason } from '../../../core/refusal.ts';
import { errorResponse } from './messages.ts';

const SQLSTATE: Readonly<Record<RefusalReason, string>> = {
  bad_request: '08P01', // protocol_violation
  not_supported: '0A000', // feature_not_supported
  credentials_missing: '28000', // invalid_authorization_specification
  credentials_wrong: '28P01', // invalid_password
  grant_expired: '28000',
  grant_revoked: '28000',
  resource_unknown: '3D000', // invalid_catalog_name
  policy_denied: '42501', // insufficient_privilege
  too_many_sessions: '53300', // too_many_connections
  network_not_allowed: '28000',
  outside_time_window: '28000',
  edge_unreachable: '57P03', // cannot_connect_now
  log_unavailable: '53100', // disk_full
  upstream_unreachable: '08001', // sqlclient_unable_to_establish_sqlconnection
  upstream_login_failed: '08004', // sqlserver_rejected_establishment_of_sqlconnection
  upstream_untrusted: '08001',
  deadline_exceeded: '08006', // connection_failure
  connector_stopping: '57P01', // admin_shutdown
};

export const refusalMessage = (refusal: Refusal): Buffer =>
  errorResponse('FATAL', SQLSTATE[refusal.reason], `Gatehouse: ${refusal.message}`);

const END_SQLSTATE: Readonly<Record<EndReason, string>> = {
  client_closed: '57P01',
  target_closed: '08006',
  grant_expired: '57P01',
  grant_revoked: '57P01',
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

export const farewellMessage = (reason: EndReason, text: string): Buffer =>
  errorResponse('FATAL', END_SQLSTATE[reason], `Gatehouse: ${text}`);
