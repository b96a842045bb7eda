// The audit log's copy in the object store: pieces of the chain, each written once under lock. Made
// by the edge, stored by the functions, proven by anybody.
//
//   audit/0000000001-0000000500.ndjson
//   {"format":1,"first":1,"last":500,"previous":"0000...","head":"9f3c..."}
//   {"sequence":1,...}                       one entry a line, as core/audit/audit.ts makes them
//
// There is one way to write a piece, byte for byte, so that every byte of it counts in the proof.

import { z } from 'zod';
import { AUDIT_GENESIS, AuditEntry, auditDigest } from './audit.ts';
import { Digest } from '../recording/segment.ts';
import { err, ok, type Result } from '../result.ts';

export const AUDIT_PREFIX = 'audit/';
/** At most so many entries, and no further entry beyond this size. */
export const MAX_PIECE_ENTRIES = 500;
export const PIECE_TARGET_BYTES = 1024 * 1024;
/** What a reader and the store accept: one long entry may straddle the target. */
export const MAX_PIECE_BYTES = 4 * 1024 * 1024;
/** The longest that an entry waits for its piece to be cut. */
export const PIECE_MAX_AGE_MS = 60_000;

/**
 * Of the functions' answer to a piece that was asked for with `?lock`: until when it cannot be deleted (ISO 8601), or `none` where the
 * store has no locks by its settings. Missing: it can be deleted.
 */
export const LOCK_HEADER = 'gatehouse-locked-until';

const DIGITS = 10;

/** Of a later build too, so any kind: what counts is that it hashes to what the chain says. */
const ArchivedEntry = AuditEntry.extend({ kind: z.string().min(1).max(100) });
type ArchivedEntry = z.infer<typeof ArchivedEntry>;

const AuditPieceHeader = z.strictObject({
  format: z.literal(1),
  first: z.number().int().min(1),
  last: z.number().int().min(1),
  /** Digest of the entry before the first; 64 zeros for a log's first piece. */
  previous: Digest,
  /** Digest of the last entry. */
  head: Digest,
});
type AuditPieceHeader = z.infer<typeof AuditPieceHeader>;

interface AuditPiece {
  readonly name: string;
  readonly header: AuditPieceHeader;
  readonly entries: readonly ArchivedEntry[];
}

export const auditPieceName = (first: number, last: number): string => `${padded(first)}-${padded(last)}.ndjson`;
const padded = (sequence: number): string => String(sequence).padStart(DIGITS, '0');

/** undefined: no piece is called so. */
export function parseAuditPieceName(name: string): { readonly first: number; readonly last: number } | undefined {
  const match = /^(\d{10})-(\d{10})\.ndjson$/.exec(name);
  if (!match) return undefined;
  const [first, last] = [Number(match[1]), Number(match[2])];
  return first >= 1 && last >= first && last - first < MAX_PIECE_ENTRIES ? { first, last } : undefined;
}

/** `entries` follow each other; at least one. */
export function encodeAuditPiece(entries: readonly ArchivedEntry[]): {
  readonly name: string;
  readonly header: AuditPieceHeader;
  readonly bytes: Uint8Array<ArrayBuffer>;
} {
  const [first, last] = [entries[0], entries.at(-1)];
  if (!first || !last) throw new Error('a piece has at least one entry');
  const header: AuditPieceHeader = {
    format: 1,
    first: first.sequence,
    last: last.sequence,
    previous: first.previous,
    head: last.digest,
  };
  const lines = [header, ...entries.map(inOrder)].map((line) => `${JSON.stringify(line)}\n`);
  return {
    name: auditPieceName(first.sequence, last.sequence),
    header,
    bytes: Uint8Array.from(new TextEncoder().encode(lines.join(''))),
  };
}

/**
 * Everything that can be said of a piece alone: its name, its form, its entries' digests, and that each
 * links to the one before. That it follows the piece before it is the caller's question. The fault is
 * in words for a person.
 */
export async function decodeAuditPiece(name: string, bytes: Uint8Array): Promise<Result<AuditPiece, string>> {
  const named = parseAuditPieceName(name);
  if (!named) return err('its name is not one of a piece');
  if (bytes.length > MAX_PIECE_BYTES) return err('it is longer than a piece can be');
  const text = textOf(bytes);
  if (text === undefined) return err('it is not UTF-8');
  if (!text.endsWith('\n')) return err('it is cut: its last line has no end');
  const [head, ...lines] = text.slice(0, -1).split('\n');
  const header = AuditPieceHeader.safeParse(jsonOf(head ?? ''));
  if (!header.success) return err('its first line is not the header of a piece');
  const { first, last, previous } = header.data;
  if (first !== named.first || last !== named.last) {
    return err(`it holds entries ${first} to ${last}, and is named after ${named.first} to ${named.last}`);
  }
  const entries: ArchivedEntry[] = [];
  let before: string = previous;
  for (const [index, line] of lines.entries()) {
    const expected = first + index;
    const entry = ArchivedEntry.safeParse(jsonOf(line));
    if (!entry.success) return err(`entry ${expected} cannot be read`);
    if (entry.data.sequence !== expected) {
      return err(`entry ${expected} is missing: entry ${entry.data.sequence} is in its place`);
    }
    if (entry.data.previous !== before) return err(`entry ${expected} does not link to the entry before it`);
    if ((await auditDigest(entry.data)) !== entry.data.digest) {
      return err(`entry ${expected} was changed after it was written`);
    }
    before = entry.data.digest;
    entries.push(entry.data);
  }
  if (entries.length !== last - first + 1)
    return err(`it is cut: entries from ${first + entries.length} on are missing`);
  if (before !== header.data.head) return err('its header names another head than its last entry has');
  if (first === 1 && previous !== AUDIT_GENESIS) return err('entry 1 is not the first of a log');
  if (!sameBytes(encodeAuditPiece(entries).bytes, bytes)) return err('it is not written as a piece is');
  return ok({ name, header: header.data, entries });
}

function inOrder({ sequence, at, kind, actor, object, details, previous, digest }: ArchivedEntry): ArchivedEntry {
  return { sequence, at, kind, actor, object, details, previous, digest };
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);
