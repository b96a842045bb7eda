// Rows that nobody described: what the parse tree says of the statement's columns is all there is.

import type { Masks } from '../../../../core/masking/masks.ts';
import { type Current, formatsOf } from './current-answer.ts';
import { REASONS } from '../values/refused-result.ts';
import { type ColumnPlan, type ResultPlan, WITHHOLD_RESULT } from '../values/result-plan.ts';
import type { ResultField } from '../wire/row-description.ts';
import type { Format } from '../wire/types.ts';

/** `plan`: of columns of which only their number is known. */
export function planUndescribed(
  masks: Masks,
  { statement, portal }: Current,
  plan: (fields: readonly ResultField[], formats: readonly Format[]) => ResultPlan | undefined,
): ResultPlan {
  const count = statement?.result.kind === 'columns' ? statement.result.columns.length : 0;
  const star = statement?.result.kind !== 'columns' || statement.result.columns.some(({ kind }) => kind === 'star');
  const fields = star ? undefined : Array.from({ length: count }, unknownField);
  // In place, unless it is known to be text.
  const planned = fields && plan(fields, formatsOf(portal) ?? ['binary']);
  if (fields && !planned)
    return { columns: fields.map((): ColumnPlan => ({ kind: 'pass' })), beyond: WITHHOLD_RESULT.beyond };
  if (planned) {
    // Of a value of a type that is not known there is no masked form.
    const masked = planned.columns.findIndex((column) => column.kind === 'mask' && column.way !== 'null');
    const refused = planned.refused ?? (masked < 0 ? undefined : { ...REASONS.undescribed, column: masked + 1 });
    return { ...planned, refused };
  }
  masks.report({ kind: 'mask.withheld', reason: 'result_unknown' });
  return WITHHOLD_RESULT;
}

const unknownField = (): ResultField => ({ name: '', table: 0, attribute: 0, type: 0, format: 'text' });
