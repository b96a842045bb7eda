// The facts of statements, and where their bytes are.

import { HIDDEN_VALUE, type Parameter } from '../../../../core/recording/facts/database.ts';
import { MAX_FACT_TEXT } from '../../../../core/recording/facts/bytes-at.ts';
import type { Lane } from '../../../door.ts';
import type { AnswerReader } from '../wire/answer-reader.ts';
import type { MysqlError } from '../wire/replies.ts';
import { type Demand, LocalFile } from './local-file.ts';

export interface MysqlStatement {
  readonly number: number;
  readonly startedUs: number;
  /** Its text is not recorded as it was sent: what the target quotes of it is not either. */
  readonly hidden: () => boolean;
  finished: boolean;
}

/** text: COM_QUERY. prepared: COM_STMT_EXECUTE. command: any other, told in words of SQL. */
type MysqlForm = 'text' | 'prepared' | 'command';
const FORMS = { text: 'simple', prepared: 'extended', command: 'function' } as const;

interface Begun {
  readonly form: MysqlForm;
  /** As recorded. */
  readonly text: string;
  /** UTF-8 bytes of all of it, when `text` is not. */
  readonly textBytes: number | undefined;
  readonly parameters?: readonly Parameter[];
  readonly prepared?: string;
  readonly hidden: () => boolean;
  readonly offset: number;
  readonly length: number;
}

export class MysqlFacts {
  readonly #lane: Lane;
  readonly #onFinished: () => void;
  readonly #nextNumber: () => number;

  /** `onFinished`: a statement's last fact was written. */
  constructor(lane: Lane, nextNumber: () => number, onFinished: () => void) {
    this.#lane = lane;
    this.#nextNumber = nextNumber;
    this.#onFinished = onFinished;
  }

  begin({ form, text, textBytes, parameters, prepared, hidden, offset, length }: Begun): MysqlStatement {
    const number = this.#nextNumber();
    const cut = text.length > MAX_FACT_TEXT;
    this.#lane.fact({
      kind: 'statement.started',
      action: number,
      form: FORMS[form],
      text: cut ? text.slice(0, MAX_FACT_TEXT) : text,
      ...((cut || textBytes !== undefined) && { textBytes: textBytes ?? Buffer.byteLength(text) }),
      ...(parameters && parameters.length > 0 && { parameters: [...parameters] }),
      ...(prepared !== undefined && { prepared }),
      at: { direction: 'client', lane: this.#lane.number, offset, length },
    });
    return { number, startedUs: this.#lane.elapsedUs(), hidden, finished: false };
  }

  /** The target asks for a file of the client's, and gets it: an action of its own. */
  openFile(demand: Demand): LocalFile {
    return new LocalFile(this.#lane, this.#nextNumber(), demand);
  }

  /** Answered by the target, from `offset` on in its recorded bytes. */
  finish(statement: MysqlStatement, { results, rows, error }: AnswerReader, offset: number, length: number): void {
    this.#finish(statement, rows, length, {
      tags: results.map(({ rows, affected }) => (affected === undefined ? `ROWS ${rows}` : `OK ${affected}`)),
      ...(error && { error: this.#errorOf(error, statement.hidden()) }),
      at: { direction: 'target', lane: this.#lane.number, offset, length },
    });
  }

  /** The gateway's own answer. */
  refuse(statement: MysqlStatement, error: MysqlError): void {
    this.#finish(statement, 0, 0, { tags: [], error: this.#errorOf(error, false) });
  }

  /** It has no answer any more. */
  drop(statement: MysqlStatement, message: string): void {
    this.#finish(statement, 0, 0, { tags: [], error: { code: 'skipped', severity: 'SKIPPED', message } });
  }

  #finish(
    statement: MysqlStatement,
    rows: number,
    bytes: number,
    more: {
      readonly tags: string[];
      readonly error?: { code: string; severity: string; message: string };
      readonly at?: { direction: 'target'; lane: number; offset: number; length: number };
    },
  ): void {
    if (statement.finished) return;
    statement.finished = true;
    this.#lane.fact({
      kind: 'statement.finished',
      action: statement.number,
      rows,
      bytes,
      durationUs: Math.max(0, this.#lane.elapsedUs() - statement.startedUs),
      ...more,
    });
    this.#onFinished();
  }

  #errorOf({ code, sqlstate, message }: MysqlError, hidden: boolean) {
    return { code: `${code} (${sqlstate})`, severity: 'ERROR', message: hidden ? HIDDEN_VALUE : message };
  }
}
