// The session's row: attributes as stored, and the entry made of them.
//
// Each attribute is written by one kind of event alone, and depends on stored objects only, so the
// row is the same whatever the order in which events came and however often.

import { z } from 'zod';
import { SessionEntry } from '../../core/catalogue.ts';
import { ConnectorId } from '../../core/ids.ts';
import { NOTHING_COUNTED, SessionCounts } from '../../core/recording/manifest.ts';
import { SessionOpening } from '../../core/session-evidence.ts';
import { FILTERS, monthOf, PARTITION_KEY, STARTED, sessionPartition } from './schema.ts';
import type { Item } from './table.ts';

/** Counts of the segments indexed so far of one tally. */
const Tally = z.intersection(
  SessionCounts,
  z.object({
    segments: z.number().int(),
    /** Missing: an earlier release counted some of the segments, and did not count these. */
    failedCommands: z.number().int().optional(),
  }),
);
export type Tally = z.infer<typeof Tally>;

const Ended = SessionEntry.pick({ counts: true, segments: true }).extend({
  endedAt: z.string(),
  end: SessionEntry.shape.end.unwrap(),
});

const Row = z.looseObject({
  connector: ConnectorId,
  opened: SessionOpening.optional(),
  ended: Ended.optional(),
  verdict: z.object({ state: z.enum(['sealed', 'broken']), fault: z.string().optional() }).optional(),
  /** The damaged segment with the lowest number. */
  damage: z.object({ segment: z.number().int(), fault: z.string() }).optional(),
});

const TALLY = 'tally';
export const tallyAttribute = (group: number): string => `${TALLY}${group}`;

export const isTallyAttribute = (name: string): boolean => name.startsWith(TALLY);

/** The attributes by which the row stands in the indexes. */
export function indexAttributes(opened: SessionOpening): Readonly<Record<string, string>> {
  const attributes: Record<string, string> = {
    [STARTED]: `${opened.startedAt}#${opened.id}`,
    month: monthOf(opened.startedAt),
  };
  for (const name of FILTERS) {
    const value = opened[name];
    // An index's key may not be empty.
    if (value !== undefined && value !== '') attributes[name] = value;
  }
  return attributes;
}

/** undefined while nothing has said who opened the session. `damaged`: no indexer wrote that. */
export function entryOfRow(item: Item): SessionEntry | 'damaged' | undefined {
  const parsed = Row.safeParse(item);
  if (!parsed.success) return 'damaged';
  const row = parsed.data;
  if (!row.opened) return undefined;
  // A row that speaks of another session would put one under the other's name.
  if (item[PARTITION_KEY] !== sessionPartition(row.opened.id) || row.opened.connector !== row.connector)
    return 'damaged';
  const indexed = liveCounts(item);
  const { counts, segments, ...ended } = row.ended ?? indexed;
  // The manifest does not tell it. Until all segments are counted nobody knows.
  const failedCommands = indexed.segments === segments ? indexed.failedCommands : undefined;
  const fault = row.verdict ? row.verdict.fault : row.damage?.fault;
  return {
    ...row.opened,
    ...ended,
    counts,
    ...(failedCommands !== undefined && { failedCommands }),
    segments,
    state: row.verdict?.state ?? (row.damage ? 'broken' : row.ended ? 'ended' : 'live'),
    ...(fault === undefined ? {} : { fault }),
    ...(isInPlace(item, row.opened) ? {} : { contradicted: ['index'] }),
  };
}

/** Whether the indexes have it where it belongs: in another place it would be missing from lists. */
function isInPlace(item: Item, opened: SessionOpening): boolean {
  const attributes = indexAttributes(opened);
  return [STARTED, 'month', ...FILTERS].every((name) => item[name] === attributes[name]);
}

function liveCounts(item: Item): Pick<SessionEntry, 'counts' | 'segments' | 'failedCommands'> {
  let segments = 0;
  let failedCommands: number | undefined = 0;
  const counts = structuredClone(NOTHING_COUNTED);
  for (const [name, value] of Object.entries(item)) {
    if (!isTallyAttribute(name)) continue;
    const tally = Tally.safeParse(value).data;
    if (!tally) continue;
    segments += tally.segments;
    if (tally.failedCommands === undefined) failedCommands = undefined;
    else if (failedCommands !== undefined) failedCommands += tally.failedCommands;
    counts.frames += tally.frames;
    counts.actions += tally.actions;
    counts.statements += tally.statements;
    counts.errors += tally.errors;
    counts.rows += tally.rows;
    counts.bytes.client += tally.bytes.client;
    counts.bytes.target += tally.bytes.target;
    counts.bytes.gateway += tally.bytes.gateway;
  }
  return { counts, segments, ...(failedCommands !== undefined && { failedCommands }) };
}
