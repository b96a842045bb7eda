// Who is signed in at the portal. The browser holds an opaque token, this table its hash.

import { Identity } from '../../core/identity.ts';
import { renewSignIns } from './people/regroup.ts';

export const BROWSER_SESSION_MS = 12 * 3_600_000;
export const BROWSER_IDLE_MS = 2 * 3_600_000;
/** Using a session is written down at most this often. */
const SEEN_EVERY_MS = 60_000;

export const BROWSER_SESSIONS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS browser_sessions (
    hash TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    seen_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
  );
`;

/** What a sign-in led to ends with it. */
export const signedInUntilMs = ({ signedInUntil }: Identity): number =>
  signedInUntil === undefined ? Number.POSITIVE_INFINITY : Date.parse(signedInUntil);

export class BrowserSessions {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** What the provider says now of somebody holds in their other sessions as well: a group taken away there is gone here. */
  renew(identity: Identity): void {
    renewSignIns(this.#sql, 'browser_sessions', identity);
  }

  /** Answers with how many there were. */
  forget(email: string): number {
    const ended = this.#sql.exec("DELETE FROM browser_sessions WHERE identity ->> 'email' = ? RETURNING hash", email);
    return ended.toArray().length;
  }

  start(hash: string, identity: Identity, now: number): void {
    this.#sql.exec(
      'INSERT INTO browser_sessions (hash, identity, seen_ms, expires_ms) VALUES (?, ?, ?, ?)',
      hash,
      JSON.stringify(identity),
      now,
      Math.min(now + BROWSER_SESSION_MS, signedInUntilMs(identity)),
    );
  }

  find(hash: string, now: number): Identity | undefined {
    const row = this.#sql
      .exec('SELECT identity, seen_ms, expires_ms FROM browser_sessions WHERE hash = ?', hash)
      .toArray()[0];
    if (!row || Number(row.expires_ms) <= now || Number(row.seen_ms) + BROWSER_IDLE_MS <= now) return undefined;
    if (Number(row.seen_ms) + SEEN_EVERY_MS <= now) {
      this.#sql.exec('UPDATE browser_sessions SET seen_ms = ? WHERE hash = ?', now, hash);
    }
    return Identity.parse(JSON.parse(String(row.identity)));
  }

  end(hash: string): void {
    this.#sql.exec('DELETE FROM browser_sessions WHERE hash = ?', hash);
  }

  cleanUp(now: number): void {
    this.#sql.exec('DELETE FROM browser_sessions WHERE expires_ms <= ? OR seen_ms <= ?', now, now - BROWSER_IDLE_MS);
  }
}
