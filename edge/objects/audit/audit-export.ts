// The audit log's way into the object store, in the log's own object: which pieces were cut, which of
// them are stored, and what stands in the way. A piece that was cut stays as it is, so that a second
// try is the same try. The log never waits for any of this.

import type { AuditExportStanding } from '../../../core/audit/audit-page.ts';
import {
  auditPieceName,
  encodeAuditPiece,
  MAX_PIECE_ENTRIES,
  PIECE_MAX_AGE_MS,
  PIECE_TARGET_BYTES,
} from '../../../core/audit/audit-archive.ts';
import { calendarMonth } from '../../../core/audit/audit-months.ts';
import type { AuditEntry, AuditEvent } from '../../../core/audit/audit.ts';
import { err, type Result } from '../../../core/result.ts';
import type { AuditArchive, AuditArchiveFault } from '../../audit-archive.ts';
import { iso } from '../../clock.ts';

export const EXPORT_SCHEMA = `
  CREATE TABLE IF NOT EXISTS pieces (
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    head TEXT NOT NULL,
    stored INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,
    failing_since TEXT,
    reason TEXT,
    told INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS pieces_stored ON pieces (stored, first);
`;

const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 5 * 60_000;
/** A blip is no news. What will not pass by itself is told at once. */
const TOLD_AFTER_TRIES = 3;
/** In one alarm; what is left goes on in the next. */
const PIECES_A_RUN = 20;

/** `log_changed`: the rows are not what was cut any more; nothing is sent then. */
type Fault = AuditArchiveFault | 'log_changed';

interface Piece {
  readonly first: number;
  readonly last: number;
  readonly head: string;
  readonly tries: number;
  readonly told: boolean;
}

export class AuditExport {
  readonly #sql: SqlStorage;
  readonly #read: (row: Record<string, SqlStorageValue>) => AuditEntry;
  readonly #now: () => number;

  constructor(sql: SqlStorage, read: (row: Record<string, SqlStorageValue>) => AuditEntry, now: () => number) {
    this.#sql = sql;
    this.#read = read;
    this.#now = now;
  }

  /** When there is something to do next; undefined: everything is stored. */
  nextMs(): number | undefined {
    const waiting = this.#numbers('SELECT min(next_ms) AS n FROM pieces WHERE stored = 0');
    if (this.#held()) return waiting;
    const cut = this.#cutThrough();
    const oldest = this.#sql.exec('SELECT at FROM entries WHERE sequence = ?', cut + 1).toArray()[0];
    if (!oldest) return waiting;
    const full = (this.#numbers('SELECT max(sequence) AS n FROM entries') ?? 0) - cut >= MAX_PIECE_ENTRIES;
    const due = full ? this.#now() : Date.parse(String(oldest.at)) + PIECE_MAX_AGE_MS;
    return waiting === undefined ? due : Math.min(waiting, due);
  }

  /** Stores what is due. Answers with what belongs in the log itself: that it fails for a while, or works again. */
  async run(archive: AuditArchive): Promise<AuditEvent[]> {
    const events: AuditEvent[] = [];
    for (let count = 0; count < PIECES_A_RUN; count++) {
      const piece = this.#due() ?? this.#cut();
      if (!piece) break;
      const stored = await this.#store(piece, archive);
      if (stored.ok) {
        this.#sql.exec('UPDATE pieces SET stored = 1, failing_since = NULL WHERE first = ?', piece.first);
        if (piece.told) events.push(event('audit.export_resumed', piece, { tries: piece.tries + 1 }));
        continue;
      }
      const tries = piece.tries + 1;
      const tell = !piece.told && (tries >= TOLD_AFTER_TRIES || stored.error !== 'unavailable');
      console.error(`the audit log's piece ${nameOf(piece)} is not stored: ${stored.error}`);
      this.#failed(piece, tries, stored.error, tell);
      if (tell) events.push(event('audit.export_failed', piece, { reason: stored.error, tries }));
      if (stored.error === 'unavailable') break;
    }
    return events;
  }

  standing(): AuditExportStanding {
    const behind = this.#sql.exec('SELECT first FROM pieces WHERE stored = 0 ORDER BY first LIMIT 1').toArray()[0];
    const exportedThrough = behind ? Number(behind.first) - 1 : this.#cutThrough();
    const last = this.#numbers('SELECT max(sequence) AS n FROM entries') ?? 0;
    const oldest = this.#sql.exec('SELECT at FROM entries WHERE sequence = ?', exportedThrough + 1).toArray()[0];
    const failing = this.#sql
      .exec('SELECT * FROM pieces WHERE stored = 0 AND tries > 0 ORDER BY told DESC, first LIMIT 1')
      .toArray()[0];
    return {
      exportedThrough,
      waiting: last - exportedThrough,
      ...(oldest && { waitingSince: String(oldest.at) }),
      ...(failing && {
        failing: {
          since: String(failing.failing_since),
          reason: String(failing.reason),
          tries: Number(failing.tries),
        },
      }),
    };
  }

  /** While the store is away nothing more is cut: it would only be tried in vain. A contradiction holds up nothing else. */
  #held(): boolean {
    return (
      this.#sql.exec(`SELECT 1 FROM pieces WHERE stored = 0 AND tries > 0 AND reason = 'unavailable' LIMIT 1`).toArray()
        .length > 0
    );
  }

  #due(): Piece | undefined {
    const row = this.#sql
      .exec('SELECT * FROM pieces WHERE stored = 0 AND next_ms <= ? ORDER BY first LIMIT 1', this.#now())
      .toArray()[0];
    return row && readPiece(row);
  }

  #cut(): Piece | undefined {
    if (this.#held()) return undefined;
    const entries = this.#entries(this.#cutThrough() + 1, MAX_PIECE_ENTRIES);
    const [oldest] = entries;
    if (!oldest) return undefined;
    // A piece is of one month.
    const further = entries.findIndex(({ at }) => calendarMonth(at) !== calendarMonth(oldest.at));
    const isFull = entries.length >= MAX_PIECE_ENTRIES || further >= 0;
    if (!isFull && Date.parse(oldest.at) + PIECE_MAX_AGE_MS > this.#now()) return undefined;
    const ofMonth = further < 0 ? entries : entries.slice(0, further);
    const fitting = ofMonth.slice(0, countWithin(ofMonth));
    const last = fitting.at(-1) ?? oldest;
    this.#sql.exec(
      'INSERT INTO pieces (first, last, head, stored, tries, next_ms, told) VALUES (?, ?, ?, 0, 0, ?, 0)',
      oldest.sequence,
      last.sequence,
      last.digest,
      this.#now(),
    );
    return { first: oldest.sequence, last: last.sequence, head: last.digest, tries: 0, told: false };
  }

  async #store(piece: Piece, archive: AuditArchive): Promise<Result<void, Fault>> {
    const entries = this.#entries(piece.first, piece.last - piece.first + 1);
    const last = entries.at(-1);
    if (last?.sequence !== piece.last || last.digest !== piece.head) return err('log_changed');
    return archive.store(encodeAuditPiece(entries));
  }

