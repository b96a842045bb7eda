// A catalogue with a search index over it, filled without recordings: what the indexer would have made of them.

import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { ActionEntry } from '../../../core/catalogue.ts';
import { type ConnectorId, newId, type SessionId } from '../../../core/ids.ts';
import { NOTHING_COUNTED } from '../../../core/recording/manifest.ts';
import { openingOf } from '../../../core/session-evidence.ts';
import { CatalogueTable, createCatalogueTable } from '../../../functions/catalogue-table/table.ts';
import type { SegmentContents } from '../../../functions/catalogue-table/segment-contents.ts';
import { CatalogueWriter } from '../../../functions/catalogue-table/writer.ts';
import { SearchAnnouncer } from '../../../functions/search/announce.ts';
import { foldAll } from '../../../functions/search/fold.ts';
import { runQuery, type SearchAsked } from '../../../functions/search/run-query.ts';
import { SegmentCache } from '../../../functions/search/segment-cache.ts';
import type { ApiReporter } from '../../../functions/faults.ts';
import type { QueryCost } from '../../../functions/search/sources.ts';
import { memorySearchStore } from './memory-store.ts';
import { RecordingBuilder, type BuilderOptions } from '../recording-builder.ts';

const NO_SUBJECT = { subject: '', forbiddenBy: [] };
export const ALL = { rules: 'all' as const, own: NO_SUBJECT };

type OpenOptions = BuilderOptions & { readonly rule?: string; readonly retainDays?: number };

export interface ArchivedSession {
  readonly session: SessionId;
  readonly connector: ConnectorId;
}

export async function newSearchArchive(client: DynamoDBClient, Table: typeof CatalogueTable = CatalogueTable) {
  const name = `catalogue-${newId('ses')}`;
  await createCatalogueTable(client, name);
  const table = new Table(client, name);
  const store = memorySearchStore();
  const events: Parameters<ApiReporter>[0][] = [];
  const clock = { now: Date.UTC(2026, 10, 30, 12) };
  const report: ApiReporter = (event) => events.push(event);
  const deps = {
    table,
    store,
    now: () => clock.now,
    report,
    cache: new SegmentCache({ table, store }, 64 * 1024 * 1024),
  };
  const writer = new CatalogueWriter(table);
  const search = new SearchAnnouncer(table);

  return {
    ...{ table, store, events, clock, deps, writer, search },
    async open({ rule = 'demo', retainDays = 90, ...options }: OpenOptions): Promise<ArchivedSession> {
      const { opened, connector } = new RecordingBuilder(options);
      const place = { session: opened.session, connector: connector.id };
      await writer.putOpened(place, { ...openingOf(opened), rule }, retainDays, 'segment');
      await search.placeAll(opened.session);
      return place;
    },
    /** As indexObject does it. */
    async add(place: ArchivedSession, segment: number, contents: Partial<SegmentContents>): Promise<void> {
      const whole = {
        opened: undefined,
        actions: [],
        laterEnds: [],
        said: [],
        counts: NOTHING_COUNTED,
        failedCommands: 0,
        ...contents,
      };
      const row = await writer.claim(place);
      if (typeof row === 'string') throw new Error(`${place.session} is ${row}`);
      const blocks = await writer.putActions(place, segment, whole);
      await search.announce(place.session, segment, whole, blocks, row);
    },
    fold: () => foldAll(deps),
    /** All hits of all pages. */
    async ask(text: string, asked: Partial<SearchAsked> = {}, cost?: QueryCost) {
      const hits = [];
      let cursor = asked.cursor;
      do {
        const page = await runQuery({ view: ALL, limit: 7, ...asked, text, cursor }, deps, cost);
        if (!page.ok) throw new Error(JSON.stringify(page.error));
        hits.push(...page.value.hits);
        cursor = page.value.cursor;
      } while (cursor !== undefined);
      return hits;
    },
  };
}

/** A statement as the indexer lists it. */
export const statement = (
  action: number,
  timeUs: number,
  text: string,
  more: Partial<Extract<ActionEntry, { kind: 'statement' }>> & {
    readonly rows?: number;
    readonly error?: { code: string; severity: string; message: string };
  } = {},
): ActionEntry => {
  const { rows, error, detail, ...rest } = more;
  return {
    ...{ kind: 'statement', action, lane: 0, timeUs, title: text.slice(0, 100) },
    ...rest,
    detail: { text, ...(rows !== undefined && { rows }), ...(error && { error }), ...detail },
  };
};
