// Answers as the functions do, with a few sessions: one of alice's, one of bob's, one under a rule
// that hides it from its own person, one under a rule that is gone. The audit log's pieces are kept in
// memory; `POST /plan-audit` says how the next ones are answered.

import { createHash } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono, type MiddlewareHandler } from 'hono';
import { type ActionEntry, MAX_ACTIONS_A_PAGE, type SessionEntry } from '../../core/catalogue.ts';
import { SessionId } from '../../core/ids.ts';
import { ResourceName } from '../../core/resource.ts';
import type { SearchHit } from '../../core/search/page.ts';
import { decodeAuditPiece, LOCK_HEADER } from '../../core/audit/audit-archive.ts';
import { retentionOfTests } from './retention-of-tests.ts';
import { PARTS, SESSIONS } from './sessions.ts';

/** Pieces in memory, and what was planned instead of an answer. */
function auditOfTests(): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const kept = new Map<string, Uint8Array>();
  const planned: { status: number; body?: string; keep?: boolean }[] = [];
  /** Of reads: how the next ones are answered. Without `locked` it can be deleted. */
  const reads: { status: number; locked?: string }[] = [];
  let readCount = 0;
  const app = new Hono();
  const asPlanned: MiddlewareHandler = async (c, next) => {
    if (c.req.header('authorization') !== 'Bearer only-for-tests-only-for-tests') return c.json({}, 401);
    const plan = c.req.method === 'POST' ? planned.shift() : undefined;
    if (plan?.keep || !plan) await next();
    if (plan) c.res = new Response(plan.body ?? null, { status: plan.status });
    return undefined;
  };
  app.post('/plan-audit', async (c) => {
    kept.clear();
    reads.length = 0;
    planned.splice(0, planned.length, ...((await c.req.json()) as typeof planned));
    return c.json({});
  });
  app.post('/plan-audit-keep', async (c) => {
    planned.splice(0, planned.length, ...((await c.req.json()) as typeof planned));
    return c.json({});
  });
  app.post('/plan-audit-reads', async (c) => {
    reads.splice(0, reads.length, ...((await c.req.json()) as typeof reads));
    const before = readCount;
    readCount = 0;
    return c.json({ reads: before });
  });
  // As if somebody else had written there.
  app.put('/audit/:name', async (c) => {
    kept.set(c.req.param('name'), new Uint8Array(await c.req.arrayBuffer()));
    return c.json({});
  });
  app.put('/log/:name{.+}', async (c) => {
    kept.set(`log/${c.req.param('name')}`, new Uint8Array(await c.req.arrayBuffer()));
    return c.json({});
  });
  app.use('/log/:name{.+}', asPlanned);
  app.post('/log/:name{.+}', async (c) => {
    const name = `log/${c.req.param('name')}`;
    const bytes = new Uint8Array(await c.req.arrayBuffer());
    const there = kept.get(name);
    if (there && Buffer.compare(there, bytes) !== 0) return c.json({}, 409);
    kept.set(name, bytes);
    return c.json({ digest: createHash('sha256').update(bytes).digest('hex'), already: there !== undefined });
  });
  app.get('/log', (c) => c.json([...kept.keys()].filter((name) => name.startsWith('log/'))));
  app.get('/log/:name{.+}', (c) => {
    const bytes = kept.get(`log/${c.req.param('name')}`);
    return bytes ? c.body(Uint8Array.from(bytes)) : c.json({}, 404);
  });
  app.use('/audit/:name', asPlanned);
  app.get('/audit', (c) =>
    c.json({
      pieces: [...kept]
        .filter(([name]) => !name.startsWith('log/'))
        .map(([name, { length: bytes }]) => ({ name, bytes })),
    }),
  );
  app.get('/audit/:name', (c) => {
    readCount++;
    const { status, locked } = reads.shift() ?? { status: 200, locked: '2999-01-01T00:00:00.000Z' };
    if (status !== 200) return new Response(null, { status });
    const bytes = kept.get(c.req.param('name'));
    const isAsked = c.req.query('lock') !== undefined && locked !== undefined;
    return bytes ? c.body(Uint8Array.from(bytes), 200, isAsked ? { [LOCK_HEADER]: locked } : {}) : c.json({}, 404);
  });
  app.post('/audit/:name', async (c) => {
    const name = c.req.param('name');
    const bytes = new Uint8Array(await c.req.arrayBuffer());
    const hash = createHash('sha256').update(bytes);
    const said = c.req.header('content-digest');
    if (said !== `sha-256=:${hash.copy().digest('base64')}:`) return c.json({}, 400);
    if (!(await decodeAuditPiece(name, bytes)).ok) return c.json({}, 400);
    const there = kept.get(name);
    if (there && Buffer.compare(there, bytes) !== 0) return c.json({}, 409);
    kept.set(name, bytes);
    return c.json({ digest: hash.digest('hex'), already: there !== undefined });
  });
  return getRequestListener(app.fetch);
}

