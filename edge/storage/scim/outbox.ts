// What a change of the directory's means elsewhere, until it is done there: stored with the change itself, so that no failure and
// no restart in between leaves a leaver's sessions running.

import type { Consequence } from '../../scim/consequences.ts';

export const SCIM_OUTBOX_SCHEMA = `
  CREATE TABLE IF NOT EXISTS scim_outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL,
    kind TEXT NOT NULL,
    by_whom TEXT NOT NULL
  );
`;

interface Queued extends Consequence {
  readonly number: number;
  readonly by: string;
}

export class ScimOutbox {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  add(consequences: readonly Consequence[], by: string): void {
    for (const { email, kind } of consequences)
      this.#sql.exec('INSERT INTO scim_outbox (email, kind, by_whom) VALUES (?, ?, ?)', email, kind, by);
  }

  /** In their order. */
  next(limit: number): Queued[] {
    return this.#sql
      .exec('SELECT * FROM scim_outbox ORDER BY number LIMIT ?', limit)
      .toArray()
      .map((row) => ({
        number: Number(row.number),
        email: String(row.email),
        kind: String(row.kind) as Consequence['kind'],
        by: String(row.by_whom),
      }));
  }

  done(number: number): void {
    this.#sql.exec('DELETE FROM scim_outbox WHERE number = ?', number);
  }
}
