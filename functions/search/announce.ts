// The indexer's side: says that a recorded segment brought something to search. Deliveries come twice and in any order, so what
// is written is the same each time; that it was folded before is harmless (a document is shown once).

import type { SessionId } from '../../core/ids.ts';
import type { SegmentContents } from '../catalogue-table/segment-contents.ts';
import { SESSION_ROW, sessionPartition } from '../catalogue-table/schema.ts';
import type { CatalogueTable, Item, ItemKey } from '../catalogue-table/table.ts';
import { saidItems } from './documents.ts';
import { Brought, SCOPES, scopePartition, UNPLACED, unplacedKey, waitingRow } from './rows.ts';
import { type PlacedSession, placedOf, scopeId } from './scope.ts';

export class SearchAnnouncer {
  readonly #table: CatalogueTable;
  /** Scopes known to be registered: saves a write a segment, nothing depends on it. */
  readonly #scopes = new Set<string>();

  constructor(table: CatalogueTable) {
    this.#table = table;
  }

  /**
   * After its actions are stored in the catalogue as `blocks` (sort keys). `row`: the session's, as it was read before.
   * While nobody has said whose the session is, its segments wait beside it.
   */
  async announce(
    session: SessionId,
    segment: number,
    contents: SegmentContents,
    blocks: readonly string[],
    row: Item | undefined,
  ): Promise<void> {
    const said = saidItems(session, segment, contents.said);
    const touched = contents.laterEnds.map(({ action }) => action);
    if (contents.actions.length + contents.said.length + touched.length === 0) return;
    await this.#table.putAll(said);
    const brought: Brought = {
      segment,
      blocks: [...blocks],
      said: said.map(({ sk }) => sk),
      touched,
    };
    const placed = placedOf(row);
    if (placed) return this.putWaiting(placed, [brought]);
    await this.#table.putAll([{ ...unplacedKey(session, segment), ...brought }]);
    // Whoever says whose it is looks for these afterwards; if that was just now, neither may miss the other.
    await this.placeAll(session);
  }

  /** After somebody has said whose the session is. */
  async placeAll(session: SessionId): Promise<void> {
    const pk = sessionPartition(session);
    const placed = placedOf(await this.#table.get({ pk, sk: SESSION_ROW }));
    if (!placed) return;
    const items = await this.#table.queryAll({
      KeyConditionExpression: 'pk = :pk AND begins_with(sk, :unplaced)',
      ExpressionAttributeValues: { ':pk': pk, ':unplaced': UNPLACED },
    });
    if (items.length === 0) return;
    await this.putWaiting(
      placed,
      items.map((item) => Brought.parse(item)),
    );
    await this.#table.deleteAll(items.map((item) => ({ pk, sk: String(item.sk) })));
  }

  /** Documents of a session that stand in the catalogue. */
  async putWaiting({ scope, session }: PlacedSession, parts: readonly Brought[]): Promise<void> {
    const id = scopeId(scope);
    if (!this.#scopes.has(id)) {
      await this.#table.putAll([{ pk: SCOPES, sk: id, ...scope }]);
      this.#scopes.add(id);
    }
    const pk = scopePartition(id);
    await this.#table.putAll(
      parts.map((part): Item & ItemKey => ({ ...part, session, pk, sk: waitingRow(session.session, part.segment) })),
    );
  }
}
