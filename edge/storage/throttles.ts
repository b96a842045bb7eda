// How often somebody may try, and what may be used only once.

import type { ThrottleName } from '../ports/directory.ts';

export const THROTTLES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS buckets (key TEXT PRIMARY KEY, level REAL NOT NULL, at_ms INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS burned (key TEXT PRIMARY KEY, expires_ms INTEGER NOT NULL);
`;

const THROTTLES = {
  /** Beginning one and coming back from the provider: each counts. */
  'sign-in': { most: 240, perMs: 60_000 },
  'device-code': { most: 60, perMs: 60_000 },
  /** By connector and client's address, before anybody proved anything. */
  'sign-in-link': { most: 20, perMs: 60_000 },
  /** By connector: whoever has many addresses fills no store with them. */
  'sign-in-links': { most: 600, perMs: 60_000 },
  /** Tokens of programs, by client's address: before anything is fetched or verified. Runners of one company share addresses. */
  exchange: { most: 240, perMs: 60_000 },
  'device-token': { most: 600, perMs: 60_000 },
  /** Guesses at a user code, by person. */
  'user-code': { most: 20, perMs: 60_000 },
  /** For access, by person: each is written down. */
  request: { most: 120, perMs: 60_000 },
  /** Statements that wait for approvers, by person: each tells them. */
  hold: { most: 60, perMs: 60_000 },
  /** Keys that are certified, by person: each is written down. */
  certificate: { most: 240, perMs: 60_000 },
  /** Links opened, by person: guesses at them too. */
  share: { most: 20, perMs: 60_000 },
  /** Tunnels, by person: each is written down. */
  tunnel: { most: 240, perMs: 60_000 },
  join: { most: 20, perMs: 60_000 },
  /** Questions to AWS STS, by address, and of everybody: each is a request of ours that somebody else makes us send. */
  'iam-join': { most: 10, perMs: 60_000 },
  'iam-joins': { most: 120, perMs: 60_000 },
  /** By token. Entra ID asks for 25 a second at least. */
  scim: { most: 3_000, perMs: 60_000 },
  /** Tokens that are none, by address. */
  'scim-refused': { most: 20, perMs: 60_000 },
  'connector-login': { most: 300, perMs: 60_000 },
  /** A connector has up to 2,000 tunnels, and a release of the edge ends all their connections at once. */
  'connector-tunnel': { most: 12_000, perMs: 60_000 },
} as const satisfies Record<ThrottleName, { readonly most: number; readonly perMs: number }>;

/** A bucket that nobody touched for so long has leaked empty, so it says nothing any more. */
const EMPTY_AFTER_MS = Math.max(...Object.values(THROTTLES).map(({ perMs }) => perMs));
/** So often, in new rows, they are cleared: strangers with many addresses make each of them. */
const CLEARED_EACH = 10_000;

export class Throttles {
  readonly #sql: SqlStorage;
  #made = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Counts a try; false when there were too many. A bucket that leaks: a burst of `most`, then `most` every `perMs`. */
  allow(name: ThrottleName, who: string, now: number): boolean {
    const { most } = THROTTLES[name];
    const before = this.#levelOf(name, who, now);
    const level = (before ?? 0) + 1;
    if (level > most) return false;
    const key = `${name} ${who}`;
    if (before === undefined && ++this.#made % CLEARED_EACH === 0) this.#clear(now);
    this.#sql.exec('INSERT OR REPLACE INTO buckets (key, level, at_ms) VALUES (?, ?, ?)', key, level, now);
    return true;
  }

  /** undefined: there is no bucket. */
  #levelOf(name: ThrottleName, who: string, now: number): number | undefined {
    const { most, perMs } = THROTTLES[name];
    const row = this.#sql.exec('SELECT level, at_ms FROM buckets WHERE key = ?', `${name} ${who}`).toArray()[0];
    if (!row) return undefined;
    // A clock that was set back fills no bucket.
    const leaked = (Math.max(0, now - Number(row.at_ms)) * most) / perMs;
    return Math.max(0, Number(row.level) - leaked);
  }

  /** true the first time, false for ever after (until `expires`, when the thing itself is no longer good). */
  burn(key: string, expires: number): boolean {
    const inserted = this.#sql.exec(
      'INSERT OR IGNORE INTO burned (key, expires_ms) VALUES (?, ?) RETURNING key',
      key,
      expires,
    );
    return inserted.toArray().length > 0;
  }

  isBurned(key: string, now: number): boolean {
    return this.#sql.exec('SELECT 1 FROM burned WHERE key = ? AND expires_ms > ?', key, now).toArray().length > 0;
  }

  /** `who`: as they were counted. */
  forget(who: string): void {
    this.#sql.exec(`DELETE FROM buckets WHERE substr(key, instr(key, ' ') + 1) = ?`, who);
  }

  cleanUp(now: number): void {
    this.#clear(now);
    this.#sql.exec('DELETE FROM burned WHERE expires_ms <= ?', now);
  }

  #clear(now: number): void {
    this.#sql.exec('DELETE FROM buckets WHERE at_ms < ?', now - EMPTY_AFTER_MS);
  }
}
