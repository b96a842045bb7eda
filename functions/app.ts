// The functions as one HTTP application: a Lambda function URL in AWS, a local port otherwise. Only
// the edge calls it, and has authorised and audited the look before (law 7); who may call at all is
// decided outside (IAM there, a bearer secret here).

import '../core/text/schema-words.ts';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { except } from 'hono/combine';
import { z } from 'zod';
import type { ArchiveLimits, ObjectList } from '../core/api.ts';
import { ExportQuery } from '../core/replay/exports.ts';
import { MAX_ACTIONS_A_PAGE, SessionQuery } from '../core/catalogue.ts';
import { ConnectorId, SessionId } from '../core/ids.ts';
import { ReplayQuery } from '../core/replay/terminal.ts';
import type { Result } from '../core/result.ts';
import type { RecordingPlatform } from '../core/recording/segment.ts';
import { sessionEntryOf } from '../core/session-evidence.ts';
import { auditArchiveRoutes } from './audit-archive.ts';
import type { CatalogueReader } from './catalogue-table/reader.ts';
import { connectorKeyRoutes } from './connector-keys.ts';
import { createdKeys } from './events.ts';
import { logArchiveRoutes } from './log-archive.ts';
import { requireLookTickets } from './look-tickets.ts';
import { exportSession } from './export/registry.ts';
import { type ApiReporter, RetriableFault } from './faults.ts';
import { type OpenRecording, replayAsAsked } from './replay/registry.ts';
import type { PurgeRunDeps } from './purge/purge-run.ts';
import { retentionArchiveRoutes } from './purge/retention-routes.ts';
import { reindexArchiveRoutes, type ReindexRoutesDeps } from './reindex/routes.ts';
import type { AuditStore } from './store/audit-store.ts';
import { exportInParts, MAX_ANSWER_BYTES, type Rendering } from './rendered/in-parts.ts';
import { renderJob } from './rendered/job.ts';
import { readRecording } from './store/read-recording.ts';
import type { RecordingReader } from './store/recording-reader.ts';
import { keyOfName } from './store/recording-source.ts';
import { streamOriginals } from './store/stream-originals.ts';
import { type FoundSession, findSession } from './stored-session.ts';
import { type Chunks, streamText } from './stream-text.ts';

interface FunctionsDeps {
  readonly catalogue: CatalogueReader;
  readonly reader: RecordingReader;
  readonly platform: RecordingPlatform;
  /** The longest time for which the bucket locks an object; undefined: not known, or there is no lock. */
  readonly maxRetainDays?: number | undefined;
  /** The shortest that this deployment takes. */
  readonly minRetainDays?: number | undefined;
  readonly report: ApiReporter;
  /** `NAME+ID+KEY` of the edge's log of sessions: each request needs its ticket. undefined: it is not known yet, and none does. */
  readonly edgeKey: string | undefined;
  /** Of exports that one answer cannot carry; undefined: all are answered as one. */
  readonly rendering?: Rendering | undefined;
  /** undefined: this function has nothing to do with retention. */
  readonly retention?: PurgeRunDeps | undefined;
  /** Where the edge's notes of connectors' keys are kept; undefined: not here. */
  readonly connectorKeys?: Parameters<typeof connectorKeyRoutes>[0] | undefined;
  /** undefined: catalogue and index are never made again here. */
  readonly reindex?: ReindexRoutesDeps | undefined;
  /** undefined: this function keeps no audit log. */
  readonly auditStore?: AuditStore | undefined;
  /** The full-text index; undefined: this function has none. */
  readonly search?: Hono | undefined;
  /** Of the log of sessions; with the other or not at all. */
  readonly logStore?: AuditStore | undefined;
  /** Indexes one object; throws when the event must come again. undefined: `POST /events` is not served (AWS, where the queue delivers). */
  readonly indexObject?: ((key: string) => Promise<void>) | undefined;
}

const MAX_EVENT_BYTES = 1024 * 1024;
/** Objects of one event, which may name a thousand: a sealed session is read whole for it. */
const INDEXED_AT_ONCE = 4;
const ActionQuery = z.object({
  cursor: z.string().max(2000).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_ACTIONS_A_PAGE).default(50),
});

const Place = z.object({ connector: ConnectorId.optional() });
/** Whose export it is, as the edge names them here: nobody else has to know who. `rightUntil`: when their right to it ends, ms since 1970. */
const Asker = z.object({
  rightUntil: z.coerce.number().int().min(0).optional(),
  asker: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});
const Contradiction = z.object({ session: SessionId, fields: z.array(z.string().max(50)).max(50) });

/** What a route throws to answer with an ApiError. */
class Rejection extends Error {
  readonly status: 400 | 404 | 413;
  readonly reason: string;

