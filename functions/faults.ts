// Two kinds of failure. What will be the same on the next try (a damaged object) is a value,
// recorded in the catalogue. What may pass (a store away, a segment not there yet) is thrown as
// RetriableFault, and the event comes again. Anything else thrown is treated as retriable too: an
// event is never dropped because of a bug, it ends in the dead-letter queue where somebody sees it.

export class RetriableFault extends Error {
  override readonly name = 'RetriableFault';
}

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
  | { readonly kind: 'event.retried'; readonly object: string; readonly fault: string }
  | { readonly kind: 'event.ignored'; readonly object: string };

export type Reporter = (event: IndexEvent) => void;

/** One JSON object a line, as CloudWatch's metric filters read it. */
export const reportToConsole: Reporter = (event) => console.log(JSON.stringify(event));
