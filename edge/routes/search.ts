// /search: what was done in sessions, by what was written there.

import { createRoute } from '@hono/zod-openapi';
import { SearchPage, SearchQuery } from '../../core/search/page.ts';
import { type Api, type ApiDeps, answer, jsonAnswer, whoAsks } from './api.ts';

export function searchRoutes(api: Api, { gatehouse }: ApiDeps): void {
  api.openapi(
    createRoute({
      method: 'get',
      path: '/search',
      summary: 'Statements, commands, files, notices in sessions one may view, newest first',
      description: 'The query language: docs/search.md. Each query is in the audit log before it is answered.',
      request: { query: SearchQuery },
      responses: jsonAnswer(SearchPage, 'A page; its cursor leads to the next. It may come short and still have one'),
    }),
    async (c) => answer(c, await gatehouse.search(whoAsks(c), c.req.valid('query'))),
  );
}
