// Which portals may be others by the time that they are executed. CLOSE, DECLARE and ROLLBACK TO in SQL, and code, may
// close a portal of the protocol and open a cursor under its name, and the target says nothing of it to an Execute.
// What a statement did is told by its command tags; until it is answered, what its text may do counts.
//
// Not seen: code that was in the database before the session began, and is called by a SELECT.

import type { Portal, Statement } from './statement.ts';

const MAY_TAKE = /\b(?:declare|close|rollback|abort|do|call|function|procedure|extension)\b/i;
const TAKES = /^(?:DECLARE CURSOR|CLOSE CURSOR(?: ALL)?|ROLLBACK|DO|CALL)$/;
/** Behind these and DO, whatever calls a function may take any name. */
const BRINGS_CODE = /^CREATE (?:FUNCTION|PROCEDURE|EXTENSION)$/;

export class TakenPortals {
  /** Not answered yet, in the order of their numbers. */
  #unsettled: Statement[] = [];
  /** The latest statement of those that took a name. */
  #latest = 0;
  #ownCode = false;

  /** Of every statement that completes. */
  completed(tag: string): void {
    if (tag === 'DO' || (tag.startsWith('CREATE ') && BRINGS_CODE.test(tag))) this.#ownCode = true;
  }

  /** While a portal has a name. `text` undefined: not all of it is known. */
  runs(statement: Statement, text: string | undefined): void {
    if (!this.#ownCode && text !== undefined && !MAY_TAKE.test(text)) return;
    this.#settle();
    this.#unsettled.push(statement);
  }

  mayBeOther({ name, since }: Portal): boolean {
    this.#settle();
    // What it runs itself cannot close it.
    return this.#latest > since || this.#unsettled.some(({ number, portal }) => number > since && portal !== name);
  }

  #settle(): void {
    const { length } = this.#unsettled;
    if (length === 0) return;
    this.#unsettled = this.#unsettled.filter((statement) => {
      if (!statement.finished) return true;
      if (statement.tags.some((tag) => TAKES.test(tag)) || (this.#ownCode && statement.tags.length > 0))
        this.#latest = Math.max(this.#latest, statement.number);
      return false;
    });
  }
}
