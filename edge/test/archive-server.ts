// Answers as the functions do, with a few sessions: one of alice's, one of bob's, one under a rule
// that hides it from its own person, one under a rule that is gone.

import type { RequestListener } from 'node:http';
import { MAX_ACTIONS_A_PAGE, type SessionEntry } from '../../core/catalogue.ts';
import { SESSIONS } from './sessions.ts';

export const archiveOfTests =
  () =>
  (base: string): RequestListener =>
  (request, response) => {
    const url = new URL(request.url ?? '/', base);
    const json = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.headers.authorization !== 'Bearer only-for-tests-only-for-tests') {
      return json(401, { error: { reason: 'unauthorized', message: 'no' } });
    }
    const [, , id, part, name] = url.pathname.split('/');
    const sessions: readonly SessionEntry[] = Object.values(SESSIONS);
    if (id === undefined) {
      const email = url.searchParams.get('email');
      return json(200, { sessions: sessions.filter((entry) => email === null || entry.email === email) });
    }
    const entry = sessions.find((candidate) => candidate.id === id);
    if (!entry) return json(404, { error: { reason: 'not_found', message: 'none' } });
    switch (part) {
      case undefined:
        return json(200, { session: entry, segments: [] });
      case 'actions':
        if (Number(url.searchParams.get('limit')) > MAX_ACTIONS_A_PAGE) {
          return json(400, { error: { reason: 'bad_request', message: 'limit' } });
        }
        return json(200, { actions: [{ statement: 1, timeUs: 5, text: 'select 1' }] });
      case 'replay':
        return response
          .writeHead(200, { 'content-type': 'application/x-ndjson' })
          .end(`${JSON.stringify({ kind: 'notice', timeUs: 1, severity: 'NOTICE', message: 'hello' })}\n`);
      case 'export':
        return response.writeHead(200, { 'content-type': 'text/html' }).end('<script>alert(1)</script>');
      case 'objects':
        if (name !== undefined) return response.writeHead(200).end(Buffer.from([1, 2, 3]));
        return json(200, { connector: entry.connector, objects: [{ name: '00000000.seg', bytes: 3 }] });
      default:
        return json(404, {});
    }
  };
