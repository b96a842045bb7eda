// The facts of statements: started, finished, and where their bytes are.

import { cutText } from '../../../../core/text/cut-text.ts';
import { MAX_FACT_TEXT } from '../../../../core/recording/facts/bytes-at.ts';
import type { Parameter } from '../../../../core/recording/facts/database.ts';
import type { ProtocolFact } from '../../../../core/recording/facts/fact.ts';
import type { ReadText } from '../wire/encoding.ts';
import type { ErrorFields } from '../wire/messages.ts';
import type { Form, Portal, Statement } from './statement.ts';

/** Takes facts: a session's lane. */
export interface FactSink {
  fact(fact: ProtocolFact): unknown;
  elapsedUs(): number;
}

/** For what stood behind an error in a pipeline. */
export const SKIPPED: ErrorFields = {
  code: 'skipped',
  severity: 'SKIPPED',
  message: 'Not run: an earlier statement of the pipeline failed.',
};
/** For what stood behind a refused result in a pipeline. */
export const UNSEEN: ErrorFields = {
  code: 'unseen',
  severity: 'SKIPPED',
  message: 'Its answer was left out: a result before it in the pipeline was refused. The target may have run it.',
};
const LANE = 0;

export class StatementFacts {
  readonly #facts: FactSink;
  readonly #onFinished: () => void;
  #count = 0;
  #actions = 0;
  /** Of the answer under way: rows, bytes of COPY data either way, and where it begins in the target's bytes. */
  rows = 0;
  copyBytes = 0;
  #answerAt = 0;

  /** `onFinished`: a statement's last fact was written. */
  constructor(facts: FactSink, onFinished: () => void = () => {}) {
    this.#facts = facts;
    this.#onFinished = onFinished;
  }

  /** What comes from `offset` on belongs to the next answer. */
  beginAnswer(offset: number): void {
    this.#answerAt = offset;
    this.rows = 0;
    this.copyBytes = 0;
  }

  /** The number of the latest statement. */
  get latest(): number {
    return this.#count;
  }

  notice(fields: ErrorFields): void {
    this.#facts.fact({ kind: 'notice.received', ...cutMessage(fields) });
  }

  notification(channel: string, payload: string): void {
    this.#facts.fact({ kind: 'notification.received', channel, payload });
  }

  start(
    form: Form,
    text: string,
    textBytes: number | undefined,
    parameters: Parameter[] | undefined,
    prepared: string | undefined,
    portal: string | undefined,
    offset: number,
    length: number,
  ): Statement {
    const action = ++this.#actions;
    this.#facts.fact({
      kind: 'statement.started',
      action,
      form,
      text,
      ...(textBytes !== undefined && { textBytes }),
      ...(parameters && parameters.length > 0 && { parameters }),
      ...(prepared && { prepared }),
      ...(portal && { portal }),
      at: { direction: 'client', lane: LANE, offset, length },
    });
    return this.#statement(action, portal, false);
  }

  /** The next part of what `statement` began. */
  goOn({ action, portal }: Statement): Statement {
    return this.#statement(action, portal, true);
  }

  #statement(action: number, portal: string | undefined, continued: boolean): Statement {
    return {
      number: ++this.#count,
      action,
      continued,
      startedUs: this.#facts.elapsedUs(),
      portal,
      tags: [],
      error: undefined,
      finished: false,
      limited: false,
      suspended: false,
      executed: false,
      prepares: undefined,
      sequence: 0,
      source: undefined,
      ranUnseen: false,
      calls: undefined,
    };
  }

  /** `endOffset`: where its answer ends; undefined when it had none. */
  finish(statement: Statement, error: ErrorFields | undefined, suspended: boolean, endOffset?: number): void {
    if (statement.finished) return;
    statement.finished = true;
    statement.suspended = suspended;
    const answered = endOffset !== undefined && error !== SKIPPED && error !== UNSEEN;
    // Of a part that never ran nothing came; how the statement itself ended has been told.
    if (statement.continued && (error === SKIPPED || error === UNSEEN)) {
      this.#onFinished();
      return;
    }
    const length = answered ? endOffset - this.#answerAt : 0;
    this.#facts.fact({
      kind: 'statement.finished',
      action: statement.action,
      tags: statement.tags,
      rows: answered ? this.rows : 0,
      bytes: answered ? this.copyBytes || length : 0,
      durationUs: Math.max(0, this.#facts.elapsedUs() - statement.startedUs),
      ...(error && { error: cutMessage(error) }),
      ...(suspended && { suspended }),
      ...(answered && { at: { direction: 'target' as const, lane: LANE, offset: this.#answerAt, length } }),
    });
    this.#onFinished();
    if (!answered) return;
    this.beginAnswer(endOffset);
  }
}

/** Of a context, which has a line for each call of a recursion. */
const MAX_CONTEXT = 2_000;

/** As the client was told it, and recorded: fields are read behind masks. */
function cutMessage({ severity, code, message, detail, hint, context }: ErrorFields): ErrorFields {
  return {
    ...{ severity, code, message: message.slice(0, MAX_FACT_TEXT) },
    ...(detail && { detail: shortened(detail, MAX_FACT_TEXT) }),
    ...(hint && { hint: shortened(hint, MAX_FACT_TEXT) }),
    ...(context && { context: shortened(context, MAX_CONTEXT) }),
  };
}

const shortened = (text: string, most: number): string =>
  text.length <= most ? text : `${cutText(text, most)}… (cut; the recorded bytes have all of it)`;

/** At most MAX_FACT_TEXT characters; `textBytes` when that is not all. */
export function factText(
  read: ReadText,
  b: Buffer,
  start: number,
  end: number,
  bytes: number,
): { text: string; textBytes: number | undefined } {
  // No encoding has more than four bytes a character.
  const text = read(b, start, Math.min(end, start + MAX_FACT_TEXT * 4));
  if (text.length <= MAX_FACT_TEXT && end - start === bytes && end - start <= MAX_FACT_TEXT * 4)
    return { text, textBytes: undefined };
  return { text: text.slice(0, MAX_FACT_TEXT), textBytes: bytes };
}

type Text = ReturnType<typeof factText>;

const nameless = (text: string): Text => ({ text, textBytes: undefined });

/** Made by PREPARE or DECLARE in SQL, where nobody read it, or one of several by that name; the bytes are recorded as ever. */
export function textOf(portal: Portal | undefined, name: string, inDoubt = false): Text {
  if (portal?.uncertain === 'taken')
    return nameless(`-- ${name}: it is not certain whether a cursor of SQL took the name`);
  if (inDoubt) return nameless(`-- ${name || 'unnamed'}: it is not certain what was bound`);
  const why = portal && portal.meanings.length > 1 ? 'it is not certain what was prepared' : 'prepared in SQL';
  if (!portal?.prepared) return nameless(`-- ${portal?.statement || name || 'unnamed'}: ${why}`);
  const { text, textBytes } = portal.prepared;
  if (!portal.uncertain) return { text, textBytes };
  const said = `-- ${name}: unless code that ran meanwhile gave the name to a cursor of its own\n${text}`;
  if (said.length <= MAX_FACT_TEXT) return { text: said, textBytes };
  return { text: said.slice(0, MAX_FACT_TEXT), textBytes: textBytes ?? Buffer.byteLength(text) };
}
