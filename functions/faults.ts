// Two kinds of failure. What will be the same on the next try (a damaged object) is a value,
// recorded in the catalogue. What may pass (a store away, a segment not there yet) is thrown as
// RetriableFault, and the event comes again. Anything else thrown is treated as retriable too: an
// event is never dropped because of a bug, it ends in the dead-letter queue where somebody sees it.

export class RetriableFault extends Error {
  override readonly name = 'RetriableFault';
}

/** Others are at work where it must go: they get on, and nobody has to look. */
export class BusyFault extends RetriableFault {}

/** The object itself is wrong: trying again changes nothing. `message` holds no SQL and no data. */
export interface PermanentFault {
  readonly reason: 'segment_damaged' | 'segment_swapped' | 'chain_broken' | 'session_owned' | 'too_large';
  readonly message: string;
}

/** What operators see of the indexer; alarms count these lines by `kind` (docs/runbook.md). */
export type IndexEvent =
  | { readonly kind: 'recording.sealed'; readonly session: string }
  | { readonly kind: 'recording.broken'; readonly session: string; readonly object: string; readonly fault: string }
  | { readonly kind: 'recording.refused'; readonly session: string; readonly object: string; readonly fault: string }
  /** Of a session that was purged: its connector stored it afterwards. */
  | { readonly kind: 'recording.late'; readonly session: string; readonly object: string }
  /** There is a row with the connector's keys, and the edge did not sign it. */
  | { readonly kind: 'keys.forged'; readonly connector: string }
  | { readonly kind: 'event.retried'; readonly object: string; readonly fault: string }
  | { readonly kind: 'event.ignored'; readonly object: string };

/** What operators see of the functions that the edge calls. `stack`: where, without the message, which can quote what it was about. */
type ApiEvent =
  | { readonly kind: 'function.failed'; readonly name: string; readonly stack: readonly string[] }
  /** A run that renders an export in parts met a fault; the next goes on. */
  | { readonly kind: 'export.failed'; readonly name: string }
  /** A request without the edge's ticket, or with one that is not its own: who sent it has the edge's AWS key. */
  | { readonly kind: 'look.refused'; readonly fault: string }
  | { readonly kind: 'audit.contradicted'; readonly object: string }
  /** The catalogue's row says of these fields what neither the recording nor the edge does; `row`: it cannot be read at all. */
  | { readonly kind: 'catalogue.contradicted'; readonly session: string; readonly fields: readonly string[] };

/** What operators see of the search index. `segment`: one of its segments, or a row of what waits to be folded. */
type SearchEvent =
  | { readonly kind: 'search.folded'; readonly scope: string; readonly documents: number; readonly waiting: number }
  | { readonly kind: 'search.damaged'; readonly scope: string; readonly segment: string };

/** What somebody must hear of, from the audit log's pieces (audit-notices.ts). Names of connectors and ids of requests, nobody's name. */
export type AuditNotice =
  /** Recordings are not being stored, or one never can be as it is. */
  | { readonly kind: 'upload.failing'; readonly connector: string; readonly reason: string }
  /** The connector's write-ahead log has little room, or cannot be written: sessions are refused or ended. */
  | { readonly kind: 'log.short'; readonly connector: string; readonly reason: string }
  /** Its link ended and was not back when the piece was cut. */
  | { readonly kind: 'connector.away'; readonly connector: string }
  /** Nobody answered a request in time. */
  | { readonly kind: 'request.unanswered'; readonly request: string }
  /** Something is missing or different in a chain: of a session's segments as the witness has them, or of the audit log in the store. */
  | { readonly kind: 'chain.gap'; readonly of: string; readonly reason: string };

export type Reporter = (event: IndexEvent) => void;
export type ApiReporter = (event: ApiEvent | SearchEvent | AuditNotice) => void;

/** One JSON object a line: on one machine. */
export const reportToConsole: Reporter & ApiReporter = (event: IndexEvent | ApiEvent | SearchEvent | AuditNotice) =>
  console.log(JSON.stringify(event));

/**
 * Under Lambda's JSON log format the runtime writes the line, and what was handed to console.log
 * stands under `message`: an object as an object, text as text. Only of the object do metric filters
 * read a property (`$.message.kind`), so it is handed on as it is.
 * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
 */
export const reportToLambda: Reporter & ApiReporter = (event: IndexEvent | ApiEvent | SearchEvent | AuditNotice) =>
  console.log(event);
