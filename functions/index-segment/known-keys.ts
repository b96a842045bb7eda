// The keys of connectors as the catalogue's table has them: notes that the edge signed, told by it through the API. A row that the edge
// did not sign says nothing (docs/adr/0011, 0064).

import type { ConnectorKeys } from '../../core/connectors/connector-keys.ts';
import { readKeysNote } from '../../core/tlog/keys-note.ts';
import type { ConnectorId } from '../../core/ids.ts';
import { CONNECTOR_KEYS } from '../catalogue-table/schema.ts';
import type { CatalogueTable } from '../catalogue-table/table.ts';

/** For segments, which come by the thousand. What seals a session is compared with what the table has at that moment. */
const REMEMBERED_MS = 60_000;
const MAX_REMEMBERED = 5_000;

/**
 * `not_compared`: no key of the edge is set, so no row could be believed. `unknown`: the edge has told none yet. `forged`: there is a
 * row, and the edge did not sign it.
 */
export type KnownKeys =
  | { readonly kind: 'known'; readonly keys: ConnectorKeys }
  | { readonly kind: 'not_compared' | 'unknown' | 'forged' };

/** `freshly`: as the table has it now. */
export type KeysOf = (connector: ConnectorId, how: 'freshly' | 'lately') => Promise<KnownKeys>;

/** Manifests are checked against the key that they carry, which proves that one key signed, not whose. */
export const keysNotCompared: KeysOf = async () => ({ kind: 'not_compared' });

export function keysInTable(table: CatalogueTable, edgeKey: string | undefined, now: () => number): KeysOf {
  if (edgeKey === undefined) return keysNotCompared;
  const remembered = new Map<ConnectorId, { readonly untilMs: number; readonly known: KnownKeys }>();
  const read = async (connector: ConnectorId): Promise<KnownKeys> => {
    const item = await table.get({ pk: CONNECTOR_KEYS, sk: connector });
    if (!item) return { kind: 'unknown' };
    const keys = await readKeysNote(String(item.note), connector, edgeKey);
    return keys.ok ? { kind: 'known', keys: keys.value } : { kind: 'forged' };
  };
  return async (connector, how) => {
    const before = remembered.get(connector);
    if (how === 'lately' && before && before.untilMs > now()) return before.known;
    const known = await read(connector);
    remembered.delete(connector);
    if (remembered.size >= MAX_REMEMBERED)
      for (const oldest of remembered.keys()) {
        remembered.delete(oldest);
        break;
      }
    remembered.set(connector, { untilMs: now() + REMEMBERED_MS, known });
    return known;
  };
}
