// Proves a copy of the audit log's pieces: each by itself, each behind the one before it, and, where
// the log is at hand, each entry the same as there.

import type { NoteKey } from '../tlog/note.ts';
import { AUDIT_GENESIS } from './audit.ts';
import { type AuditMonth, isSigned, monthIn, wrongWithMonth } from './audit-months.ts';
import { decodeAuditPiece, parseAuditPieceName } from './audit-archive.ts';

export interface AuditCopy {
  /** Of every piece there; other names are told as such. */
  readonly names: readonly string[];
  read(name: string): Promise<Uint8Array | undefined>;
}

/** What the edge says: the digest of each entry that it exported and has itself. */
interface KnownLog {
  /** Sequence of the last entry that it knows to be stored; 0: none. */
  readonly exportedThrough: number;
  /** Up to here it has the digest of the last entry alone, which all before it hang on; 0: it has all. */
  readonly freedThrough?: number;
  digestOf(sequence: number): string | undefined;
}

export interface AuditFault {
  /** A piece's name, or `log`. */
  readonly object: string;
  readonly reason:
    | 'piece_missing'
    | 'piece_damaged'
    | 'pieces_overlap'
    | 'not_a_piece'
    | 'chain_broken'
    | 'differs_from_log'
    | 'month_differs'
    | 'head_missing';
  readonly message: string;
}

export interface AuditCopyReport {
  readonly proven: boolean;
  readonly pieces: number;
  /** Of sound pieces. */
  readonly entries: number;
  /** Sequence and digest of the copy's last entry; kept elsewhere, they show a later cut. */
  readonly last: number;
  readonly head: string;
  /** Of the last line of the root chain that is in it: up to here nothing was cut off, if its signature holds. */
  readonly closed?: { readonly month: string; readonly through: number; readonly signed: boolean };
  readonly faults: readonly AuditFault[];
}

interface Against {
  readonly log?: KnownLog | undefined;
  /** An entry's digest that was noted elsewhere; the copy must hold it. */
  readonly head?: string | undefined;
  /** By which the lines of the root chain must be signed (auditKeyOf); undefined: signatures are not looked at. */
  readonly key?: NoteKey | undefined;
}

export async function verifyAuditCopy(
  copy: AuditCopy,
  { log, head: noted, key }: Against = {},
): Promise<AuditCopyReport> {
  const faults: AuditFault[] = [];
  const fault = (object: string, reason: AuditFault['reason'], message: string) =>
    faults.push({ object, reason, message });
  const pieces = [];
  for (const name of [...copy.names].sort()) {
    const range = parseAuditPieceName(name);
    if (range) pieces.push({ name, ...range });
    else fault(name, 'not_a_piece', 'it is not named as a piece is');
  }

  let last = 0;
  let entries = 0;
  /** undefined behind what could not be read: the next piece's link is then not compared with anything. */
  let head: string | undefined = AUDIT_GENESIS;
  let shownHead: string = AUDIT_GENESIS;
  const months = new Months(key);
  let notedSeen = noted === undefined || noted === AUDIT_GENESIS;
  for (const piece of pieces) {
    if (piece.first > last + 1) {
      fault('log', 'piece_missing', missing(last + 1, piece.first - 1));
      head = undefined;
    } else if (piece.first <= last) {
      fault(piece.name, 'pieces_overlap', `entry ${piece.first} stands in the piece before it already`);
      head = undefined;
    }
    const bytes = await copy.read(piece.name);
    if (!bytes) {
      fault(piece.name, 'piece_missing', 'it is listed and cannot be read');
    }
    const decoded = bytes && (await decodeAuditPiece(piece.name, bytes));
    if (decoded && !decoded.ok) fault(piece.name, 'piece_damaged', decoded.error);
    last = Math.max(last, piece.last);
    if (!decoded?.ok) {
      head = undefined;
      continue;
    }
    const { header } = decoded.value;
    if (head !== undefined && header.previous !== head) {
      fault(piece.name, 'chain_broken', `entry ${header.first} does not link to the last entry of the piece before it`);
    }
    for (const entry of decoded.value.entries) {
      const wrong = await months.see(entry);
      if (wrong !== undefined) fault(piece.name, 'month_differs', `entry ${entry.sequence}: ${wrong}`);
    }
    const other =
      log &&
      decoded.value.entries.find(
        ({ sequence, digest }) => sequence >= (log.freedThrough ?? 0) && log.digestOf(sequence) !== digest,
      );
    if (other) {
      const known = log?.digestOf(other.sequence) !== undefined;
      const message = known ? 'is another than in the log' : 'is not in the log';
      fault(piece.name, 'differs_from_log', `entry ${other.sequence} ${message}`);
    }
    notedSeen ||= decoded.value.entries.some(({ digest }) => digest === noted);
    entries += decoded.value.entries.length;
    head = header.head;
    shownHead = header.head;
  }
  if (log && last < log.exportedThrough) fault('log', 'piece_missing', missing(last + 1, log.exportedThrough));
  if (!notedSeen) fault('log', 'head_missing', `no entry has the digest ${noted}: the copy is cut, or of another log`);
  const shown = { pieces: pieces.length, entries, last, head: shownHead, ...(months.last && { closed: months.last }) };
  return { proven: faults.length === 0, ...shown, faults };
}

/** The lines of the root chain as they come by, and what the entries say that they are of. */
class Months {
  readonly #key: NoteKey | undefined;
  #before: AuditMonth | undefined;
  /** Digests of entries that a line may end with: those since the last line, few thousand where nothing waits long. */
  #since = new Map<number, string>();
  last: { readonly month: string; readonly through: number; readonly signed: boolean } | undefined;

  constructor(key: NoteKey | undefined) {
    this.#key = key;
  }

  /** What is wrong with the line that this entry is, in words for a person. */
  async see(entry: Parameters<typeof monthIn>[0] & { readonly sequence: number; readonly digest: string }) {
    this.#since.set(entry.sequence, entry.digest);
    const line = monthIn(entry);
    if (line === undefined) return undefined;
    if (line === 'damaged') return 'it is no line of the root chain';
    const { month, checkpoint } = line;
    const signed = this.#key !== undefined && (await isSigned(month, checkpoint, this.#key));
    const wrong =
      (await wrongWithMonth(month, this.#before)) ??
      (this.#since.get(month.last) === month.head ? undefined : `${month.name} ends with another entry`) ??
      (this.#key && !signed ? `the checkpoint of ${month.name} is not signed by ${this.#key.name}` : undefined);
    this.#before = month;
    this.last = { month: month.name, through: month.last, signed };
    this.#since = new Map([...this.#since].filter(([sequence]) => sequence > month.last));
    return wrong;
  }
}

const missing = (from: number, to: number): string =>
  from === to ? `entry ${from} is missing` : `entries ${from} to ${to} are missing`;
