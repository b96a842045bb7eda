// Requests as lists need them. Each request's own object (objects/approval.ts) has the truth and
// writes it here after every change; until then a list may be a moment behind. Long texts are cut here.

import { Approval, isHeld, isOver } from '../../core/approval/approval.ts';
import type { RequestId, SessionId } from '../../core/ids.ts';

export const REQUESTS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS requests (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    resource TEXT NOT NULL,
    open INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    document TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS requests_open ON requests (open, id);
  CREATE INDEX IF NOT EXISTS requests_email ON requests (email, resource, open);
`;

const MAX_LISTED = 500;
export const REQUEST_KEPT_MS = 400 * 86_400_000;
/** Of those that are over, some 3 KB each; beyond it the oldest go first. */
const MOST_OVER = 500_000;
/** In one run of the clean-up; what is left goes in the next. */
const FREED_AT_ONCE = 20_000;

/** waits for a decision or a claim. */
const OPEN = 1;
/** A break-glass that nobody reviewed yet. */
const TO_REVIEW = 2;
const OVER = 0;

export class Requests {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The open request for the same that this person has already, or undefined when this one has taken the place. */
  reserve(approval: Approval, now: number): Approval | undefined {
    const { subject, requester } = approval;
    const session = 'session' in subject ? subject.session : undefined;
    const before = this.openOf(requester.email, subject.kind, subject.resource, session, now)[0];
    if (before) return before;
    this.put(approval);
    return undefined;
  }

  /** Oldest first; `session`: those about it. */
  openOf(
    email: string,
    kind: Approval['subject']['kind'],
    resource: string,
    session: SessionId | undefined,
    now: number,
  ): Approval[] {
    return this.#sql
      .exec(
        `SELECT document FROM requests WHERE email = ? AND resource = ? AND open = ? AND until_ms > ?
           AND json_extract(document, '$.subject.kind') = ? AND json_extract(document, '$.subject.session') IS ?
           ORDER BY id LIMIT 5`,
        email,
        resource,
        OPEN,
        now,
        kind,
        session ?? null,
      )
      .toArray()
      .map(read);
  }

  put(approval: Approval): void {
    const open = !isOver(approval.state) ? OPEN : approval.breakGlass && !approval.breakGlass.review ? TO_REVIEW : OVER;
    this.#sql.exec(
      'INSERT OR REPLACE INTO requests (id, email, resource, open, until_ms, document) VALUES (?, ?, ?, ?, ?, ?)',
      approval.id,
      approval.requester.email,
      approval.subject.resource,
      open,
      Date.parse(approval.workUntil ?? approval.decideBy),
      JSON.stringify(forLists(approval)),
    );
  }

  drop(id: RequestId): void {
    this.#sql.exec('DELETE FROM requests WHERE id = ?', id);
  }

  /** Whatever somebody asked for that waits, also what is approved and not fetched. */
  waitingOf(email: string): Approval[] {
    return this.#sql
      .exec(`SELECT document FROM requests WHERE email = ? AND open = ${OPEN} ORDER BY id LIMIT ${MAX_LISTED}`, email)
      .toArray()
      .map(read);
  }

  openHoldsOf(sessions: readonly SessionId[]): Approval[] {
    return this.#sql
      .exec(
        `SELECT document FROM requests WHERE open = ?
           AND json_extract(document, '$.subject.session') IN (SELECT value FROM json_each(?))
           AND json_extract(document, '$.subject.kind') NOT IN ('view', 'unlock')`,
        OPEN,
        JSON.stringify(sessions),
      )
      .toArray()
      .map(read);
  }

  /** Newest first. `both`: those that are open, however old, and the newest of all. */
  list(which: 'open' | 'all' | 'both'): Approval[] {
    if (which === 'both') {
      const all = new Map([...this.list('open'), ...this.list('all')].map((approval) => [approval.id, approval]));
      return [...all.values()].sort((one, other) => (one.id < other.id ? 1 : -1));
    }
    const where = which === 'open' ? `WHERE open <> ${OVER}` : '';
    return this.#sql
      .exec(`SELECT document FROM requests ${where} ORDER BY id DESC LIMIT ?`, MAX_LISTED)
      .toArray()
      .map(read);
  }

  cleanUp(now: number, most = MOST_OVER): void {
    this.#sql.exec(`DELETE FROM requests WHERE open = ${OVER} AND until_ms < ?`, now - REQUEST_KEPT_MS);
    // Ids are in the order of their times.
    this.#sql.exec(
      `DELETE FROM requests WHERE id IN (
         SELECT id FROM requests WHERE open = ${OVER}
           AND id <= (SELECT id FROM requests WHERE open = ${OVER} ORDER BY id DESC LIMIT 1 OFFSET ?1) LIMIT ?2)`,
      most,
      FREED_AT_ONCE,
    );
  }
}

/** A page of them must stay small: what is long is whole in the request's own object. */
function forLists(approval: Approval): Approval {
  const { subject, votes } = approval;
  return {
    ...approval,
    votes: votes.map((vote) => ({ ...vote, by: { ...vote.by, groups: [] } })),
    subject: isHeld(subject)
      ? {
          ...subject,
          text: cut(subject.text, 2_000),
          parameters: subject.parameters.slice(0, 10).map((value) => value && cut(value, 100)),
          touches: subject.touches.slice(0, 20),
        }
      : subject,
  };
}

const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

const read = (row: Record<string, SqlStorageValue>): Approval => Approval.parse(JSON.parse(String(row.document)));
