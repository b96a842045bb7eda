// What the edge witnessed of sessions, as it stands in the object store when the edge itself keeps it no longer: for each day
// on which sessions were made, pieces of newline-delimited JSON, a line a session. Digests, ids and times; nothing says whose
// a session was. What came later of a session is a line in a later piece. Each piece is an entry of the log of sessions.

import { z } from 'zod';
import { ConnectorId, madeAtMs, SessionId } from '../ids.ts';
import { err, ok, type Result } from '../result.ts';

/** A piece is cut here, unless a single line is longer. */
export const ROWS_TARGET_BYTES = 512 * 1024;
/** Heads of a line; the others are in a later one. Some 120 bytes each. */
export const MAX_LINE_HEADS = 2_000;

const Digest = z.string().regex(/^[0-9a-f]{64}$/);
const Index = z.number().int().nonnegative();

export const WitnessRow = z.strictObject({
  session: SessionId,
  connector: ConnectorId,
  admittedAt: z.iso.datetime(),
  /** In the log of sessions: that it was opened, and that it ended or never began. */
  opened: Index,
  ended: Index.optional(),
  /** Number, digest, frames, when: those that no earlier piece has. */
  heads: z.array(z.tuple([z.number().int(), Digest, z.number().int(), z.iso.datetime()])).max(MAX_LINE_HEADS),
  /** How many there are, with those of this piece and of all before it. */
  headsSoFar: Index,
  manifest: z.strictObject({ digest: Digest, segments: z.number().int(), at: z.iso.datetime() }).optional(),
  neverBegan: z.strictObject({ reason: z.string().max(200), at: z.iso.datetime() }).optional(),
  purged: z.strictObject({ at: z.iso.datetime(), audit: z.number().int() }).optional(),
});
export type WitnessRow = z.infer<typeof WitnessRow>;

/** Of the times that clocks have. All others are together in one place: whoever makes ids up makes no more of them. */
const YEARS = [2020, 2120] as const;
export const OTHER_DAYS = 'other';

/** Under which day what was witnessed of a session is kept: that of its id, as its maker's clock had it (UTC). */
export function dayOfSession(session: SessionId): string {
  const made = new Date(madeAtMs(session));
  const year = made.getUTCFullYear();
  return year < YEARS[0] || year >= YEARS[1] ? OTHER_DAYS : made.toISOString().slice(0, 10);
}

const NAME = /^witness\/(\d{4}-\d{2}-\d{2}|other|first)\/([0-9]{8})$/;

/** Below LOG_PREFIX. `place`: a day, OTHER_DAYS, or `first`, of sessions that were witnessed before there were days. */
export const rowsName = (place: string, number: number): string =>
  `witness/${place}/${String(number).padStart(8, '0')}`;
export const isRowsName = (name: string): boolean => NAME.test(name);

export const encodeRows = (rows: readonly WitnessRow[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(new TextEncoder().encode(rows.map(rowLine).join('')));

export const rowLine = (row: WitnessRow): string => `${JSON.stringify(row)}\n`;

export function decodeRows(bytes: Uint8Array): Result<WitnessRow[], string> {
  const lines = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(bytes).split('\n');
  if (lines.pop() !== '') return err('it ends within a line');
  const rows: WitnessRow[] = [];
  for (const [index, line] of lines.entries()) {
    const row = WitnessRow.safeParse(jsonOf(line));
    if (!row.success) return err(`line ${index + 1} is no row: ${row.error.issues[0]?.path.join('.') ?? ''}`);
    rows.push(row.data);
  }
  return rows.length === 0 ? err('it has no row') : ok(rows);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
