// Facts: what a protocol understood of the bytes, written as frames of kind `fact` beside them.
// Names are past tense. The bytes stay the authority; a fact points at them.

import { z } from 'zod';
import { Grant } from '../grant.ts';
import { ConnectorId, RequestId, SessionId } from '../ids.ts';
import { Identity } from '../identity.ts';
import { ProtocolName } from '../protocols.ts';
import { ResourceName } from '../resource.ts';
import { Digest } from './segment.ts';

/** Characters of a statement or parameter kept in a fact; the rest is in the bytes it points at. */
export const MAX_FACT_TEXT = 16 * 1024;

/**
 * Where the bytes of a fact are: `length` bytes from `offset` in the concatenation of all recorded
 * bytes of that direction on that lane since the session's start.
 */
export const BytesAt = z.object({
  direction: z.enum(['client', 'target', 'gateway']),
  lane: z.number().int(),
  offset: z.number().int(),
  length: z.number().int(),
});
export type BytesAt = z.infer<typeof BytesAt>;

export const SessionOpened = z.object({
  kind: z.literal('session.opened'),
  session: SessionId,
  connector: z.object({ id: ConnectorId, name: z.string(), build: z.string() }),
  identity: Identity.pick({ subject: true, email: true, groups: true, provider: true, name: true }),
  grant: Grant.pick({
    id: true,
    request: true,
    reason: true,
    labels: true,
    until: true,
    rule: true,
    policyVersion: true,
    obligations: true,
    breakGlass: true,
  }),
  resource: ResourceName,
  protocol: ProtocolName,
  /** Wall clock of time 0 of every frame. */
  startedAt: z.iso.datetime(),
  client: z.object({ address: z.string(), tls: z.string().optional(), application: z.string().optional() }),
  /** What the client asked for, in the protocol's words: PostgreSQL's database name and so on. */
  details: z.record(z.string(), z.string()),
});
export type SessionOpened = z.infer<typeof SessionOpened>;

export const EndReason = z.enum([
  'client_closed',
  'target_closed',
  'grant_expired',
  'grant_revoked',
  'ended_by_person', // this session alone; the message says by whom and why
  'idle_timeout',
  'session_too_long',
  'time_window_over',
  'rows_exceeded',
  'policy_denied', // the policy in force gives no access any more
  'protocol_fault',
  'log_failed',
  'connector_stopped',
  'connector_crashed', // written on the next start, for what a crash left open
]);
export type EndReason = z.infer<typeof EndReason>;

export const SessionEnded = z.object({
  kind: z.literal('session.ended'),
  reason: EndReason,
  message: z.string(),
});
export type SessionEnded = z.infer<typeof SessionEnded>;

/** A bind parameter. `value`: text as sent; binary decoded where the type is known, else `\x` and hex; null for NULL. */
export const Parameter = z.object({
  /** PostgreSQL type OID where known, else 0. */
  type: z.number().int(),
  format: z.enum(['text', 'binary']),
  value: z.string().nullable(),
  /** Bytes on the wire, when `value` was cut. */
  bytes: z.number().int().optional(),
  /** It was hidden in the recording, whose bytes say nothing of it: `value` is HIDDEN_VALUE. */
  hidden: z.literal(true).optional(),
});
export const HIDDEN_VALUE = '[hidden]';
export type Parameter = z.infer<typeof Parameter>;

export const StatementStarted = z.object({
  kind: z.literal('statement.started'),
  /** 1 for the session's first statement. */
  statement: z.number().int(),
  /** simple: Query; extended: Execute of a portal; function: FunctionCall. */
  form: z.enum(['simple', 'extended', 'function']),
  text: z.string(),
  /** UTF-8 bytes of the whole text, when `text` was cut. */
  textBytes: z.number().int().optional(),
  parameters: z.array(Parameter).optional(),
  prepared: z.string().optional(),
  portal: z.string().optional(),
  at: BytesAt,
});
export type StatementStarted = z.infer<typeof StatementStarted>;

