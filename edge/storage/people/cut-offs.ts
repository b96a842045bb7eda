// Whose sign-ins were ended, and who may not sign in: in the object that has the sign-ins, so that none begins while they
// end. With the tunnels that people opened, which are ended by their ids.

import { TunnelId } from '../../../core/ids.ts';

export const CUT_OFFS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS cut_offs (email TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, barred INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS person_tunnels (tunnel TEXT PRIMARY KEY, email TEXT NOT NULL, opened_ms INTEGER NOT NULL);
  CREATE INDEX IF NOT EXISTS person_tunnels_email ON person_tunnels (email);
`;

/** What was under way when somebody's sign-ins ended comes to nothing. No request of theirs takes as long. */
const UNDER_WAY_MS = 10_000;
/** Longer than any grant that a tunnel could serve is worth. */
const TUNNEL_KEPT_MS = 32 * 86_400_000;

export class CutOffs {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Who is barred stays so until `lift`. */
  set(email: string, barred: boolean, now: number): void {
    this.#sql.exec(
      `INSERT INTO cut_offs (email, at_ms, barred) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET at_ms = ?2, barred = max(barred, ?3)`,
      email,
      now,
      barred ? 1 : 0,
    );
  }

  lift(email: string): void {
    this.#sql.exec('DELETE FROM cut_offs WHERE email = ?', email);
  }

  isBarred(email: string): boolean {
    return this.#sql.exec('SELECT 1 FROM cut_offs WHERE email = ? AND barred = 1', email).toArray().length > 0;
  }

  /** Barred, or ended a moment ago: what began before that must not go on. */
  isCutOff(email: string, now: number): boolean {
    const since = now - UNDER_WAY_MS;
    const found = this.#sql.exec('SELECT 1 FROM cut_offs WHERE email = ? AND (barred = 1 OR at_ms > ?)', email, since);
    return found.toArray().length > 0;
  }

  tunnelOpened(tunnel: TunnelId, email: string, now: number): void {
    this.#sql.exec('INSERT OR IGNORE INTO person_tunnels VALUES (?, ?, ?)', tunnel, email, now);
  }

  /** Takes them from the list: whoever asks ends them. */
  takeTunnels(email: string): TunnelId[] {
    const rows = this.#sql.exec('DELETE FROM person_tunnels WHERE email = ? RETURNING tunnel', email).toArray();
    return rows.map(({ tunnel }) => TunnelId.parse(tunnel));
  }

  /** A name that is to be forgotten; that somebody is barred stays, since they would come back in. */
  forget(email: string): void {
    this.#sql.exec('DELETE FROM cut_offs WHERE email = ? AND barred = 0', email);
    this.#sql.exec('DELETE FROM person_tunnels WHERE email = ?', email);
  }

  cleanUp(now: number): void {
    this.#sql.exec('DELETE FROM cut_offs WHERE barred = 0 AND at_ms <= ?', now - UNDER_WAY_MS);
    this.#sql.exec('DELETE FROM person_tunnels WHERE opened_ms <= ?', now - TUNNEL_KEPT_MS);
  }
}
