// What the masker of results asks about the statements behind the messages that it sees.

import type { CopyPlan } from './copy-plan.ts';
import type { ResultRefusal } from '../values/refused-result.ts';
import type { ResultPlan } from '../values/result-plan.ts';

/** What the client wrote, as far as the target may quote it. */
export interface Words {
  /** All that the client wrote of it: the statement, its parameters, the names that it gave. */
  readonly text: string;
  /** A table with masked columns may be touched. */
  readonly mayTouch: boolean;
  /** Code of the database's own may be at work that `mayTouch` does not speak of. Under strict rules it always may. */
  readonly otherCode: boolean;
}

/** Knows the statements behind the answers. Asked synchronously, in the order of the stream. */
export interface ResultGuide {
  /** A RowDescription passed; `body` is valid during the call. */
  described(body: Buffer): void;
  /** The next DataRow begins a result. Undefined: nothing of it can be masked. WITHHOLD_ALL where the result is not known. */
  rows(): ResultPlan | undefined;
  /** COPY OUT begins. Undefined: nothing of it can be masked. Throws CellRefused where it is not known, or has no masked form. */
  copyOut(binary: boolean, columns: number): CopyPlan | undefined;
  /** What is being answered, for what the target says about it. */
  statement(): Words;
  /** A setting may have been given what a rule hides. */
  readonly settingsFilled?: boolean;
  /** A setting holds what may not be shown. */
  settingWithheld?(): void;
  /**
   * For guides that follow the pipeline: asked before anything is asked about a message of `type`, when all that stands
   * in front of it was handed on. False: not yet; `resume` is called when it is. `body` where the message is whole.
   */
  ready?(type: number, body: Buffer | undefined): boolean;
  /** `ready` is asked about ReadyForQuery too. */
  readonly asksWhenReady?: boolean;
  /** The result under way is refused: gives the whole ErrorResponse that stands in for what is left of it. */
  refuse?(refusal: ResultRefusal): Buffer;
  /**
   * ReadyForQuery with this body ends the answer that a refusal was part of. `goes`: it passes. `aborting`: the target was
   * told to fail the transaction, and its answer to that comes next. A text: the session ends, for this.
   */
  refusedEnds?(body: Buffer): 'goes' | 'aborting' | { readonly fault: string };
  /** The target asks for COPY data behind a refused result: nobody will send any. Gives what ends the session, where something does. */
  refusedCopyIn?(): string | undefined;
  /** The function that was called by its number gives nothing that a column rule could hide. Undefined: it does not. */
  calledPasses?(): boolean;
  /** What takes the place of an ErrorResponse with this body: a whole message. Undefined: it is the target's own. */
  refusal?(body: Buffer): Buffer | undefined;
}
