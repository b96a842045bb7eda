// What text and Markdown tell of a database's session: each statement with its answer. Queries of the target's own catalogue that
// follow each other are counted, unless all are asked for.

import { z } from 'zod';
import { ReplayEvent } from '../../../core/catalogue.ts';
import { isCatalogueQuery } from '../../../core/search/catalogue-query.ts';
import { count } from '../../../core/text/amounts.ts';
import type { Checkpoints } from '../../checkpoints.ts';
import { orderedStatements } from '../../replay/ordered-statements.ts';

export interface ToldWhich {
  /** From the first to the last of these alone. */
  readonly statements?: readonly [first: number, last: number] | undefined;
  /** With queries of the catalogue; of a terminal with what clients send by themselves. */
  readonly all?: boolean | undefined;
}

const Folded = z.object({
  kind: z.literal('folded'),
  timeUs: z.number(),
  first: z.number(),
  last: z.number(),
  count: z.number(),
});
export type Folded = Readonly<z.infer<typeof Folded>>;

const KeptTold = z.object({
  folded: Folded.optional(),
  waiting: z.array(ReplayEvent),
  refusal: z.object({ statement: z.number().optional(), message: z.string() }).optional(),
});

/** Of the answer to one query of the catalogue; a longer one is told. */
const MAX_EVENTS = 100;

export async function* toldStatements(
  events: AsyncIterable<ReplayEvent>,
  { statements: only, all = false }: ToldWhich,
  at: Checkpoints,
): AsyncGenerator<ReplayEvent | Folded, void, undefined> {
  const saved = at.saved('told', KeptTold);
  let folded = saved?.folded;
  /** A query of the catalogue, and what came for it so far. */
  let waiting = saved?.waiting ?? [];
  let refusal = saved?.refusal;
  at.keep('told', KeptTold, () => ({ folded, waiting, refusal }));
  for await (const event of orderedStatements(events, at)) {
    const about = 'statement' in event ? event.statement : undefined;
    if (only && !isWithin(about, only) && event.kind !== 'opened' && event.kind !== 'damaged') continue;
    if (event.kind === 'notice' && event.severity === 'REFUSED') refusal = { statement: about, message: event.message };
    // The client was told what the line before says.
    if (
      event.kind === 'result' &&
      event.error &&
      refusal?.statement === about &&
      event.error.message.includes(refusal?.message ?? '\n')
    )
      continue;
    const [first] = waiting;
    if (
      first &&
      'statement' in first &&
      first.statement === about &&
      (event.kind === 'rows' || event.kind === 'result' || isRowsNotice(event))
    ) {
      waiting.push(event);
      const whole = event.kind === 'result' && !event.error && !event.suspended;
      if (whole && about !== undefined) {
        folded = {
          kind: 'folded',
          timeUs: folded?.timeUs ?? first.timeUs,
          first: folded?.first ?? about,
          last: about,
          count: (folded?.count ?? 0) + 1,
        };
        waiting = [];
        continue;
      }
      if (event.kind !== 'result' && waiting.length < MAX_EVENTS) continue;
    } else if (first) waiting.push(event);
    if (waiting.length > 0) {
      if (folded) yield folded;
      folded = undefined;
      yield* waiting;
      waiting = [];
      continue;
    }
    if (
      event.kind === 'statement' &&
      !all &&
      only === undefined &&
      event.textBytes === undefined &&
      isCatalogueQuery(event.text)
    ) {
      waiting.push(event);
      continue;
    }
    if (folded) yield folded;
    folded = undefined;
    yield event;
  }
  if (folded) yield folded;
  yield* waiting;
}

/** In place of rows, of a protocol whose results a replay does not read. */
export const isRowsNotice = (event: ReplayEvent): boolean => event.kind === 'notice' && event.severity === 'ROWS';

const isWithin = (statement: number | undefined, [first, last]: readonly [number, number]): boolean =>
  statement !== undefined && statement >= first && statement <= last;

export const foldedWords = ({ first, last, count: number }: Folded): string =>
  `${count(number, 'query', 'queries')} of the database's own catalogue, as clients ask by themselves (#${first}${first === last ? '' : ` to #${last}`}): ask for all to see them`;

/** Of a word of the gateway's or the target's. */
export function noticeWords({ severity, message, statement }: Extract<ReplayEvent, { kind: 'notice' }>): string {
  return `${statement === undefined ? '' : `#${statement} `}${toldAs(severity, message)}`;
}

/** What was hidden is told in its own words, and everything else with who says it. */
export function toldAs(severity: string, message: string): string {
  if (severity === 'MASKED') return maskWords(message);
  if (severity !== 'HIDDEN' && severity !== 'WITHHELD') return `${severity}: ${message}`;
  return `${message.charAt(0).toLowerCase()}${message.slice(1).replace(/\.$/, '')}`;
}

/** `Masked: 3 values by shop#1.` as functions/facts/policy-words.ts has it: `3 values masked by rule shop`. */
export const maskWords = (message: string): string =>
  message
    .replace(/^Masked: /, '')
    .replace(/\.$/, '')
    .replace(/(values?) by ([^\s,#]+)(?:#\d+)?/g, '$1 masked by rule $2');
