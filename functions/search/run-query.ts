// Answers a query from the index and from what is not in it yet, the newest first, until the page is full. Only what the view
// lets one see is opened. Of scopes where that is one's own documents alone, these are found by their owner and judged one by
// one: what others' documents hold decides neither what is opened nor how long it takes.

import {
  comparePlaces,
  momentOf,
  type DocumentPlace,
  documentPlace,
  type SearchDocument,
} from '../../core/search/document.ts';
import { fitsDocument, wordsOfDocument } from '../../core/search/match.ts';
import type { SearchHit, SearchPage, SearchView } from '../../core/search/page.ts';
import { parseQuery, type QueryMistake } from '../../core/search/parse.ts';
import { type SearchExpression, spanOf } from '../../core/search/query.ts';
import { snippetOf } from '../../core/search/snippet.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { makeCursor, readCursor } from '../catalogue-table/cursor.ts';
import { RetriableFault } from '../faults.ts';
import { documentNow, waitingDocuments } from './documents.ts';
import { ownerQuery, ownerTerm } from './segment/fact-terms.ts';
import { type KnownScope, knownScopes, readWaiting } from './fold.ts';
import { ftsQuery, termsNeeded } from './segment/fts-query.ts';
import { type LiveSegment, readHead } from './head.ts';
import { noteDamage } from './requeue.ts';
import type { SegmentCache } from './segment-cache.ts';
import type { SearchIndexDeps } from './segments.ts';
import {
  endOfMoment,
  MemorySource,
  type QueryBounds,
  type QueryCost,
  SegmentSource,
  type DocumentSource,
} from './sources.ts';

interface SearchDeps extends SearchIndexDeps {
  readonly cache: SegmentCache;
  /** Default: LIMITS. */
  readonly limits?: QueryLimits;
}

export interface SearchAsked {
  readonly text: string;
  readonly view: SearchView;
  readonly cursor: string | undefined;
  readonly limit: number;
}

type SearchFault = ({ readonly reason: 'bad_query' } & QueryMistake) | { readonly reason: 'bad_cursor' };

/** What one request looks through; with more the page comes short, and its cursor leads on. */
const LIMITS = { examined: 20_000, opened: 100, read: 256 * 1024 * 1024 };
type QueryLimits = Readonly<Record<keyof QueryCost, number>>;
/** Begins again with what there is now, when a segment was replaced under it. */
const ATTEMPTS = 5;

export async function runQuery(
  asked: SearchAsked,
  deps: SearchDeps,
  cost: QueryCost = { opened: 0, read: 0, examined: 0 },
): Promise<Result<SearchPage, SearchFault>> {
  const parsed = parseQuery(asked.text, deps.now());
  if (!parsed.ok) return err({ reason: 'bad_query', ...parsed.error });
  const span = spanOf(parsed.value);
  let before: DocumentPlace = endOfMoment(span.until);
  if (asked.cursor !== undefined) {
    const position = readCursor(cursorOf(asked.text), asked.cursor);
    const place = position.ok ? readPlace(position.value) : undefined;
    if (!place) return err({ reason: 'bad_cursor' });
    if (comparePlaces(place, before) < 0) before = place;
  }
  const bounds = { asked: parsed.value, before, from: span.from };
  let gone: SegmentGone | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      const sources = await sourcesOf(asked.view, bounds, deps, cost);
      return ok(await pageOf(sources, bounds, asked, deps, cost));
    } catch (thrown) {
      if (!(thrown instanceof SegmentGone)) throw thrown;
      // Replaced meanwhile; the head that is read next does not list it, unless it is lost.
      if (gone?.segment === thrown.segment) await noteDamage(deps, gone.scope, gone.segment);
      gone = thrown;
    }
  }
  throw new RetriableFault('the search index is changed all the time: try again');
}

class SegmentGone extends Error {
  readonly scope: string;
  readonly segment: string;
  constructor(scope: string, segment: string) {
    super('a search segment is gone');
    this.scope = scope;
    this.segment = segment;
  }
}

const cursorOf = (text: string): string => JSON.stringify(['search', text]);

function readPlace(text: string): DocumentPlace | undefined {
  const [at, session, key, ...more]: unknown[] = JSON.parse(text);
  const sound = typeof at === 'number' && typeof session === 'string' && typeof key === 'string' && more.length === 0;
  return sound ? { at, session, key } : undefined;
}

/** Of each scope what waits is read before its head: what is folded between the two is in both. */
async function sourcesOf(
  view: SearchView,
  bounds: QueryBounds,
  deps: SearchDeps,
  cost: QueryCost,
): Promise<DocumentSource[]> {
  const scopes = await knownScopes(deps);
  const each = await Promise.all(
    scopes.map(async (scope): Promise<DocumentSource[]> => {
      const whole = view.rules === 'all' ? !view.except?.includes(scope.rule) : view.rules.includes(scope.rule);
      if (!whole && view.own.forbiddenBy.includes(scope.rule)) return [];
      const owner = whole ? undefined : view.own.subject;
      const waiting = (await readWaiting(deps, scope.id))
        .flatMap((row) => row.waiting ?? [])
        .filter(({ session }) => owner === undefined || session.subject === owner);
      const { segments } = await readHead(deps.table, scope.id);
      const own = (document: SearchDocument) => owner === undefined || document.session.subject === owner;
      const sources: DocumentSource[] = segments
        .filter(({ from, until }) => until >= bounds.from && from <= bounds.before.at)
        .map((segment) => segmentSource(scope, segment, owner, bounds, deps, cost));
      if (waiting.length > 0)
        sources.push(
          new MemorySource(bounds, async () => (await waitingDocuments(deps.table, waiting)).filter(own), cost),
        );
      return sources;
    }),
  );
  return each.flat();
}

