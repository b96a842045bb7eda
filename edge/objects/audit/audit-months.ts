// Months of the audit log, in the log's own object. Pieces are counted into the month that goes on; one that is over is closed, which
// the log itself says with a signed line of the root chain, and once all of it stands in the object store, read back and locked, its
// rows are freed. What was freed is found again by the pieces that it is in (audit-reader.ts).
//
// Each step is one transaction, and what the next one is stands in the tables: whenever this ends, it goes on where it was.

import type { AuditExportStanding } from '../../../core/audit/audit-page.ts';
import { auditPieceName, decodeAuditPiece } from '../../../core/audit/audit-archive.ts';
import { AuditMonth, calendarMonth, monthClosed, monthRoot, wrongWithMonth } from '../../../core/audit/audit-months.ts';
import { AUDIT_GENESIS, type AuditChainReport, type AuditEntry, type AuditEvent } from '../../../core/audit/audit.ts';
import { makeBloom } from '../../../core/text/bloom.ts';
import type { AuditArchive } from '../../audit-archive.ts';
import { iso } from '../../clock.ts';

export const MONTHS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS months (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    previous TEXT NOT NULL,
    head TEXT NOT NULL,
    before TEXT,
    root TEXT,
    closed INTEGER,
    freeing INTEGER,
    tries INTEGER NOT NULL DEFAULT 0,
    next_ms INTEGER NOT NULL DEFAULT 0,
    failing_since TEXT,
    reason TEXT,
    told INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE IF NOT EXISTS piece_filters (
    first INTEGER PRIMARY KEY,
    month INTEGER NOT NULL,
    newest TEXT NOT NULL,
    filter BLOB NOT NULL
  );
  CREATE INDEX IF NOT EXISTS piece_filters_month ON piece_filters (month, first);
  CREATE TABLE IF NOT EXISTS month_actors (actor TEXT, month INTEGER, PRIMARY KEY (actor, month)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS month_kinds (kind TEXT, month INTEGER, PRIMARY KEY (kind, month)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS freed (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    through INTEGER NOT NULL,
    head TEXT NOT NULL
  );
`;

/** In one alarm; what is left goes on in the next. */
const STEPS_A_RUN = 40;
const FIRST_RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 30 * 60_000;
/** A blip is no news. What will not pass by itself is told at once. */
const TOLD_AFTER_TRIES = 3;

/** `differs`: what is stored is not what was cut here. `unlocked`: it could be deleted. */
type Fault = 'unavailable' | 'missing' | 'unlocked' | 'differs';

interface MonthsHost {
  readonly storage: DurableObjectStorage;
  /** `settle` in the transaction that writes the events. */
  append(events: readonly AuditEvent[], settle: (entries: readonly AuditEntry[]) => void): Promise<unknown>;
  sign(month: AuditMonth): Promise<string>;
  exportedThrough(): number;
  readEntry(row: Record<string, SqlStorageValue>): AuditEntry;
  now(): number;
  /** A month has a further part after so many entries. */
  readonly mostEntries: number;
}

interface StoredMonth {
  readonly id: number;
  readonly month: AuditMonth;
  readonly closed: number | undefined;
  readonly freeing: boolean;
  readonly tries: number;
  readonly nextMs: number;
  readonly told: boolean;
}

interface Piece {
  readonly first: number;
  readonly last: number;
  readonly head: string;
}

/** Terms of a piece's filter. */
export const actorTerm = (actor: string): string => `a ${actor}`;
export const kindTerm = (kind: string): string => `k ${kind}`;

export class AuditMonths {
  readonly #sql: SqlStorage;
  readonly #host: MonthsHost;
  /** A piece that is not what its rows are: the export tells of it, and it is looked at again after a while. */
  #stuckUntilMs = 0;

  constructor(host: MonthsHost) {
    this.#sql = host.storage.sql;
    this.#host = host;
  }

  /** Up to where rows were freed, and the digest of the last that was. */
  freed(): { readonly sequence: number; readonly digest: string } {
    const row = this.#sql.exec('SELECT through, head FROM freed').toArray()[0];
    return row ? { sequence: Number(row.through), digest: String(row.head) } : { sequence: 0, digest: AUDIT_GENESIS };
  }

  /** When there is something to do next; undefined: nothing, until more is exported. */
  nextMs(): number | undefined {
    const now = this.#host.now();
    if (this.#nextPiece()) return Math.max(now, this.#stuckUntilMs);
    if (this.#toClose()) return now;
    const month = this.#toFree();
    return month && Math.max(now, month.nextMs);
  }

  async run(archive: AuditArchive): Promise<void> {
    for (let count = 0; count < STEPS_A_RUN; count++)
      if (!((await this.#take()) || (await this.#close()) || (await this.#free(archive)))) return;
  }

  standing(): Pick<AuditExportStanding, 'freed' | 'notFreed'> {
    const { sequence: through, digest: head } = this.freed();
    const failing = this.#sql.exec('SELECT * FROM months WHERE tries > 0 ORDER BY id LIMIT 1').toArray()[0];
    return {
      ...(through > 0 && { freed: { through, head } }),
      ...(failing && {
        notFreed: {
          since: String(failing.failing_since),
          reason: String(failing.reason),
          tries: Number(failing.tries),
        },
      }),
    };
  }

  /** The root chain, and that what was freed is all in it. undefined: it holds. */
  async broken(): Promise<Extract<AuditChainReport, { whole: false }> | undefined> {
    const freed = this.freed();
    const fault = (brokenAt: number, message: string) =>
      ({ whole: false, entries: brokenAt - 1, brokenAt, message }) as const;
    let before: AuditMonth | undefined;
    for (let id = 0; ; ) {
      const row = this.#sql
        .exec('SELECT * FROM months WHERE id > ? AND root IS NOT NULL ORDER BY id LIMIT 1', id)
        .toArray()[0];
      if (!row) break;
      id = Number(row.id);
      const parsed = AuditMonth.safeParse(row);
      const wrong = parsed.success ? await wrongWithMonth(parsed.data, before) : `the line of a month is damaged`;
      if (wrong !== undefined || !parsed.success) return fault((before?.last ?? 0) + 1, wrong ?? 'damaged');
      before = parsed.data;
    }
    const last = this.#sql.exec('SELECT last, head FROM pieces WHERE last = ?', freed.sequence).toArray()[0];
    if (freed.sequence > 0 && (freed.sequence > (before?.last ?? 0) || last?.head !== freed.digest))
      return fault(freed.sequence, `entry ${freed.sequence} was freed and is not the one that was exported`);
    return undefined;
  }

  hasActed(pseudonym: string): boolean {
    return this.#sql.exec('SELECT 1 FROM month_actors WHERE actor = ? LIMIT 1', pseudonym).toArray().length > 0;
  }

  // --- counting pieces into months ---

  async #take(): Promise<boolean> {
    const piece = this.#host.now() < this.#stuckUntilMs ? undefined : this.#nextPiece();
    if (!piece) return false;
    const entries = this.#sql
      .exec('SELECT * FROM entries WHERE sequence BETWEEN ? AND ? ORDER BY sequence', piece.first, piece.last)
      .toArray()
      .map(this.#host.readEntry);
    const [oldest, last] = [entries[0], entries.at(-1)];
    if (!oldest || oldest.sequence !== piece.first || last?.digest !== piece.head) {
      this.#stuckUntilMs = this.#host.now() + LONGEST_RETRY_MS;
      return false;
    }
    const before = this.#sql.exec('SELECT * FROM months ORDER BY id DESC LIMIT 1').toArray()[0];
    // A clock that went back opens no month again.
    const calendar = [calendarMonth(oldest.at), calendarMonth(String(before?.name ?? ''))].sort().at(-1) ?? '';
    const isNew = before === undefined || calendar > calendarMonth(String(before.name)) || this.#isFull(before);
    const closing = isNew && before ? await this.#rooted(before) : undefined;
    this.#host.storage.transactionSync(() => {
      if (before && closing)
        this.#sql.exec(
          'UPDATE months SET before = ?, root = ? WHERE id = ?',
          closing.before,
          closing.root,
          before.id ?? 0,
        );
      if (isNew)
        this.#sql.exec(
          'INSERT INTO months (name, first, last, previous, head) VALUES (?, ?, ?, ?, ?)',
          this.#nameOf(calendar),
          ...[piece.first, piece.last, oldest.previous, piece.head],
        );
      else this.#sql.exec('UPDATE months SET last = ?, head = ? WHERE id = ?', piece.last, piece.head, before.id ?? 0);
      this.#index(piece, entries);
    });
    return true;
  }

  #nextPiece(): Piece | undefined {
    const { taken } = this.#sql.exec('SELECT coalesce(max(last), 0) AS taken FROM months').one();
    return this.#pieceBehind(Number(taken));
  }

  #isFull(open: Record<string, SqlStorageValue>): boolean {
    return Number(open.last) - Number(open.first) + 1 >= this.#host.mostEntries;
  }

  async #rooted(row: Record<string, SqlStorageValue>): Promise<AuditMonth> {
    const { root: before } = this.#sql
      .exec('SELECT coalesce((SELECT root FROM months WHERE id = ?), ?) AS root', Number(row.id) - 1, AUDIT_GENESIS)
      .one();
    const month = {
      name: String(row.name),
      first: Number(row.first),
      last: Number(row.last),
      previous: String(row.previous),
      head: String(row.head),
      before: String(before),
    };
    return { ...month, root: await monthRoot(month) };
  }

  #nameOf(calendar: string): string {
    const { parts } = this.#sql
      .exec('SELECT count(*) AS parts FROM months WHERE substr(name, 1, 7) = ?', calendar)
      .one();
    return Number(parts) === 0 ? calendar : `${calendar}.${Number(parts) + 1}`;
  }

  #index({ first }: Piece, entries: readonly AuditEntry[]): void {
    const { id } = this.#sql.exec('SELECT max(id) AS id FROM months').one();
    const actors = new Set(entries.map(({ actor }) => actor));
    const kinds = new Set<string>(entries.map(({ kind }) => kind));
    for (const actor of actors)
      this.#sql.exec('INSERT OR IGNORE INTO month_actors (actor, month) VALUES (?, ?)', actor, id ?? 0);
    for (const kind of kinds)
      this.#sql.exec('INSERT OR IGNORE INTO month_kinds (kind, month) VALUES (?, ?)', kind, id ?? 0);
    const filter = makeBloom(new Set([...[...actors].map(actorTerm), ...[...kinds].map(kindTerm)]));
    const newest =
      entries
        .map(({ at }) => at)
        .sort()
        .at(-1) ?? '';
    this.#sql.exec(
      'INSERT INTO piece_filters (first, month, newest, filter) VALUES (?, ?, ?, ?)',
      ...[first, id ?? 0, newest, filter.slice().buffer],
    );
  }

  // --- closing ---

  async #close(): Promise<boolean> {
    const due = this.#toClose();
    if (!due) return false;
    const closed = monthClosed(due.month, await this.#host.sign(due.month));
    await this.#host.append([closed], ([entry]) =>
      this.#sql.exec('UPDATE months SET closed = ? WHERE id = ?', entry?.sequence ?? null, due.id),
    );
    return true;
  }

  #toClose(): StoredMonth | undefined {
    return this.#month('root IS NOT NULL AND closed IS NULL');
  }

  // --- freeing ---

  #toFree(): StoredMonth | undefined {
    const month = this.#month(`closed IS NOT NULL AND last > ${this.freed().sequence}`);
    // Its line of the root chain stands in the store before its first row goes.
    return month?.closed !== undefined && month.closed <= this.#host.exportedThrough() ? month : undefined;
  }

  async #free(archive: AuditArchive): Promise<boolean> {
    const due = this.#toFree();
    if (!due || due.nextMs > this.#host.now()) return false;
    const { id, month } = due;
    const freed = this.freed();
    if (!due.freeing) {
      const details = { first: month.first, last: month.last, root: month.root };
      await this.#host.append([ours('audit.month_freed', month.name, details)], ([entry]) =>
        this.#sql.exec('UPDATE months SET freeing = ? WHERE id = ?', entry?.sequence ?? null, id),
      );
      return true;
    }
    const piece = this.#pieceBehind(freed.sequence);
    if (!piece || piece.last > month.last) return false;
    const fault = await confirm(piece, freed.digest, archive);
    if (fault !== undefined) {
      await this.#failed(due, piece, fault);
      return false;
    }
    this.#host.storage.transactionSync(() => {
      this.#sql.exec('INSERT OR REPLACE INTO freed (only_one, through, head) VALUES (1, ?, ?)', piece.last, piece.head);
      this.#sql.exec('DELETE FROM entries WHERE sequence BETWEEN ? AND ?', piece.first, piece.last);
      this.#sql.exec('UPDATE months SET tries = 0, next_ms = 0, failing_since = NULL, reason = NULL WHERE id = ?', id);
    });
    if (due.told)
      await this.#host.append([ours('audit.free_resumed', month.name, { tries: due.tries + 1 })], () =>
        this.#sql.exec('UPDATE months SET told = 0 WHERE id = ?', id),
      );
    return true;
  }

  /** Nothing is freed before it is right again. */
  async #failed({ id, month, tries: before, told }: StoredMonth, piece: Piece, fault: Fault): Promise<void> {
    const now = this.#host.now();
    const tries = before + 1;
    const name = auditPieceName(piece.first, piece.last);
    console.error(`entries of the audit log's piece ${name} stay: ${fault}`);
    const waits = Math.min(FIRST_RETRY_MS * 2 ** Math.min(before, 20), LONGEST_RETRY_MS);
    const settle = (nowTold: boolean) =>
      this.#sql.exec(
        `UPDATE months SET tries = ?, next_ms = ?, reason = ?, failing_since = coalesce(failing_since, ?), told = ? WHERE id = ?`,
        ...[tries, now + waits, fault, iso(now), nowTold ? 1 : 0, id],
      );
    if (told || (fault === 'unavailable' && tries < TOLD_AFTER_TRIES)) settle(told);
    else
      await this.#host.append([ours('audit.free_failed', month.name, { piece: name, reason: fault, tries })], () =>
        settle(true),
      );
  }

  #pieceBehind(sequence: number): Piece | undefined {
    const row = this.#sql
      .exec('SELECT first, last, head FROM pieces WHERE first > ? ORDER BY first LIMIT 1', sequence)
      .toArray()[0];
    return row && { first: Number(row.first), last: Number(row.last), head: String(row.head) };
  }

  #month(condition: string): StoredMonth | undefined {
    const row = this.#sql.exec(`SELECT * FROM months WHERE ${condition} ORDER BY id LIMIT 1`).toArray()[0];
    return (
      row && {
        id: Number(row.id),
        month: AuditMonth.parse(row),
        closed: row.closed === null ? undefined : Number(row.closed),
        freeing: row.freeing !== null,
        tries: Number(row.tries),
        nextMs: Number(row.next_ms),
        told: row.told === 1,
      }
    );
  }
}

/** undefined: it is stored as it was cut, behind `previous`, and nobody can delete it. */
async function confirm(piece: Piece, previous: string, archive: AuditArchive): Promise<Fault | undefined> {
  const name = auditPieceName(piece.first, piece.last);
  const stored = await archive.stored(name, 'lock');
  if (!stored.ok) return stored.error === 'not_found' ? 'missing' : 'unavailable';
  const decoded = await decodeAuditPiece(name, stored.value.bytes);
  if (!decoded.ok || decoded.value.header.head !== piece.head || decoded.value.header.previous !== previous)
    return 'differs';
  return stored.value.locked ? undefined : 'unlocked';
}

const ours = (kind: AuditEvent['kind'], object: string, details: AuditEvent['details']): AuditEvent => ({
  kind,
  actor: 'gatehouse',
  object,
  details,
});
