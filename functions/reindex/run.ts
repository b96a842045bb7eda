// One run of a reindex: goes on where the last one stopped, for as long as it may. Runs come by the clock until it is done, may be
// killed anywhere, and recordings and queries go on meanwhile: what is indexed here is what the queue's events bring too.

import { randomUUID } from 'node:crypto';
import type { SessionId } from '../../core/ids.ts';
import { parseRecordingKey, type RecordingKey } from '../../core/recording/segment.ts';
import type { Reindex } from '../../core/search/reindex.ts';
import type { CatalogueTable } from '../catalogue-table/table.ts';
import { RetriableFault } from '../faults.ts';
import { inParallel } from '../purge/in-parallel.ts';
import { foldAll } from '../search/fold.ts';
import { dropIndex, dropStale, markStale } from './remake-index.ts';
import type { SearchIndexDeps } from '../search/segments.ts';
import type { RecordingReader } from '../store/recording-reader.ts';
import type { SessionPrefix } from '../store/version-store.ts';
import { beginSession } from './begin-session.ts';
import { dropRows } from './drop-catalogue.ts';
import type { ReindexLedger, ReindexPlace } from './ledger.ts';

/** Alarms count these lines by `kind` (docs/runbook.md). */
export type ReindexEvent =
  | { readonly kind: 'reindex.failed'; readonly object: string; readonly fault: string }
  | ({ readonly kind: 'reindex.ran' } & Pick<Reindex, 'step' | 'sessions' | 'objects' | 'failed'>);

export interface ReindexRunDeps {
  readonly ledger: ReindexLedger;
  readonly table: CatalogueTable;
  readonly reader: RecordingReader;
  /** With a writer of its own: one that remembers what it registered would not register it again. */
  readonly indexObject: (key: string) => Promise<void>;
  /** undefined: there is no full-text index. */
  readonly search: SearchIndexDeps | undefined;
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
  readonly report: (event: ReindexEvent) => void;
  /** Objects, and rows that are dropped: what is left of the store's and the table's rate is for those who record. */
  readonly perSecond: { readonly objects: number; readonly rows: number };
  /** No step is begun after it. Milliseconds since 1970. */
  readonly beginUntilMs: number;
  /** This run has ended by then, dead or alive: until then no other works. */
  readonly endedByMs: number;
}

/** Of a hundred million objects each step is a second's work. */
const BATCH = 100;
const FOLD_EVERY = 2_000;
const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 200;
/** So many, and none could be indexed: it is not they. */
const ALL_FAILED = 16;
const NAMED = 20;

/** Resolves when it is done, when time is up, or when there is nothing to do. Throws RetriableFault: the next run goes on. */
export async function reindexRun(deps: ReindexRunDeps): Promise<void> {
  const id = randomUUID();
  let place = await deps.ledger.take({ id, nowMs: deps.now(), untilMs: deps.endedByMs });
  if (!place) return;
  try {
    while (place && place.reindex.step !== 'done' && deps.now() <= deps.beginUntilMs)
      place = await goOn(place, id, deps);
    if (place) {
      const { step, sessions, objects, failed } = place.reindex;
      deps.report({ kind: 'reindex.ran', step, sessions, objects, failed });
    }
  } finally {
    await deps.ledger.release(id);
  }
}

/** undefined: it cannot go on now. */
async function goOn(place: ReindexPlace, id: string, deps: ReindexRunDeps): Promise<ReindexPlace | undefined> {
  const put = async (next: ReindexPlace) => ((await deps.ledger.put(id, next, deps.now())) ? next : undefined);
  const { reindex, after } = place;
  switch (reindex.step) {
    case 'dropping': {
      const from = typeof after === 'object' ? after : undefined;
      if (!from && deps.search) await dropIndex(deps.search);
      const begun = deps.now();
      const page = await dropRows(deps.table, from);
      await pace(page.dropped, deps.perSecond.rows, begun, deps);
      const dropped = reindex.dropped + page.dropped;
      return put({ reindex: { ...reindex, dropped, step: page.after ? 'dropping' : 'indexing' }, after: page.after });
    }
    case 'indexing':
      return indexRest(place, put, deps);
    case 'folding': {
      const { search } = deps;
      if (search && !(await dropStale(search, () => foldAll(search)))) return undefined;
      return put({ reindex: { ...reindex, step: 'done' }, after: undefined });
    }
    case 'done':
      return place;
  }
}

