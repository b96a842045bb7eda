// /log: the transparency log of sessions (c2sp.org/tlog-checkpoint), for those who keep its checkpoints.

import { createRoute, z } from '@hono/zod-openapi';
import { LogContinues, LogEntries, LogHead } from '../../core/api.ts';
import { type Api, type ApiDeps, answer, jsonAnswer, whoAsks } from './api.ts';

const index = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export function sessionLogRoutes(api: Api, { gatehouse }: ApiDeps): void {
  api.openapi(
    createRoute({
      method: 'get',
      path: '/log',
      summary: 'The newest checkpoint of the log of sessions, and the key that signed it',
      responses: jsonAnswer(LogHead, 'A signed note of C2SP, and its key'),
    }),
    async (c) => answer(c, await gatehouse.logHead(whoAsks(c))),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/log/continues',
      summary: 'That the log continues what it was with so many entries',
      request: { query: z.strictObject({ size: index }) },
      responses: jsonAnswer(LogContinues, 'A consistency proof of RFC 6962, and the checkpoint that it is for'),
    }),
    async (c) => answer(c, await gatehouse.logContinues(whoAsks(c), c.req.valid('query').size)),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/log/entries',
      summary: 'Entries of the log, in order: digests of sessions and manifests',
      request: { query: z.strictObject({ from: index.default(0) }) },
      responses: jsonAnswer(LogEntries, 'A page; next is where the next begins'),
    }),
    async (c) => answer(c, await gatehouse.logEntries(whoAsks(c), c.req.valid('query').from)),
  );
}
