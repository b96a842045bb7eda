// What of a recording takes an approval: watching it where its rule says so, and originals.

import { createRoute, z } from '@hono/zod-openapi';
import { PendingRequest, RecordingAsk } from '../../../core/api.ts';
import { SessionId } from '../../../core/ids.ts';
import { type Api, type ApiDeps, answer, failure, jsonAnswer, jsonBody, whoAsks } from '../api.ts';
import { bytes, stream } from '../bodies.ts';

const bySession = z.object({ id: SessionId });

export function viewRoutes(api: Api, { gatehouse }: ApiDeps): void {
  api.openapi(
    createRoute({
      method: 'post',
      path: '/sessions/{id}/view',
      summary: 'Ask to watch a session whose rule wants an approval (whom its `view` names)',
      description: 'Asked again while it waits or lasts, the same request answers.',
      request: { params: bySession, body: jsonBody(RecordingAsk) },
      responses: jsonAnswer(PendingRequest, 'The request; once it is approved, open the session'),
    }),
    async (c) =>
      answer(c, await gatehouse.askForRecording(whoAsks(c), c.req.valid('param').id, 'view', c.req.valid('json'))),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/sessions/{id}/unlock',
      summary: 'Ask for the originals of what was masked: it takes two people (auditors, whom `view` names)',
      request: { params: bySession, body: jsonBody(RecordingAsk) },
      responses: jsonAnswer(PendingRequest, 'The request; once it is approved, fetch the originals'),
    }),
    async (c) =>
      answer(c, await gatehouse.askForRecording(whoAsks(c), c.req.valid('param').id, 'unlock', c.req.valid('json'))),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/sessions/{id}/originals',
      summary: 'The originals, sealed to the keys that the rule named; while the agreement lasts',
      description:
        'Each call is an entry in the audit log. A body that ends within an object broke off: the time was over.',
      request: { params: bySession },
      responses: bytes(
        'application/octet-stream',
        'uint32 segment, uint32 length, sealed object; big endian, in order',
      ),
    }),
    async (c) => {
      const sealed = await gatehouse.originals(whoAsks(c), c.req.valid('param').id);
      return sealed.ok ? stream(c, sealed.value, 'application/octet-stream') : failure(c, sealed.error);
    },
  );
}
