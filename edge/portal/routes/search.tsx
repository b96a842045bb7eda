// Search: a query becomes a page of hits, and each hit a link to its moment.

import { Hono } from 'hono';
import { SearchQuery } from '../../../core/search/page.ts';
import { parseQuery } from '../../../core/search/parse.ts';
import type { PortalDeps } from '../deps.ts';
import { show, showFault, signedIn } from '../page.tsx';
import { type SearchAnswer, SearchResultsPage } from '../pages/archive/search.tsx';

const HITS_A_PAGE = 20;

export function searchPages(deps: PortalDeps): Hono {
  const app = new Hono();

  app.get(
    '/search',
    signedIn(deps, async (visit) => {
      const { identity, auditor, administrator } = visit.me;
      const mayHold = auditor || administrator;
      const query = (visit.c.req.query('q') ?? '').trim();
      const cursor = visit.c.req.query('cursor') || undefined;
      const page = (answer: SearchAnswer | undefined, status: 200 | 400 | 503 = 200) =>
        show(
          visit,
          'Search',
          <SearchResultsPage {...{ query, cursor, answer, auditor, mayHold }} email={identity.email} />,
          { status },
        );
      if (query === '') return page(undefined);
      const read = parseQuery(query, deps.now());
      if (!read.ok) return page({ kind: 'mistake', mistake: read.error }, 400);
      const asked = SearchQuery.safeParse({ q: query, limit: HITS_A_PAGE, ...(cursor && { cursor }) });
      if (!asked.success) return page({ kind: 'refused', message: 'The page is not one of this search.' }, 400);
      const found = await deps.gatehouse.search(identity, asked.data);
      if (found.ok) return page({ kind: 'found', page: found.value, limit: HITS_A_PAGE });
      const { reason, message } = found.error;
      if (reason === 'bad_request') return page({ kind: 'refused', message }, 400);
      return reason === 'unavailable' ? page({ kind: 'refused', message }, 503) : showFault(visit, found.error);
    }),
  );

  return app;
}