async function indexRest(
  place: ReindexPlace,
  put: (next: ReindexPlace) => Promise<ReindexPlace | undefined>,
  deps: ReindexRunDeps,
): Promise<ReindexPlace | undefined> {
  const after = typeof place.after === 'string' ? place.after : undefined;
  if (after === undefined && deps.search) await markStale(deps.search);
  let { reindex } = place;
  let before = after === undefined ? undefined : parseRecordingKey(after);
  let batch = newBatch();
  let last = after;
  let unfolded = 0;
  const finish = async (step: Reindex['step'], from: string | undefined) => {
    const begun = deps.now();
    const failures = await indexBatch(batch, deps);
    reindex = {
      ...reindex,
      step,
      sessions: reindex.sessions + batch.begun.length,
      objects: reindex.objects + batch.keys.length,
      failed: reindex.failed + failures.length,
      failures: [...reindex.failures, ...failures].slice(0, NAMED),
    };
    unfolded += batch.keys.length;
    await pace(batch.keys.length, deps.perSecond.objects, begun, deps);
    batch = newBatch();
    if (deps.search && unfolded >= FOLD_EVERY) {
      await foldAll(deps.search);
      unfolded = 0;
    }
    return put({ reindex, after: from });
  };
  for await (const { key } of deps.reader.walk({ after })) {
    const parsed = parseRecordingKey(key);
    if (!parsed) continue;
    const begins = parsed.session !== before?.session || parsed.connector !== before.connector;
    // Whose the session is shows when the other connector's objects of that name are indexed.
    if (begins && batch.sessions.has(parsed.session)) {
      const next = await finish('indexing', last);
      if (!next) return next;
    }
    if (begins) batch.begun.push(parsed);
    batch.sessions.add(parsed.session);
    before = parsed;
    last = key;
    batch.keys.push({ key, kind: parsed.kind });
    if (batch.keys.length < BATCH) continue;
    const next = await finish('indexing', key);
    if (!next || deps.now() > deps.beginUntilMs) return next;
  }
  return finish('folding', undefined);
}

interface Batch {
  readonly begun: SessionPrefix[];
  readonly keys: { readonly key: string; readonly kind: RecordingKey['kind'] }[];
  readonly sessions: Set<SessionId>;
}
const newBatch = (): Batch => ({ begun: [], keys: [], sessions: new Set() });

/** The keys of those that could not be indexed. Manifests last: whether a session is whole is asked then. */
async function indexBatch(batch: Batch, deps: ReindexRunDeps): Promise<string[]> {
  await inParallel(batch.begun, (place) => beginSession(place, deps));
  const failed: string[] = [];
  for (const kind of ['segment', 'original', 'manifest'] as const) {
    let keys = batch.keys.filter((each) => each.kind === kind).map(({ key }) => key);
    for (let attempt = 1; keys.length > 0; attempt++) {
      const again: string[] = [];
      await inParallel(keys, async (key) => {
        try {
          await deps.indexObject(key);
        } catch (fault) {
          again.push(key);
          if (attempt === ATTEMPTS)
            deps.report({
              kind: 'reindex.failed',
              object: key,
              fault: fault instanceof Error ? fault.name : 'unknown',
            });
        }
      });
      keys = again;
      if (attempt === ATTEMPTS) failed.push(...keys.splice(0));
      else if (keys.length > 0) await deps.pause(FIRST_PAUSE_MS * attempt);
    }
  }
  if (failed.length >= ALL_FAILED && failed.length === batch.keys.length)
    throw new RetriableFault('none of many objects could be indexed');
  return failed.sort();
}

/** Waits until so many were allowed since `begunMs`. */
async function pace(count: number, perSecond: number, begunMs: number, { now, pause }: ReindexRunDeps): Promise<void> {
  const left = begunMs + (count / perSecond) * 1000 - now();
  if (left > 0) await pause(left);
}