const SELECT_1: ActionEntry = {
  ...{ action: 1, lane: 0, kind: 'statement', timeUs: 5, title: 'select 1', detail: { text: 'select 1' } },
};

const hitIn = ({ id, protocol }: SessionEntry): SearchHit => ({
  ...{ session: id, moment: 1.5, at: '2026-11-20T10:00:01.500Z', snippet: 'drop table t', marks: [[0, 4]] },
  // As somebody who may write to the index would have it.
  ...{
    kind: 'statement',
    action: 1,
    lane: 0,
    email: 'mallory@example.com',
    resource: ResourceName.parse('demo'),
    protocol,
  },
});

const failed = new Set<string>();

/** For a query with `pages25`: so many pages of a hundred sessions, each twice. `fails3`: the third is not there the first time. */
function manyPages(body: string): 'away' | { hits: SearchHit[]; cursor?: string } | undefined {
  const { q, cursor = '0' } = JSON.parse(body) as { q: string; cursor?: string };
  const pages = Number(/pages(\d+)/.exec(q)?.[1] ?? Number.NaN);
  if (Number.isNaN(pages)) return undefined;
  const page = Number(cursor);
  if (Number(/fails(\d+)/.exec(q)?.[1]) === page && !failed.has(q)) {
    failed.add(q);
    return 'away';
  }
  const ids = Array.from({ length: 100 }, (_, n) => `ses_${String(page * 100 + Math.floor(n / 2)).padStart(26, '0')}`);
  const hits = ids.map((id) => hitIn({ ...SESSIONS.ofBob, id: SessionId.parse(id) }));
  return { hits, ...(page + 1 < pages && { cursor: String(page + 1) }) };
}

/** Notes of connectors' keys, by connector; `POST /told-keys` with `away` has the next ones refused, `GET` shows what came. */
function keysOfTests(): (request: IncomingMessage, response: ServerResponse) => void {
  const told = new Map<string, string>();
  let away = false;
  return (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const json = (status: number, answer: unknown) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      if (request.url === '/told-keys' && request.method === 'POST') away = body === 'away';
      if (request.url === '/told-keys') return json(200, Object.fromEntries(told));
      if (request.headers.authorization !== 'Bearer only-for-tests-only-for-tests') return json(401, {});
      if (away) return json(503, {});
      told.set(request.url?.split('/')[2] ?? '', JSON.parse(body).note);
      return response.writeHead(204).end();
    });
  };
}

