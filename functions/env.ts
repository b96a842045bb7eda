// The functions' settings: names here, so that infra sets exactly what is read, and one parse at
// start-up, so that nothing deeper touches process.env.

import '../core/text/schema-words.ts';
import { z } from 'zod';

export const ENV = {
  bucket: 'RECORDINGS_BUCKET',
  table: 'CATALOGUE_TABLE',
  /**
   * Optional: `COMPLIANCE` or `GOVERNANCE`, and for how many days: the bucket's longest time. With both, the audit log's pieces
   * are kept here, and the edge learns what a policy's `retain` may be.
   */
  auditLockMode: 'AUDIT_LOCK_MODE',
  auditLockDays: 'AUDIT_LOCK_DAYS',
  /** Optional: where the full-text index is kept. Without it this function neither makes nor asks one. */
  searchBucket: 'SEARCH_BUCKET',
  /** Optional: the function that renders exports which are too large for one answer. Without it there are none. */
  renderFunction: 'RENDER_FUNCTION',
  /** Optional: how many of them are written at once. */
  rendersAtOnce: 'RENDERS_AT_ONCE',
  /** Optional: the fewest days that a policy's `retain` may have. */
  minRetainDays: 'MIN_RETAIN_DAYS',
  /** Optional: `NAME+ID+KEY` of the edge's log of sessions, which signs requests, orders to purge and the keys of connectors. Without it no request needs a ticket, nothing is purged before its time, and `sealed` proves that one key signed, not whose. */
  edgeKey: 'EDGE_LOG_KEY',
} as const;

/** Unless the deployment says otherwise: as many runs as are kept for the function that renders. */
export const RENDERS_AT_ONCE = 10;

const Environment = z.object({
  [ENV.bucket]: z.string().min(3),
  [ENV.table]: z.string().min(3),
  [ENV.auditLockMode]: z.enum(['COMPLIANCE', 'GOVERNANCE']).optional(),
  [ENV.auditLockDays]: z.coerce.number().int().min(1).max(36_500).optional(),
  [ENV.searchBucket]: z.string().min(3).optional(),
  /** Read where it is used: a key that is none orders nothing. */
  [ENV.edgeKey]: z.string().min(1).optional(),
  [ENV.renderFunction]: z.string().min(1).optional(),
  [ENV.rendersAtOnce]: z.coerce.number().int().min(1).max(1000).default(RENDERS_AT_ONCE),
  [ENV.minRetainDays]: z.coerce.number().int().min(1).max(36_500).optional(),
});

interface FunctionsSettings {
  readonly bucket: string;
  readonly searchBucket: string | undefined;
  readonly renderFunction: string | undefined;
  readonly rendersAtOnce: number;
  readonly table: string;
  readonly edgeKey: string | undefined;
  readonly minRetainDays: number | undefined;
  /** How long the audit log's pieces cannot be deleted; undefined: this function keeps none. */
  readonly auditLock: { readonly mode: 'COMPLIANCE' | 'GOVERNANCE'; readonly days: number } | undefined;
}

/** Throws with the names of what is missing or wrong. */
export function readSettings(env: Readonly<Record<string, string | undefined>>): FunctionsSettings {
  const parsed = Environment.safeParse(env);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`settings: ${wrong.join('; ')}`);
  }
  const { [ENV.auditLockMode]: mode, [ENV.auditLockDays]: days } = parsed.data;
  if ((mode === undefined) !== (days === undefined)) {
    throw new Error(`settings: ${ENV.auditLockMode} and ${ENV.auditLockDays} go together`);
  }
  return {
    bucket: parsed.data[ENV.bucket],
    searchBucket: parsed.data[ENV.searchBucket],
    renderFunction: parsed.data[ENV.renderFunction],
    rendersAtOnce: parsed.data[ENV.rendersAtOnce],
    table: parsed.data[ENV.table],
    edgeKey: parsed.data[ENV.edgeKey],
    minRetainDays: parsed.data[ENV.minRetainDays],
    auditLock: mode !== undefined && days !== undefined ? { mode, days } : undefined,
  };
}
