// Actions as earlier releases stored them: statements alone, and all that is known of one beside its number.

import { z } from 'zod';
import { ActionEntry, StatementDetail } from '../../core/catalogue.ts';
import { ActionEnd } from '../facts/action-ends.ts';
import { outcomeOf, titleOf } from '../facts/actions.ts';

const EarlierEnd = StatementDetail.pick({ tags: true, rows: true, bytes: true, error: true }).extend({
  statement: z.number().int(),
  durationUs: z.number().int().optional(),
  verdict: ActionEnd.shape.verdict,
});
const EarlierAction = EarlierEnd.extend({
  timeUs: z.number().int(),
  ...StatementDetail.pick({ text: true, textBytes: true, parameters: true }).shape,
});

/** As any release stored it; what comes out is the current form. */
export const StoredAction = z.preprocess((stored) => {
  const earlier = EarlierAction.safeParse(stored).data;
  if (!earlier) return stored;
  const { statement: action, timeUs, durationUs, verdict, ...detail } = earlier;
  return {
    ...{ action, lane: 0, kind: 'statement', timeUs, title: titleOf(detail.text), detail },
    ...(verdict && { verdict }),
    ...(durationUs !== undefined && { durationUs, outcome: outcomeOf(detail.tags ?? [], detail.error) }),
  } satisfies ActionEntry;
}, ActionEntry);

export const StoredEnd = z.preprocess((stored) => {
  const earlier = EarlierEnd.safeParse(stored).data;
  if (!earlier) return stored;
  const { statement: action, durationUs, verdict, ...detail } = earlier;
  const outcome = outcomeOf(detail.tags ?? [], detail.error);
  return {
    action,
    ...(verdict && { verdict }),
    ...(durationUs !== undefined && { end: { kind: 'statement', durationUs, outcome, detail } }),
  } satisfies ActionEnd;
}, ActionEnd);
