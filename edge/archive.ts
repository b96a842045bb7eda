// The archive as the functions serve it: catalogue, replays, exports and objects. The edge never
// talks to the tables or the bucket itself. Answers are checked against core's schemas; bodies that
// may be long are passed through as streams.

import { AwsClient } from 'aws4fetch';
import type { z } from 'zod';
import { ArchiveLimits, type ExportQuery, ObjectList } from '../core/api.ts';
import { ActionPage, SessionPage, type SessionQuery } from '../core/catalogue.ts';
import type { ConnectorId, SessionId } from '../core/ids.ts';
import type { ReplayQuery } from '../core/replay/terminal.ts';
import { err, ok, type Result } from '../core/result.ts';
import { ReindexStanding } from '../core/search/reindex.ts';
import { SearchPage, type SearchQuery, type SearchView } from '../core/search/page.ts';
import { StoredSession } from '../core/session-evidence.ts';
import type { EdgeSettings } from './settings.ts';

/** Until the answer begins. A stream may take as long as its reader does. */
const ANSWER_WITHIN_MS = 20_000;

export type ArchiveFault = 'not_found' | 'bad_request' | 'unavailable';
type Read<T> = Promise<Result<T, ArchiveFault>>;

/** Which session, and under whose name its objects stand, as the edge has it; undefined: as the catalogue says. */
export interface SessionPlace {
  readonly id: SessionId;
  readonly connector: ConnectorId | undefined;
}

export interface Archive {
  /** `not_found`: functions of an earlier release, which do not say. */
  limits(): Read<ArchiveLimits>;
  sessions(query: SessionQuery): Read<SessionPage>;
  session(place: SessionPlace): Read<StoredSession>;
  /** Of the catalogue alone. */
  actions(id: SessionId, cursor: string | undefined, limit: number): Read<ActionPage>;
  /** What of it may be seen is `view`'s to say; `not_found`: the functions have no index. */
  search(query: SearchQuery & { readonly view: SearchView }): Read<SearchPage>;
  /** `not_found`: functions of an earlier release. */
  reindexing(): Read<ReindexStanding>;
  /** Begins to make catalogue and index again; one that is under way goes on and is the answer. */
  reindex(drop: boolean): Read<ReindexStanding>;
  /** `bad_request`: the session is not replayed like that. */
  replay(place: SessionPlace, query: ReplayQuery): Read<ReadableStream<Uint8Array>>;
  export(place: SessionPlace, query: ExportQuery): Read<{ contentType: string; body: ReadableStream<Uint8Array> }>;
  objects(place: SessionPlace): Read<ObjectList>;
  object(place: SessionPlace, name: string): Read<ReadableStream<Uint8Array>>;
  /** Raises the alarm; how that went is in the log. */
  contradicted(id: SessionId, fields: readonly string[]): Promise<void>;
}

export type ArchiveFetch = (request: Request) => Promise<Response>;

/** With AWS keys every call is signed for the functions' URL (SigV4, service `lambda`); else it carries the shared token. */
export function signedArchiveFetch(settings: EdgeSettings): ArchiveFetch {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, FUNCTIONS_TOKEN } = settings;
  if (FUNCTIONS_TOKEN) {
    return (request) => {
      const headers = new Headers(request.headers);
      headers.set('authorization', `Bearer ${FUNCTIONS_TOKEN.reveal()}`);
      return fetch(new Request(request, { headers }));
    };
  }
  const aws = new AwsClient({
    accessKeyId: AWS_ACCESS_KEY_ID ?? '',
    secretAccessKey: AWS_SECRET_ACCESS_KEY?.reveal() ?? '',
    region: AWS_REGION ?? '',
    service: 'lambda',
    retries: 0,
  });
  return async (request) => fetch(await aws.sign(request));
}

export function createArchive(baseUrl: string, fetcher: ArchiveFetch): Archive {
  const get = (path: string, query: Record<string, string | number | undefined> = {}): Read<Response> => {
    const url = new URL(baseUrl + path);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    return call(url, {});
  };
  const call = async (url: URL, init: { readonly method?: string; readonly body?: string }): Read<Response> => {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), ANSWER_WITHIN_MS);
    try {
      const response = await fetcher(new Request(url, { ...init, signal: deadline.signal, redirect: 'manual' }));
      if (response.ok) return ok(response);
      await response.body?.cancel();
      if (response.status === 404) return err('not_found');
      if (response.status === 400) return err('bad_request');
      console.error(`the functions answered ${response.status} to ${url.pathname}`);
      return err('unavailable');
    } catch (error) {
      console.error(
        `the functions did not answer ${url.pathname}: ${error instanceof Error ? error.message : 'unknown'}`,
      );
      return err('unavailable');
    } finally {
      clearTimeout(timer);
    }
  };
  const json = async <S extends z.ZodType>(schema: S, answer: Read<Response>): Read<z.output<S>> => {
    const response = await answer;
    if (!response.ok) return response;
    const body: unknown = await response.value.json().catch(() => undefined);
    const parsed = schema.safeParse(body);
    if (parsed.success) return ok(parsed.data);
    console.error(`the functions' answer is not understood at ${parsed.error.issues[0]?.path.join('.') ?? '?'}`);
    return err('unavailable');
  };
  const stream = async (answer: Read<Response>): Read<ReadableStream<Uint8Array>> => {
    const response = await answer;
    if (!response.ok) return response;
    return ok(response.value.body ?? emptyStream());
  };
  return {
    limits: () => json(ArchiveLimits, get('/archive')),
    sessions: (query) => json(SessionPage, get('/sessions', query)),
    session: ({ id, connector }) => json(StoredSession, get(`/sessions/${id}`, { connector })),
    actions: (id, cursor, limit) => json(ActionPage, get(`/sessions/${id}/actions`, { cursor, limit })),
    search: (query) =>
      json(SearchPage, call(new URL(`${baseUrl}/search`), { method: 'POST', body: JSON.stringify(query) })),
    reindexing: () => json(ReindexStanding, get('/reindex')),
    reindex: (drop) =>
      json(ReindexStanding, call(new URL(`${baseUrl}/reindex`), { method: 'POST', body: JSON.stringify({ drop }) })),
    replay: ({ id, connector }, query) => stream(get(`/sessions/${id}/replay`, { ...query, connector })),
    async export({ id, connector }, query) {
      const response = await get(`/sessions/${id}/export`, { ...query, connector });
      if (!response.ok) return response;
      const contentType = response.value.headers.get('content-type') ?? 'application/octet-stream';
      return ok({ contentType, body: response.value.body ?? emptyStream() });
    },
    objects: ({ id, connector }) => json(ObjectList, get(`/sessions/${id}/objects`, { connector })),
    object: ({ id, connector }, name) =>
      stream(get(`/sessions/${id}/objects/${encodeURIComponent(name)}`, { connector })),
    async contradicted(session, fields) {
      const body = JSON.stringify({ session, fields });
      const told = await call(new URL(`${baseUrl}/contradictions`), { method: 'POST', body });
      if (told.ok) await told.value.body?.cancel();
    },
  };
}

const emptyStream = (): ReadableStream<Uint8Array> => new ReadableStream({ start: (controller) => controller.close() });
