// What facts tell of an action after it began: its end, a verdict, or both. They may come segments later.

import { z } from 'zod';
import {
  type ActionEntry,
  ActionVerdict,
  CommandDetail,
  ExchangeDetail,
  StatementDetail,
} from '../../core/catalogue.ts';

const ended = { durationUs: z.number().int(), outcome: z.string() };

export const ActionEnd = z.object({
  action: z.number().int(),
  verdict: ActionVerdict.optional(),
  end: z
    .discriminatedUnion('kind', [
      z.object({
        kind: z.literal('statement'),
        ...ended,
        detail: StatementDetail.pick({ tags: true, rows: true, bytes: true, error: true }),
      }),
      z.object({ kind: z.literal('command'), ...ended, detail: CommandDetail.pick({ exit: true, signal: true }) }),
      z.object({ kind: z.literal('exchange'), ...ended, detail: ExchangeDetail.pick({ status: true, bytes: true }) }),
    ])
    .optional(),
});
export type ActionEnd = z.infer<typeof ActionEnd>;

/** Both of one action; `later` as the later of them. */
export function joinEnds(earlier: ActionEnd, later: ActionEnd): ActionEnd {
  const verdict = joinVerdicts(earlier.verdict, later.verdict);
  const end = later.end ?? earlier.end;
  return { action: later.action, ...(verdict && { verdict }), ...(end && { end }) };
}

/** The action with what was learnt later. */
export function withEnd(entry: ActionEntry, later: ActionEnd): ActionEntry {
  const verdict = joinVerdicts(entry.verdict, later.verdict);
  const judged: ActionEntry = verdict ? { ...entry, verdict } : entry;
  const { end } = later;
  if (!end) return judged;
  const { durationUs, outcome } = end;
  // An end of another kind than its action is none that a connector writes.
  if (judged.kind === 'statement' && end.kind === 'statement')
    return { ...judged, durationUs, outcome, detail: { ...judged.detail, ...end.detail } };
  if (judged.kind === 'command' && end.kind === 'command')
    return { ...judged, durationUs, outcome, detail: { ...judged.detail, ...end.detail } };
  if (judged.kind === 'exchange' && end.kind === 'exchange')
    return { ...judged, durationUs, outcome, detail: { ...judged.detail, ...end.detail } };
  return judged;
}

/** Who decided is told once, and stays when the refusal follows. */
const joinVerdicts = (earlier: ActionVerdict | undefined, later: ActionVerdict | undefined) =>
  later ? { ...earlier, ...later } : earlier;
