// What a control link's object remembers beyond its sockets: tokens that were shown, and reports that were taken.

import type { Report } from '../../core/control.ts';

const REPORTS_REMEMBERED_MS = 7 * 86_400_000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS burned (jti TEXT PRIMARY KEY, expires_ms INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS reports (digest TEXT PRIMARY KEY, taken_ms INTEGER NOT NULL);
`;

export class LinkMemory {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#sql.exec(SCHEMA);
  }

  /** false when it was shown before. */
  burn(jti: string, expires: number, now: number): boolean {
    this.#sql.exec('DELETE FROM burned WHERE expires_ms <= ?', now);
    const kept = this.#sql.exec(
      'INSERT OR IGNORE INTO burned (jti, expires_ms) VALUES (?, ?) RETURNING jti',
      jti,
      expires,
    );
    return kept.toArray().length > 0;
  }

  /** By content as well as number: a connector that lost its state begins to count anew. */
  async isNewReport(seq: number, report: Report, now: number): Promise<boolean> {
    const bytes = new TextEncoder().encode(`${seq} ${JSON.stringify(report)}`);
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    const digest = Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
    const insert = 'INSERT OR IGNORE INTO reports (digest, taken_ms) VALUES (?, ?) RETURNING digest';
    return this.#sql.exec(insert, digest, now).toArray().length > 0;
  }

  cleanUp(now: number): void {
    this.#sql.exec('DELETE FROM burned WHERE expires_ms <= ?', now);
    this.#sql.exec('DELETE FROM reports WHERE taken_ms <= ?', now - REPORTS_REMEMBERED_MS);
  }
}
