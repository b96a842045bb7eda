// Making, replacing and opening search segments of one scope. A name is written down in the head before its object is stored, so
// that whatever a crash leaves is known there and cleaned up; an object counts from the moment that the head lists it.

import { createHash, randomBytes } from 'node:crypto';
import { comparePlaces, momentOf, documentPlace, type SearchDocument } from '../../core/search/document.ts';
import type { CatalogueTable } from '../catalogue-table/table.ts';
import type { ApiReporter } from '../faults.ts';
import { changeHead, type LiveSegment, type ScopeHead } from './head.ts';
import { bloomRow, scopePartition } from './rows.ts';
import type { SearchStore } from './store/search-store.ts';
import { makeSegmentFile, SegmentFile, SegmentFileDamage } from './segment/segment-file.ts';

export interface SearchIndexDeps {
  readonly table: CatalogueTable;
  readonly store: SearchStore;
  /** Milliseconds since 1970. */
  now(): number;
  readonly report: ApiReporter;
}

const ID_LENGTH = 26;
const newSegmentId = (now: number): string =>
  (now.toString(36).padStart(9, '0') + randomBytes(16).toString('hex')).slice(0, ID_LENGTH);

/**
 * Puts one segment with `documents` in the place of `inputs`; without documents it only takes those away. false: the head was
 * changed meanwhile in a way that makes it worthless (`stands` says so of a head), and nothing came of it.
 */
export async function replaceSegments(
  deps: SearchIndexDeps,
  scope: string,
  inputs: readonly string[],
  documents: readonly SearchDocument[],
  stands: (head: ScopeHead) => boolean,
): Promise<boolean> {
  const since = deps.now();
  const mayGoOn = (head: ScopeHead): boolean =>
    stands(head) && inputs.every((input) => head.segments.some(({ id }) => id === input));
  const id = newSegmentId(since);
  let made: LiveSegment | undefined;
  if (documents.length > 0) {
    const planned = await changeHead(deps.table, scope, (head) =>
      mayGoOn(head) ? { ...head, dead: [...head.dead, { id, since, planned: true }] } : undefined,
    );
    if (!planned) return false;
    made = await store(deps, scope, id, documents);
  }
  const done = await changeHead(deps.table, scope, (head) => {
    if (!mayGoOn(head)) return undefined;
    // Somebody cleaned it up, or is about to, since it took so long.
    if (made && !head.dead.some((each) => each.id === id && each.planned)) return undefined;
    return {
      epoch: head.epoch + 1,
      segments: [...head.segments.filter((each) => !inputs.includes(each.id)), ...(made ? [made] : [])],
      dead: [
        ...head.dead.filter((each) => each.id !== id),
        ...inputs.map((input) => ({ id: input, since: deps.now() })),
      ],
    };
  });
  return done !== undefined;
}

async function store(
  deps: SearchIndexDeps,
  scope: string,
  id: string,
  documents: readonly SearchDocument[],
): Promise<LiveSegment> {
  const { bytes, rawBytes, bloom } = makeSegmentFile(documents);
  const [first, last] = [documents[0], documents.at(-1)];
  if (!first || !last) throw new Error('a search segment holds something');
  await deps.store.create({ scope, id }, bytes);
  await deps.table.putAll([{ pk: scopePartition(scope), sk: bloomRow(id), bloom }]);
  return {
    id,
    from: momentOf(first),
    until: momentOf(last),
    documents: documents.length,
    cut: documents.filter(({ body }) => body.cutBytes !== undefined).length,
    bytes: bytes.length,
    rawBytes,
    digest: digestOf(bytes),
  };
}

/**
 * In the order of comparePlaces, each place once. Of two of the same place the later in `documents` stays, unless it knows less:
 * what is closed stays closed.
 */
export function inOrder(documents: readonly SearchDocument[]): SearchDocument[] {
  const sorted = documents.map((document) => ({ document, place: documentPlace(document) }));
  sorted.sort((a, b) => comparePlaces(a.place, b.place));
  const kept: typeof sorted = [];
  for (const each of sorted) {
    const before = kept.at(-1);
    if (!before || comparePlaces(before.place, each.place) !== 0) kept.push(each);
    else if (before.document.body.open || !each.document.body.open) kept[kept.length - 1] = each;
  }
  return kept.map(({ document }) => document);
}

/** `gone`: the store has none, as when it was replaced meanwhile. */
export async function openSegment(
  { store }: Pick<SearchIndexDeps, 'store'>,
  scope: string,
  { id, digest }: LiveSegment,
): Promise<{ readonly file: SegmentFile; readonly bytes: number } | 'damaged' | 'gone'> {
  const bytes = await store.get({ scope, id });
  if (!bytes) return 'gone';
  if (digestOf(bytes) !== digest) return 'damaged';
  try {
    return { file: new SegmentFile(bytes), bytes: bytes.length };
  } catch (cause) {
    if (cause instanceof SegmentFileDamage) return 'damaged';
    throw cause;
  }
}

/** Objects and blooms of names that are not to be, and then the names. Whoever still plans with one gives it up. */
export async function deleteSegments(deps: SearchIndexDeps, scope: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const doomed = await changeHead(deps.table, scope, (head) => ({
    ...head,
    dead: head.dead.map(({ id, since, ...rest }) => (ids.includes(id) ? { id, since } : { id, since, ...rest })),
  }));
  const gone = doomed?.dead.map(({ id }) => id).filter((id) => ids.includes(id)) ?? [];
  for (const id of gone) await deps.store.delete({ scope, id });
  await deps.table.deleteAll(gone.map((id) => ({ pk: scopePartition(scope), sk: bloomRow(id) })));
  await changeHead(deps.table, scope, (head) => ({ ...head, dead: head.dead.filter(({ id }) => !gone.includes(id)) }));
}

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
