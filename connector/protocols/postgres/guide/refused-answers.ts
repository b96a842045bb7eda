// What goes on at the target behind a result that was refused, where the client was told of an error: both must agree on
// what became of the transaction.

import { message } from '../wire/messages.ts';
import { failingParse } from '../wire/refusals.ts';
import type { Statements } from '../pipeline/statements.ts';
import type { Current } from './current-answer.ts';
import { refusedResult, type ResultRefusal } from '../values/refused-result.ts';
import type { ResultGuide } from '../results/result-guide.ts';

const ABORTING = 'gatehouse_abort';
const SYNC_MESSAGE = message('S');

export type RefusedEnd = ReturnType<NonNullable<ResultGuide['refusedEnds']>>;

interface RefusedAnswersParts {
  readonly statements: Statements;
  /** To the target, between the client's messages. False: a message of the client is half on its way. */
  readonly interject: (bytes: Buffer) => boolean;
}

export class RefusedAnswers {
  readonly #parts: RefusedAnswersParts;
  /** A statement that was sent as a whole text, and whose result was refused. */
  #refusedQuery = false;
  /** The target was told to fail the transaction. */
  #aborting = false;

  constructor(parts: RefusedAnswersParts) {
    this.#parts = parts;
  }

  /** What stands in for the result under way. The client must not think that it knows what the target made of the rest. */
  refuse(refusal: ResultRefusal, { query, statement }: Current): Buffer {
    const { pipeline, names } = this.#parts.statements;
    this.#refusedQuery = query;
    pipeline.runsUnseen();
    names.preparedComplete = false;
    names.portalsComplete = false;
    const writes = statement?.writes.length !== 0;
    return refusedResult(refusal, writes && pipeline.transaction === 'I');
  }

  /**
   * ReadyForQuery. The target went on where the client was told of an error. In a transaction it is told to fail too;
   * outside of one all is over.
   */
  ends(body: Buffer): RefusedEnd {
    if (this.#aborting || body.toString() !== 'T') {
      this.#aborting = false;
      return 'goes';
    }
    const { statements, interject } = this.#parts;
    if (!statements.pipeline.ending || !interject(Buffer.concat([failingParse(ABORTING), SYNC_MESSAGE])))
      return { fault: 'a result could not be shown, and statements behind it were on their way already' };
    this.#aborting = true;
    return 'aborting';
  }

  /** The target asks for COPY data. Gives what ends the session, where something does. */
  copyIn(): string | undefined {
    const { interject } = this.#parts;
    const fails = this.#refusedQuery && interject(message('f', 'a result before it could not be shown\0'));
    return fails ? undefined : 'a result could not be shown, and COPY data was asked for behind it';
  }
}
