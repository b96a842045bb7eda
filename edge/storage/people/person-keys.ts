// Public keys that people registered: with one, its person signs in while they hold a live grant.

import type { RegisteredKey } from '../../../core/api.ts';
import { err, ok, type Result } from '../../../core/result.ts';
import { iso } from '../../clock.ts';
import type { AddedKey } from '../../ports/directory.ts';

export const PERSON_KEYS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS person_keys (
    fingerprint TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    added_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS person_keys_email ON person_keys (email);
`;

/** One that nobody thinks of any more ends by itself. */
const LIFETIME_MS = 90 * 86_400_000;
const MOST_OF_A_PERSON = 20;

export class PersonKeys {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Adding one's own again gives it its whole time. A key is one person's: it says who somebody is. */
  add(email: string, { fingerprint, type, name }: AddedKey, now: number): Result<RegisteredKey, 'taken' | 'too_many'> {
    const holder = this.holder(fingerprint, now);
    if (holder !== undefined && holder !== email) return err('taken');
    if (holder === undefined && this.of(email, now).length >= MOST_OF_A_PERSON) return err('too_many');
    const expires = now + LIFETIME_MS;
    this.#sql.exec(
      'INSERT OR REPLACE INTO person_keys (fingerprint, email, type, name, added_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?)',
      fingerprint,
      email,
      type,
      name,
      now,
      expires,
    );
    return ok({ fingerprint, type, name, addedAt: iso(now), expiresAt: iso(expires) });
  }

  of(email: string, now: number): RegisteredKey[] {
    return this.#sql
      .exec('SELECT * FROM person_keys WHERE email = ? AND expires_ms > ? ORDER BY added_ms DESC', email, now)
      .toArray()
      .map((row) => ({
        fingerprint: String(row.fingerprint),
        type: String(row.type),
        name: String(row.name),
        addedAt: iso(Number(row.added_ms)),
        expiresAt: iso(Number(row.expires_ms)),
      }));
  }

  /** Whose it is; undefined: nobody's. */
  holder(fingerprint: string, now: number): string | undefined {
    const row = this.#sql
      .exec('SELECT email FROM person_keys WHERE fingerprint = ? AND expires_ms > ?', fingerprint, now)
      .toArray()[0];
    return row && String(row.email);
  }

  /** false: it is not theirs. */
  remove(email: string, fingerprint: string): boolean {
    return (
      this.#sql
        .exec('DELETE FROM person_keys WHERE fingerprint = ? AND email = ? RETURNING fingerprint', fingerprint, email)
        .toArray().length > 0
    );
  }

  forget(email: string): void {
    this.#sql.exec('DELETE FROM person_keys WHERE email = ?', email);
  }

  cleanUp(now: number): void {
    this.#sql.exec('DELETE FROM person_keys WHERE expires_ms <= ?', now);
  }
}
