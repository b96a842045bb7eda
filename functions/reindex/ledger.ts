// How far a reindex has come: one item in the catalogue's table. Of several runs one works at a time: it has the item until it must
// have ended.

import { z } from 'zod';
import { Reindex } from '../../core/search/reindex.ts';
import { REINDEX } from '../catalogue-table/schema.ts';
import type { CatalogueTable, Item } from '../catalogue-table/table.ts';

const KEY = { pk: REINDEX, sk: 'state' };

const Row = z.object({
  reindex: Reindex,
  /** Where it goes on: a key of the table while dropping, of the store while indexing. */
  after: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
  runner: z.string().optional(),
  leasedUntil: z.number().optional(),
});
/** A run, and when it must have ended at the latest. */
interface Runner {
  readonly id: string;
  readonly nowMs: number;
  readonly untilMs: number;
}
export type ReindexPlace = Pick<z.infer<typeof Row>, 'reindex' | 'after'>;

export class ReindexLedger {
  readonly #table: CatalogueTable;

  constructor(table: CatalogueTable) {
    this.#table = table;
  }

  async read(): Promise<Reindex | undefined> {
    return (await this.#row())?.reindex;
  }

  /** Begins one. While another is under way that one is the answer. */
  async order(drop: boolean, nowMs: number): Promise<Reindex> {
    const at = new Date(nowMs).toISOString();
    const nothing = { dropped: 0, sessions: 0, objects: 0, failed: 0, failures: [] };
    const reindex: Reindex = { drop, step: drop ? 'dropping' : 'indexing', startedAt: at, at, ...nothing };
    const begun = await this.#table.update({
      Key: KEY,
      UpdateExpression: 'SET #reindex = :reindex, #step = :step REMOVE #after, runner, leasedUntil',
      ConditionExpression: 'attribute_not_exists(pk) OR #step = :done',
      ExpressionAttributeNames: { '#reindex': 'reindex', '#step': 'step', '#after': 'after' },
      ExpressionAttributeValues: { ':reindex': reindex, ':step': reindex.step, ':done': 'done' },
      ReturnValues: 'NONE',
    });
    return (begun ? undefined : await this.read()) ?? reindex;
  }

  /** The one that waits to go on; undefined: there is none, or another run has it. */
  async take({ id, nowMs, untilMs }: Runner): Promise<ReindexPlace | undefined> {
    const known = await this.read();
    if (!known || known.step === 'done') return undefined;
    const taken = await this.#table.update({
      Key: KEY,
      UpdateExpression: 'SET runner = :runner, leasedUntil = :until',
      ConditionExpression: '#step <> :done AND (attribute_not_exists(leasedUntil) OR leasedUntil <= :now)',
      ExpressionAttributeNames: { '#step': 'step' },
      ExpressionAttributeValues: { ':runner': id, ':until': untilMs, ':now': nowMs, ':done': 'done' },
    });
    return taken && placeOf(taken);
  }

  /** Notes how far a run has come. false: another has it. */
  async put(runner: string, { reindex, after }: ReindexPlace, nowMs: number): Promise<boolean> {
    const written = await this.#table.update({
      Key: KEY,
      UpdateExpression: `SET #reindex = :reindex, #step = :step${after === undefined ? ' REMOVE #after' : ', #after = :after'}`,
      ConditionExpression: 'runner = :runner',
      ExpressionAttributeNames: { '#reindex': 'reindex', '#step': 'step', '#after': 'after' },
      ExpressionAttributeValues: {
        ':reindex': { ...reindex, at: new Date(nowMs).toISOString() },
        ...{ ':step': reindex.step, ':runner': runner },
        ...(after !== undefined && { ':after': after }),
      },
      ReturnValues: 'NONE',
    });
    return written !== undefined;
  }

  /** For the next run, at once. */
  async release(runner: string): Promise<void> {
    await this.#table.update({
      Key: KEY,
      UpdateExpression: 'REMOVE leasedUntil, runner',
      ConditionExpression: 'runner = :runner',
      ExpressionAttributeValues: { ':runner': runner },
      ReturnValues: 'NONE',
    });
  }

  /** Whether a page that was asked for from `sinceMs` until now may lack something. */
  async mayLack(sinceMs: number): Promise<boolean> {
    const known = await this.read();
    return known !== undefined && (known.step !== 'done' || Date.parse(known.at) >= sinceMs);
  }

  async #row(): Promise<z.infer<typeof Row> | undefined> {
    const item = await this.#table.get(KEY);
    return item && Row.parse(item);
  }
}

const placeOf = (item: Item): ReindexPlace => {
  const { reindex, after } = Row.parse(item);
  return { reindex, after };
};
