// Links that pass sessions on, known by the hashes of their tokens, and who opened which. Whether one still opens anything is
// asked of the policy at each look.

import type { SessionId, ShareId } from '../../core/ids.ts';
import { ListedShare } from '../../core/sharing/share.ts';
import { iso } from '../clock.ts';
import type { NewShare, ShareFilter, StoredShare } from '../ports/directory.ts';

export const SHARES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS shares (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    session TEXT NOT NULL,
    email TEXT NOT NULL,
    subject TEXT NOT NULL,
    names TEXT,
    moment REAL,
    made_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    revoked_ms INTEGER,
    revoked_by TEXT
  );
  CREATE INDEX IF NOT EXISTS shares_email ON shares (email, id);
  CREATE INDEX IF NOT EXISTS shares_session ON shares (session, id);
  CREATE TABLE IF NOT EXISTS share_openings (
    subject TEXT NOT NULL,
    share TEXT NOT NULL,
    PRIMARY KEY (subject, share)
  );
  CREATE INDEX IF NOT EXISTS share_openings_share ON share_openings (share);
`;

const LISTED_AT_ONCE = 100;
/** Open ones of a person; more are a program that runs wild. */
const MOST_OF_A_PERSON = 1_000;
/** Listed for so long after their end. */
const KEPT_MS = 90 * 86_400_000;

export class Shares {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** undefined: this person has too many that are open. */
  add({ id, hash, session, by, with: names, moment, untilMs }: NewShare, now: number): StoredShare | undefined {
    const { open } = this.#sql
      .exec(
        'SELECT count(*) AS open FROM shares WHERE email = ? AND until_ms > ? AND revoked_ms IS NULL',
        by.email,
        now,
      )
      .one();
    if (Number(open) >= MOST_OF_A_PERSON) return undefined;
    this.#sql.exec(
      `INSERT INTO shares (id, hash, session, email, subject, names, moment, made_ms, until_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      hash,
      session,
      by.email,
      by.subject,
      names === undefined ? null : JSON.stringify(names),
      moment ?? null,
      now,
      untilMs,
    );
    return this.find(id, now);
  }

  find(id: ShareId, now: number): StoredShare | undefined {
    return this.#read('WHERE id = ?', [id], now)[0];
  }

  byHash(hash: string, now: number): StoredShare | undefined {
    return this.#read('WHERE hash = ?', [hash], now)[0];
  }

  /** Newest first, from behind `before` on. */
  list({ email, session, before }: ShareFilter, now: number): StoredShare[] {
    return this.#read(
      `WHERE (?1 IS NULL OR email = ?1) AND (?2 IS NULL OR session = ?2) AND (?3 IS NULL OR id < ?3)
         ORDER BY id DESC LIMIT ${LISTED_AT_ONCE}`,
      [email ?? null, session ?? null, before ?? null],
      now,
    );
  }

  /** Once: who came first stays. */
  revoke(id: ShareId, by: string, now: number): StoredShare | undefined {
    this.#sql.exec('UPDATE shares SET revoked_ms = ?, revoked_by = ? WHERE id = ? AND revoked_ms IS NULL', now, by, id);
    return this.find(id, now);
  }

  opened(id: ShareId, subject: string): void {
    this.#sql.exec('INSERT OR IGNORE INTO share_openings (subject, share) VALUES (?, ?)', subject, id);
  }

  /** Of this session, those that this person opened and that are neither over nor revoked. The longest first. */
  openFor(subject: string, session: SessionId, now: number): StoredShare[] {
    return this.#read(
      `WHERE session = ? AND until_ms > ? AND revoked_ms IS NULL
         AND id IN (SELECT share FROM share_openings WHERE subject = ?) ORDER BY until_ms DESC LIMIT 20`,
      [session, now, subject],
      now,
    );
  }

  /** What they made is gone, and what was for them alone; nothing else names them. `subject`: theirs, where they are known by it. */
  forget(email: string, subject: string | undefined): void {
    this.#drop('SELECT id FROM shares WHERE email = ?', email);
    if (subject !== undefined) this.#sql.exec('DELETE FROM share_openings WHERE subject = ?', subject);
    this.#sql.exec(`UPDATE shares SET revoked_by = '(erased)' WHERE revoked_by = ?`, email);
    for (const { id, names } of this.#sql.exec('SELECT id, names FROM shares WHERE names IS NOT NULL').toArray()) {
      const named: string[] = JSON.parse(String(names));
      const left = named.filter((name) => name.toLowerCase() !== `user:${email}`);
      if (left.length === 0) this.#drop('SELECT ?', String(id));
      else if (left.length < named.length)
        this.#sql.exec('UPDATE shares SET names = ? WHERE id = ?', JSON.stringify(left), id);
    }
  }

  #drop(ids: string, value: string | number): void {
    this.#sql.exec(`DELETE FROM share_openings WHERE share IN (${ids})`, value);
    this.#sql.exec(`DELETE FROM shares WHERE id IN (${ids})`, value);
  }

  cleanUp(now: number): void {
    this.#drop('SELECT id FROM shares WHERE until_ms < ?', now - KEPT_MS);
  }

  #read(where: string, values: readonly (string | number | null)[], now: number): StoredShare[] {
    return this.#sql
      .exec(
        `SELECT *, (SELECT count(*) FROM share_openings WHERE share = shares.id) AS opened FROM shares ${where}`,
        ...values,
      )
      .toArray()
      .map((row) => ({ ...listed(row, now), subject: String(row.subject) }));
  }
}

function listed(row: Record<string, SqlStorageValue>, now: number): ListedShare {
  const revoked = row.revoked_ms === null ? undefined : { at: iso(Number(row.revoked_ms)), by: String(row.revoked_by) };
  return ListedShare.parse({
    id: row.id,
    session: row.session,
    by: row.email,
    ...(row.names !== null && { with: JSON.parse(String(row.names)) }),
    ...(row.moment !== null && { moment: Number(row.moment) }),
    madeAt: iso(Number(row.made_ms)),
    until: iso(Number(row.until_ms)),
    state: revoked ? 'revoked' : Number(row.until_ms) > now ? 'open' : 'expired',
    ...(revoked && { revoked }),
    opened: Number(row.opened),
  });
}