  constructor(status: 400 | 404 | 413, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}
const badRequest = (message: string) => new Rejection(400, 'bad_request', message);
const tooLarge = () => new Rejection(413, 'bad_request', `an event is at most ${MAX_EVENT_BYTES} bytes`);
const notFound = (message: string) => new Rejection(404, 'not_found', message);

export function createFunctionsApp(deps: FunctionsDeps): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    c.header('cache-control', 'no-store');
    c.header('x-content-type-options', 'nosniff');
  });
  app.notFound((c) => answerError(c, notFound('there is no such page'), deps.report));
  app.onError((fault, c) => answerError(c, fault, deps.report));

  // The store's events come from connectors, and only on one machine.
  if (deps.edgeKey !== undefined) app.use(except('/events', requireLookTickets(deps.edgeKey, deps.report)));

  // What a policy may ask for: the edge refuses another `retain` when it is written.
  app.get('/archive', (c) => {
    const { maxRetainDays, minRetainDays } = deps;
    return c.json({
      ...(maxRetainDays !== undefined && { maxRetainDays }),
      ...(minRetainDays !== undefined && { minRetainDays }),
    } satisfies ArchiveLimits);
  });

  app.get('/sessions', async (c) => {
    const query = parse(SessionQuery, c.req.query());
    const since = deps.reindex?.now() ?? 0;
    const page = await deps.catalogue.sessions(query);
    if (!page.ok) throw badRequest('the cursor does not belong to this query: begin again without it');
    const mayLack = await deps.reindex?.ledger.mayLack(since);
    return c.json(mayLack ? { ...page.value, incomplete: true } : page.value);
  });

  app.get('/sessions/:id', async (c) => c.json((await find(c)).stored));

  app.get('/sessions/:id/actions', async (c) => {
    const { cursor, limit } = parse(ActionQuery, c.req.query());
    const since = deps.reindex?.now() ?? 0;
    const page = await deps.catalogue.actions(sessionOf(c), cursor, limit);
    if (!page.ok) throw badRequest('the cursor does not belong to this session: begin again without it');
    const mayLack = await deps.reindex?.ledger.mayLack(since);
    return c.json(mayLack ? { ...page.value, incomplete: true } : page.value);
  });

  app.get('/sessions/:id/replay', async (c) => {
    const { connector: _, ...query } = parse(ReplayQuery.extend(Place.shape), c.req.query());
    const { session, open } = await findRecording(c);
    return stream(c, 'application/x-ndjson', jsonLines(orBadRequest(replayAsAsked(session, open, query))));
  });

  app.get('/sessions/:id/export', async (c) => {
    const asked = parse(ExportQuery.extend(Place.shape).extend(Asker.shape), c.req.query());
    const { connector: _, asker, rightUntil, ...query } = asked;
    const { found, session, open } = await findRecording(c);
    const { rendering } = deps;
    if (rendering && (query.part !== undefined || rendering.isLarge(session, query))) {
      const job = renderJob(found, query);
      if (!job) throw notFound('nothing of the session is stored yet');
      const from = query.part ?? 0;
      return c.json(orBadRequest(await exportInParts(job, { from, asker, rightUntil }, rendering)), 202);
    }
    const { contentType, fileName, chunks } = orBadRequest(await exportSession(session, open, query));
    c.header('content-disposition', `attachment; filename="${fileName}"`);
    return stream(c, contentType, atMost(MAX_ANSWER_BYTES, chunks));
  });

  app.get('/sessions/:id/objects', async (c) => {
    const session = sessionOf(c);
    const connector = await connectorFor(c);
    const objects: ObjectList['objects'] = [];
    let after: string | undefined;
    do {
      const page = await deps.reader.list(connector, session, after);
      objects.push(...page.objects);
      after = page.after;
    } while (after !== undefined);
    return c.json({ connector, objects } satisfies ObjectList);
  });

  app.get('/sessions/:id/objects/:name', async (c) => {
    const key = keyOfName(await connectorFor(c), sessionOf(c), c.req.param('name'));
    // Who may verify a recording is not who may open what masks hid in it.
    const object = key && key.kind !== 'original' && (await deps.reader.stream(key));
    if (!object) throw notFound('the session has no such object');
    return c.body(object.body, 200, {
      'content-type': 'application/octet-stream',
      'content-length': String(object.bytes),
    });
  });

  // The edge has seen that two people agreed to it, and noted the look.
  app.get('/sessions/:id/originals', async (c) => {
    const body = await streamOriginals(await connectorFor(c), sessionOf(c), deps.reader);
    if (!body) throw notFound('nothing is kept of what masks hid in this session');
    return c.body(body, 200, { 'content-type': 'application/octet-stream' });
  });

  // The edge alone knows whom it admitted; the alarm is here.
  app.post(
    '/contradictions',
    bodyLimit({ maxSize: MAX_EVENT_BYTES, onError: () => Promise.reject(tooLarge()) }),
    async (c) => {
      const { session, fields } = parse(Contradiction, await c.req.json().catch(() => undefined));
      deps.report({ kind: 'catalogue.contradicted', session, fields });
      return c.body(null, 204);
    },
  );

  if (deps.retention) app.route('/retention', retentionArchiveRoutes(deps.retention));
  if (deps.connectorKeys) app.route('/connectors', connectorKeyRoutes(deps.connectorKeys));
  if (deps.reindex) app.route('/reindex', reindexArchiveRoutes(deps.reindex));
  if (deps.auditStore) app.route('/audit', auditArchiveRoutes(deps.auditStore, deps.report));
  if (deps.logStore) app.route('/log', logArchiveRoutes(deps.logStore, deps.report));

  if (deps.search) app.route('/search', deps.search);

  const { indexObject } = deps;
  if (indexObject)
    app.post(
      '/events',
      bodyLimit({ maxSize: MAX_EVENT_BYTES, onError: () => Promise.reject(tooLarge()) }),
      async (c) => {
        const keys = createdKeys(await c.req.json().catch(() => undefined));
        if (!keys) throw badRequest('expected an event as S3 sends it');
        // One bad object must not keep the others waiting; the whole event comes again if any must.
        const failures: unknown[] = [];
        const rest = keys.values();
        const indexRest = async (): Promise<void> => {
          for (const key of rest) await indexObject(key).catch((failure: unknown) => failures.push(failure));
        };
        await Promise.all(Array.from({ length: INDEXED_AT_ONCE }, indexRest));
        if (failures.length > 0) throw failures[0];
        return c.body(null, 204);
      },
    );

  /** As the edge has it (`?connector=`), else as the row says. */
  async function connectorFor(c: Context): Promise<ConnectorId> {
    const { connector } = parse(Place, c.req.query());
    const row = connector ? undefined : await deps.catalogue.session(sessionOf(c));
    const found = connector ?? (row === 'damaged' ? undefined : row?.connector);
    if (!found) throw notFound('there is no such session');
    return found;
  }
  async function find(c: Context): Promise<FoundSession> {
    const found = await findSession(sessionOf(c), parse(Place, c.req.query()).connector, deps);
    if (!found) throw notFound('there is no such session');
    return found;
  }
  /** The entry is the recording's own word, wherever it has one. */
  async function findRecording(c: Context) {
    const found = await find(c);
    const { connector, stored } = found;
    const session = sessionEntryOf(stored, {});
    if (!session) throw notFound('there is no such session');
    const place = { connector, session: session.id };
    const open: OpenRecording = (from, last = Number.POSITIVE_INFINITY) => {
      const segments = Math.min(session.segments, last + 1);
      return readRecording({ ...place, segments }, deps.reader, deps.platform, from);
    };
    return { found, session, open };
  }

  return app;
}

