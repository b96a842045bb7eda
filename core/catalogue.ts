// Catalogue entries: what the functions write to DynamoDB and the edge shows. Everything here can
// be made again from the stored objects.

import { z } from 'zod';
import { GrantId, ConnectorId, SessionId } from './ids.ts';
import { ProtocolName } from './protocols.ts';
import { Parameter, StatementError } from './recording/facts/database.ts';
import { ExchangeFinished, ExchangeStarted } from './recording/facts/exchange.ts';
import { FileAccessed, FileTransferred } from './recording/facts/file.ts';
import { EndReason } from './recording/facts/session.ts';
import { CommandFinished, CommandStarted } from './recording/facts/shell.ts';
import { Coverage, Manifest, SessionCounts } from './recording/manifest.ts';
import { Digest } from './recording/segment.ts';
import { ResourceName } from './resource.ts';

/**
 * live: segments arrive. ended: the manifest is stored. sealed: the whole was read back and proven.
 * broken: it was read back and is not whole; `fault` says what.
 */
const SessionState = z.enum(['live', 'ended', 'sealed', 'broken']);

export const SessionEntry = z.object({
  id: SessionId,
  connector: ConnectorId,
  resource: ResourceName,
  protocol: ProtocolName,
  email: z.string(),
  subject: z.string(),
  grant: GrantId,
  rule: z.string(),
  reason: z.string(),
  task: z.string().optional(),
  trace: z.string().optional(),
  client: z.object({ address: z.string(), tls: z.string().optional(), application: z.string().optional() }),
  /** Why the policy had nothing of what went over the wire recorded. Missing: all of it was. */
  exempt: z.string().optional(),
  /** The grant was used without the approval that its rule asks for. */
  breakGlass: z.boolean().optional(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().optional(),
  state: SessionState,
  end: z.object({ reason: EndReason, message: z.string() }).optional(),
  counts: SessionCounts,
  /**
   * Commands that ended with a status other than 0 or by a signal. The indexer's count, which no manifest holds. Missing: not
   * all segments are counted yet, or an earlier release indexed them.
   */
  failedCommands: z.number().int().optional(),
  segments: z.number().int(),
  fault: z.string().optional(),
  /** Fields of this entry that the catalogue told otherwise: somebody changed its row. What stands here is the edge's and the recording's word. */
  contradicted: z.array(z.string()).optional(),
  /** The policy in force has no rule of that name any more: its own person, as the rule had it, and auditors see the session. The edge's word. */
  ruleGone: z.literal(true).optional(),
});
export type SessionEntry = z.infer<typeof SessionEntry>;

/** What the policy made of an action, at its last: a held one is `held` until somebody decided. */
export const ActionVerdict = z.object({
  outcome: z.enum(['warned', 'refused', 'held', 'approved', 'denied', 'expired', 'withdrawn', 'failed']),
  /** The policy's rule. */
  rule: z.string().optional(),
  /** In plain words. */
  message: z.string(),
  /** E-mails of who decided. */
  by: z.array(z.string()).optional(),
});
export type ActionVerdict = z.infer<typeof ActionVerdict>;

/** What every action has, whatever it is. */
const AnyAction = z.object({
  /** Its number, unique in the session. */
  action: z.number().int(),
  lane: z.number().int(),
  /** Microseconds since the session's start. */
  timeUs: z.number().int(),
  /** Missing while it runs, and of a line that was typed at a terminal. */
  durationUs: z.number().int().optional(),
  /** One line: how a statement or command begins, an exchange's method and URL, what was done to a file. */
  title: z.string(),
  /** What it came to, in a word or two: `SELECT 5`, `ERROR 42P01`, `exit 0`, `404`. Missing while it runs. */
  outcome: z.string().optional(),
  /** Missing: it was allowed without a word. */
  verdict: ActionVerdict.optional(),
});

export const StatementDetail = z.object({
  text: z.string(),
  /** Bytes of the whole, when `text` is its beginning. */
  textBytes: z.number().int().optional(),
  parameters: z.array(Parameter).optional(),
  /** Missing while it runs, as what follows. */
  tags: z.array(z.string()).optional(),
  rows: z.number().int().optional(),
  bytes: z.number().int().optional(),
  error: StatementError.optional(),
  /** There are more rows, which the client did not ask for. */
  suspended: z.boolean().optional(),
});
export type StatementDetail = z.infer<typeof StatementDetail>;

export const CommandDetail = CommandStarted.pick({ command: true, commandBytes: true, environment: true })
  .extend({
    /** `typed`: a line at a terminal, reconstructed from it: an aid, not evidence. */
    form: z.enum([...CommandStarted.shape.form.options, 'typed']),
    /** TERM, where it has a terminal. */
    terminal: z.object({ type: z.string() }).optional(),
  })
  .extend(CommandFinished.pick({ exit: true, signal: true, coreDumped: true, message: true }).shape);
export const ExchangeDetail = ExchangeStarted.pick({ method: true, url: true, urlBytes: true }).extend(
  ExchangeFinished.pick({ status: true, bytes: true }).partial().shape,
);

export const FileDetail = FileAccessed.pick({
  operation: true,
  path: true,
  to: true,
  flags: true,
  attributes: true,
  error: true,
  unanswered: true,
}).extend({
  /** Content that went over while it was open; missing until it is closed. */
  transfers: z
    .array(FileTransferred.pick({ direction: true, size: true, sha256: true, partial: true }))
    .max(2)
    .optional(),
});

/** One action with what came of it, as listed beside a session. */
export const ActionEntry = z.discriminatedUnion('kind', [
  AnyAction.extend({ kind: z.literal('statement'), detail: StatementDetail }),
  AnyAction.extend({ kind: z.literal('command'), detail: CommandDetail }),
  AnyAction.extend({ kind: z.literal('exchange'), detail: ExchangeDetail }),
  AnyAction.extend({ kind: z.literal('file'), detail: FileDetail }),
]);
export type ActionEntry = z.infer<typeof ActionEntry>;

export const SegmentEntry = z.object({
  number: z.number().int(),
  digest: Digest,
  bytes: z.number().int(),
  frames: z.number().int(),
});
export type SegmentEntry = z.infer<typeof SegmentEntry>;

/**
 * Newest first. One of `email`, `resource`, `task`, `trace` picks an index; more of them filter. Strict: a filter that is misspelt
 * would be left out without a word, and the page show more than was asked for.
 */
export const SessionQuery = z.strictObject({
  email: z.string().optional(),
  resource: z.string().optional(),
  task: z.string().optional(),
  trace: z.string().optional(),
  since: z.iso.datetime().optional(),
  until: z.iso.datetime().optional(),
  cursor: z.string().max(2000).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export type SessionQuery = z.infer<typeof SessionQuery>;

/** Whether a session's row tells what its recording and the edge do. */
export const CatalogueWord = z.object({
  /** There is a row, whatever it says. */
  listed: z.boolean(),
  /** The row's own. */
  state: SessionEntry.shape.state.optional(),
  fault: z.string().optional(),
  failedCommands: SessionEntry.shape.failedCommands,
  /** Fields that it tells otherwise. */
  contradicted: z.array(z.string()),
});
export type CatalogueWord = z.infer<typeof CatalogueWord>;

/** In a page: the catalogue is being made again (core/search/reindex.ts), and something may be missing. */
export const incomplete = z.literal(true).optional();

/** As listed for somebody. */
export const ListedSession = SessionEntry.extend({
  /** Whoever looks sees this row alone until somebody agrees that they watch it. */
  needsApproval: z.boolean().optional(),
});
export type ListedSession = z.infer<typeof ListedSession>;

export const SessionPage = z.object({ sessions: z.array(ListedSession), cursor: z.string().optional(), incomplete });
export type SessionPage = z.infer<typeof SessionPage>;

export const SessionDetail = z.object({
  session: SessionEntry,
  segments: z.array(SegmentEntry),
  manifest: Manifest.optional(),
  coverage: Coverage.optional(),
});
export type SessionDetail = z.infer<typeof SessionDetail>;

export const ActionPage = z.object({ actions: z.array(ActionEntry), cursor: z.string().optional(), incomplete });
export type ActionPage = z.infer<typeof ActionPage>;

/** Of one page of actions: what whoever asks the archive may ask for. */
export const MAX_ACTIONS_A_PAGE = 200;

/**
 * A replay is NDJSON, one event a line, in the order of time: what a player needs to show a session
 * of kind `statements`. Rows are decoded from the recorded bytes and cut at REPLAY_MAX_ROWS.
 */
export const ReplayEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('opened'), timeUs: z.number(), session: SessionEntry }),
  z.object({
    kind: z.literal('statement'),
    timeUs: z.number(),
    statement: z.number().int(),
    text: z.string(),
    /** Bytes of the whole, when `text` is its beginning. The recorded bytes (NDJSON export) hold all of it. */
    textBytes: z.number().int().optional(),
    parameters: z.array(Parameter).optional(),
  }),
  z.object({
    kind: z.literal('rows'),
    timeUs: z.number(),
    statement: z.number().int(),
    columns: z.array(z.string()),
    rows: z.array(z.array(z.string().nullable())),
    /** Rows that were sent and are not shown here. Of rows asked for by `cursor`: of those that were read; the outline's `omitted` counts all. */
    omitted: z.number().int(),
    /** Columns beyond those shown. */
    omittedColumns: z.number().int().optional(),
    /** In an outline: there are rows to show, which are left out here and asked for with it. */
    cursor: z.string().optional(),
    /** The client fetched them through a cursor, behind the statement's `result`; no other follows. */
    fetched: z.literal(true).optional(),
  }),
  /** Of a statement whose rows are fetched in parts there is one for each of them. */
  z.object({
    kind: z.literal('result'),
    timeUs: z.number(),
    statement: z.number().int(),
    tags: z.array(z.string()),
    rows: z.number().int(),
    bytes: z.number().int(),
    durationUs: z.number().int(),
    error: StatementError.optional(),
    /** There are more rows, should the client ask for them. */
    suspended: z.boolean().optional(),
  }),
  /**
   * The target's words (`severity` as it gave it), or the gateway's: REFUSED, WARNED, HELD, APPROVED, DENIED, EXPIRED, WITHDRAWN,
   * FAILED (of a hold), UNDECODED (in an encoding that is not known here), MASKED, WITHHELD, POLICY (another is in force), JOINED and LEFT (a
   * connection of a session that has several), CANCEL, NOTIFY.
   */
  z.object({
    kind: z.literal('notice'),
    timeUs: z.number(),
    severity: z.string(),
    message: z.string(),
    /** Beside the target's words. */
    ...StatementError.pick({ detail: true, hint: true, context: true }).shape,
    /** The statement that it is about. */
    statement: z.number().int().optional(),
    /** The policy's rule. */
    rule: z.string().optional(),
  }),
  z.object({ kind: z.literal('ended'), timeUs: z.number(), reason: EndReason, message: z.string() }),
  /** The recording is damaged from here on; what came before is whole. */
  z.object({ kind: z.literal('damaged'), timeUs: z.number(), message: z.string() }),
]);
export type ReplayEvent = z.infer<typeof ReplayEvent>;

export const REPLAY_MAX_ROWS = 100;
