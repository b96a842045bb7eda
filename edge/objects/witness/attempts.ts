// What the witness tries again with the object store: how often, when next, and whether somebody was told of it.

import type { AuditEvent } from '../../../core/audit/audit.ts';

export const ATTEMPTS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS attempts (
    what TEXT PRIMARY KEY,
    tries INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,
    told INTEGER NOT NULL
  );
`;

const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 5 * 60_000;
/** A blip is no news. What will not pass by itself is told at once. */
const TOLD_AFTER_TRIES = 3;

export class Attempts {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  isDue(what: string): boolean {
    return Number(this.#read(what)?.next_ms ?? 0) <= Date.now();
  }

  /** When what failed is tried again; undefined: nothing failed. */
  nextMs(): number | undefined {
    const { n } = this.#sql.exec('SELECT min(next_ms) AS n FROM attempts').one();
    return n === null ? undefined : Number(n);
  }

  /** Answers with what belongs in the audit log. `object`: in the store, below `log/`. */
  failed(what: string, object: string, reason: string): AuditEvent[] {
    const known = this.#read(what);
    const [tries, told] = [Number(known?.tries ?? 0) + 1, known?.told === 1];
    console.error(`log/${object} is not stored: ${reason}`);
    const tell = !told && (tries >= TOLD_AFTER_TRIES || reason !== 'unavailable');
    const wait = reason === 'unavailable' ? FIRST_RETRY_MS * 2 ** Math.min(tries - 1, 20) : LONGEST_RETRY_MS;
    this.#sql.exec(
      'INSERT OR REPLACE INTO attempts (what, tries, next_ms, told) VALUES (?, ?, ?, ?)',
      what,
      tries,
      Date.now() + Math.min(wait, LONGEST_RETRY_MS),
      told || tell ? 1 : 0,
    );
    return tell ? [{ kind: 'log.export_failed', actor: 'gatehouse', object, details: { reason, tries } }] : [];
  }

  succeeded(what: string, object: string): AuditEvent[] {
    const known = this.#read(what);
    if (!known) return [];
    this.#sql.exec('DELETE FROM attempts WHERE what = ?', what);
    const details = { tries: Number(known.tries) + 1 };
    return known.told === 1 ? [{ kind: 'log.export_resumed', actor: 'gatehouse', object, details }] : [];
  }

  #read(what: string): Record<string, SqlStorageValue> | undefined {
    return this.#sql.exec('SELECT * FROM attempts WHERE what = ?', what).toArray()[0];
  }
}
