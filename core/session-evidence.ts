// Who says what of a session, and who is believed.
//
//   the edge's record        written when it was admitted: whose it is, on what, why
//   the recording            the signed manifest, or until it comes the first segment: the same, and how it went
//   the catalogue's row      an index of the recording, in a table that more than its writer may change
//
// The edge's record outranks the recording, the recording outranks the row. What the row alone says is
// shown only where nobody else can say it: the counts of a session that runs, and what the indexer's
// proof gave. Knows nothing of who may look.

import { z } from 'zod';
import { type CatalogueWord, SegmentEntry, SessionEntry } from './catalogue.ts';
import type { ConnectorId } from './ids.ts';
import type { SessionOpened } from './recording/facts/session.ts';
import { Manifest, NOTHING_COUNTED } from './recording/manifest.ts';
import { Digest } from './recording/segment.ts';

/** How a session began: the part of its entry that never changes. */
export const SessionOpening = SessionEntry.omit({
  state: true,
  counts: true,
  failedCommands: true,
  segments: true,
  end: true,
  endedAt: true,
  fault: true,
  contradicted: true,
  ruleGone: true,
});
export type SessionOpening = z.infer<typeof SessionOpening>;

/** What the edge writes down before a session's connector may dial. */
export const AdmittedSession = SessionOpening.pick({
  resource: true,
  protocol: true,
  email: true,
  subject: true,
  grant: true,
  rule: true,
  reason: true,
  task: true,
  trace: true,
  breakGlass: true,
});
export type AdmittedSession = z.infer<typeof AdmittedSession>;

/** A session as the functions find it, each source by itself. */
export const StoredSession = z.object({
  row: SessionEntry.optional(),
  /** There is a row, and none that an indexer wrote. */
  damagedRow: z.literal(true).optional(),
  /** As the manifest tells it, or the first segment while there is no manifest. */
  opening: SessionOpening.optional(),
  manifest: z
    .object({
      content: Manifest,
      /** SHA-256 of the object: what the edge witnessed. */
      digest: Digest,
      /** With the key that it names. Whether it is the connector's is for whoever knows that key. */
      signed: z.boolean(),
    })
    .optional(),
  segments: z.array(SegmentEntry),
});
export type StoredSession = z.infer<typeof StoredSession>;

/** What the edge has of a session. Functions have nothing of it: `{}`. */
export interface EdgeRecord {
  readonly connector?: ConnectorId | undefined;
  readonly admitted?: AdmittedSession | undefined;
  /** Digest of the manifest that it witnessed. */
  readonly manifest?: string | undefined;
}

/** The entry to show, with the fields in which a lower source contradicts a higher one. undefined: nobody says how it began. */
export function sessionEntryOf(
  { row, damagedRow, opening: recorded, manifest }: StoredSession,
  edge: EdgeRecord,
): SessionEntry | undefined {
  const base = recorded ?? (row && openingOfEntry(row));
  if (!base) return undefined;
  const opening = withRecord(base, edge.admitted);
  const end = manifest && sessionEndOf(manifest.content);
  const contradicted = new Set<string>(damagedRow ? ['row'] : row?.contradicted);
  if (row) for (const field of differing(opening, openingOfEntry(row))) contradicted.add(field);
  if (row && end && row.state !== 'live') for (const field of differing(end, pick(row, end))) contradicted.add(field);
  if (row && !manifest && (row.state === 'ended' || row.state === 'sealed')) contradicted.add('state');
  if (row && edge.connector && row.connector !== edge.connector) contradicted.add('connector');
  const faults = [
    ...(edge.admitted && recorded ? differing(edge.admitted, pick(recorded, edge.admitted)) : []).map(
      (field) => `the recording tells its ${field} otherwise than the edge`,
    ),
    ...(edge.manifest !== undefined && manifest && manifest.digest !== edge.manifest
      ? ['the manifest is not the one that the edge witnessed']
      : []),
    ...(edge.manifest !== undefined && !manifest ? ['the manifest, which the edge witnessed, is not there'] : []),
  ];
  const claimed = row?.state === 'broken' || row?.state === 'sealed' ? row.state : 'ended';
  const state = faults.length > 0 ? 'broken' : manifest ? claimed : row?.state === 'broken' ? 'broken' : 'live';
  const fault = faults.length > 0 ? faults.join('; ') : state === 'broken' ? row?.fault : undefined;
  return {
    ...opening,
    counts: row?.counts ?? NOTHING_COUNTED,
    ...(row?.failedCommands !== undefined && { failedCommands: row.failedCommands }),
    segments: row?.segments ?? 0,
    ...end,
    state,
    ...(fault !== undefined && { fault }),
    ...(contradicted.size > 0 && { contradicted: [...contradicted].sort() }),
  };
}

