// Notices that are not delivered yet, in the request's own object: written with the change that they
// tell of, so that none is lost, and in order for each notifier. A notice that cannot be delivered
// for a day is given up, and that is an entry in the audit log.

import { Approval } from '../../core/approval/approval.ts';
import type { NoticeDelivery, Notice, NoticeKind, Notifier } from './notifier.ts';

export const OUTBOX_SCHEMA = `
  CREATE TABLE IF NOT EXISTS outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    notifier TEXT NOT NULL,
    kind TEXT NOT NULL,
    at TEXT NOT NULL,
    document TEXT NOT NULL,
    tries INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,
    reason TEXT
  );
  CREATE TABLE IF NOT EXISTS memories (notifier TEXT PRIMARY KEY, memory TEXT NOT NULL);
`;

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 5 * 60_000;
const GIVEN_UP_AFTER_MS = 24 * 3_600_000;

interface GivenUp {
  readonly notifier: string;
  readonly kind: string;
  readonly reason: string;
}

export class NoticeOutbox {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Call within the transaction that writes the change itself. */
  add(notifiers: readonly Notifier[], kind: NoticeKind, approval: Approval, now: number): void {
    for (const { name } of notifiers) {
      this.#sql.exec(
        'INSERT INTO outbox (notifier, kind, at, document, tries, next_ms) VALUES (?, ?, ?, ?, 0, ?)',
        name,
        kind,
        new Date(now).toISOString(),
        JSON.stringify(approval),
        now,
      );
    }
  }

  /** When something is due; undefined: nothing waits. */
  nextMs(): number | undefined {
    const row = this.#sql
      .exec(
        'SELECT min(next_ms) AS next FROM outbox WHERE sequence IN (SELECT min(sequence) FROM outbox GROUP BY notifier)',
      )
      .one();
    return row.next === null ? undefined : Number(row.next);
  }

  memory(notifier: string): string | undefined {
    const row = this.#sql.exec('SELECT memory FROM memories WHERE notifier = ?', notifier).toArray()[0];
    return row && String(row.memory);
  }

  /** Delivers what is due, each notifier for itself: a slow one keeps no other waiting. */
  async deliver(
    notifiers: readonly Notifier[],
    context: { current(): Approval; readonly link: string },
    now: () => number,
  ): Promise<GivenUp[]> {
    const given = await Promise.all(notifiers.map((notifier) => this.#deliverFor(notifier, context, now)));
    return given.flat();
  }

  async #deliverFor(
    notifier: Notifier,
    context: { current(): Approval; readonly link: string },
    now: () => number,
  ): Promise<GivenUp[]> {
    const givenUp: GivenUp[] = [];
    for (;;) {
      const row = this.#sql
        .exec('SELECT * FROM outbox WHERE notifier = ? ORDER BY sequence LIMIT 1', notifier.name)
        .toArray()[0];
      if (!row || Number(row.next_ms) > now()) return givenUp;
      const approval = Approval.parse(JSON.parse(String(row.document)));
      const notice: Notice = {
        id: `${approval.id}-${row.sequence}`,
        kind: String(row.kind) as NoticeKind,
        at: String(row.at),
        approval,
      };
      const delivery = await this.#try(notifier, notice, context);
      if (delivery.kind === 'delivered') {
        if (delivery.memory !== undefined) this.remember(notifier.name, delivery.memory);
        this.#drop(row.sequence);
        continue;
      }
      console.error(`the notice ${notice.id} did not reach ${notifier.name}: ${delivery.reason}`);
      if (now() - Date.parse(notice.at) >= GIVEN_UP_AFTER_MS) {
        this.#drop(row.sequence);
        givenUp.push({ notifier: notifier.name, kind: notice.kind, reason: delivery.reason });
        continue;
      }
      const backOff = Math.min(FIRST_RETRY_MS * 2 ** Math.min(Number(row.tries), 20), LONGEST_RETRY_MS);
      this.#sql.exec(
        'UPDATE outbox SET tries = tries + 1, next_ms = ?, reason = ? WHERE sequence = ?',
        now() + Math.max(delivery.afterMs ?? 0, backOff),
        delivery.reason,
        row.sequence ?? null,
      );
      return givenUp;
    }
  }

  async #try(
    notifier: Notifier,
    notice: Notice,
    context: { current(): Approval; readonly link: string },
  ): Promise<NoticeDelivery> {
    try {
      return await notifier.deliver(notice, {
        current: context.current(),
        link: context.link,
        memory: this.memory(notifier.name),
      });
    } catch (error) {
      // A bug of ours; the notice stays for the build that mends it.
      return { kind: 'failed', reason: error instanceof Error ? error.name : 'unknown' };
    }
  }

  remember(notifier: string, memory: string): void {
    this.#sql.exec('INSERT OR REPLACE INTO memories (notifier, memory) VALUES (?, ?)', notifier, memory);
  }

  #drop(sequence: SqlStorageValue | undefined): void {
    this.#sql.exec('DELETE FROM outbox WHERE sequence = ?', sequence ?? null);
  }
}