  #failed(piece: Piece, tries: number, reason: Fault, tell: boolean): void {
    const now = this.#now();
    const backOff = Math.min(FIRST_RETRY_MS * 2 ** Math.min(piece.tries, 20), LONGEST_RETRY_MS);
    this.#sql.exec(
      `UPDATE pieces SET tries = ?, next_ms = ?, reason = ?, failing_since = coalesce(failing_since, ?),
         told = max(told, ?) WHERE first = ?`,
      tries,
      // What will not pass by itself is only looked at now and then.
      now + (reason === 'unavailable' ? backOff : LONGEST_RETRY_MS),
      reason,
      iso(now),
      tell ? 1 : 0,
      piece.first,
    );
  }

  #entries(first: number, count: number): AuditEntry[] {
    return this.#sql
      .exec('SELECT * FROM entries WHERE sequence >= ? ORDER BY sequence LIMIT ?', first, count)
      .toArray()
      .map(this.#read);
  }

  #cutThrough(): number {
    return this.#numbers('SELECT max(last) AS n FROM pieces') ?? 0;
  }

  #numbers(statement: string): number | undefined {
    const { n } = this.#sql.exec(statement).one();
    return n === null || n === undefined ? undefined : Number(n);
  }
}

/** At least one, however long. */
function countWithin(entries: readonly AuditEntry[]): number {
  let bytes = 0;
  for (const [index, entry] of entries.entries()) {
    bytes += JSON.stringify(entry).length * 3;
    if (bytes > PIECE_TARGET_BYTES) return Math.max(index, 1);
  }
  return entries.length;
}

const nameOf = ({ first, last }: Piece): string => auditPieceName(first, last);

const event = (
  kind: 'audit.export_failed' | 'audit.export_resumed',
  piece: Piece,
  details: AuditEvent['details'],
): AuditEvent => ({ kind, actor: 'gatehouse', object: nameOf(piece), details });

function readPiece(row: Record<string, SqlStorageValue>): Piece {
  return {
    first: Number(row.first),
    last: Number(row.last),
    head: String(row.head),
    tries: Number(row.tries),
    told: Number(row.told) === 1,
  };
}
