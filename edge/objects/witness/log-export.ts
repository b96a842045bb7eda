// The log of sessions on its way into the object store (core/tlog/log-archive.ts): bundles of entries, then the checkpoint
// that they are for. What is to be stored under a name is written down first, so that a second try is the same try.

import type { AuditEvent } from '../../../core/audit/audit.ts';
import type { Result } from '../../../core/result.ts';
import { BUNDLE_ENTRIES, bundleName, checkpointName, encodeBundle } from '../../../core/tlog/log-archive.ts';
import type { AuditArchiveFault } from '../../audit-archive.ts';
import { iso } from '../../clock.ts';

export const LOG_EXPORT_SCHEMA = `
  CREATE TABLE IF NOT EXISTS log_exports (
    size INTEGER PRIMARY KEY,
    note TEXT NOT NULL,
    stored INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,
    failing_since TEXT,
    reason TEXT,
    told INTEGER NOT NULL
  );
`;

const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 5 * 60_000;
const TOLD_AFTER_TRIES = 3;

interface ExportedObject {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}
/** Durable and confirmed by its digest; again is the same as once. */
type StoreLogObject = (object: ExportedObject) => Promise<Result<void, AuditArchiveFault>>;

export class LogExport {
  readonly #sql: SqlStorage;
  readonly #now: () => number;
  /** From an index on, so many. */
  readonly #entries: (from: number, count: number) => Promise<readonly string[]>;

  constructor(
    sql: SqlStorage,
    now: () => number,
    entries: (from: number, count: number) => Promise<readonly string[]>,
  ) {
    this.#sql = sql;
    this.#now = now;
    this.#entries = entries;
  }

  /** When what failed is tried again; undefined: nothing waits. */
  nextMs(): number | undefined {
    return this.#number('SELECT min(next_ms) AS n FROM log_exports WHERE stored = 0');
  }

  /** How many entries are in the store. */
  storedSize(): number {
    return this.#number('SELECT max(size) AS n FROM log_exports WHERE stored = 1') ?? 0;
  }

  /** `newest`: a checkpoint with the cosignatures that it has by now. Answers with what belongs in the audit log. */
  async run(newest: { readonly size: number; readonly note: string }, store: StoreLogObject): Promise<AuditEvent[]> {
    const waiting = this.#sql.exec('SELECT * FROM log_exports WHERE stored = 0 ORDER BY size LIMIT 1').toArray()[0];
    // One at a time: while one does not go, another would not either.
    if (!waiting && newest.size <= this.storedSize()) return [];
    if (!waiting)
      this.#sql.exec(
        'INSERT INTO log_exports (size, note, stored, tries, next_ms, told) VALUES (?, ?, 0, 0, 0, 0)',
        newest.size,
        newest.note,
      );
    else if (Number(waiting.next_ms) > this.#now()) return [];
    const size = waiting ? Number(waiting.size) : newest.size;
    const note = waiting ? String(waiting.note) : newest.note;
    const [tries, told] = [Number(waiting?.tries ?? 0) + 1, waiting?.told === 1];
    const reason = await this.#store(size, note, store);
    if (reason === undefined) {
      this.#sql.exec('UPDATE log_exports SET stored = 1, failing_since = NULL, told = 0 WHERE size = ?', size);
      // The store has them.
      this.#sql.exec('DELETE FROM log_exports WHERE stored = 1 AND size < ?', size);
      return told ? [event('log.export_resumed', size, { tries })] : [];
    }
    console.error(`the log of sessions with ${size} entries is not stored: ${reason}`);
    const tell = !told && (tries >= TOLD_AFTER_TRIES || reason !== 'unavailable');
    const wait = reason === 'unavailable' ? FIRST_RETRY_MS * 2 ** Math.min(tries - 1, 20) : LONGEST_RETRY_MS;
    this.#sql.exec(
      `UPDATE log_exports SET tries = ?, next_ms = ?, reason = ?, failing_since = coalesce(failing_since, ?),
         told = max(told, ?) WHERE size = ?`,
      tries,
      this.#now() + Math.min(wait, LONGEST_RETRY_MS),
      reason,
      iso(this.#now()),
      tell ? 1 : 0,
      size,
    );
    return tell ? [event('log.export_failed', size, { reason, tries })] : [];
  }

  /** The checkpoint comes last: once it is there, so is what it needs. */
  async #store(size: number, note: string, store: StoreLogObject): Promise<AuditArchiveFault | undefined> {
    const first = Math.floor(this.storedSize() / BUNDLE_ENTRIES);
    for (let index = first; index * BUNDLE_ENTRIES < size; index++) {
      const count = Math.min(BUNDLE_ENTRIES, size - index * BUNDLE_ENTRIES);
      const entries = await this.#entries(index * BUNDLE_ENTRIES, count);
      const stored = await store({ name: bundleName(index, count), bytes: encodeBundle(entries) });
      if (!stored.ok) return stored.error;
    }
    const stored = await store({ name: checkpointName(size), bytes: Uint8Array.from(new TextEncoder().encode(note)) });
    return stored.ok ? undefined : stored.error;
  }

  #number(query: string): number | undefined {
    const { n } = this.#sql.exec(query).one();
    return n === null || n === undefined ? undefined : Number(n);
  }
}

const event = (
  kind: 'log.export_failed' | 'log.export_resumed',
  size: number,
  details: AuditEvent['details'],
): AuditEvent => ({ kind, actor: 'gatehouse', object: checkpointName(size), details });
