// Before a session's objects are indexed again: what the indexer adds up, or keeps once it stands, begins anew. Everything else it
// writes over, so that the session stays listed meanwhile.

import { ConnectorId } from '../../core/ids.ts';
import { CHAIN_ROW, SESSION_ROW, sessionPartition, TALLIES } from '../catalogue-table/schema.ts';
import { isTallyAttribute } from '../catalogue-table/session-row.ts';
import type { CatalogueTable, Item, ItemKey } from '../catalogue-table/table.ts';
import type { RecordingReader } from '../store/recording-reader.ts';
import type { SessionPrefix } from '../store/version-store.ts';

interface Deps {
  readonly table: CatalogueTable;
  readonly reader: RecordingReader;
}

export async function beginSession(place: SessionPrefix, deps: Deps): Promise<void> {
  const { table } = deps;
  const pk = sessionPartition(place.session);
  const row = await table.get({ pk, sk: SESSION_ROW });
  if (!row || row.purged !== undefined) return;
  if (row.connector !== place.connector) return takeOver(place, row, deps);
  const keys = await keysOf(pk, table);
  await table.deleteAll(keys.filter(({ sk }) => sk === CHAIN_ROW || sk.startsWith(TALLIES)));
  const names = ['damage', 'openedFrom', ...Object.keys(row).filter(isTallyAttribute)];
  await table.update({
    Key: { pk, sk: SESSION_ROW },
    UpdateExpression: `REMOVE ${names.map((_, i) => `#a${i}`).join(', ')}`,
    ConditionExpression: 'connector = :connector AND attribute_not_exists(purged)',
    ExpressionAttributeNames: Object.fromEntries(names.map((name, i) => [`#a${i}`, name])),
    ExpressionAttributeValues: { ':connector': place.connector },
    ReturnValues: 'NONE',
  });
}

/** A session is whose objects came first. In the order of keys another connector's may have been indexed before, or somebody wrote that row. */
async function takeOver(place: SessionPrefix, row: Item, { table, reader }: Deps): Promise<void> {
  const owner = ConnectorId.safeParse(row.connector).data;
  const [mine, theirs] = [
    await firstStored(place, reader),
    owner && (await firstStored({ ...place, connector: owner }, reader)),
  ];
  if (mine === undefined || (theirs !== undefined && theirs <= mine)) return;
  const pk = sessionPartition(place.session);
  await table.deleteAll((await keysOf(pk, table)).filter(({ sk }) => sk !== SESSION_ROW));
  await table.delete({ pk, sk: SESSION_ROW }, 'attribute_not_exists(purged)');
}

async function firstStored(of: SessionPrefix, reader: RecordingReader): Promise<number | undefined> {
  let first: number | undefined;
  for await (const { storedMs } of reader.walk({ of })) first = Math.min(first ?? storedMs, storedMs);
  return first;
}

async function keysOf(pk: string, table: CatalogueTable): Promise<ItemKey[]> {
  const items = await table.queryAll({
    KeyConditionExpression: 'pk = :pk',
    ExpressionAttributeValues: { ':pk': pk },
    ProjectionExpression: 'pk, sk',
  });
  return items.map(({ sk }) => ({ pk, sk: String(sk) }));
}
