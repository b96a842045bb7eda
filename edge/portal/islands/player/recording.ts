// What was received of a replay so far: events in the order of time, grouped into cards (one for a
// statement with all that answered it, one for each other event). Knows nothing of a page.

import type { ReplayEvent } from '../../../../core/catalogue.ts';

export interface Card {
  readonly timeUs: number;
  readonly statement: number | undefined;
  /** Indices into `events`, in order. */
  readonly events: number[];
  failed: boolean;
}

/** Rows kept in the browser, in characters of NDJSON; beyond it only their number is. */
const MAX_KEPT_ROWS_CHARACTERS = 64 * 1024 * 1024;

/** Of those that were left out at first and asked for since. */
const MAX_FILLED_CHARACTERS = 16 * 1024 * 1024;

export class Recording {
  readonly events: ReplayEvent[] = [];
  readonly times: number[] = [];
  /** The card of each event. */
  readonly cardOf: number[] = [];
  readonly cards: Card[] = [];
  /** How many cards had begun once an event had happened; cards begin in the order of `cards`. */
  readonly begun: number[] = [];
  /** Whether all there is was received. */
  complete = false;
  readonly #byStatement = new Map<number, number>();
  #keptRows = 0;
  readonly #filled: { readonly index: number; readonly left: ReplayEvent; readonly characters: number }[] = [];

  add(event: ReplayEvent, characters: number): void {
    const index = this.events.length;
    // Times never go back, whatever a recording says: a player's position is one number.
    const timeUs = Math.max(event.timeUs, this.times.at(-1) ?? 0);
    this.times.push(timeUs);
    this.events.push(this.#withinBudget(event, characters));
    const statement = 'statement' in event ? event.statement : undefined;
    const known = statement === undefined ? undefined : this.#byStatement.get(statement);
    const failed = (event.kind === 'result' && event.error !== undefined) || event.kind === 'damaged';
    const card = known === undefined ? undefined : this.cards[known];
    if (known !== undefined && card) {
      card.events.push(index);
      card.failed ||= failed;
      this.cardOf.push(known);
      this.begun.push(this.cards.length);
      return;
    }
    if (statement !== undefined) this.#byStatement.set(statement, this.cards.length);
    this.cardOf.push(this.cards.length);
    this.cards.push({ timeUs, statement, events: [index], failed });
    this.begun.push(this.cards.length);
  }

  #withinBudget(event: ReplayEvent, characters: number): ReplayEvent {
    if (event.kind !== 'rows') return event;
    this.#keptRows += characters;
    if (this.#keptRows <= MAX_KEPT_ROWS_CHARACTERS) return event;
    return { ...event, rows: [], omitted: event.omitted + event.rows.length };
  }

  /** Rows that were left out and have come since; of those that came long before, only that they can be asked for is kept. */
  fill(index: number, { rows }: Extract<ReplayEvent, { kind: 'rows' }>, characters: number): void {
    const left = this.events[index];
    if (left?.kind !== 'rows' || left.cursor === undefined) return;
    const { cursor: _, ...event } = left;
    // Of the page only its rows: it was read until it was full, so what it left out is not all that there is.
    this.events[index] = { ...event, rows, omitted: Math.max(0, event.omitted + event.rows.length - rows.length) };
    this.#filled.push({ index, left, characters });
    let sum = this.#filled.reduce((sum, each) => sum + each.characters, 0);
    while (sum > MAX_FILLED_CHARACTERS && this.#filled.length > 1) {
      const oldest = this.#filled.shift();
      if (!oldest) return;
      this.events[oldest.index] = oldest.left;
      sum -= oldest.characters;
    }
  }

  cardOfStatement(statement: number): number | undefined {
    return this.#byStatement.get(statement);
  }

  /** How many events have happened by then. */
  countUntil(timeUs: number): number {
    let low = 0;
    let high = this.times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.times[middle] ?? 0) <= timeUs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  get lastUs(): number {
    return this.times.at(-1) ?? 0;
  }
}

/** Reads NDJSON as it arrives, wherever it was split; hands out events in batches, one a chunk. */
export async function receive<Event = ReplayEvent>(
  body: ReadableStream<Uint8Array>,
  onEvents: (events: readonly { event: Event; characters: number }[]) => void,
): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
    const lines = rest.split('\n');
    rest = done ? '' : (lines.pop() ?? '');
    const events = lines
      .filter((line) => line !== '')
      .map((line) => ({ event: JSON.parse(line) as Event, characters: line.length }));
    if (events.length > 0) onEvents(events);
    if (done) return;
  }
}
