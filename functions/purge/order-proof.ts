// That an order is the edge's own. Orders stand in a table, and who may write there past IAM is not the edge.

import { DAY_MS, type PurgeMode } from '../../core/retention/may-purge.ts';
import { orderText, type Purge } from '../../core/retention/purge.ts';
import { parseNote, parseNoteKey, whoSigned } from '../../core/tlog/note.ts';

/** What stood against an order may be gone by then, and another one is made. */
const GOOD_FOR_MS = 30 * DAY_MS;

/**
 * `edgeKey`: `NAME+ID+KEY`. Without it nobody can tell: what is due is deleted all the same, as it is by what recording, locks and holds say; what
 * is ordered before its time is not.
 */
export async function isOrdered(
  { session, connector, order }: Pick<Purge, 'session' | 'connector' | 'order'>,
  edgeKey: string | undefined,
  nowMs: number,
): Promise<boolean> {
  if (!order) return false;
  if (edgeKey === undefined) return order.mode === ('due' satisfies PurgeMode);
  const note = parseNote(order.note ?? '');
  if (!note.ok || note.value.text !== orderText({ session, connector }, order)) return false;
  const key = await parseNoteKey(edgeKey);
  if (!key.ok) return false;
  const signed = await whoSigned(note.value, [key.value]);
  return signed.ok && signed.value.length > 0 && nowMs - Date.parse(order.at) < GOOD_FOR_MS;
}
