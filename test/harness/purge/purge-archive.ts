// Sessions that are stored, indexed, held and purged, in memory and in a table of their own.

import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { newId } from '../../../core/ids.ts';
import { holdLine, holdsDigest, inForceAt } from '../../../core/retention/hold.ts';
import { DAY_MS } from '../../../core/retention/may-purge.ts';
import type { PurgeOrder } from '../../../core/retention/purge.ts';
import { CatalogueReader } from '../../../functions/catalogue-table/reader.ts';
import {
  CatalogueTable,
  createCatalogueTable,
  type Item,
  type ItemKey,
} from '../../../functions/catalogue-table/table.ts';
import { CatalogueWriter } from '../../../functions/catalogue-table/writer.ts';
import type { IndexEvent } from '../../../functions/faults.ts';
import { indexObject } from '../../../functions/index-segment/index-object.ts';
import { DueSessions } from '../../../functions/purge/due.ts';
import { PurgeLedger } from '../../../functions/purge/ledger.ts';
import { type PurgeEvent, purgeRun, type PurgeRunDeps } from '../../../functions/purge/purge-run.ts';
import { nodeRecordingPlatform } from '../../../functions/recording-platform.ts';
import { SearchAnnouncer } from '../../../functions/search/announce.ts';
import { MemoryVersions } from '../../functions/memory-versions.ts';
import { newOrderSigner, type OrderSigner } from './edge-orders.ts';
import { memoryReader } from '../memory-reader.ts';
import { answer, type BuilderOptions, RecordingBuilder } from '../recording-builder.ts';
import { keysNotCompared } from '../../../functions/index-segment/known-keys.ts';

export const STORED = Date.parse('2026-11-20T13:00:00.000Z');
/** The builder's grants ask for 90 days. */
export const KEPT_UNTIL = STORED + 90 * DAY_MS;
export const AFTER = KEPT_UNTIL + 3_600_000;

export class PurgeArchive {
  readonly store = new MemoryVersions(STORED, 2);
  readonly events: (PurgeEvent | IndexEvent)[] = [];
  readonly derived: string[] = [];
  nowMs = STORED;
  readonly table: CatalogueTable;
  readonly ledger: PurgeLedger;
  readonly due: DueSessions;
  readonly catalogue: CatalogueReader;
  readonly #objects = new Map<string, Uint8Array>();
  #audit = 0;

  readonly edge: OrderSigner;

  private constructor(table: CatalogueTable, edge: OrderSigner) {
    this.table = table;
    this.edge = edge;
    this.ledger = new PurgeLedger(table);
    this.due = new DueSessions(table);
    this.catalogue = new CatalogueReader(table, () => {});
  }

  static async make(client: DynamoDBClient, edge?: OrderSigner): Promise<PurgeArchive> {
    const name = `catalogue-${newId('ses')}`;
    await createCatalogueTable(client, name);
    return new PurgeArchive(new CatalogueTable(client, name), edge ?? (await newOrderSigner()));
  }

  /** As this one stands now, in a table of its own. */
  async copy(client: DynamoDBClient): Promise<PurgeArchive> {
    const copy = await PurgeArchive.make(client, this.edge);
    copy.at(this.nowMs);
    copy.store.restore(this.store);
    await copy.table.putAll((await this.rows()) as (Item & ItemKey)[]);
    return copy;
  }

  async rows(): Promise<readonly Item[]> {
    return (await this.table.scan({})).items;
  }

  at(ms: number): void {
    this.nowMs = ms;
    this.store.nowMs = ms;
  }

  /** As a connector does, under lock until its clock's time and the class's days are over. */
  async upload(builder: RecordingBuilder, mode: 'COMPLIANCE' | 'GOVERNANCE' = 'COMPLIANCE', skewMs = 0): Promise<void> {
    for (const [key, bytes] of builder.objects) await this.uploadOne(key, bytes, mode, skewMs);
  }

  async uploadOne(key: string, bytes: Uint8Array, mode: 'COMPLIANCE' | 'GOVERNANCE' = 'COMPLIANCE', skewMs = 0) {
    this.store.put(key, bytes, { mode, untilMs: this.nowMs + skewMs + 90 * DAY_MS });
    this.#objects.set(key, bytes);
    await this.index(key);
  }

  async index(key: string): Promise<void> {
    await indexObject(key, {
      reader: memoryReader(this.#objects),
      writer: new CatalogueWriter(this.table),
      search: new SearchAnnouncer(this.table),
      platform: nodeRecordingPlatform,
      verify: async ({ session }) => ({ session, proven: true, proofs: [], notCompared: [], faults: [] }),
      keysOf: keysNotCompared,
      report: (event) => this.events.push(event),
      now: () => this.nowMs,
    });
  }

  deps(change: Partial<PurgeRunDeps> = {}): PurgeRunDeps {
    const { store, table, ledger, due } = this;
    return {
      ...{ store, table, ledger, due, platform: nodeRecordingPlatform },
      derived: [{ remove: async (sessions) => void this.derived.push(...sessions) }],
      now: () => this.nowMs,
      report: (event) => this.events.push(event),
      edgeKey: this.edge.key,
      maxSessions: 100,
      beginUntilMs: Number.POSITIVE_INFINITY,
      ...change,
    };
  }

  run(change: Partial<PurgeRunDeps> = {}, dryRun = false) {
    return purgeRun({ dryRun }, this.deps(change));
  }

  /** As the edge does, after it wrote the audit log's entry. */
  async orderAll(mode: 'due' | 'early' = 'due', more: Partial<PurgeOrder> = {}): Promise<void> {
    const at = new Date(this.nowMs).toISOString();
    const inForce = inForceAt(await this.ledger.holds(), this.nowMs);
    const holds = await holdsDigest(await Promise.all(inForce.map(holdLine)));
    for (const purge of (await this.ledger.page()).purges)
      if (purge.state === 'proposed')
        await this.ledger.order(purge, await this.edge.sign(purge, { mode, at, audit: ++this.#audit, holds, ...more }));
  }

  async settleAll(): Promise<void> {
    const at = new Date(this.nowMs).toISOString();
    for (const purge of (await this.ledger.page()).purges)
      if (purge.state === 'done') await this.ledger.settle(purge, at);
  }

  /** Everything that is left anywhere, in a form to compare. */
  async left(session: string) {
    const rows = await this.table.queryAll({
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': `session#${session}` },
    });
    return {
      versions: this.store.kept.length,
      rows: rows.map(({ purged: _, ...row }) => row),
      purges: (await this.ledger.page()).purges.map(({ session: of, state }) => ({ of, state })),
      listed: (await this.catalogue.sessions({ limit: 10 })).ok,
    };
  }
}

export function recorded(options: BuilderOptions = {}, numbers = ['1', '2', '3']): RecordingBuilder {
  const builder = new RecordingBuilder(options);
  for (const n of numbers) builder.query(`select ${n}`, answer(['n'], [[n]])).cut();
  return builder.end();
}
