// The JSON API as the CLI sees it: one place for addresses, deadlines, caps and the meaning of each
// status. Every answer is checked against core's schema: an edge of another version is a clear
// error, not a crash three lines later.

import type { z } from 'zod';
import https from 'node:https';
import WebSocket from 'ws';
import { ApiError } from '../core/api.ts';
import { proxyFault, proxyNote } from '../core/tunnel/proxy-settings.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { Secret } from '../core/secret.ts';
import { MAX_CHANNEL_MESSAGE_BYTES } from '../core/tunnel/channel-messages.ts';
import type { ConnectFault, RelaySocket, SocketEvents } from '../core/tunnel/tunnel-end.ts';
import packageJson from '../package.json' with { type: 'json' };
import { Failure, edgeUnreachable } from './failure.ts';

/** Until the answer's head. Search and listing answer within a second; this covers a cold start. */
const HEAD_TIMEOUT_MS = 30_000;
/** Of a WebSocket. A proxy has five seconds of it, by Node's own deadline, which says that it was the proxy. */
const DIAL_TIMEOUT_MS = 10_000;
/** Between two chunks of a body. */
const STALL_TIMEOUT_MS = 60_000;
/** A page of 200 sessions is below 1 MiB, and a stored segment at most 4 MiB. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

const PROBE_TIMEOUT_MS = 5_000;

const USER_AGENT = `gatehouse/${packageJson.version} (${process.platform})`;

interface ApiClientOptions {
  readonly origin: string;
  readonly token?: Secret<string>;
  /** Until an answer's head. Default: HEAD_TIMEOUT_MS. */
  readonly headTimeoutMs?: number;
  /** Until a WebSocket is open. Default: DIAL_TIMEOUT_MS. */
  readonly dialTimeoutMs?: number;
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** What a person asks for in the portal's form, here is an option. */
const OPTION_FOR: Readonly<Record<string, string>> = {
  reason_required: ' (--reason TEXT)',
  task_required: ' (--task ID)',
  ttl_too_long: ' (--for DURATION)',
};

/** Of a sign-in as a rule asks for it. */
const wayOf = (again: ApiError['error']['signInAgain']): string =>
  again === undefined ? '' : ` (gatehouse login --rule ${again.rule})`;

const SOCKET_REFUSED: Readonly<Record<number, string>> = {
  401: 'you are not signed in any more (gatehouse login signs in again)',
  403: 'this login may not open tunnels',
  404: 'the tunnel is no more',
};

export class ApiClient {
  readonly origin: string;
  readonly #token: Secret<string> | undefined;
  readonly #headTimeoutMs: number;
  readonly #dialTimeoutMs: number;

  constructor(options: ApiClientOptions) {
    this.#headTimeoutMs = options.headTimeoutMs ?? HEAD_TIMEOUT_MS;
    this.#dialTimeoutMs = options.dialTimeoutMs ?? DIAL_TIMEOUT_MS;
    this.origin = options.origin;
    this.#token = options.token;
  }

