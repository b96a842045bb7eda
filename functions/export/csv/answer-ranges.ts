// Whose answer the target's recorded bytes are, lane by lane: what a statement's last fact says, which stands behind them. A few
// numbers a statement, so that a session of millions of them can be read a second time.

import type { AnswerForm } from './row-reader.ts';

const FORMS: readonly AnswerForm[] = ['simple', 'extended', 'function'];

interface Lane {
  readonly from: number[];
  readonly to: number[];
  readonly statement: number[];
  readonly form: number[];
}

interface Share {
  readonly bytes: number;
  /** undefined: no statement's answer. */
  readonly answer: { readonly statement: number; readonly form: AnswerForm; readonly begins: boolean } | undefined;
}

export class AnswerRanges {
  readonly #lanes = new Map<number, Lane>();

  /** In the order of their offsets; `to`: behind the last byte. */
  add(lane: number, from: number, to: number, statement: number, form: AnswerForm): void {
    if (to <= from) return;
    let known = this.#lanes.get(lane);
    if (!known) {
      known = { from: [], to: [], statement: [], form: [] };
      this.#lanes.set(lane, known);
    }
    known.from.push(from);
    known.to.push(to);
    known.statement.push(statement);
    known.form.push(FORMS.indexOf(form));
  }

  has(statement: number): boolean {
    return [...this.#lanes.values()].some((lane) => lane.statement.includes(statement));
  }

  /** Behind the last of each lane: whoever was not answered when the recording ended. */
  endOf(lane: number): number {
    return this.#lanes.get(lane)?.to.at(-1) ?? 0;
  }

  /** What of `length` bytes from `offset` on is of one answer, or of none. `at`: a hint, and where it stands then. */
  share(lane: number, offset: number, length: number, hint: { at: number }): Share {
    const known = this.#lanes.get(lane);
    if (!known) return { bytes: length, answer: undefined };
    while ((known.to[hint.at] ?? Infinity) <= offset) hint.at++;
    const from = known.from[hint.at] ?? Infinity;
    const to = known.to[hint.at] ?? Infinity;
    if (offset < from) return { bytes: Math.min(length, from - offset), answer: undefined };
    return {
      bytes: Math.min(length, to - offset),
      answer: {
        statement: known.statement[hint.at] ?? 0,
        form: FORMS[known.form[hint.at] ?? 0] ?? 'simple',
        begins: offset === from,
      },
    };
  }
}
