// A guide for conversations of one statement at a time: each result is described just before its rows.
// Where a pipeline runs, the conversation itself is the guide.

import type { Masks } from '../../../core/masking/masks.ts';
import type { CopyPlan } from '../../../connector/protocols/postgres/results/copy-plan.ts';
import type { ResultGuide, Words } from '../../../connector/protocols/postgres/results/result-guide.ts';
import { CellRefused, REASONS } from '../../../connector/protocols/postgres/values/refused-result.ts';
import {
  planFields,
  type ResolveOrigin,
  type ResultFacts,
  type ResultPlan,
  WITHHOLD_RESULT,
} from '../../../connector/protocols/postgres/values/result-plan.ts';
import { readRowDescription } from '../../../connector/protocols/postgres/wire/row-description.ts';

export interface CurrentStatement extends ResultFacts {
  readonly text: string;
  /** For COPY TO STDOUT: how its data is written, as the statement says. */
  readonly copy?: CopyPlan | undefined;
}

export class SimpleGuide implements ResultGuide {
  readonly #masks: Masks;
  readonly #resolve: ResolveOrigin;
  #plan: { readonly plan: ResultPlan | undefined } | undefined;
  /** The statement that is being answered. */
  current: CurrentStatement | undefined;

  constructor(masks: Masks, resolve: ResolveOrigin) {
    this.#masks = masks;
    this.#resolve = resolve;
  }

  described(body: Buffer): void {
    this.#plan = { plan: planResult(this.#masks, body, this.current ?? {}, this.#resolve) };
  }

  rows(): ResultPlan | undefined {
    if (this.#plan) return this.#plan.plan;
    this.#masks.report({ kind: 'mask.withheld', reason: 'result_unknown' });
    return this.#masks.any ? WITHHOLD_RESULT : undefined;
  }

  copyOut(): CopyPlan | undefined {
    if (!this.#masks.any) return undefined;
    if (!this.current?.copy) throw new CellRefused(REASONS.copyForm);
    return this.current.copy;
  }

  statement(): Words {
    const mayTouch = this.#masks.mayTouch(this.current?.touched ?? 'unknown');
    return { text: this.current?.text ?? '', mayTouch, otherCode: true };
  }
}

/** The plan by the body of a RowDescription. */
export function planResult(
  masks: Masks,
  description: Buffer,
  facts: ResultFacts,
  resolve: ResolveOrigin,
): ResultPlan | undefined {
  if (!masks.any) return undefined;
  const fields = readRowDescription(description);
  if (!fields) return WITHHOLD_RESULT;
  return planFields(masks, fields, facts, resolve);
}