function sessionOf(c: Context): SessionId {
  const id = SessionId.safeParse(c.req.param('id'));
  if (!id.success) throw notFound('there is no such session');
  return id.data;
}

function parse<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw badRequest(`${issue?.path.join('.') || 'query'}: ${issue?.message ?? 'not understood'}`);
}

function orBadRequest<T>(answer: Result<T, string>): T {
  if (!answer.ok) throw badRequest(answer.error);
  return answer.value;
}

async function* jsonLines(values: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const value of values) yield `${JSON.stringify(value)}\n`;
}

/** Lambda would end a longer answer as if it were whole: this breaks it off, so that nobody takes it for that. */
async function* atMost(bytes: number, chunks: Chunks): Chunks {
  let sent = 0;
  for await (const chunk of chunks) {
    sent += Buffer.byteLength(chunk);
    if (sent > bytes) throw new RetriableFault('an export is too large for one answer: ask for it with part=0');
    yield chunk;
  }
}

/** The first chunk is made before the answer begins, so that what fails at once is an error and no broken stream. */
async function stream(c: Context, contentType: string, text: Chunks): Promise<Response> {
  return c.body(await streamText(text), 200, { 'content-type': contentType });
}

function answerError(c: Context, fault: unknown, report: ApiReporter): Response {
  if (fault instanceof Rejection)
    return c.json({ error: { reason: fault.reason, message: fault.message } }, fault.status);
  if (fault instanceof RetriableFault) return c.json({ error: { reason: 'unavailable', message: fault.message } }, 503);
  // A bug: its kind for the operator, nothing of the recording for anybody.
  report({
    kind: 'function.failed',
    name: fault instanceof Error ? fault.name : 'unknown',
    stack: stackOf(fault),
  });
  return c.json({ error: { reason: 'unavailable', message: 'the function failed' } }, 500);
}

/** Where, without the message: a message can quote what it was about. */
function stackOf(fault: unknown): string[] {
  if (!(fault instanceof Error) || !fault.stack) return [];
  return fault.stack
    .split('\n')
    .filter((line) => line.trimStart().startsWith('at '))
    .slice(0, 8);
}
