// Which portals may be others by the time that they are executed. CLOSE, DECLARE and ROLLBACK TO in SQL, and code, may
// close a portal of the protocol and open a cursor under its name, and the target says nothing of it to an Execute.
// What a statement did is told by its command tags; until it is answered, what its text may do counts.
//
// Code that was in the database before the session may do so too, and any statement may call it: by a view, a trigger,
// an operator. No tag tells.

import type { Doubt, Portal, Statement } from './statement.ts';

const MAY_TAKE = /\b(?:declare|close|rollback|abort|do|call|function|procedure|extension)\b/i;
const TAKES = /^(?:DECLARE CURSOR|CLOSE CURSOR(?: ALL)?|ROLLBACK|DO|CALL)$/;
/** Behind these and DO, whatever calls a function may take any name. */
const BRINGS_CODE = /^CREATE (?:FUNCTION|PROCEDURE|EXTENSION)$/;
/** One statement that calls nothing. Of SET, CONSTRAINTS runs triggers. */
const CALLS_NOTHING =
  /^\s*(?:(?:begin|start|savepoint|release|show|set(?!\s+constraints)|reset|listen|unlisten|notify|prepare|deallocate)\b[^;(]*|select\s+\d+\s*);?\s*$/i;

/** One of those that came in an order; `number`: of the latest statement up to it. */
interface Place {
  readonly number: number;
  readonly order: number;
}

/**
 * The latest of the statements that are told to it, and the latest that is of another portal than that one: what a
 * portal runs itself cannot close it. Constant in size, and as fast for a pipeline of any length.
 */
class Latest {
  #portal: string | undefined;
  #place: Place = { number: 0, order: 0 };
  #beside = this.#place;

  add({ number, portal }: Statement): void {
    if (portal !== this.#portal) this.#beside = this.#place;
    this.#portal = portal;
    this.#place = { number: Math.max(number, this.#place.number), order: this.#place.order + 1 };
  }

  besides(portal: string): Place {
    return portal === this.#portal ? this.#beside : this.#place;
  }
}

const KEPT_SETTLED = 1_000;

export class TakenPortals {
  /** That may take a name, in their order; settled up to `#first`. */
  #waiting: Statement[] = [];
  #first = 0;
  /** How many were settled. */
  #settled = 0;
  readonly #mayTake = new Latest();
  readonly #mayCall = new Latest();
  /** The latest statement that took a name. */
  #latest = 0;
  #ownCode = false;

  /** Of every statement that completes. */
  completed(tag: string): void {
    if (tag === 'DO' || (tag.startsWith('CREATE ') && BRINGS_CODE.test(tag))) this.#ownCode = true;
  }

  /** While a portal has a name. `text` undefined: not all of it is known. */
  runs(statement: Statement, text: string | undefined): void {
    const mayTake = this.#ownCode || text === undefined || MAY_TAKE.test(text);
    if (!mayTake && CALLS_NOTHING.test(text)) return;
    this.#mayCall.add(statement);
    if (!mayTake) return;
    this.#settle();
    this.#waiting.push(statement);
    this.#mayTake.add(statement);
  }

  /** Why it may be another. */
  doubtOf({ name, since }: Portal): Doubt | undefined {
    this.#settle();
    const { number, order } = this.#mayTake.besides(name);
    if (this.#latest > since || (number > since && order > this.#settled)) return 'taken';
    return this.#mayCall.besides(name).number > since ? 'code' : undefined;
  }

  #settle(): void {
    for (let next = this.#waiting[this.#first]; next?.finished; next = this.#waiting[this.#first]) {
      if (next.tags.some((tag) => TAKES.test(tag)) || (this.#ownCode && next.tags.length > 0))
        this.#latest = Math.max(this.#latest, next.number);
      this.#first++;
      this.#settled++;
    }
    if (this.#first < KEPT_SETTLED) return;
    this.#waiting = this.#waiting.slice(this.#first);
    this.#first = 0;
  }
}
