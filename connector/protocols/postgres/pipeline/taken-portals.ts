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

type Calling = Pick<Statement, 'number' | 'portal'>;

export class TakenPortals {
  /** Not answered yet, in the order of their numbers. */
  #unsettled: { readonly statement: Statement; readonly mayTake: boolean }[] = [];
  /** The latest statement of those that took a name. */
  #latest = 0;
  /** The latest of those that may have called code, and the latest that is of another portal than that one. */
  #calling: Calling = { number: 0, portal: undefined };
  #callingBeside = 0;
  #ownCode = false;

  /** Of every statement that completes. */
  completed(tag: string): void {
    if (tag === 'DO' || (tag.startsWith('CREATE ') && BRINGS_CODE.test(tag))) this.#ownCode = true;
  }

  /** While a portal has a name. `text` undefined: not all of it is known. */
  runs(statement: Statement, text: string | undefined): void {
    const mayTake = this.#ownCode || text === undefined || MAY_TAKE.test(text);
    if (!mayTake && CALLS_NOTHING.test(text)) return;
    this.#settle();
    this.#unsettled.push({ statement, mayTake });
  }

  /** Why it may be another. */
  doubtOf({ name, since }: Portal): Doubt | undefined {
    this.#settle();
    // What it runs itself cannot close it.
    const others = this.#unsettled.filter(({ statement }) => statement.number > since && statement.portal !== name);
    if (this.#latest > since || others.some(({ mayTake }) => mayTake)) return 'taken';
    const called = this.#calling.portal === name ? this.#callingBeside : this.#calling.number;
    return called > since || others.length > 0 ? 'code' : undefined;
  }

  #settle(): void {
    if (this.#unsettled.length === 0) return;
    this.#unsettled = this.#unsettled.filter(({ statement }) => {
      if (!statement.finished) return true;
      const { number, tags, error } = statement;
      if (tags.some((tag) => TAKES.test(tag)) || (this.#ownCode && tags.length > 0))
        this.#latest = Math.max(this.#latest, number);
      if (tags.length > 0 || !error) this.#called(statement);
      return false;
    });
  }

  #called({ number, portal }: Calling): void {
    const latest = this.#calling;
    if (portal === latest.portal) this.#calling = { portal, number: Math.max(number, latest.number) };
    else if (number < latest.number) this.#callingBeside = Math.max(number, this.#callingBeside);
    else {
      this.#callingBeside = latest.number;
      this.#calling = { portal, number };
    }
  }
}