function segmentSource(
  { id: scope }: KnownScope,
  segment: LiveSegment,
  owner: string | undefined,
  bounds: QueryBounds,
  deps: SearchDeps,
  cost: QueryCost,
): DocumentSource {
  const take = async (first: boolean) => {
    const needed = owner === undefined ? termsNeeded(bounds.asked) : [[ownerTerm(owner)]];
    const taken = await deps.cache.take(scope, segment, needed);
    if (taken === 'without') return undefined;
    if (taken === 'gone') throw new SegmentGone(scope, segment.id);
    if (taken === 'damaged') {
      await noteDamage(deps, scope, segment.id);
      throw new RetriableFault('a part of the search index is damaged and has to be made again');
    }
    if (first) cost.opened++;
    cost.read += taken.read;
    return taken;
  };
  const query = owner === undefined ? ftsQuery(bounds.asked) : ownerQuery(owner);
  return new SegmentSource(segment.until, bounds, query, take, cost);
}

async function pageOf(
  sources: readonly DocumentSource[],
  bounds: QueryBounds,
  { text, limit }: SearchAsked,
  deps: SearchDeps,
  cost: QueryCost,
): Promise<SearchPage> {
  const hits: SearchHit[] = [];
  const begun = { ...cost };
  const limits = deps.limits ?? LIMITS;
  const isEnough = () =>
    (['examined', 'opened', 'read'] as const).some((what) => cost[what] - begun[what] >= limits[what]);
  let last: DocumentPlace | undefined;
  const withCursor = ({ at, session, key }: DocumentPlace): SearchPage => ({
    hits,
    cursor: makeCursor(cursorOf(text), JSON.stringify([at, session, key])),
  });
  for (;;) {
    const next = foremost(sources);
    if (!next) return { hits };
    // Whether there is more is for the next page to find out: it may take long.
    if (hits.length === limit && last) return withCursor(last);
    const [document] = next.source.buffer;
    if (!document) {
      // Each request gets on, if only by one document.
      if (isEnough() && comparePlaces(next.place, bounds.before) < 0) return withCursor(next.place);
      await next.source.look();
      continue;
    }
    next.source.buffer.shift();
    const place = documentPlace(document);
    if (last && comparePlaces(place, last) === 0) continue;
    const shown = await asItIsNow(document, bounds.asked, deps);
    if (!shown) continue;
    last = place;
    hits.push(hitOf(shown, bounds.asked));
  }
}

/** The source that has, or may have, the newest of what is to come. */
function foremost(
  sources: readonly DocumentSource[],
): { readonly source: DocumentSource; readonly place: DocumentPlace } | undefined {
  let found: { readonly source: DocumentSource; readonly place: DocumentPlace } | undefined;
  for (const source of sources) {
    const place = source.position();
    if (!place) continue;
    const order = found ? comparePlaces(place, found.place) : 1;
    // Of two that stand alike the one that has still to be looked into.
    if (order > 0 || (order === 0 && source.buffer.length === 0)) found = { source, place };
  }
  return found;
}

/** Of what had not ended when it was indexed more may be known by now, and then it may not fit any more. */
async function asItIsNow(
  document: SearchDocument,
  asked: SearchExpression,
  deps: SearchDeps,
): Promise<SearchDocument | undefined> {
  const { action, open } = document.body;
  if (!open || action === undefined) return document;
  const now = await documentNow(deps.table, document.session, action);
  return now && fitsDocument(asked, wordsOfDocument(now)) ? now : undefined;
}

function hitOf(document: SearchDocument, asked: SearchExpression): SearchHit {
  const { session, body } = document;
  const snippet = snippetOf(document, asked);
  const { kind, action, lane, outcome, verdict, rows, durationUs, cutBytes } = body;
  return {
    session: session.session,
    moment: Math.floor(body.timeUs / 1000) / 1000,
    at: new Date(momentOf(document)).toISOString(),
    snippet: snippet.text,
    marks: snippet.marks.map(([from, to]) => [from, to]),
    kind,
    lane,
    ...(action !== undefined && { action }),
    ...(outcome !== undefined && { outcome }),
    ...(verdict && { verdict }),
    ...(rows !== undefined && { rows }),
    ...(durationUs !== undefined && { durationUs }),
    ...(cutBytes !== undefined && { cutBytes }),
    email: session.email,
    resource: session.resource,
    protocol: session.protocol,
  };
}
