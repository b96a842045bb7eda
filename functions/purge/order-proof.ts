// That an order is the edge's own. Orders stand in a table, and who may write there past IAM is not the edge.

import { holdLine, holdsDigest, inForceAt, type LegalHold } from '../../core/retention/hold.ts';
import { DAY_MS, type PurgeMode, type PurgeRefusal } from '../../core/retention/may-purge.ts';
import { orderText, type Purge, type PurgeOrder } from '../../core/retention/purge.ts';
import { parseNote, parseNoteKey, whoSigned } from '../../core/tlog/note.ts';

/** Runs come hourly. What stood against an order may be gone later, and another one is made then. */
const GOOD_FOR_MS = 2 * DAY_MS;
/** How far the edge's clock may be ahead of this one. An order of a time beyond would be good for longer. */
const AHEAD_MS = 5 * 60_000;

type OrderedPurge = Pick<Purge, 'session' | 'connector'> & { readonly order: PurgeOrder };

export interface OrderStanding {
  /** Holds that count against it. */
  readonly counting: readonly LegalHold[];
  /** With the order itself. */
  readonly wrong: readonly PurgeRefusal[];
}

/**
 * `edgeKey`: `NAME+ID+KEY`. Without it nobody can tell: what is due is deleted all the same, as it is by what recording, locks and holds say; what
 * is ordered before its time is not.
 */
async function isOrdered(
  { session, connector, order }: OrderedPurge,
  edgeKey: string | undefined,
  nowMs: number,
): Promise<boolean> {
  if (edgeKey === undefined) return order.mode === ('due' satisfies PurgeMode);
  const note = parseNote(order.note ?? '');
  if (!note.ok || note.value.text !== orderText({ session, connector }, order)) return false;
  const key = await parseNoteKey(edgeKey);
  if (!key.ok) return false;
  const signed = await whoSigned(note.value, [key.value]);
  const age = nowMs - Date.parse(order.at);
  return signed.ok && signed.value.length > 0 && age >= -AHEAD_MS && age < GOOD_FOR_MS;
}

/**
 * The holds that count against an order: whatever was in force at any moment since it was signed, so that none lifted meanwhile, by
 * whomever, lets it through; and what is wrong with the order itself.
 */
export async function underHolds(
  purge: OrderedPurge,
  holds: readonly LegalHold[],
  { edgeKey, now }: { readonly edgeKey: string | undefined; readonly now: () => number },
): Promise<OrderStanding> {
  const { order } = purge;
  const atMs = Date.parse(order.at);
  const counting = holds.map((hold) => {
    if (!hold.lifted || Date.parse(hold.lifted.at) <= atMs) return hold;
    const { lifted: _, ...inForce } = hold;
    return inForce;
  });
  if (!(await isOrdered(purge, edgeKey, now()))) return { counting, wrong: [{ why: 'not_ordered' }] };
  // Nobody signs where no key is known, and an order of an earlier release has none.
  if (order.holds === undefined && edgeKey === undefined) return { counting, wrong: [] };
  const lines = await Promise.all(inForceAt(holds, atMs).map(holdLine));
  const isSame = order.holds === (await holdsDigest(lines));
  return { counting, wrong: isSame ? [] : [{ why: 'holds_differ' }] };
}