  /** `path` is below /api/v1 unless it begins with `//`, which stands for the origin's root. */
  async get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    return this.#parse(path, schema, await this.#call('GET', path));
  }

  async post<T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
    return this.#parse(path, schema, await this.#call('POST', path, body));
  }

  async put<T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
    return this.#parse(path, schema, await this.#call('PUT', path, body));
  }

  /** For callers that read the status themselves, as RFC 8628's polling does. */
  async postRaw(path: string, body: unknown): Promise<{ status: number; body: unknown }> {
    const response = await this.#send('POST', path, body);
    return { status: response.status, body: jsonOf(await this.#read(response)) };
  }

  async delete(path: string): Promise<void> {
    await (await this.#call('DELETE', path)).body?.cancel();
  }

  async bytes(path: string): Promise<Uint8Array> {
    return this.#read(await this.#call('GET', path));
  }

  /** The body chunk by chunk; a cut or stalled connection throws, so that half an answer is never taken for a whole. */
  async *stream(path: string): AsyncGenerator<Uint8Array> {
    yield* this.#chunks(await this.#call('GET', path));
  }

  /** The same, or, where the answer is 202, what it says instead. */
  async streamOr<T>(
    path: string,
    schema: z.ZodType<T>,
  ): Promise<{ chunks: AsyncGenerator<Uint8Array> } | { other: T }> {
    const response = await this.#call('GET', path);
    return response.status === 202
      ? { other: await this.#parse(path, schema, response) }
      : { chunks: this.#chunks(response) };
  }

  async *#chunks({ body }: Response): AsyncGenerator<Uint8Array> {
    if (!body) return;
    const reader = body.getReader();
    try {
      for (;;) {
        const { done, value } = await withDeadline(reader.read(), STALL_TIMEOUT_MS, this.origin);
        if (done) return;
        yield value;
      }
    } finally {
      void reader.cancel().catch(() => {});
    }
  }

  /** A WebSocket below /api/v1, signed in. */
  socket(path: string, events: SocketEvents): Promise<Result<RelaySocket, ConnectFault>> {
    const socket = new WebSocket(`${this.origin.replace(/^http/, 'ws')}/api/v1${path}`, {
      headers: {
        'user-agent': USER_AGENT,
        ...(this.#token ? { authorization: `Bearer ${this.#token.reveal()}` } : {}),
      },
      maxPayload: MAX_CHANNEL_MESSAGE_BYTES,
      // It knows the proxy, where there is one.
      agent: this.origin.startsWith('https:') ? https.globalAgent : undefined,
      perMessageDeflate: false,
      followRedirects: false,
    });
    return new Promise((resolve) => {
      const deadline = setTimeout(() => {
        resolve(err({ final: false, message: `no answer in time${proxyNote(https.globalAgent)}` }));
        socket.terminate();
      }, this.#dialTimeoutMs);
      socket.once('unexpected-response', (_request, { statusCode = 0 }) => {
        resolve(
          err({
            final: [401, 403, 404].includes(statusCode),
            message: SOCKET_REFUSED[statusCode] ?? `${this.origin} answered ${statusCode}`,
          }),
        );
        socket.terminate();
      });
      socket.on('message', (data: Buffer, isBinary) => events.message(isBinary ? data : data.toString('utf8')));
      socket.once('close', (code, reason) => {
        clearTimeout(deadline);
        events.closed(code, reason.toString('utf8'));
      });
      socket.on('error', (error) => resolve(err({ final: false, message: causeOf(error) })));
      socket.once('open', () => {
        clearTimeout(deadline);
        resolve(ok(socket));
      });
    });
  }

  async #call(method: Method, path: string, body?: unknown): Promise<Response> {
    const response = await this.#send(method, path, body);
    if (response.ok) return response;
    throw await this.#failure(response);
  }

  async #send(method: Method, path: string, body?: unknown): Promise<Response> {
    const url = path.startsWith('//') ? `${this.origin}${path.slice(1)}` : `${this.origin}/api/v1${path}`;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), this.#headTimeoutMs);
    try {
      return await fetch(url, {
        method,
        headers: {
          accept: 'application/json, */*;q=0.5',
          // The portal shows it to whoever is asked to approve a login.
          'user-agent': USER_AGENT,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(this.#token ? { authorization: `Bearer ${this.#token.reveal()}` } : {}),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // A redirect would carry the token elsewhere, and a page is no answer.
        redirect: 'manual',
        signal: abort.signal,
      });
    } catch (error) {
      // Of a proxy that refuses, fetch says only that something was cancelled.
      const proxys = abort.signal.aborted ? undefined : await askProxy(this.origin);
      throw edgeUnreachable(`cannot reach Gatehouse at ${this.origin}: ${proxys ?? causeOf(error)}`);
    } finally {
      clearTimeout(timer);
    }
  }

  async #failure(response: Response): Promise<Failure> {
    const { status } = response;
    const parsed = ApiError.safeParse(jsonOf(await this.#read(response).catch(() => new Uint8Array())));
    if (!parsed.success) {
      return status >= 500
        ? edgeUnreachable(`Gatehouse at ${this.origin} answered ${status}: try again`)
        : new Failure(
            status === 401 ? 2 : status === 403 ? 1 : 3,
            'unexpected_answer',
            `${this.origin} answered ${status} and not as a Gatehouse does`,
          );
    }
    const { reason, message, purged, signInAgain } = parsed.data.error;
    if (status === 401)
      return new Failure(2, reason, `${message.replace(/\.?$/, '')} (gatehouse login signs in again)`);
    const code = status >= 500 ? 3 : status === 400 ? 2 : 1;
    return new Failure(code, reason, `${message}${OPTION_FOR[reason] ?? ''}${wayOf(signInAgain)}`, {
      ...(purged && { purged }),
      ...(signInAgain && { signInAgain }),
    });
  }

  async #parse<T>(path: string, schema: z.ZodType<T>, response: Response): Promise<T> {
    const parsed = schema.safeParse(jsonOf(await this.#read(response)));
    if (parsed.success) return parsed.data;
    const at = parsed.error.issues[0]?.path.join('.') || 'its root';
    throw new Failure(
      3,
      'unexpected_answer',
      `${this.origin} answered ${path.split('?')[0]} in a shape that is not known here (at ${at})`,
    );
  }

  async #read(response: Response): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let total = 0;
    const reader = response.body?.getReader();
    if (!reader) return new Uint8Array();
    for (;;) {
      const { done, value } = await withDeadline(reader.read(), STALL_TIMEOUT_MS, this.origin);
      if (done) return Buffer.concat(chunks);
      total += value.length;
      if (total > MAX_BODY_BYTES) {
        void reader.cancel().catch(() => {});
        throw new Failure(3, 'unexpected_answer', `${this.origin} answered with more than ${MAX_BODY_BYTES} bytes`);
      }
      chunks.push(value);
    }
  }
}

/** `?a=1&b=2` of what is defined; empty when nothing is. */
export function query(values: Readonly<Record<string, string | number | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) search.set(name, String(value));
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

/** What a proxy on the way says. Undefined: there is none, or it lets us through. */
function askProxy(origin: string): Promise<string | undefined> {
  if (!origin.startsWith('https:')) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const probe = https.get(origin, { timeout: PROBE_TIMEOUT_MS }, (answer) => {
      answer.destroy();
      resolve(undefined);
    });
    probe.on('timeout', () => probe.destroy());
    probe.on('error', (error) => resolve(proxyFault(error)));
  });
}

async function withDeadline<T>(promise: Promise<T>, ms: number, origin: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(edgeUnreachable(`${origin} stopped in mid-answer`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(3, 'answer_cut', `${origin} broke off in mid-answer: ${causeOf(error)}`);
  } finally {
    clearTimeout(timer);
  }
}

function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'it failed';
  if (error.name === 'AbortError') return `no answer in time${proxyNote(https.globalAgent)}`;
  const { cause } = error;
  if (cause instanceof AggregateError && cause.errors[0] instanceof Error) return causeOf(cause.errors[0]);
  if (cause instanceof Error) return causeOf(cause);
  return proxyFault(error) ?? ('code' in error && typeof error.code === 'string' ? error.code : error.message);
}
