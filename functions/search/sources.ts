// Where a query finds documents: what waits, as the catalogue has it, and search segments. Each gives what fits, the newest
// first, and says how far it has come.

import { comparePlaces, type DocumentPlace, documentPlace, type SearchDocument } from '../../core/search/document.ts';
import { fitsDocument, wordsOfDocument } from '../../core/search/match.ts';
import type { SearchExpression } from '../../core/search/query.ts';
import type { FtsQuery } from './segment/fts-query.ts';
import type { SegmentFile } from './segment/segment-file.ts';

export interface QueryBounds {
  readonly asked: SearchExpression;
  /** Nothing at this place or after it. */
  readonly before: DocumentPlace;
  /** Milliseconds since 1970: nothing before it. */
  readonly from: number;
}

/** What a query cost. */
export interface QueryCost {
  /** Search segments that were looked into, and bytes that were fetched for it. */
  opened: number;
  read: number;
  /** Documents that were compared with the query. */
  examined: number;
}

export interface DocumentSource {
  /** No document that is still to come stands at this place or after it; undefined: none is to come. */
  position(): DocumentPlace | undefined;
  /** Looks further; takes what it finds into its buffer. */
  look(): Promise<void>;
  /** The next one, when it is known: it stands at `position`, or just before. */
  readonly buffer: SearchDocument[];
}

/** Above all places of that moment. */
export const endOfMoment = (at: number): DocumentPlace => ({ at, session: '\uffff', key: '' });
/** Just above a place, so that it comes before. */
const justAbove = (place: DocumentPlace): DocumentPlace => ({ ...place, key: `${place.key}\0` });

/** `load`: all that it has, once; in any order. */
export class MemorySource implements DocumentSource {
  readonly buffer: SearchDocument[] = [];
  readonly #bounds: QueryBounds;
  readonly #load: () => Promise<readonly SearchDocument[]>;
  readonly #cost: QueryCost;
  #loaded = false;

  constructor(bounds: QueryBounds, load: () => Promise<readonly SearchDocument[]>, cost: QueryCost) {
    this.#bounds = bounds;
    this.#load = load;
    this.#cost = cost;
  }

  position(): DocumentPlace | undefined {
    if (!this.#loaded) return this.#bounds.before;
    const [next] = this.buffer;
    return next && justAbove(documentPlace(next));
  }

  async look(): Promise<void> {
    if (this.#loaded) return;
    const documents = await this.#load();
    this.#loaded = true;
    this.#cost.examined += documents.length;
    this.buffer.push(
      ...documents
        .filter((document) => isInside(document, this.#bounds))
        .sort((a, b) => comparePlaces(documentPlace(b), documentPlace(a))),
    );
  }
}

const FIRST_LOOK = 32;
const LARGEST_LOOK = 2000;

/** `take` is called when its time comes, each time that it is looked into; undefined: it has nothing for this query. */
export class SegmentSource implements DocumentSource {
  readonly buffer: SearchDocument[] = [];
  readonly #bounds: QueryBounds;
  readonly #query: FtsQuery;
  readonly #take: (first: boolean) => Promise<{ readonly file: SegmentFile; release(): void } | undefined>;
  readonly #cost: QueryCost;
  #place: DocumentPlace;
  /** Ids between which it has still to be looked through; undefined: not looked into yet. */
  #rest: { readonly after: number; readonly last: number } | undefined;
  #done = false;
  #size = FIRST_LOOK;

  constructor(
    until: number,
    bounds: QueryBounds,
    query: FtsQuery,
    take: (first: boolean) => Promise<{ readonly file: SegmentFile; release(): void } | undefined>,
    cost: QueryCost,
  ) {
    const end = endOfMoment(until);
    this.#place = comparePlaces(end, bounds.before) < 0 ? end : bounds.before;
    this.#bounds = bounds;
    this.#query = query;
    this.#take = take;
    this.#cost = cost;
  }

  position(): DocumentPlace | undefined {
    const [next] = this.buffer;
    if (next) return justAbove(documentPlace(next));
    return this.#done ? undefined : this.#place;
  }

  async look(): Promise<void> {
    if (this.#done) return;
    const taken = await this.#take(this.#rest === undefined);
    if (!taken) {
      this.#done = true;
      return;
    }
    try {
      this.#lookInto(taken.file);
    } finally {
      // What was found is in the buffer: nobody's memory waits for a page to be full.
      taken.release();
    }
  }

  #lookInto(file: SegmentFile): void {
    const { before, from } = this.#bounds;
    const { after, last } = this.#rest ?? {
      after: Number.isFinite(from) ? file.countBefore({ at: from, session: '', key: '' }) : 0,
      last: file.countBefore(before),
    };
    const found = file.find(this.#query, after, last, this.#size);
    this.#cost.examined += found.length;
    const oldest = found.at(-1);
    if (oldest && found.length === this.#size) {
      this.#rest = { after, last: oldest.id - 1 };
      this.#place = documentPlace(oldest.document);
      this.#size = Math.min(LARGEST_LOOK, this.#size * 2);
    } else this.#done = true;
    for (const { document } of found) if (isInside(document, this.#bounds)) this.buffer.push(document);
  }
}

const isInside = (document: SearchDocument, { asked, before, from }: QueryBounds): boolean => {
  const place = documentPlace(document);
  return place.at >= from && comparePlaces(place, before) < 0 && fitsDocument(asked, wordsOfDocument(document));
};
