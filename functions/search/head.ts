// The head of one scope: one item that says which search segments there are. Every change is one conditional write of it, so that
// whoever reads it sees a merge done or not begun, and of two who change it at once one begins again.

import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { Digest } from '../../core/recording/segment.ts';
import type { CatalogueTable } from '../catalogue-table/table.ts';
import { RetriableFault } from '../faults.ts';
import { HEAD, scopePartition } from './rows.ts';

export const LiveSegment = z.object({
  /** Its object's name; sorts by the time it was made, and is never used again. */
  id: z.string(),
  /** Milliseconds since 1970 of the first and the last document. */
  from: z.number().int(),
  until: z.number().int(),
  documents: z.number().int(),
  /** Of these, whose text is only the beginning of what was recorded. */
  cut: z.number().int(),
  bytes: z.number().int(),
  rawBytes: z.number().int(),
  digest: Digest,
  /** A reindex is under way that has begun since: when it is done it has all that this one has, and this one goes. */
  stale: z.literal(true).optional(),
});
export type LiveSegment = z.infer<typeof LiveSegment>;

const Body = z.object({
  /** Counts what makes work under way worthless: a fold, a session's removal. */
  epoch: z.number().int(),
  segments: z.array(LiveSegment),
  /** Names whose object may be there and is not to be: planned, replaced. Deleted some time after `since` (milliseconds since 1970). */
  dead: z.array(z.object({ id: z.string(), since: z.number().int(), planned: z.literal(true).optional() })),
});
export type ScopeHead = z.infer<typeof Body>;

const Stored = z.object({ version: z.number().int(), body: z.instanceof(Uint8Array) });
const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** Others that change it meanwhile: each of them has got on. */
const ATTEMPTS = 50;
const EMPTY: ScopeHead = { epoch: 0, segments: [], dead: [] };

type VersionedHead = { readonly version: number; readonly head: ScopeHead };

export const readHead = async (table: CatalogueTable, scope: string): Promise<ScopeHead> =>
  (await read(table, scope)).head;

async function read(table: CatalogueTable, scope: string): Promise<VersionedHead> {
  const item = await table.get({ pk: scopePartition(scope), sk: HEAD });
  if (!item) return { version: 0, head: EMPTY };
  const { version, body } = Stored.parse(item);
  const text = zstdDecompressSync(body, { maxOutputLength: MAX_BODY_BYTES }).toString();
  return { version, head: Body.parse(JSON.parse(text)) };
}

/** What `change` makes of it, once that stands; undefined when `change` gives it up. It may be called several times. */
export async function changeHead(
  table: CatalogueTable,
  scope: string,
  change: (head: ScopeHead) => ScopeHead | undefined,
): Promise<ScopeHead | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { version, head } = await read(table, scope);
    const changed = change(head);
    if (!changed) return undefined;
    const written = await table.update({
      Key: { pk: scopePartition(scope), sk: HEAD },
      UpdateExpression: 'SET version = :next, body = :body',
      ConditionExpression: 'attribute_not_exists(version) OR version = :version',
      ExpressionAttributeValues: {
        ':next': version + 1,
        ':version': version,
        ':body': new Uint8Array(zstdCompressSync(JSON.stringify(changed))),
      },
      ReturnValues: 'NONE',
    });
    if (written) return changed;
  }
  throw new RetriableFault('the search index is changed by others all the time');
}
