// How often somebody may try, and what may be used only once.

export const THROTTLES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS throttles (key TEXT PRIMARY KEY, window_ms INTEGER NOT NULL, count INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS burned (key TEXT PRIMARY KEY, expires_ms INTEGER NOT NULL);
`;

export const THROTTLES = {
  'sign-in': { most: 120, perMs: 60_000 },
  'device-code': { most: 60, perMs: 60_000 },
  'device-token': { most: 600, perMs: 60_000 },
  /** Guesses at a user code, by person. */
  'user-code': { most: 20, perMs: 60_000 },
  join: { most: 20, perMs: 60_000 },
  'connector-login': { most: 300, perMs: 60_000 },
} as const;
export type ThrottleName = keyof typeof THROTTLES;

export class Throttles {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Counts a try; false when it is one too many in this window. */
  allow(name: ThrottleName, who: string, now: number): boolean {
    const { most, perMs } = THROTTLES[name];
    const window = Math.floor(now / perMs) * perMs;
    const row = this.#sql
      .exec(
        `INSERT INTO throttles (key, window_ms, count) VALUES (?, ?, 1)
           ON CONFLICT (key) DO UPDATE SET
             count = CASE WHEN window_ms = excluded.window_ms THEN count + 1 ELSE 1 END, window_ms = excluded.window_ms
           RETURNING count`,
        `${name} ${who}`,
        window,
      )
      .one();
    return Number(row.count) <= most;
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

  cleanUp(now: number): void {
    this.#sql.exec('DELETE FROM throttles WHERE window_ms < ?', now - 3_600_000);
    this.#sql.exec('DELETE FROM burned WHERE expires_ms <= ?', now);
  }
}
