// A replay for people who read from top to bottom: each statement with its own answer below it. In a recording
// statements of a pipeline all come first, and their answers behind them.
//
// An event keeps its time, so one that was held back may be earlier than what is shown before it.

import type { ReplayEvent } from '../catalogue.ts';

/** What waits for the answer of the one that is shown. */
interface StatementOrderState {
  readonly current?: number | undefined;
  readonly waiting: readonly ReplayEvent[];
}

/** Events held back at a time. Of a longer pipeline, answers stand where they came. */
const MAX_WAITING = 2_000;

/** `order`: as another reading left it, which goes on here. */
export async function* byStatement(
  events: AsyncIterable<ReplayEvent>,
  order = new StatementOrder(),
): AsyncGenerator<ReplayEvent, void, undefined> {
  for await (const event of events) yield* order.take(event);
  yield* order.rest();
}

export class StatementOrder {
  /** The one that is shown, and not answered yet. */
  #current: number | undefined;
  #waiting: ReplayEvent[];

  constructor({ current, waiting }: StatementOrderState = { waiting: [] }) {
    this.#current = current;
    this.#waiting = [...waiting];
  }

  state(): StatementOrderState {
    return { ...(this.#current !== undefined && { current: this.#current }), waiting: [...this.#waiting] };
  }

  /** What is to be shown now, in this order. */
  take(event: ReplayEvent): ReplayEvent[] {
    if (event.kind === 'ended' || event.kind === 'damaged') return [...this.rest(), event];
    const statement = statementOf(event);
    const waits =
      statement === undefined ? this.#waiting.length > 0 : this.#current !== undefined && this.#current !== statement;
    if (!waits) {
      this.#shown(event);
      return [event, ...this.#release()];
    }
    this.#waiting.push(event);
    return this.#waiting.length > MAX_WAITING ? this.rest() : [];
  }

  /** All that is left. */
  rest(): ReplayEvent[] {
    const all: ReplayEvent[] = [];
    do {
      this.#current = undefined;
      all.push(...this.#release());
    } while (this.#waiting.length > 0);
    return all;
  }

  #shown(event: ReplayEvent): void {
    if (event.kind === 'statement' || (event.kind === 'rows' && !event.fetched)) this.#current = event.statement;
    else if (event.kind === 'result') this.#current = undefined;
  }

  /** The next one with all of it that came, and on for as long as those are answered. */
  #release(): ReplayEvent[] {
    const all: ReplayEvent[] = [];
    for (let first = this.#waiting[0]; first && this.#current === undefined; first = this.#waiting[0]) {
      const next = statementOf(first);
      const belongs = (event: ReplayEvent) => event === first || (next !== undefined && statementOf(event) === next);
      const group = this.#waiting.filter(belongs);
      this.#waiting = this.#waiting.filter((event) => !belongs(event));
      for (const event of group) this.#shown(event);
      all.push(...group);
    }
    return all;
  }
}

const statementOf = (event: ReplayEvent): number | undefined => ('statement' in event ? event.statement : undefined);
