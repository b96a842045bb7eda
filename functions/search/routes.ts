// The index over HTTP, for the edge: it says what its asker may see, and has written the look down before (law 7).

import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { SearchQuery, SearchView } from '../../core/search/page.ts';
import { runQuery } from './run-query.ts';
import type { SegmentCache } from './segment-cache.ts';
import type { SearchIndexDeps } from './segments.ts';

const Asked = SearchQuery.extend({ view: SearchView });
const MAX_BODY_BYTES = 256 * 1024;

/** A query is in the body: what somebody searches for stands in no URL and so in no log of them. */
export function searchIndexRoutes(
  deps: SearchIndexDeps & {
    readonly cache: SegmentCache;
    /** Says whether a page that was asked for from then until now may lack something. */
    readonly reindex: { mayLack(sinceMs: number): Promise<boolean> };
  },
): Hono {
  const app = new Hono();
  app.post('/', bodyLimit({ maxSize: MAX_BODY_BYTES, onError: tooLarge }), async (c) => {
    const asked = Asked.safeParse(await c.req.json().catch(() => undefined)).data;
    const badRequest = (message: string) => c.json({ error: { reason: 'bad_request', message } }, 400);
    if (!asked) return badRequest('expected a query, and what its asker may see');
    const { q, view, cursor, limit } = asked;
    const since = deps.now();
    const page = await runQuery({ text: q, view, cursor, limit }, deps);
    if (page.ok) return c.json((await deps.reindex.mayLack(since)) ? { ...page.value, incomplete: true } : page.value);
    return badRequest(
      page.error.reason === 'bad_cursor'
        ? 'the cursor does not belong to this query: begin again without it'
        : page.error.message,
    );
  });
  return app;
}

const tooLarge = (c: Context) =>
  c.json({ error: { reason: 'bad_request', message: `a query is at most ${MAX_BODY_BYTES} bytes` } }, 413);
