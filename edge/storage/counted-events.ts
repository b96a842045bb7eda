// Events that come in numbers, counted: the first of its kind is an entry of its own, what comes after it in
// an interval is one more that says how many. What strangers do, and what a page that refreshes itself
// looks at, can make the audit log grow by a bounded amount an hour, and nothing of how much it was is lost.
//
// Nothing is counted before it is settled: the caller settles in the transaction that writes what is due, so
// nothing passes for written down because writing it was once tried.

import type { AuditEvent, AuditKind } from '../../core/audit/audit.ts';

export const INTERVAL_MS = 10 * 60_000;
/** Distinct ones of a kind and actor that are told apart in an interval, of what strangers do. */
export const MAX_DISTINCT = 20;
const OTHERS = '(others)';

export const COUNTED_SCHEMA = `
  CREATE TABLE IF NOT EXISTS counted (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    object TEXT NOT NULL,
    details TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    more INTEGER NOT NULL
  );
`;

export interface Taken {
  /** To be written before the event counts as written down. */
  readonly due: readonly AuditEvent[];
  /** In one transaction with that. Nothing may be taken in between. */
  settle(): void;
}

export class CountedEvents {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Of what anybody can make happen: alike are those with the same details, and no more than MAX_DISTINCT are told apart. */
  take(event: AuditEvent, now: number): Taken {
    const key = JSON.stringify([event.kind, event.actor, event.object, namesOf(event)]);
    if (this.#isCounted(key, now) || this.#distinct(event, now) < MAX_DISTINCT) return this.#take(key, event, now);
    const others = JSON.stringify([event.kind, event.actor, OTHERS]);
    const due = this.#summaries(now);
    return {
      due,
      settle: () => {
        this.#forget(now);
        if (!this.#isCounted(others, now))
          this.#begin(others, { ...event, object: OTHERS, details: { reason: OTHERS } }, now);
        this.#count(others);
      },
    };
  }

  /** Of what people do who are known: each first one is an entry. Alike are those of one actor and object at which the same is `shown`. */
  takeLook(event: AuditEvent, shown: string, now: number): Taken {
    return this.#take(JSON.stringify([event.kind, event.actor, event.object, 'look', shown]), event, now);
  }

  /** One entry for each that was counted in an interval that is over; those are forgotten. */
  over(now: number): Taken {
    return { due: this.#summaries(now), settle: () => this.#forget(now) };
  }

  /** When the next interval is over in which anything was counted. */
  nextMs(): number | undefined {
    const since = this.#sql.exec('SELECT min(since_ms) AS first FROM counted').one().first;
    return since === null ? undefined : Number(since) + INTERVAL_MS;
  }

  #take(key: string, event: AuditEvent, now: number): Taken {
    const known = this.#isCounted(key, now);
    const over = this.#summaries(now);
    return {
      due: known ? over : [...over, event],
      settle: () => {
        this.#forget(now);
        if (known) this.#count(key);
        else this.#begin(key, event, now);
      },
    };
  }

  #isCounted(key: string, now: number): boolean {
    return (
      this.#sql.exec('SELECT 1 FROM counted WHERE key = ? AND since_ms > ?', key, now - INTERVAL_MS).toArray().length >
      0
    );
  }

  #distinct({ kind, actor }: AuditEvent, now: number): number {
    const over = now - INTERVAL_MS;
    return Number(
      this.#sql
        .exec(
          'SELECT count(*) AS all_of_it FROM counted WHERE kind = ? AND actor = ? AND since_ms > ?',
          kind,
          actor,
          over,
        )
        .one().all_of_it,
    );
  }

  #summaries(now: number): AuditEvent[] {
    return this.#sql
      .exec('SELECT * FROM counted WHERE since_ms <= ? AND more > 0', now - INTERVAL_MS)
      .toArray()
      .map((row) => ({
        kind: String(row.kind) as AuditKind,
        actor: String(row.actor),
        object: String(row.object),
        details: {
          ...(JSON.parse(String(row.details)) as AuditEvent['details']),
          more: Number(row.more),
          since: new Date(Number(row.since_ms)).toISOString(),
        },
      }));
  }

  #forget(now: number): void {
    this.#sql.exec('DELETE FROM counted WHERE since_ms <= ?', now - INTERVAL_MS);
  }

  #count(key: string): void {
    this.#sql.exec('UPDATE counted SET more = more + 1 WHERE key = ?', key);
  }

  #begin(key: string, event: AuditEvent, now: number): void {
    this.#sql.exec(
      'INSERT INTO counted (key, kind, actor, object, details, since_ms, more) VALUES (?, ?, ?, ?, ?, ?, 0)',
      key,
      event.kind,
      event.actor,
      event.object,
      JSON.stringify(event.details),
      now,
    );
  }
}

/** What tells two apart; the time of the attempt does not. */
const namesOf = ({ details }: AuditEvent): unknown => Object.entries(details).filter(([name]) => name !== 'refusedAt');
