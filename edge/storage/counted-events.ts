// Events that anybody can make happen, counted: so many distinct ones each interval are entries of
// their own, the rest are numbers. What strangers do can make the audit log grow by a bounded amount
// an hour, and nothing of how much they did is lost.

import type { AuditEvent, AuditKind } from '../../core/audit.ts';

export const INTERVAL_MS = 10 * 60_000;
/** Distinct ones of a kind and actor that are told apart in an interval. */
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

export class CountedEvents {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** What is to be written now: the event when it is the first of its kind, and what its interval counted before. */
  take(event: AuditEvent, now: number): AuditEvent[] {
    const over = this.over(now);
    const key = JSON.stringify([event.kind, event.actor, event.object, namesOf(event)]);
    if (this.#count(key)) return over;
    const [row] = this.#sql
      .exec('SELECT count(*) AS distinct_ones FROM counted WHERE kind = ? AND actor = ?', event.kind, event.actor)
      .toArray();
    if (Number(row?.distinct_ones ?? 0) < MAX_DISTINCT) {
      this.#begin(key, event, now, 0);
      return [...over, event];
    }
    const others = JSON.stringify([event.kind, event.actor, OTHERS]);
    if (!this.#count(others)) this.#begin(others, { ...event, object: OTHERS, details: { reason: OTHERS } }, now, 1);
    return over;
  }

  /** One entry for each that was counted in an interval that is over; those are forgotten. */
  over(now: number): AuditEvent[] {
    const rows = this.#sql.exec('DELETE FROM counted WHERE since_ms <= ? RETURNING *', now - INTERVAL_MS).toArray();
    return rows.flatMap((row): AuditEvent[] => {
      if (Number(row.more) === 0) return [];
      return [
        {
          kind: String(row.kind) as AuditKind,
          actor: String(row.actor),
          object: String(row.object),
          details: {
            ...(JSON.parse(String(row.details)) as AuditEvent['details']),
            more: Number(row.more),
            since: new Date(Number(row.since_ms)).toISOString(),
          },
        },
      ];
    });
  }

  /** When the next interval is over in which anything was counted. */
  nextMs(): number | undefined {
    const since = this.#sql.exec('SELECT min(since_ms) AS first FROM counted').one().first;
    return since === null ? undefined : Number(since) + INTERVAL_MS;
  }

  #count(key: string): boolean {
    return this.#sql.exec('UPDATE counted SET more = more + 1 WHERE key = ? RETURNING key', key).toArray().length > 0;
  }

  #begin(key: string, event: AuditEvent, now: number, more: number): void {
    this.#sql.exec(
      'INSERT INTO counted (key, kind, actor, object, details, since_ms, more) VALUES (?, ?, ?, ?, ?, ?, ?)',
      key,
      event.kind,
      event.actor,
      event.object,
      JSON.stringify(event.details),
      now,
      more,
    );
  }
}

/** What tells two apart; the time of the attempt does not. */
const namesOf = ({ details }: AuditEvent): unknown => Object.entries(details).filter(([name]) => name !== 'refusedAt');
