// The catalogue's reading side: queries on keys only, each page bounded.

import { z } from 'zod';
import type { ActionEntry, ActionPage, SessionEntry, SessionPage, SessionQuery } from '../../core/catalogue.ts';
import { SegmentEntry } from '../../core/catalogue.ts';
import type { SessionId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { toIso } from '../../core/session-evidence.ts';
import type { ApiReporter } from '../faults.ts';
import { readBlock } from './action-blocks.ts';
import { makeCursor, readCursor } from './cursor.ts';
import { withLaterEnds } from './later-ends.ts';
import {
  actionsRow,
  FILTERS,
  type FilterName,
  INDEXES,
  type IndexName,
  MONTHS,
  monthOf,
  SESSION_ROW,
  STARTED,
  sessionPartition,
} from './schema.ts';
import { entryOfRow } from './session-row.ts';
import type { CatalogueTable, Item, Page } from './table.ts';

/** Index entries that one request looks at when filters turn most of them away; the page then comes short, with a cursor. */
const MAX_EXAMINED = 2000;
/** Most telling first: the index to use where a query names several. */
const PREFERENCE: readonly FilterName[] = ['trace', 'task', 'email', 'resource'];
const NEWEST = '9';
const OLDEST = '0';

type BadCursor = { readonly reason: 'bad_cursor' };

export class CatalogueReader {
  readonly #table: CatalogueTable;

  readonly #report: ApiReporter;

  /** `report` hears of rows that no indexer wrote; they are left out. */
  constructor(table: CatalogueTable, report: ApiReporter) {
    this.#table = table;
    this.#report = report;
  }

  /** Newest first. `since` is inside, `until` outside. */
  async sessions(query: SessionQuery): Promise<Result<SessionPage, BadCursor>> {
    const plan = planOf(query);
    let before: string | undefined;
    if (query.cursor !== undefined) {
      const position = readCursor(plan.identity, query.cursor);
      if (!position.ok) return err({ reason: 'bad_cursor' });
      before = position.value;
    }
    // DynamoDB refuses a range that ends before it begins.
    if (plan.oldest > plan.newest) return ok({ sessions: [] });
    const found: Item[] = [];
    let examined = 0;
    let more = false;
    for await (const part of this.#walk(plan, before, query.limit)) {
      examined += part.examined;
      for (const item of part.items) {
        if (found.length === query.limit) {
          more = true;
          break;
        }
        found.push(item);
        before = String(item[STARTED]);
      }
      if (more) break;
      if (part.position !== undefined) before = part.position;
      if (examined >= MAX_EXAMINED && part.position !== undefined) {
        more = true;
        break;
      }
    }
    const rows = await this.#table.getAll(found.map((item) => ({ pk: String(item.pk), sk: SESSION_ROW })));
    const sessions = rows.flatMap((row): SessionEntry[] => {
      const entry = this.#entryOf(row);
      return entry && entry !== 'damaged' ? [entry] : [];
    });
    return ok(more && before !== undefined ? { sessions, cursor: makeCursor(plan.identity, before) } : { sessions });
  }

  async #walkPage(plan: Plan, partition: string, before: string | undefined, limit: number): Promise<Page> {
    const filters = Object.entries(plan.filters);
    return this.#table.query({
      IndexName: plan.index,
      KeyConditionExpression: '#partition = :partition AND #started BETWEEN :oldest AND :newest',
      ExpressionAttributeNames: {
        '#partition': plan.partition,
        '#started': STARTED,
        ...Object.fromEntries(filters.map(([name]) => [`#f_${name}`, name])),
      },
      ExpressionAttributeValues: {
        ':partition': partition,
        ':oldest': plan.oldest,
        ':newest': plan.newest,
        ...Object.fromEntries(filters.map(([name, value]) => [`:f_${name}`, value])),
      },
      ...(filters.length === 0
        ? {}
        : { FilterExpression: filters.map(([name]) => `#f_${name} = :f_${name}`).join(' AND ') }),
      ...(before === undefined ? {} : { ExclusiveStartKey: startKey(plan, partition, before) }),
      ScanIndexForward: false,
      Limit: limit,
    });
  }

  async *#walk(plan: Plan, before: string | undefined, limit: number) {
    // One more than the page, to know whether another follows; more at once where filters will drop some.
    const size = Object.keys(plan.filters).length === 0 ? limit + 1 : Math.max(limit + 1, 200);
    let from = before;
    for await (const partition of this.#partitions(plan, before)) {
      for (;;) {
        const page = await this.#walkPage(plan, partition, from, size);
        const last = page.last && String(page.last[STARTED]);
        yield { items: page.items, examined: size, position: last };
        if (last === undefined) break;
        from = last;
      }
      from = undefined;
    }
  }

  /** The index's partitions that the query spans, newest first: one, or the months that have sessions. */
  async *#partitions(plan: Plan, before: string | undefined): AsyncGenerator<string> {
    if (plan.value !== undefined) {
      yield plan.value;
      return;
    }
    const newest = before ?? plan.newest;
    let start: Item | undefined;
    do {
      const page: Page = await this.#table.query({
        KeyConditionExpression: 'pk = :months AND sk BETWEEN :oldest AND :newest',
        ExpressionAttributeValues: {
          ':months': MONTHS,
          ':oldest': monthOf(plan.oldest),
          ':newest': monthOf(newest),
        },
        ScanIndexForward: false,
        Limit: 24,
        ...(start ? { ExclusiveStartKey: { ...start } } : {}),
      });
      for (const item of page.items) yield String(item.sk);
      start = page.last;
    } while (start);
  }

  /** `damaged`: there is a row, and no indexer wrote it. */
  async session(session: SessionId): Promise<SessionEntry | 'damaged' | undefined> {
    const row = await this.#table.get({ pk: sessionPartition(session), sk: SESSION_ROW });
    return row && this.#entryOf(row);
  }

  #entryOf(row: Item): SessionEntry | 'damaged' | undefined {
    const entry = entryOfRow(row);
    if (entry === 'damaged') {
      const session = String(row.pk).slice(sessionPartition('' as SessionId).length);
      this.#report({ kind: 'catalogue.contradicted', session, fields: ['row'] });
    }
    return entry;
  }

  /** All segments of one session, by number. */
  async segments(session: SessionId): Promise<SegmentEntry[]> {
    const segments: SegmentEntry[] = [];
    let start: Item | undefined;
    do {
      const page: Page = await this.#table.query({
        KeyConditionExpression: 'pk = :pk AND begins_with(sk, :segment)',
        ExpressionAttributeValues: { ':pk': sessionPartition(session), ':segment': 'segment#' },
        ...(start ? { ExclusiveStartKey: { ...start } } : {}),
      });
      segments.push(...z.array(SegmentEntry).parse(page.items));
      start = page.last;
    } while (start);
    return segments;
  }

  /** By statement number, from 1. */
  async actions(session: SessionId, cursor: string | undefined, limit: number): Promise<Result<ActionPage, BadCursor>> {
    const identity = `actions ${session}`;
    let from = 0;
    if (cursor !== undefined) {
      const position = readCursor(identity, cursor);
      if (!position.ok || !/^\d{1,12}$/.test(position.value)) return err({ reason: 'bad_cursor' });
      from = Number(position.value);
    }
    const wanted = await this.#actionsFrom(session, from, limit + 1);
    const actions = await withLaterEnds(this.#table, session, wanted.slice(0, limit));
    const next = wanted[limit];
    return ok(next ? { actions, cursor: makeCursor(identity, String(next.action)) } : { actions });
  }

  async #actionsFrom(session: SessionId, from: number, count: number): Promise<ActionEntry[]> {
    const pk = sessionPartition(session);
    // The block that holds `from` is the last one to begin at or before it.
    const holding = await this.#table.query({
      KeyConditionExpression: 'pk = :pk AND sk BETWEEN :first AND :from',
      ExpressionAttributeValues: { ':pk': pk, ':first': 'actions#', ':from': `${actionsRow(from, 0).slice(0, -8)}~` },
      ScanIndexForward: false,
      Limit: 1,
    });
    const found: ActionEntry[] = holding.items.flatMap(readBlock).filter(({ action }) => action >= from);
    let after = String(holding.items[0]?.sk ?? 'actions#');
    while (found.length < count) {
      const page = await this.#table.query({
        KeyConditionExpression: 'pk = :pk AND sk BETWEEN :after AND :end',
        ExpressionAttributeValues: { ':pk': pk, ':after': `${after}!`, ':end': 'actions#~' },
        Limit: 1,
      });
      const item = page.items[0];
      if (!item) break;
      found.push(...readBlock(item));
      after = String(item.sk);
    }
    return found.slice(0, count);
  }
}

