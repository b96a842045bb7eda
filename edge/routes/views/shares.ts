// /shares: links that pass sessions on.

import { createRoute, z } from '@hono/zod-openapi';
import { SessionId, ShareId } from '../../../core/ids.ts';
import { secret } from '../../../core/secret.ts';
import { ListedShare, MadeShare, MakeShare, SharePage } from '../../../core/sharing/share.ts';
import { type Api, type ApiDeps, answer, jsonAnswer, jsonBody, whoAsks } from '../api.ts';

const OpenShare = z.strictObject({ token: z.string().max(100) });
const OpenedShare = z.object({ session: SessionId, moment: z.number().optional() });

export function shareRoutes(api: Api, { gatehouse }: ApiDeps): void {
  api.openapi(
    createRoute({
      method: 'post',
      path: '/sessions/{id}/shares',
      summary: "Make a link that opens the session's page to others (whoever may view it)",
      description:
        'The link is in this answer and in no other. It opens nothing when its maker may not view the session any more.',
      request: { params: z.object({ id: SessionId }), body: jsonBody(MakeShare) },
      responses: jsonAnswer(MadeShare, 'The link'),
    }),
    async (c) => answer(c, await gatehouse.makeShare(whoAsks(c), c.req.valid('param').id, c.req.valid('json'))),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/shares',
      summary: "One's own links; all for auditors",
      request: { query: z.strictObject({ session: SessionId.optional(), cursor: ShareId.optional() }) },
      responses: jsonAnswer(SharePage, 'Newest first; a page of 100'),
    }),
    async (c) => answer(c, await gatehouse.shares(whoAsks(c), c.req.valid('query'))),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/shares/{id}/revoke',
      summary: "Revoke a link (one's own; any for auditors and administrators)",
      request: { params: z.object({ id: ShareId }) },
      responses: jsonAnswer(ListedShare, 'It opens nothing from now on'),
    }),
    async (c) => answer(c, await gatehouse.revokeShare(whoAsks(c), c.req.valid('param').id)),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/shares/open',
      summary: 'Open a link by its token, the part behind #',
      request: { body: jsonBody(OpenShare) },
      responses: jsonAnswer(OpenedShare, 'The session, whose page and replay one may look at from now on'),
    }),
    async (c) => answer(c, await gatehouse.openShare(whoAsks(c), secret(c.req.valid('json').token))),
  );
}
