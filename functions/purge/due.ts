// Sessions by the day on which somebody has to look at them: a partition a day, and one item that lists the days. No scan, and
// what is not due yet is not read.

import { dayOf } from '../../core/retention/due-day.ts';
import type { DueDays } from '../../core/retention/overview.ts';
import { ConnectorId, SessionId } from '../../core/ids.ts';
import { DUE_DAYS, duePartition } from '../catalogue-table/schema.ts';
import type { CatalogueTable, Item, Page } from '../catalogue-table/table.ts';
import type { SessionPrefix } from '../store/version-store.ts';

/** What one question counts: some hundred kilobytes. */
const DAYS_COUNTED = 60;
const COUNTED_A_DAY = 200;

export interface DueSession extends SessionPrefix {
  readonly day: string;
}

export class DueSessions {
  readonly #table: CatalogueTable;

  constructor(table: CatalogueTable) {
    this.#table = table;
  }

  /** Those of today and before, oldest day first. */
  async *upTo(nowMs: number): AsyncGenerator<DueSession> {
    const days = await this.#table.queryAll({
      KeyConditionExpression: 'pk = :days AND sk <= :today',
      ExpressionAttributeValues: { ':days': DUE_DAYS, ':today': dayOf(nowMs) },
    });
    for (const { sk } of days) {
      const day = String(sk);
      yield* this.#on(day);
      await this.#leaveEmpty(day);
    }
  }

  /** How many there are on each of the days up to then, oldest first. */
  async countUpTo(nowMs: number): Promise<DueDays['days']> {
    const { items } = await this.#table.query({
      KeyConditionExpression: 'pk = :days AND sk <= :last',
      ExpressionAttributeValues: { ':days': DUE_DAYS, ':last': dayOf(nowMs) },
      Limit: DAYS_COUNTED,
    });
    const days = await Promise.all(
      items.map(async ({ sk }) => {
        const { items: sessions, last } = await this.#page(String(sk), undefined, COUNTED_A_DAY);
        return { day: String(sk), sessions: sessions.length, more: last !== undefined };
      }),
    );
    return days.filter(({ sessions }) => sessions > 0);
  }

  /** First there, then not here: killed in between it stands twice, and is looked at twice. */
  async move({ session, connector, day }: DueSession, to: string): Promise<void> {
    if (to === day) return;
    await this.add({ session, connector }, to);
    await this.remove({ session, connector, day });
  }

  /** The day last: one that is listed may be empty, never the reverse. */
  async add({ session, connector }: SessionPrefix, day: string): Promise<void> {
    await this.#table.putAll([{ pk: duePartition(day), sk: session, connector }]);
    await this.#table.putAll([{ pk: DUE_DAYS, sk: day }]);
  }

  async remove({ session, day }: DueSession): Promise<void> {
    await this.#table.deleteAll([{ pk: duePartition(day), sk: session }]);
  }

  async *#on(day: string): AsyncGenerator<DueSession> {
    let start: Item | undefined;
    do {
      const page: Page = await this.#page(day, start);
      for (const { sk, connector } of page.items)
        yield { session: SessionId.parse(sk), connector: ConnectorId.parse(connector), day };
      start = page.last;
    } while (start);
  }

  #page(day: string, start: Item | undefined, limit = 200): Promise<Page> {
    return this.#table.query({
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': duePartition(day) },
      ConsistentRead: true,
      Limit: limit,
      ...(start && { ExclusiveStartKey: { ...start } }),
    });
  }

  /** The indexer may add to the day meanwhile: either this sees it and lists the day again, or the indexer lists it afterwards. */
  async #leaveEmpty(day: string): Promise<void> {
    if ((await this.#page(day, undefined, 1)).items.length > 0) return;
    await this.#table.deleteAll([{ pk: DUE_DAYS, sk: day }]);
    if ((await this.#page(day, undefined, 1)).items.length > 0) await this.#table.putAll([{ pk: DUE_DAYS, sk: day }]);
  }
}
