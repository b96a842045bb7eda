// Who has signed in lately, by e-mail: so that somebody who acts through a chat can be judged by the
// groups that the identity provider gave them. Never a way to sign in.

import { Identity } from '../../../core/identity.ts';

/** Groups older than this are too old to decide by. */
const KNOWN_PERSON_MS = 30 * 86_400_000;

export const PEOPLE_SCHEMA = `
  CREATE TABLE IF NOT EXISTS people (email TEXT PRIMARY KEY, identity TEXT NOT NULL, seen_ms INTEGER NOT NULL);
`;

export class People {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  remember(identity: Identity, now: number): void {
    this.#sql.exec(
      'INSERT OR REPLACE INTO people (email, identity, seen_ms) VALUES (?, ?, ?)',
      identity.email,
      JSON.stringify(identity),
      now,
    );
  }

  /** As they last signed in; undefined: never, or too long ago. */
  find(email: string, now: number): Identity | undefined {
    const row = this.#sql
      .exec('SELECT identity FROM people WHERE email = ? AND seen_ms > ?', email, now - KNOWN_PERSON_MS)
      .toArray()[0];
    return row && Identity.parse(JSON.parse(String(row.identity)));
  }

  any(now: number, fits: (person: Identity) => boolean): boolean {
    const rows = this.#sql.exec('SELECT identity FROM people WHERE seen_ms > ?', now - KNOWN_PERSON_MS);
    for (const row of rows) if (fits(Identity.parse(JSON.parse(String(row.identity))))) return true;
    return false;
  }

  /** The groups that anybody has who signed in lately. */
  groups(now: number): Set<string> {
    const groups = new Set<string>();
    const rows = this.#sql.exec('SELECT identity FROM people WHERE seen_ms > ?', now - KNOWN_PERSON_MS);
    for (const row of rows)
      for (const group of Identity.parse(JSON.parse(String(row.identity))).groups) groups.add(group);
    return groups;
  }

  /** Answers with their subject, however long ago they were seen; undefined: nobody by the address is kept. */
  forget(email: string): string | undefined {
    const row = this.#sql.exec('DELETE FROM people WHERE email = ? RETURNING identity', email).toArray()[0];
    return row && Identity.parse(JSON.parse(String(row.identity))).subject;
  }

  cleanUp(now: number): void {
    this.#sql.exec('DELETE FROM people WHERE seen_ms <= ?', now - KNOWN_PERSON_MS);
  }
}
