// Actions with what came of them in later segments.

import type { ActionEntry } from '../../core/catalogue.ts';
import type { SessionId } from '../../core/ids.ts';
import { mayGoOn } from '../../core/search/action-document.ts';
import { type ActionEnd, joinEnds, withEnd } from '../facts/action-ends.ts';
import { readEnd } from './action-blocks.ts';
import { finishRow, sessionPartition } from './schema.ts';
import type { CatalogueTable } from './table.ts';

/** `actions`: of one session, by number. In their order. */
export async function withLaterEnds(
  table: CatalogueTable,
  session: SessionId,
  actions: readonly ActionEntry[],
): Promise<ActionEntry[]> {
  const open = actions.filter(mayGoOn);
  const [first, last] = [open[0], open.at(-1)];
  if (!first || !last) return [...actions];
  const ends = new Map<number, ActionEnd>();
  const items = await table.queryAll({
    KeyConditionExpression: 'pk = :pk AND sk BETWEEN :first AND :last',
    ExpressionAttributeValues: {
      ':pk': sessionPartition(session),
      ':first': finishRow(first.action, 0),
      ':last': finishRow(last.action, 99_999_999),
    },
  });
  // By segment, hence in the order of time.
  for (const item of items) {
    const end = readEnd(item);
    const before = ends.get(end.action);
    ends.set(end.action, before ? joinEnds(before, end) : end);
  }
  return actions.map((action) => {
    const end = mayGoOn(action) ? ends.get(action.action) : undefined;
    return end ? withEnd(action, end) : action;
  });
}
