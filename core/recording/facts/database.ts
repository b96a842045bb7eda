// Facts of a database session: statements, their answers, and what the target says by itself.

import { z } from 'zod';
import { ActionNumber } from './action.ts';
import { BytesAt } from './bytes-at.ts';

/** Stands for the value of a parameter that is hidden. */
export const HIDDEN_VALUE = '[hidden]';

/** A bind parameter. `value`: text as sent; binary decoded where the type is known, else `\x` and hex; null for NULL. */
export const Parameter = z.object({
  /** The protocol's own number, else 0: PostgreSQL's type OID; MySQL's enum_field_types, with 0x8000 where unsigned. */
  type: z.number().int(),
  format: z.enum(['text', 'binary']),
  value: z.string().nullable(),
  /** Bytes on the wire, when `value` was cut. */
  bytes: z.number().int().optional(),
  /** It was hidden in the recording, whose bytes say nothing of it: `value` is HIDDEN_VALUE. */
  hidden: z.literal(true).optional(),
});
export type Parameter = z.infer<typeof Parameter>;

export const StatementStarted = z.object({
  kind: z.literal('statement.started'),
  action: ActionNumber,
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

/** What a target says beside a message, as the client was told it: masked where that was. */
const Beside = z.object({
  detail: z.string(),
  hint: z.string(),
  /** Where in code of the database it came up, a line for each call. */
  context: z.string(),
});

/** As the target named it; `code`: SQLSTATE, of MySQL `1062 (23000)`. */
export const StatementError = z.object({
  code: z.string(),
  severity: z.string(),
  message: z.string(),
  ...Beside.partial().shape,
});
export type StatementError = z.infer<typeof StatementError>;

/** Of a portal that is executed in parts there is one for each of them: rows, bytes, duration and place are that part's own. */
export const StatementFinished = z.object({
  kind: z.literal('statement.finished'),
  action: ActionNumber,
  /** Command tags, one for each result of a multi-statement string: `["SELECT 5"]`. */
  tags: z.array(z.string()),
  /** Rows sent to the client, or taken in by COPY. */
  rows: z.number().int(),
  /** Bytes of the answer (or of COPY data, in the direction it went). */
  bytes: z.number().int(),
  durationUs: z.number().int(),
  error: StatementError.optional(),
  /** true: the portal was suspended; when the client asks for more rows, another such fact follows. (Version 1, and 2 of early releases: under a later action.) */
  suspended: z.boolean().optional(),
  at: BytesAt.optional(),
});
export type StatementFinished = z.infer<typeof StatementFinished>;

export const NoticeReceived = z.object({
  kind: z.literal('notice.received'),
  severity: z.string(),
  code: z.string(),
  message: z.string(),
  ...Beside.partial().shape,
});

export const NotificationReceived = z.object({
  kind: z.literal('notification.received'),
  channel: z.string(),
  payload: z.string(),
});

export const CancelRequested = z.object({ kind: z.literal('cancel.requested') });
