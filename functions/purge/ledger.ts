// The purges under way, one item a session in the catalogue's table, and the holds in force beside them. Each step is one write
// under a condition, so that two runs, and the edge beside them, leave the same.

import { LegalHold } from '../../core/retention/hold.ts';
import { Purge, type PurgeOrder, PurgeRan } from '../../core/retention/purge.ts';
import type { SessionId } from '../../core/ids.ts';
import type { CatalogueTable, Item } from '../catalogue-table/table.ts';
import { HOLDS, PURGE_RUNS, PURGES } from '../catalogue-table/schema.ts';

const PAGE = 200;
const LAST_RUN = { pk: PURGE_RUNS, sk: 'last' };

export class PurgeLedger {
  readonly #table: CatalogueTable;

  constructor(table: CatalogueTable) {
    this.#table = table;
  }

  async get(session: SessionId): Promise<Purge | undefined> {
    const item = await this.#table.get({ pk: PURGES, sk: session });
    return item && purgeOf(item);
  }

  /** By session id. An item that nobody here wrote is left out. */
  async page(after?: string): Promise<{ purges: Purge[]; after: string | undefined }> {
    const page = await this.#table.query({
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': PURGES },
      Limit: PAGE,
      ConsistentRead: true,
      ...(after !== undefined && { ExclusiveStartKey: { pk: PURGES, sk: after } }),
    });
    return { purges: page.items.flatMap((item) => purgeOf(item) ?? []), after: page.last && String(page.last.sk) };
  }

  /**
   * A proposal or a refusal. `seen`: what stood there when it was looked at: over a purge that was settled it is written only where that
   * was known, as something came late. false: it was ordered meanwhile, or is done, and stays so.
   */
  note(purge: Purge, seen: Purge | undefined): Promise<boolean> {
    const from = ['proposed', 'refused'] as const;
    return this.#write(purge, seen?.state === 'settled' ? [...from, 'settled'] : from, true);
  }

  /** false: it is ordered, or done, already. Whether it may was asked just before. */
  order(purge: Purge, order: PurgeOrder): Promise<boolean> {
    const { refusals: _, ...rest } = purge;
    const ordered = { ...rest, order, state: 'ordered' as const, at: order.at };
    return this.#write(ordered, ['proposed', 'refused', 'settled'], true);
  }

  /** What came of an order. */
  finish(purge: Purge): Promise<boolean> {
    return this.#write(purge, ['ordered'], false);
  }

  /** The edge has written it down. false: it is not done. */
  settle(purge: Purge, at: string): Promise<boolean> {
    return this.#write({ ...purge, state: 'settled', at }, ['done'], false);
  }

  async forget(session: SessionId): Promise<void> {
    await this.#table.deleteAll([{ pk: PURGES, sk: session }]);
  }

  /** Of runs that overlap, the one that ends last stands. */
  noteRun(run: PurgeRan): Promise<void> {
    return this.#table.putAll([{ ...LAST_RUN, run }]);
  }

  async lastRun(): Promise<PurgeRan | undefined> {
    return PurgeRan.safeParse((await this.#table.get(LAST_RUN))?.run).data;
  }

  async holds(): Promise<LegalHold[]> {
    const items = await this.#table.queryAll({
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': HOLDS },
    });
    // One that cannot be read must not be taken for none: nothing is purged then.
    return items.map(({ hold }) => LegalHold.parse(hold));
  }

  /** As the edge has it, each time it changes there. */
  async putHold(hold: LegalHold): Promise<void> {
    await this.#table.putAll([{ pk: HOLDS, sk: hold.id, hold }]);
  }

  async #write(purge: Purge, from: readonly Purge['state'][], orNone: boolean): Promise<boolean> {
    const states = from.map((_, i) => `:from${i}`).join(', ');
    const written = await this.#table.update({
      Key: { pk: PURGES, sk: purge.session },
      UpdateExpression: 'SET #purge = :purge, #state = :state',
      ConditionExpression: `#state IN (${states})${orNone ? ' OR attribute_not_exists(pk)' : ''}`,
      ExpressionAttributeNames: { '#purge': 'purge', '#state': 'state' },
      ExpressionAttributeValues: {
        ':purge': purge,
        ':state': purge.state,
        ...Object.fromEntries(from.map((state, i) => [`:from${i}`, state])),
      },
      ReturnValues: 'NONE',
    });
    return written !== undefined;
  }
}

const purgeOf = (item: Item): Purge | undefined => Purge.safeParse(item.purge).data;
