// The session's row: attributes as stored, and the entry made of them.
//
// Each attribute is written by one kind of event alone, and depends on stored objects only, so the
// row is the same whatever the order in which events came and however often.

import { z } from 'zod';
import { SessionEntry } from '../../core/catalogue.ts';
import { ConnectorId } from '../../core/ids.ts';
import type { SessionOpened } from '../../core/recording/facts.ts';
import { type Manifest, SessionCounts } from '../../core/recording/manifest.ts';
import { FILTERS, monthOf, STARTED } from './schema.ts';
import type { Item } from './table.ts';

/** Counts of the segments indexed so far of one tally. */
export const Tally = SessionCounts.extend({ segments: z.number().int() });
export type Tally = z.infer<typeof Tally>;

const Opened = SessionEntry.omit({ state: true, counts: true, segments: true, end: true, endedAt: true, fault: true });
export type Opened = z.infer<typeof Opened>;

const Ended = SessionEntry.pick({ counts: true, segments: true }).extend({
  endedAt: z.string(),
  end: SessionEntry.shape.end.unwrap(),
});
type Ended = z.infer<typeof Ended>;

const Row = z.looseObject({
  connector: ConnectorId,
  opened: Opened.optional(),
  ended: Ended.optional(),
  verdict: z.object({ state: z.enum(['sealed', 'broken']), fault: z.string().optional() }).optional(),
  /** The damaged segment with the lowest number. */
  damage: z.object({ segment: z.number().int(), fault: z.string() }).optional(),
});

const TALLY = 'tally';
export const tallyAttribute = (group: number): string => `${TALLY}${group}`;

export const toIso = (time: string): string => new Date(time).toISOString();

export function openedOf(opened: SessionOpened): Opened {
  const { task, trace } = opened.grant.labels;
  return {
    id: opened.session,
    connector: opened.connector.id,
    resource: opened.resource,
    protocol: opened.protocol,
    email: opened.identity.email,
    subject: opened.identity.subject,
    grant: opened.grant.id,
    rule: opened.grant.rule,
    reason: opened.grant.reason,
    ...(task === undefined ? {} : { task }),
    ...(trace === undefined ? {} : { trace }),
    client: opened.client,
    ...(opened.grant.obligations.record.exempt === undefined ? {} : { exempt: opened.grant.obligations.record.exempt }),
    ...(opened.grant.breakGlass === undefined ? {} : { breakGlass: opened.grant.breakGlass }),
    startedAt: toIso(opened.startedAt),
  };
}

export const endedOf = (manifest: Manifest): Ended => ({
  endedAt: toIso(manifest.endedAt),
  end: manifest.end,
  counts: manifest.counts,
  segments: manifest.segments.length,
});

/** The attributes by which the row stands in the indexes. */
export function indexAttributes(opened: Opened): Readonly<Record<string, string>> {
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

/** undefined while nothing has said who opened the session. */
export function entryOf(item: Item): SessionEntry | undefined {
  const row = Row.parse(item);
  if (!row.opened) return undefined;
  const { counts, segments, ...ended } = row.ended ?? liveCounts(item);
  const fault = row.verdict ? row.verdict.fault : row.damage?.fault;
  return {
    ...row.opened,
    ...ended,
    counts,
    segments,
    state: row.verdict?.state ?? (row.damage ? 'broken' : row.ended ? 'ended' : 'live'),
    ...(fault === undefined ? {} : { fault }),
  };
}

export const ownerOf = (item: Item): ConnectorId => Row.parse(item).connector;

function liveCounts(item: Item): Pick<SessionEntry, 'counts' | 'segments'> {
  let segments = 0;
  const counts = {
    frames: 0,
    statements: 0,
    errors: 0,
    rows: 0,
    bytes: { client: 0, target: 0, gateway: 0 },
  };
  for (const [name, value] of Object.entries(item)) {
    if (!name.startsWith(TALLY)) continue;
    const tally = Tally.parse(value);
    segments += tally.segments;
    counts.frames += tally.frames;
    counts.statements += tally.statements;
    counts.errors += tally.errors;
    counts.rows += tally.rows;
    counts.bytes.client += tally.bytes.client;
    counts.bytes.target += tally.bytes.target;
    counts.bytes.gateway += tally.bytes.gateway;
  }
  return { counts, segments };
}
