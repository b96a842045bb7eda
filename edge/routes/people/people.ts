// /people, /scim: ending what somebody has open, and the tokens by which a directory keeps people here. (SCIM itself: routes/scim.)

import { createRoute, z } from '@hono/zod-openapi';
import { ScimTokenId } from '../../../core/ids.ts';
import { EndedPerson, EndPerson } from '../../../core/people/ended-person.ts';
import { ListedScimToken, MadeScimToken, MakeScimToken, ScimStanding } from '../../../core/people/scim-tokens.ts';
import { type Api, type ApiDeps, answer, jsonAnswer, jsonBody, whoAsks } from '../api.ts';

export function peopleRoutes(api: Api, { gatehouse }: ApiDeps): void {
  api.openapi(
    createRoute({
      method: 'post',
      path: '/people/end',
      summary: 'End all that a person has open (administrators)',
      description:
        'Portal sign-ins, API tokens, grants with their sessions and tunnels, requests that wait, links that they passed on. They may sign in again.',
      request: { body: jsonBody(EndPerson) },
      responses: jsonAnswer(EndedPerson, 'How much there was of each'),
    }),
    async (c) => {
      const { email, reason } = c.req.valid('json');
      return answer(c, await gatehouse.endPerson(whoAsks(c), email, reason));
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/scim',
      summary: 'How the directory reaches Gatehouse (administrators)',
      responses: jsonAnswer(ScimStanding, 'Its tokens, and how many users and groups there are'),
    }),
    async (c) => answer(c, await gatehouse.scimStanding(whoAsks(c))),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/scim/tokens',
      summary: 'Make a token for a directory (administrators)',
      request: { body: jsonBody(MakeScimToken) },
      responses: jsonAnswer(MadeScimToken, 'Shown this once'),
    }),
    async (c) => answer(c, await gatehouse.makeScimToken(whoAsks(c), c.req.valid('json').name)),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/scim/tokens/{id}/revoke',
      summary: 'Revoke one: it is refused from now on (administrators)',
      request: { params: z.object({ id: ScimTokenId }) },
      responses: jsonAnswer(ListedScimToken, 'What was revoked'),
    }),
    async (c) => answer(c, await gatehouse.revokeScimToken(whoAsks(c), c.req.valid('param').id)),
  );
}