export const StatementFinished = z.object({
  kind: z.literal('statement.finished'),
  statement: z.number().int(),
  /** Command tags, one for each result of a multi-statement string: `["SELECT 5"]`. */
  tags: z.array(z.string()),
  /** Rows sent to the client, or taken in by COPY. */
  rows: z.number().int(),
  /** Bytes of the answer (or of COPY data, in the direction it went). */
  bytes: z.number().int(),
  durationUs: z.number().int(),
  error: z.object({ code: z.string(), severity: z.string(), message: z.string() }).optional(),
  /** true: the portal was suspended, more rows may follow under a later statement. */
  suspended: z.boolean().optional(),
  at: BytesAt.optional(),
});
export type StatementFinished = z.infer<typeof StatementFinished>;

export const NoticeReceived = z.object({
  kind: z.literal('notice.received'),
  severity: z.string(),
  code: z.string(),
  message: z.string(),
});

export const NotificationReceived = z.object({
  kind: z.literal('notification.received'),
  channel: z.string(),
  payload: z.string(),
});

export const CancelRequested = z.object({ kind: z.literal('cancel.requested') });

/** Why an action did not go on. `reason`: blocked, hold_denied, hold_expired, hold_withdrawn, hold_failed, too_many_statements... */
export const ActionRefused = z.object({
  kind: z.literal('action.refused'),
  statement: z.number().int().optional(),
  reason: z.string(),
  message: z.string(),
  /** Of the policy rule that decided, and what of it fitted. */
  rule: z.string().optional(),
  pattern: z.string().optional(),
  policyVersion: z.number().int().optional(),
});

/** It went on, and the person was told. */
export const ActionWarned = z.object({
  kind: z.literal('action.warned'),
  statement: z.number().int().optional(),
  message: z.string(),
  rule: z.string(),
  pattern: z.string().optional(),
  policyVersion: z.number().int(),
});

/** It waits for an approval. What becomes of it is a later `hold.resolved` with the same request. */
export const ActionHeld = z.object({
  kind: z.literal('action.held'),
  statement: z.number().int().optional(),
  request: RequestId,
  /** Over what will be forwarded if it is approved. */
  digest: Digest,
  rule: z.string(),
  pattern: z.string().optional(),
  policyVersion: z.number().int(),
});

export const HoldResolved = z.object({
  kind: z.literal('hold.resolved'),
  statement: z.number().int().optional(),
  request: RequestId,
  outcome: z.enum(['approved', 'denied', 'expired', 'withdrawn', 'failed']),
  /** E-mails of who decided. */
  by: z.array(z.string()),
  comment: z.string(),
});

/** Values masked since the last such fact, by rule. */
export const MaskApplied = z.object({
  kind: z.literal('mask.applied'),
  masked: z.array(z.object({ rule: z.string(), count: z.number().int() })),
});

/**
 * Values that the client sent (literals and parameters of statements, fields of COPY) and that are written over in the
 * recording, since the last such fact. `by`: a mask rule as in `mask.applied`, or `secret`, `not_certain`, `too_long`.
 */
export const ValuesHidden = z.object({
  kind: z.literal('values.hidden'),
  hidden: z.array(z.object({ by: z.string(), count: z.number().int() })),
});

/** Something was withheld that no rule named: core/masking/masked.ts says for which reasons. */
export const MaskWithheld = z.object({
  kind: z.literal('mask.withheld'),
  reason: z.string(),
  column: z.number().int().optional(),
  /** Alike and together since the last such fact. */
  count: z.number().int().min(1).default(1),
});

/** Another policy is in force for this session from here on. */
export const RulesChanged = z.object({
  kind: z.literal('rules.changed'),
  policyVersion: z.number().int(),
  rule: z.string(),
});

export const Fact = z.discriminatedUnion('kind', [
  SessionOpened,
  SessionEnded,
  StatementStarted,
  StatementFinished,
  NoticeReceived,
  NotificationReceived,
  CancelRequested,
  ActionRefused,
  ActionWarned,
  ActionHeld,
  HoldResolved,
  MaskApplied,
  ValuesHidden,
  MaskWithheld,
  RulesChanged,
]);
export type Fact = z.infer<typeof Fact>;