export const archiveOfTests = () => {
  const audit = auditOfTests();
  const keys = keysOfTests();
  const retention = retentionOfTests();
  const contradictions: string[] = [];
  const searched: string[] = [];
  const reindexes: string[] = [];
  let exported = '';
  return (base: string): RequestListener =>
    (request, response) => {
      const url = new URL(request.url ?? '/', base);
      if (/^\/(plan-audit|audit|log)\b/.test(url.pathname)) return void audit(request, response);
      if (/^\/(told-keys|connectors)\b/.test(url.pathname)) return keys(request, response);
      if (/^\/(plan-)?retention\b/.test(url.pathname)) return void retention(request, response);
      if (url.pathname === '/contradictions' && request.method === 'GET')
        return response.end(contradictions.join('\n'));
      if (url.pathname === '/exported') return response.end(exported);
      if (url.pathname === '/searched') return response.end(searched.at(-1));
      const json = (status: number, body: unknown) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      if (request.headers.authorization !== 'Bearer only-for-tests-only-for-tests') {
        return json(401, { error: { reason: 'unauthorized', message: 'no' } });
      }
      if (url.pathname === '/archive') return json(200, { maxRetainDays: 3650 });
      if (url.pathname === '/contradictions' && request.method === 'POST') {
        request.on('data', (chunk: Buffer) => contradictions.push(chunk.toString()));
        return request.on('end', () => response.writeHead(204).end());
      }
      if (url.pathname === '/reindex') {
        let order = '';
        request.on('data', (chunk: Buffer) => {
          order += chunk.toString();
        });
        return request.on('end', () => {
          if (request.method === 'POST') reindexes.push(order);
          const at = '2026-11-30T12:00:00.000Z';
          const counts = { dropped: 0, sessions: 2, objects: 7, failed: 0, failures: [] };
          const of = (text: string) => ({ ...JSON.parse(text), step: 'indexing', startedAt: at, at, ...counts });
          json(200, { reindex: reindexes.map(of).at(-1) });
        });
      }
      // Finds something in every session, whoever asks.
      if (url.pathname === '/search') {
        let body = '';
        request.on('data', (chunk: Buffer) => {
          body += chunk.toString();
        });
        return request.on('end', () => {
          searched.push(body);
          const pages = manyPages(body);
          if (pages) return json(pages === 'away' ? 503 : 200, pages);
          const incomplete = body.includes('while it is made again') || undefined;
          json(200, { hits: Object.values(SESSIONS).map(hitIn), cursor: 'next', incomplete });
        });
      }
      const [, , id, part, name] = url.pathname.split('/');
      const sessions: readonly SessionEntry[] = Object.values(SESSIONS);
      if (id === undefined) {
        const email = url.searchParams.get('email');
        const asked = [url.searchParams.get('task'), email?.split('@')[0]];
        if (email?.startsWith('archive-away')) return json(503, { error: { reason: 'unavailable', message: 'no' } });
        if (email?.startsWith('second-page') && !url.searchParams.has('cursor'))
          return json(200, { sessions: [], cursor: '2' });
        if (email?.startsWith('second-page')) return json(200, { sessions: [SESSIONS.ofBob] });
        const incomplete = asked.includes('while-it-is-made-again') || undefined;
        return json(200, {
          sessions: sessions.filter((entry) => email === null || entry.email === email),
          incomplete,
        });
      }
      const entry = sessions.find((candidate) => candidate.id === id);
      if (!entry) return json(404, { error: { reason: 'not_found', message: 'none' } });
      switch (part) {
        case undefined:
          return json(200, { row: entry, segments: [] });
        case 'actions':
          if (Number(url.searchParams.get('limit')) > MAX_ACTIONS_A_PAGE) {
            return json(400, { error: { reason: 'bad_request', message: 'limit' } });
          }
          return json(200, { actions: [SELECT_1] });
        case 'replay':
          return response
            .writeHead(200, { 'content-type': 'application/x-ndjson' })
            .end(`${JSON.stringify({ kind: 'notice', timeUs: 1, severity: 'NOTICE', message: 'hello' })}\n`);
        case 'export': {
          exported = url.search;
          if (url.searchParams.get('statement') === '9')
            return json(400, { error: { reason: 'bad_request', message: 'statement 9 has no results here' } });
          const name = `attachment; filename="${entry.id}.html"`;
          if (url.searchParams.has('part') || url.searchParams.get('format') === 'text') return json(202, PARTS);
          response.setHeader('content-disposition', url.searchParams.get('lane') === '7' ? `${name}; x` : name);
          return response.writeHead(200, { 'content-type': 'text/html' }).end('<script>alert(1)</script>');
        }
        case 'originals':
          if (entry.id !== SESSIONS.ofAlice.id) return json(404, { error: { reason: 'not_found', message: 'none' } });
          return response.writeHead(200).end(Buffer.from([0, 0, 0, 0, 0, 0, 0, 1, 9]));
        case 'objects':
          if (name !== undefined) return response.writeHead(200).end(Buffer.from([1, 2, 3]));
          return json(200, { connector: entry.connector, objects: [{ name: '00000000.seg', bytes: 3 }] });
        default:
          return json(404, {});
      }
    };
};
