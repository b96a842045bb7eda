// Searches for sessions to hold, with what they have found so far, so that one goes on where it stopped.

import { withoutAddress } from '../../core/audit/addresses.ts';
import { HoldSearchId, SessionId } from '../../core/ids.ts';
import { type HoldSearch, MAX_HELD_SESSIONS } from '../../core/retention/hold.ts';
import type { FoundToHold, StandingHoldSearch } from '../ports/retention.ts';

/** For whoever looks at the count and decides. */
const KEPT_MS = 86_400_000;
/** Of up to 10,000 sessions each; whoever begins one more has the oldest go. */
const MOST = 50;

export const HOLD_SEARCHES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS hold_searches (
    id TEXT PRIMARY KEY,
    by TEXT NOT NULL,
    query TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    cursor TEXT,
    done INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS hold_search_sessions (
    search TEXT NOT NULL,
    session TEXT NOT NULL,
    PRIMARY KEY (search, session)
  ) WITHOUT ROWID;
`;

export class HoldSearches {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  begin({ id, query }: Pick<HoldSearch, 'id' | 'query'>, by: string, now: number): void {
    this.cleanUp(now, MOST - 1);
    this.#sql.exec('INSERT INTO hold_searches (id, by, query, at_ms, done) VALUES (?, ?, ?, ?, 0)', id, by, query, now);
  }

  cleanUp(now: number, most = MOST): void {
    const rows = this.#sql.exec(
      'SELECT id FROM hold_searches WHERE at_ms < ? OR id IN (SELECT id FROM hold_searches ORDER BY at_ms DESC, id DESC LIMIT -1 OFFSET ?)',
      now - KEPT_MS,
      most,
    );
    for (const { id } of rows.toArray()) this.drop(HoldSearchId.parse(id));
  }

  find(id: HoldSearchId, now: number): StandingHoldSearch | undefined {
    const row = this.#sql
      .exec('SELECT * FROM hold_searches WHERE id = ? AND at_ms >= ?', id, now - KEPT_MS)
      .toArray()[0];
    if (!row) return undefined;
    const { found } = this.#sql.exec('SELECT count(*) AS found FROM hold_search_sessions WHERE search = ?', id).one();
    return {
      id,
      query: String(row.query),
      at: new Date(Number(row.at_ms)).toISOString(),
      sessions: Number(found),
      done: row.done === 1,
      tooMany: Number(found) > MAX_HELD_SESSIONS,
      by: String(row.by),
      ...(row.cursor !== null && { cursor: String(row.cursor) }),
    };
  }

  /** Two may go on with the same at once: they find the same, and each page counts once. */
  add(id: HoldSearchId, { sessions, cursor }: FoundToHold): void {
    for (const session of sessions)
      this.#sql.exec('INSERT OR IGNORE INTO hold_search_sessions (search, session) VALUES (?, ?)', id, session);
    this.#sql.exec(
      'UPDATE hold_searches SET cursor = ?, done = ? WHERE id = ? AND done = 0',
      cursor ?? null,
      cursor === undefined ? 1 : 0,
      id,
    );
  }

  sessions(id: HoldSearchId): SessionId[] {
    return this.#sql
      .exec('SELECT session FROM hold_search_sessions WHERE search = ? ORDER BY session', id)
      .toArray()
      .map(({ session }) => SessionId.parse(session));
  }

  /** Of those that the person made, or that are for them, nothing stays: whoever goes on with one begins anew. */
  forgetPerson(email: string): void {
    for (const { id, by, query } of this.#sql.exec('SELECT id, by, query FROM hold_searches').toArray())
      if (String(by).toLowerCase() === email || withoutAddress(String(query), email, '') !== query)
        this.drop(HoldSearchId.parse(id));
  }

  drop(id: HoldSearchId): void {
    this.#sql.exec('DELETE FROM hold_searches WHERE id = ?', id);
    this.#sql.exec('DELETE FROM hold_search_sessions WHERE search = ?', id);
  }
}