/** What the row alone says, for whoever proves the recording itself. */
export function catalogueWordOf(stored: StoredSession, edge: EdgeRecord): CatalogueWord {
  const { row, damagedRow } = stored;
  if (!row && !damagedRow) return { listed: false, contradicted: [] };
  return {
    listed: true,
    ...(row && { state: row.state }),
    ...(row?.fault !== undefined && { fault: row.fault }),
    ...(row?.failedCommands !== undefined && { failedCommands: row.failedCommands }),
    contradicted: sessionEntryOf(stored, edge)?.contradicted ?? [],
  };
}

/** A row of a list, of which no object is read: how it began is the edge's word, the rest the catalogue's. */
export function listedEntry(row: SessionEntry, edge: EdgeRecord): SessionEntry {
  const opening = withRecord(openingOfEntry(row), edge.admitted);
  const contradicted = new Set([...(row.contradicted ?? []), ...differing(opening, openingOfEntry(row))]);
  if (edge.connector && row.connector !== edge.connector) contradicted.add('connector');
  return { ...row, ...opening, ...(contradicted.size > 0 && { contradicted: [...contradicted].sort() }) };
}

export function openingOf(opened: SessionOpened): SessionOpening {
  const { task, trace } = opened.grant.labels;
  const { exempt } = opened.grant.obligations.record;
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
    ...(task !== undefined && { task }),
    ...(trace !== undefined && { trace }),
    client: opened.client,
    ...(exempt !== undefined && { exempt }),
    ...(opened.grant.breakGlass !== undefined && { breakGlass: opened.grant.breakGlass }),
    startedAt: toIso(opened.startedAt),
  };
}

export const sessionEndOf = (
  manifest: Manifest,
): Required<Pick<SessionEntry, 'endedAt' | 'end' | 'counts' | 'segments'>> => ({
  endedAt: toIso(manifest.endedAt),
  end: manifest.end,
  counts: manifest.counts,
  segments: manifest.segments.length,
});

export const toIso = (time: string): string => new Date(time).toISOString();

const openingOfEntry = (entry: SessionEntry): SessionOpening => SessionOpening.parse(entry);

/** A label that the record does not have is not there, whatever the recording says. */
function withRecord(opening: SessionOpening, admitted: AdmittedSession | undefined): SessionOpening {
  if (!admitted) return opening;
  const { task: _task, trace: _trace, breakGlass: _breakGlass, ...rest } = opening;
  return { ...rest, ...admitted };
}

/** The same fields of `from`, and those optional ones that `like` lacks. */
function pick<T extends object>(from: SessionEntry | SessionOpening, like: T): Record<string, unknown> {
  const names = new Set([...Object.keys(like), ...('grant' in like ? ['task', 'trace', 'breakGlass'] : [])]);
  return Object.fromEntries(Object.entries(from).filter(([name]) => names.has(name)));
}

function differing(believed: object, other: object): string[] {
  const [a, b]: Record<string, unknown>[] = [{ ...believed }, { ...other }];
  const names = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})]);
  return [...names].filter((name) => canonical(a?.[name]) !== canonical(b?.[name]));
}

/** JSON with sorted keys: a store may give an object's members back in another order. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? '';
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const members = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${members
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, each]) => `${JSON.stringify(name)}:${canonical(each)}`)
    .join(',')}}`;
}
