// /reindex: catalogue and search index, made again from the object store.

import { createRoute } from '@hono/zod-openapi';
import { OrderReindex, ReindexStanding } from '../../core/search/reindex.ts';
import { type Api, type ApiDeps, answer, jsonAnswer, jsonBody, whoAsks } from './api.ts';

export function reindexRoutes(api: Api, { gatehouse }: ApiDeps): void {
  api.openapi(
    createRoute({
      method: 'get',
      path: '/reindex',
      summary: 'The reindex that is under way, or the last one (administrators, auditors)',
      responses: jsonAnswer(ReindexStanding, 'How far it is'),
    }),
    async (c) => answer(c, await gatehouse.reindexing(whoAsks(c))),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/reindex',
      summary: 'Make catalogue and search index again from the object store (administrators)',
      description: 'It goes on by itself; ask how far it is. One that is under way goes on, and is the answer.',
      request: { body: jsonBody(OrderReindex) },
      responses: jsonAnswer(ReindexStanding, 'The one that is under way now'),
    }),
    async (c) => answer(c, await gatehouse.reindex(whoAsks(c), c.req.valid('json').drop)),
  );
}
