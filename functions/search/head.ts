// The head of one scope: one item that says which search segments there are. Every change is one conditional write of it, so that
// whoever reads it sees a merge done or not begun, and of two who change it at once one begins again.
//
// An item of DynamoDB ends at 400 KB, some 5,500 segments. What is too much for the head stands on shelves, items that are made
// once under a name of their own and never changed: the head names them, and one whose segments change is made anew.

import { randomBytes } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { Digest } from '../../core/recording/segment.ts';
import type { CatalogueTable } from '../catalogue-table/table.ts';
import { RetriableFault } from '../faults.ts';
import { HEAD, scopePartition, shelfRow } from './rows.ts';

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

/** As stored: `segments` are those that stand on no shelf. */
const StoredBody = Body.extend({ shelves: z.array(z.string()).default([]) });
const Stored = z.object({ version: z.number().int(), body: z.instanceof(Uint8Array) });
const Shelf = z.object({ sk: z.string(), body: z.instanceof(Uint8Array) });
/** Compressed; each change writes as much. */
const MAX_HEAD_BYTES = 128 * 1024;
/** Some 70 bytes each, compressed. */
const SHELF_SEGMENTS = 2_000;
const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** Others that change it meanwhile: each of them has got on. */
const ATTEMPTS = 50;
const EMPTY: ScopeHead = { epoch: 0, segments: [], dead: [] };

interface VersionedHead {
  readonly version: number;
  /** With all segments. */
  readonly head: ScopeHead;
  readonly shelves: ReadonlyMap<string, readonly LiveSegment[]>;
}

export const readHead = async (table: CatalogueTable, scope: string): Promise<ScopeHead> =>
  (await read(table, scope)).head;

async function read(table: CatalogueTable, scope: string): Promise<VersionedHead> {
  const pk = scopePartition(scope);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const item = await table.get({ pk, sk: HEAD });
    if (!item) return { version: 0, head: EMPTY, shelves: new Map() };
    const { version, body } = Stored.parse(item);
    const { shelves: names, ...head } = StoredBody.parse(unpack(body));
    const shelves = new Map<string, LiveSegment[]>();
    for (const each of await table.getAll(
      names.map((name) => ({ pk, sk: shelfRow(name) })),
      true,
    )) {
      const shelf = Shelf.parse(each);
      shelves.set(shelf.sk.slice(shelfRow('').length), z.array(LiveSegment).parse(unpack(shelf.body)));
    }
    // Else one was made anew since the head was read, which names another now.
    if (shelves.size === names.length)
      return { version, head: { ...head, segments: [...[...shelves.values()].flat(), ...head.segments] }, shelves };
  }
  throw new RetriableFault('a part of what the search index consists of is gone, or changed all the time');
}

const pack = (value: unknown) => new Uint8Array(zstdCompressSync(JSON.stringify(value)));
const unpack = (body: Uint8Array): unknown =>
  JSON.parse(zstdDecompressSync(body, { maxOutputLength: MAX_BODY_BYTES }).toString());

/** What `change` makes of it, once that stands; undefined when `change` gives it up. It may be called several times. */
export async function changeHead(
  table: CatalogueTable,
  scope: string,
  change: (head: ScopeHead) => ScopeHead | undefined,
): Promise<ScopeHead | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { version, head, shelves } = await read(table, scope);
    const changed = change(head);
    if (!changed) return undefined;
    const { body, put, unused } = shelved(changed, shelves);
    const pk = scopePartition(scope);
    if (put.size > 0) await table.putAll([...put].map(([name, shelf]) => ({ pk, sk: shelfRow(name), body: shelf })));
    const written = await table.update({
      Key: { pk, sk: HEAD },
      UpdateExpression: 'SET version = :next, body = :body',
      ConditionExpression: 'attribute_not_exists(version) OR version = :version',
      ExpressionAttributeValues: {
        ':next': version + 1,
        ':version': version,
        ':body': body,
      },
      ReturnValues: 'NONE',
    });
    // Killed before it, a shelf is left that nobody reads: names, times and digests of segments.
    const left = written ? unused : [...put.keys()];
    if (left.length > 0) await table.deleteAll(left.map((name) => ({ pk, sk: shelfRow(name) })));
    if (written) return changed;
  }
  throw new RetriableFault('the search index is changed by others all the time');
}

/** The head's item, and the shelves that have to be there before it. `unused`: those that it does not name any more. */
function shelved(
  { segments, ...rest }: ScopeHead,
  shelves: VersionedHead['shelves'],
): { readonly body: Uint8Array; readonly put: ReadonlyMap<string, Uint8Array>; readonly unused: readonly string[] } {
  const present = new Set(segments);
  const kept = [...shelves].filter(([, shelf]) => shelf.every((segment) => present.has(segment)));
  const standing = new Set(kept.flatMap(([, shelf]) => shelf));
  // The largest first: they are merged with nothing any more.
  const loose = segments.filter((segment) => !standing.has(segment)).sort((a, b) => a.rawBytes - b.rawBytes);
  const names = kept.map(([name]) => name);
  const put = new Map<string, Uint8Array>();
  let body = pack({ ...rest, segments: loose, shelves: names });
  while (body.length > MAX_HEAD_BYTES && loose.length > 1) {
    const name = randomBytes(16).toString('hex');
    put.set(name, pack(loose.splice(Math.max(1, loose.length - SHELF_SEGMENTS))));
    names.push(name);
    body = pack({ ...rest, segments: loose, shelves: names });
  }
  return { body, put, unused: [...shelves.keys()].filter((name) => !names.includes(name)) };
}
