// Every failure that leaves as HTTP: one exhaustive map from reason to status, and one body.

import type { ApiError } from '../core/api.ts';
import type { UseCaseFault } from './gatehouse.ts';

/** What the border itself refuses, beside the use cases' own reasons. */
type HttpFaultReason =
  | UseCaseFault['reason']
  | 'unauthorized'
  /** Of connectors, which end their sessions by it: no other refusal may be called so. */
  | 'connector_revoked'
  | 'cross_site'
  | 'too_large'
  | 'unsupported_media_type'
  | 'upgrade_required'
  | 'misconfigured'
  | 'internal';

const STATUS = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  connector_revoked: 403,
  denied: 403,
  approval_needed: 403,
  step_up_needed: 403,
  cross_site: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  unsupported_media_type: 415,
  upgrade_required: 426,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
  misconfigured: 503,
} as const satisfies Record<HttpFaultReason, number>;

export const statusOf = <R extends HttpFaultReason>(reason: R): (typeof STATUS)[R] => STATUS[reason];

export const errorBody = (
  reason: HttpFaultReason,
  message: string,
  more: Pick<UseCaseFault, 'purged' | 'signInAgain'> = {},
): ApiError => ({ error: { reason, message, ...more } });

export function httpError(reason: HttpFaultReason, message: string): Response {
  const headers = reason === 'unauthorized' ? { 'www-authenticate': 'Bearer realm="gatehouse"' } : undefined;
  return Response.json(errorBody(reason, message), { status: statusOf(reason), ...(headers && { headers }) });
}
