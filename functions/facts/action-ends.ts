// What facts tell of an action after it began: its end, a verdict, or both. They may come segments later.

import { z } from 'zod';
import {
  type ActionEntry,
  ActionVerdict,
  CommandDetail,
  ExchangeDetail,
  FileDetail,
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
        detail: StatementDetail.pick({ tags: true, rows: true, bytes: true, error: true, suspended: true }),
      }),
      z.object({
        kind: z.literal('command'),
        ...ended,
        detail: CommandDetail.pick({ exit: true, signal: true, coreDumped: true, message: true }),
      }),
      z.object({ kind: z.literal('exchange'), ...ended, detail: ExchangeDetail.pick({ status: true, bytes: true }) }),
      z.object({ kind: z.literal('file'), ...ended, detail: FileDetail.pick({ transfers: true }) }),
    ])
    .optional(),
});
export type ActionEnd = z.infer<typeof ActionEnd>;

/** Both of one action; `later` as the later of them. */
export function joinEnds(earlier: ActionEnd, later: ActionEnd): ActionEnd {
  const verdict = joinVerdicts(earlier.verdict, later.verdict);
  const end = joinParts(earlier.end, later.end);
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
  if (judged.kind === 'statement' && end.kind === 'statement') {
    const { durationUs: before, outcome: earlier = '', detail } = judged;
    const known =
      before === undefined ? undefined : ({ kind: 'statement', durationUs: before, outcome: earlier, detail } as const);
    const { suspended, ...kept } = detail;
    const { kind, ...whole } = joinParts(known, end) ?? end;
    return kind === 'statement' ? { ...judged, ...whole, detail: { ...kept, ...whole.detail } } : judged;
  }
  if (judged.kind === 'command' && end.kind === 'command')
    return { ...judged, durationUs, outcome, detail: { ...judged.detail, ...end.detail } };
  if (judged.kind === 'exchange' && end.kind === 'exchange')
    return { ...judged, durationUs, outcome, detail: { ...judged.detail, ...end.detail } };
  if (judged.kind === 'file' && end.kind === 'file') {
    const both = joinTransfers(judged.outcome, judged.detail.transfers, end);
    return { ...judged, durationUs, outcome: both.outcome, detail: { ...judged.detail, ...both.detail } };
  }
  return judged;
}

type FileEnd = Extract<End, { kind: 'file' }>;

/** A file may be read and written while it is open. */
const joinTransfers = (
  outcome: string | undefined,
  transfers: FileEnd['detail']['transfers'] = [],
  later: FileEnd,
): FileEnd => ({
  ...later,
  outcome: transfers.length === 0 || outcome === undefined ? later.outcome : `${outcome}, ${later.outcome}`,
  detail: { transfers: [...transfers, ...(later.detail.transfers ?? [])].slice(0, 2) },
});

type End = NonNullable<ActionEnd['end']>;

/** A statement whose rows were fetched in parts came to all of them together. */
function joinParts(earlier: End | undefined, later: End | undefined): End | undefined {
  if (earlier?.kind === 'file' && later?.kind === 'file')
    return joinTransfers(earlier.outcome, earlier.detail.transfers, later);
  if (earlier?.kind !== 'statement' || later?.kind !== 'statement') return later ?? earlier;
  const [before, last] = [earlier.detail, later.detail];
  const rows = (before.rows ?? 0) + (last.rows ?? 0);
  const error = last.error ?? before.error;
  return {
    kind: 'statement',
    durationUs: earlier.durationUs + later.durationUs,
    outcome: last.error || !before.error ? withRows(later.outcome, last.rows, rows) : earlier.outcome,
    detail: {
      tags: [...(before.tags ?? []), ...(last.tags ?? [])],
      rows,
      bytes: (before.bytes ?? 0) + (last.bytes ?? 0),
      ...(error && { error }),
      ...(last.suspended && { suspended: true }),
    },
  };
}

/** The tag of the last part has the number of its own rows. */
const withRows = (outcome: string, own: number | undefined, all: number): string =>
  outcome.endsWith(` ${own}`) ? `${outcome.slice(0, -String(own).length)}${all}` : outcome;

/** Who decided is told once, and stays when the refusal follows. */
const joinVerdicts = (earlier: ActionVerdict | undefined, later: ActionVerdict | undefined) =>
  later ? { ...earlier, ...later } : earlier;
