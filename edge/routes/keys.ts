// /keys: the public keys of whoever asks

import { createRoute, z } from '@hono/zod-openapi';
import { KeyFingerprint, KeyList, NewKey, RegisteredKey } from '../../core/api.ts';
import { type Api, type ApiDeps, answer, failure, jsonAnswer, jsonBody, whoAsks } from './api.ts';

const OneKey = z.strictObject({ fingerprint: KeyFingerprint });

export function keyRoutes(api: Api, { gatehouse }: ApiDeps): void {
  api.openapi(
    createRoute({
      method: 'get',
      path: '/keys',
      summary: "One's registered public keys",
      responses: jsonAnswer(KeyList, 'Newest first'),
    }),
    async (c) => {
      const listed = await gatehouse.keys(whoAsks(c));
      return listed.ok ? c.json({ keys: [...listed.value] }, 200) : failure(c, listed.error);
    },
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/keys',
      summary: 'Register a public key: it signs in over SSH while one holds a live grant',
      request: { body: jsonBody(NewKey) },
      responses: jsonAnswer(RegisteredKey, 'As it is registered, for 90 days'),
    }),
    async (c) => answer(c, await gatehouse.addKey(whoAsks(c), c.req.valid('json'))),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/keys/remove',
      summary: 'Remove one; it signs nobody in from now on',
      request: { body: jsonBody(OneKey) },
      responses: jsonAnswer(RegisteredKey, 'What was removed'),
    }),
    async (c) => answer(c, await gatehouse.removeKey(whoAsks(c), c.req.valid('json').fingerprint)),
  );
}
