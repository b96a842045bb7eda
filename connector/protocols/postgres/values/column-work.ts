// What is to be done for each column of a plan, as numbers: rows ask it for every cell.

import type { ColumnPlan, ResultPlan } from './result-plan.ts';
import { kindOf, XML } from '../wire/types.ts';

export const PASS = 0;
/** maskCell knows. */
export const CELL = 1;
export const CONSTANT = 2;
/** `partial` and `hash` of text. */
export const PARTIAL = 3;
export const HASH = 4;
/** Text, searched by detectors. */
export const SEARCH = 5;
/** Values written with ASCII digits, in which detectors find nothing that has fewer than MIN_FOUND_BYTES. */
export const SEARCH_NUMBER = 6;
/** The shortest card has 13 digits; nothing else built in is made of digits alone. */
export const MIN_FOUND_BYTES = 13;

const TEXT = 25;
const VARCHAR = 1043;

export function workOf(plan: ColumnPlan): number {
  switch (plan.kind) {
    case 'pass':
      return PASS;
    case 'mask':
      if (plan.constant) return CONSTANT;
      if (plan.type !== TEXT && plan.type !== VARCHAR) return CELL;
      return plan.way === 'partial' ? PARTIAL : plan.way === 'hash' ? HASH : CELL;
    case 'detect': {
      const kind = kindOf(plan.type);
      if (kind === 'text') return plan.type === XML ? CELL : SEARCH;
      return plan.format === 'text' && ['integer', 'numeric', 'uuid', 'inet'].includes(kind) ? SEARCH_NUMBER : CELL;
    }
    default:
      return CELL;
  }
}

const KNOWN = new WeakMap<ResultPlan, Uint8Array>();

export function workOfColumns(plan: ResultPlan): Uint8Array {
  const known = KNOWN.get(plan);
  if (known) return known;
  const work = Uint8Array.from(plan.columns, workOf);
  KNOWN.set(plan, work);
  return work;
}
