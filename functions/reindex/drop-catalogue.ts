// Takes the catalogue's derived rows away: sessions and their due days. What says more than the recordings do stays: the marks of
// purged sessions, purges, holds and what the hold holds; and what only says where to look (months, due days, scopes).

import { z } from 'zod';
import type { SessionId } from '../../core/ids.ts';
import { duePartition, SESSION_ROW, sessionPartition } from '../catalogue-table/schema.ts';
import type { CatalogueTable, Item } from '../catalogue-table/table.ts';

const Key = z.object({ pk: z.string(), sk: z.string() });
const DROPPED = [sessionPartition('' as SessionId), duePartition('')];

/** One page of the table; `after`: where the next begins. May be killed anywhere and run again. */
export async function dropRows(
  table: CatalogueTable,
  from: Item | undefined,
): Promise<{ readonly dropped: number; readonly after: Item | undefined }> {
  const page = await table.scan({
    ProjectionExpression: 'pk, sk',
    ...(from && { ExclusiveStartKey: { ...from } }),
  });
  const rows = page.items.flatMap((item) => {
    const key = Key.safeParse(item).data;
    return key && DROPPED.some((prefix) => key.pk.startsWith(prefix)) ? [key] : [];
  });
  const isSession = ({ pk, sk }: z.infer<typeof Key>) => pk.startsWith(DROPPED[0] ?? '') && sk === SESSION_ROW;
  await table.deleteAll(rows.filter((key) => !isSession(key)));
  let marks = 0;
  for (const key of rows.filter(isSession)) if (!(await table.delete(key, 'attribute_not_exists(purged)'))) marks++;
  return { dropped: rows.length - marks, after: page.last };
}
