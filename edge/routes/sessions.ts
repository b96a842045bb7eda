// /sessions and /witness: recordings and what is needed to prove them.

import { createRoute, z } from '@hono/zod-openapi';
import { EndedSession, EndSession, ObjectList, Witnessed, WitnessPage } from '../../core/api.ts';
import { ExportParts, ExportQuery } from '../../core/replay/exports.ts';
import { ActionPage, MAX_ACTIONS_A_PAGE, SessionDetail, SessionPage, SessionQuery } from '../../core/catalogue.ts';
import { SessionId } from '../../core/ids.ts';
import { ReplayQuery } from '../../core/replay/terminal.ts';
import { type Api, type ApiDeps, answer, failure, jsonAnswer, jsonBody, whoAsks } from './api.ts';
import { bytes, stream } from './bodies.ts';

const bySession = z.object({ id: SessionId });
const byObject = z.object({ id: SessionId, name: z.string().max(100) });
const paging = z.strictObject({
  cursor: z.string().max(2000).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_ACTIONS_A_PAGE).default(100),
});

export function sessionRoutes(api: Api, { gatehouse }: ApiDeps): void {
  api.openapi(
    createRoute({
      method: 'get',
      path: '/sessions',
      summary: 'Sessions one may view, newest first',
      request: { query: SessionQuery },
      responses: jsonAnswer(SessionPage, 'A page; its cursor leads to the next'),
    }),
    async (c) => answer(c, await gatehouse.sessions(whoAsks(c), c.req.valid('query'))),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/sessions/{id}',
      summary: 'A session: manifest, coverage, segments',
      request: { params: bySession },
      responses: jsonAnswer(SessionDetail, 'The session'),
    }),
    async (c) => answer(c, await gatehouse.session(whoAsks(c), c.req.valid('param').id)),
  );

  api.openapi(
    createRoute({
      method: 'post',
      path: '/sessions/{id}/end',
      summary: 'End a live session within a second; its grant stays',
      description:
        'For its own person, administrators and auditors. 503 and 409: it goes on, since its connector is not linked or of an earlier release; revoke the grant instead.',
      request: { params: bySession, body: jsonBody(EndSession) },
      responses: jsonAnswer(EndedSession, 'It is being ended, or was over already'),
    }),
    async (c) => answer(c, await gatehouse.endSession(whoAsks(c), c.req.valid('param').id, c.req.valid('json').reason)),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/sessions/{id}/actions',
      summary: 'Its statements',
      request: { params: bySession, query: paging },
      responses: jsonAnswer(ActionPage, 'In the order they came'),
    }),
    async (c) => {
      const { cursor, limit } = c.req.valid('query');
      return answer(c, await gatehouse.actions(whoAsks(c), c.req.valid('param').id, cursor, limit));
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/sessions/{id}/replay',
      summary: 'NDJSON of replay events',
      description:
        'Without a query all of it. Of a terminal session also its outline (`part=outline`), and pages of a lane from a cursor of that.',
      request: { params: bySession, query: ReplayQuery },
      responses: bytes('application/x-ndjson', 'One event a line'),
    }),
    async (c) => {
      const replay = await gatehouse.replay(whoAsks(c), c.req.valid('param').id, c.req.valid('query'));
      return replay.ok ? stream(c, replay.value, 'application/x-ndjson; charset=utf-8') : failure(c, replay.error);
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/sessions/{id}/export',
      summary: 'The whole session as a file, or a file that went over in it',
      description:
        'An export that one answer cannot carry comes in parts (202): ask again with `part=0` until it is ready, then for the parts behind those that came. Joined in their order they are the file.',
      request: { params: bySession, query: ExportQuery },
      responses: {
        ...bytes('application/octet-stream', 'The file'),
        202: {
          description: 'Its parts, or that they are being written',
          content: { 'application/json': { schema: ExportParts } },
        },
      },
    }),
    async (c) => {
      const exported = await gatehouse.export(whoAsks(c), c.req.valid('param').id, c.req.valid('query'));
      if (!exported.ok) return failure(c, exported.error);
      if (exported.value.kind === 'parts') return c.json(exported.value.parts, 202);
      return stream(c, exported.value.body, exported.value.contentType, exported.value.fileName);
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/sessions/{id}/objects',
      summary: 'The stored objects, for verification',
      request: { params: bySession },
      responses: jsonAnswer(ObjectList, 'Names and sizes'),
    }),
    async (c) => answer(c, await gatehouse.objects(whoAsks(c), c.req.valid('param').id)),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/sessions/{id}/objects/{name}',
      summary: 'One stored object, byte for byte',
      request: { params: byObject },
      responses: bytes('application/octet-stream', 'The object'),
    }),
    async (c) => {
      const { id, name } = c.req.valid('param');
      const object = await gatehouse.object(whoAsks(c), id, name);
      return object.ok ? stream(c, object.value, 'application/octet-stream', name) : failure(c, object.error);
    },
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/witness',
      summary: 'Every session that was ever admitted, newest first',
      request: { query: z.strictObject({ cursor: SessionId.optional() }) },
      responses: jsonAnswer(WitnessPage, 'A page'),
    }),
    async (c) => answer(c, await gatehouse.witnessedSessions(whoAsks(c), c.req.valid('query').cursor)),
  );

  api.openapi(
    createRoute({
      method: 'get',
      path: '/witness/{id}',
      summary: 'What the edge witnessed of a session',
      request: { params: bySession },
      responses: jsonAnswer(Witnessed, 'Heads and manifest digest'),
    }),
    async (c) => answer(c, await gatehouse.witnessed(whoAsks(c), c.req.valid('param').id)),
  );
}
