// The archive as the functions serve it: catalogue, replays, exports and objects. The edge never
// talks to the tables or the bucket itself. Answers are checked against core's schemas; bodies that
// may be long are passed through as streams.

import type { z } from 'zod';
import { ApiError, ArchiveLimits, ObjectList } from '../core/api.ts';
import { ExportParts, type ExportQuery } from '../core/replay/exports.ts';
import { ActionPage, SessionPage, type SessionQuery } from '../core/catalogue.ts';
import type { ConnectorId, SessionId } from '../core/ids.ts';
import type { ReplayQuery } from '../core/replay/terminal.ts';
import { err, ok, type Result } from '../core/result.ts';
import { ReindexStanding } from '../core/search/reindex.ts';
import { SearchPage, type SearchQuery, type SearchView } from '../core/search/page.ts';
import { StoredSession } from '../core/session-evidence.ts';

/** Until the answer begins. A stream may take as long as its reader does. */
const ANSWER_WITHIN_MS = 20_000;

export type ArchiveFault = 'not_found' | 'bad_request' | 'unavailable';
type Read<T> = Promise<Result<T, ArchiveFault>>;

/** Which session, and under whose name its objects stand, as the edge has it; undefined: as the catalogue says. */
export interface SessionPlace {
  readonly id: SessionId;
  readonly connector: ConnectorId | undefined;
}

/** In parts: where one answer cannot carry it. `refused`: the functions' words on why there is none. */
export type ExportAnswer =
  | {
      readonly kind: 'file';
      readonly contentType: string;
      readonly fileName: string;
      readonly body: ReadableStream<Uint8Array>;
    }
  | { readonly kind: 'parts'; readonly parts: ExportParts }
  | { readonly kind: 'refused'; readonly message: string };

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
  /**
   * `asker`: whose it is, in letters that tell nobody who. Exports in parts take turns by it. `untilMs`: when the right to it ends, and
   * links to parts with it; undefined: it does not end by itself.
   */
  export(place: SessionPlace, query: ExportQuery, asker: string, untilMs: number | undefined): Read<ExportAnswer>;
  objects(place: SessionPlace): Read<ObjectList>;
  object(place: SessionPlace, name: string): Read<ReadableStream<Uint8Array>>;
  /** Of what masks hid, as it is kept; `not_found`: nothing is. */
  originals(place: SessionPlace): Read<ReadableStream<Uint8Array>>;
  /** Raises the alarm; how that went is in the log. */
  contradicted(id: SessionId, fields: readonly string[]): Promise<void>;
}

export type ArchiveFetch = (request: Request) => Promise<Response>;

export function createArchive(baseUrl: string, fetcher: ArchiveFetch): Archive {
  const urlOf = (path: string, query: Record<string, string | number | undefined> = {}): URL => {
    const url = new URL(baseUrl + path);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    return url;
  };
  const get = (path: string, query: Record<string, string | number | undefined> = {}): Read<Response> =>
    call(urlOf(path, query), {});
  const call = async (url: URL, init: { readonly method?: string; readonly body?: string }): Read<Response> =>
    sound(url, await send(url, init));
  const send = async (url: URL, init: { readonly method?: string; readonly body?: string }): Read<Response> => {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), ANSWER_WITHIN_MS);
    try {
      return ok(await fetcher(new Request(url, { ...init, signal: deadline.signal, redirect: 'manual' })));
    } catch (error) {
      console.error(
        `the functions did not answer ${url.pathname}: ${error instanceof Error ? error.message : 'unknown'}`,
      );
      return err('unavailable');
    } finally {
      clearTimeout(timer);
    }
  };
  const sound = async (url: URL, answer: Awaited<Read<Response>>): Read<Response> => {
    if (!answer.ok || answer.value.ok) return answer;
    const { status, body } = answer.value;
    await body?.cancel();
    if (status === 404) return err('not_found');
    if (status === 400) return err('bad_request');
    console.error(`the functions answered ${status} to ${url.pathname}`);
    return err('unavailable');
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
    async export({ id, connector }, query, asker, rightUntil) {
      const url = urlOf(`/sessions/${id}/export`, { ...query, connector, asker, rightUntil });
      const response = await send(url, {});
      if (response.ok && response.value.status === 400) {
        const refused = ApiError.safeParse(await response.value.json().catch(() => undefined));
        return refused.success ? ok({ kind: 'refused', message: refused.data.error.message }) : err('bad_request');
      }
      const sounded = await sound(url, response);
      if (!sounded.ok) return sounded;
      if (sounded.value.status === 202) {
        const parts = await json(ExportParts, Promise.resolve(sounded));
        return parts.ok ? ok({ kind: 'parts', parts: parts.value }) : parts;
      }
      const { headers, body } = sounded.value;
      return ok({
        kind: 'file',
        contentType: headers.get('content-type') ?? 'application/octet-stream',
        fileName: FILE_NAME.exec(headers.get('content-disposition') ?? '')?.[1] ?? `${id}.${query.format}`,
        body: body ?? emptyStream(),
      });
    },
    objects: ({ id, connector }) => json(ObjectList, get(`/sessions/${id}/objects`, { connector })),
    object: ({ id, connector }, name) =>
      stream(get(`/sessions/${id}/objects/${encodeURIComponent(name)}`, { connector })),
    originals: ({ id, connector }) => stream(get(`/sessions/${id}/originals`, { connector })),
    async contradicted(session, fields) {
      const body = JSON.stringify({ session, fields });
      const told = await call(new URL(`${baseUrl}/contradictions`), { method: 'POST', body });
      if (told.ok) await told.value.body?.cancel();
    },
  };
}

/** As the functions name a file; anything else is not taken over into a header. */
const FILE_NAME = /^attachment; filename="([A-Za-z0-9][A-Za-z0-9._-]{0,199})"$/;

const emptyStream = (): ReadableStream<Uint8Array> => new ReadableStream({ start: (controller) => controller.close() });
