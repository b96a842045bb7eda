// /me, /resources, /requests, /grants

import { createRoute, z } from '@hono/zod-openapi';
import {
  AccessAnswer,
  AccessRequest,
  GrantList,
  IssuedSshCertificate,
  ListedGrant,
  Me,
  ResourceList,
  SshCertificateRequest,
} from '../../core/api.ts';
import { GrantId } from '../../core/ids.ts';
import { type Api, type ApiDeps, answer, failure, jsonAnswer, jsonBody, whoAsks } from './api.ts';

const Revocation = z.strictObject({ reason: z.string().max(1000).default('') });

export function accessRoutes(api: Api, { gatehouse }: ApiDeps): void {
  api.openapi(
    createRoute({ method: 'get', path: '/me', summary: 'Who is asking', responses: jsonAnswer(Me, 'The person') }),
    async (c) => answer(c, await gatehouse.me(whoAsks(c))),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/resources',
      summary: 'What can be reached',
      responses: jsonAnswer(ResourceList, 'Resources as connectors announced them'),
    }),
    async (c) => {
      const listed = await gatehouse.resources(whoAsks(c));
      return listed.ok ? c.json({ resources: [...listed.value] }, 200) : failure(c, listed.error);
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/requests',
      summary: 'Ask for access',
      description:
        'The secret is shown in this answer and never again. A refusal by policy is 403 with the reason. Where the rule asks for an approval, the answer is the request: POST /requests/{id}/claim once it is approved.',
      request: { body: jsonBody(AccessRequest) },
      responses: jsonAnswer(AccessAnswer, 'A grant, a request that waits, or the live grant there is already'),
    }),
    async (c) => answer(c, await gatehouse.requestAccess(whoAsks(c), c.req.valid('json'))),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/grants',
      summary: "One's grants; everybody's for administrators and auditors",
      responses: jsonAnswer(GrantList, 'Newest first'),
    }),
    async (c) => {
      const listed = await gatehouse.grants(whoAsks(c));
      return listed.ok ? c.json({ grants: [...listed.value] }, 200) : failure(c, listed.error);
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/grants/{id}/revoke',
      summary: 'Revoke a grant; its live sessions end within a second',
      request: { params: z.object({ id: GrantId }), body: jsonBody(Revocation) },
      responses: jsonAnswer(ListedGrant, 'The grant as it is now'),
    }),
    async (c) =>
      answer(c, await gatehouse.revokeGrant(whoAsks(c), c.req.valid('param').id, c.req.valid('json').reason)),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/grants/{id}/ssh-certificate',
      summary: "Certify a key for a live grant of one's own",
      description:
        'The key signs in over SSH in place of the secret, for five minutes or until the grant ends, whichever is sooner. Sessions that begin with it go on until the grant ends.',
      request: { params: z.object({ id: GrantId }), body: jsonBody(SshCertificateRequest) },
      responses: jsonAnswer(IssuedSshCertificate, 'The certificate, and where it signs in'),
    }),
    async (c) =>
      answer(c, await gatehouse.certifyGrant(whoAsks(c), c.req.valid('param').id, c.req.valid('json').publicKey)),
  );
}