/** How a query is answered. */
interface Plan {
  readonly index: IndexName;
  /** The index's partition attribute, and its value; undefined: by month. */
  readonly partition: string;
  readonly value: string | undefined;
  readonly filters: Readonly<Record<string, string>>;
  readonly oldest: string;
  readonly newest: string;
  /** What a cursor is tied to. */
  readonly identity: string;
}

function planOf(query: SessionQuery): Plan {
  const picked = PREFERENCE.find((name) => query[name] !== undefined);
  const index = INDEXES.find(({ partition }) => partition === picked) ?? INDEXES[0];
  const wantedOf = (name: FilterName) => (name === 'email' ? query.email?.trim().toLowerCase() : query[name]);
  const filters: Record<string, string> = {};
  for (const name of FILTERS) {
    const value = wantedOf(name);
    if (name !== picked && value !== undefined) filters[name] = value;
  }
  const oldest = query.since === undefined ? OLDEST : toIso(query.since);
  const newest = query.until === undefined ? NEWEST : toIso(query.until);
  const value = picked && wantedOf(picked);
  return {
    index: index.name,
    partition: index.partition,
    value,
    filters,
    oldest,
    newest,
    identity: JSON.stringify(['sessions', index.name, value ?? null, filters, oldest, newest]),
  };
}

function startKey(plan: Plan, partition: string, position: string): Record<string, string> {
  const session = position.slice(position.indexOf('#') + 1) as SessionId;
  return { pk: sessionPartition(session), sk: SESSION_ROW, [plan.partition]: partition, [STARTED]: position };
}
