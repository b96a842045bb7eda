// /requests/{id}, /approvals

import { createRoute, z } from '@hono/zod-openapi';
import { ApprovalDecision, ApprovalList, IssuedGrant, ListedApproval, RequestDetail } from '../../core/api.ts';
import { MAX_COMMENT_CHARACTERS } from '../../core/approval/approval.ts';
import { RequestId } from '../../core/ids.ts';
import { type Api, type ApiDeps, answer, failure, jsonAnswer, jsonBody, whoAsks } from './api.ts';

const params = z.object({ id: RequestId });
const Review = z.strictObject({ comment: z.string().max(MAX_COMMENT_CHARACTERS) });

export function approvalRoutes(api: Api, { gatehouse }: ApiDeps): void {
  api.openapi(
    createRoute({
      method: 'get',
      path: '/requests/{id}',
      summary: 'A request and how it stands',
      request: { params },
      responses: jsonAnswer(RequestDetail, 'The request'),
    }),
    async (c) => {
      const found = await gatehouse.approval(whoAsks(c), c.req.valid('param').id);
      if (!found.ok) return failure(c, found.error);
      const { id, state, link } = found.value;
      return c.json({ request: { id, state, link }, approval: found.value } as never, 200);
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/requests/{id}/claim',
      summary: 'Fetch the grant of an approved request (whoever asked)',
      description: 'The secret is shown in this answer and never again; a second call is a conflict.',
      request: { params },
      responses: jsonAnswer(IssuedGrant, 'The grant'),
    }),
    async (c) => answer(c, await gatehouse.claimRequest(whoAsks(c), c.req.valid('param').id)),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/requests/{id}/withdraw',
      summary: 'Withdraw a request (whoever asked)',
      request: { params },
      responses: jsonAnswer(ListedApproval, 'The request as it is now'),
    }),
    async (c) => answer(c, await gatehouse.withdrawRequest(whoAsks(c), c.req.valid('param').id)),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/approvals',
      summary: 'What waits for one, and the requests that one may see',
      request: { query: z.strictObject({ state: z.enum(['open', 'all']).default('open') }) },
      responses: jsonAnswer(ApprovalList, 'Newest first'),
    }),
    async (c) => {
      const list = await gatehouse.approvals(whoAsks(c), c.req.valid('query').state);
      return list.ok ? c.json({ approvals: [...list.value] }, 200) : failure(c, list.error);
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/approvals/{id}/decision',
      summary: 'Approve or deny a request (approvers, and never whoever asked)',
      request: { params, body: jsonBody(ApprovalDecision) },
      responses: jsonAnswer(ListedApproval, 'The request as it is now'),
    }),
    async (c) =>
      answer(c, await gatehouse.decideApproval(whoAsks(c), c.req.valid('param').id, c.req.valid('json'), 'api')),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/approvals/{id}/review',
      summary: 'Say of a break-glass that it was looked at (approvers, and never whoever broke it)',
      request: { params, body: jsonBody(Review) },
      responses: jsonAnswer(ListedApproval, 'The request as it is now'),
    }),
    async (c) =>
      answer(c, await gatehouse.reviewBreakGlass(whoAsks(c), c.req.valid('param').id, c.req.valid('json').comment)),
  );
}
