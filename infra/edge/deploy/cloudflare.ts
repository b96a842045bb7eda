// Cloudflare's API: one call at a time, tried again where that helps, and errors that name what was asked and what came back. The token
// is in no message. https://developers.cloudflare.com/api/

interface CloudflareOptions {
  readonly endpoint: string;
  readonly token: string;
  /** Milliseconds since 1970, after which nothing more is tried. */
  readonly untilMs: number;
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
  /** From 0 to 1. */
  readonly random: () => number;
}

interface Asked {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly json?: unknown;
  readonly form?: FormData;
  /** Instead of the token: what an upload of assets was given. */
  readonly jwt?: string;
  /** false: what may have been done although nothing came back is not simply done again. */
  readonly again?: boolean;
}

interface Problem {
  readonly code?: number;
  readonly message?: string;
}

export class CloudflareError extends Error {
  override readonly name = 'CloudflareError';
  /** 0: no answer. */
  readonly status: number;
  readonly codes: readonly number[];

  constructor(asked: string, status: number, problems: readonly Problem[]) {
    const said = problems.map(
      ({ code, message }) => `${message ?? 'no message'}${code === undefined ? '' : ` (${code})`}`,
    );
    super(
      `Cloudflare: ${asked}: ${status === 0 ? '' : `${status} `}${said.join('; ') || 'no reason given'}${HINTS[status] ?? ''}`,
    );
    this.status = status;
    this.codes = problems.flatMap(({ code }) => code ?? []);
  }

  /** Nobody knows whether it was done. */
  get unclear(): boolean {
    return this.status === 0 || this.status >= 500;
  }
}

const HINTS: Readonly<Record<number, string>> = {
  401: '. Is the token whole, and not expired?',
  403: '. The token needs Workers Scripts: Edit, and for a domain Zone: Read and Workers Routes: Edit',
};
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS, CALL_MS] = [500, 30_000, 60_000];

export class Cloudflare {
  readonly #options: CloudflareOptions;

  constructor(options: CloudflareOptions) {
    this.#options = options;
  }

  /** The same with another end of time: for putting back what was there, when the first is over. */
  until(untilMs: number): Cloudflare {
    return new Cloudflare({ ...this.#options, untilMs });
  }

  /** The answer's `result`. Throws CloudflareError. */
  async call<T>(path: string, asked: Asked = {}): Promise<T> {
    for (let tries = 0; ; tries++) {
      const outcome = await this.#once<T>(path, asked);
      if (!(outcome instanceof Refusal)) return outcome.result;
      const { error, waitMs } = outcome;
      const limited = error.status === 429;
      if (!limited && !(error.unclear && asked.again !== false)) throw error;
      const pause =
        waitMs ?? Math.min(FIRST_PAUSE_MS * 2 ** tries, LONGEST_PAUSE_MS) * (0.5 + this.#options.random() / 2);
      if (this.#options.now() + pause >= this.#options.untilMs) throw error;
      await this.#options.pause(pause);
    }
  }

  /** undefined where there is none. */
  async find<T>(path: string): Promise<T | undefined> {
    try {
      return await this.call<T>(path);
    } catch (error) {
      if (error instanceof CloudflareError && error.status === 404) return undefined;
      throw error;
    }
  }

  async #once<T>(path: string, { method = 'GET', json, form, jwt }: Asked): Promise<{ readonly result: T } | Refusal> {
    const { endpoint, token, untilMs, now } = this.#options;
    // An account's number is no secret, and of no use in a message.
    const asked = `${method} ${path.replace(/\/(accounts|zones)\/[^/]+/, '').replace(/\?.*/, '')}`;
    const left = Math.min(CALL_MS, untilMs - now());
    if (left <= 0) return new Refusal(new CloudflareError(asked, 0, [{ message: 'out of time' }]), undefined);
    let answer: Response;
    let text: string;
    try {
      answer = await fetch(endpoint + path, {
        method,
        headers: {
          authorization: `Bearer ${jwt ?? token}`,
          ...(json !== undefined && { 'content-type': 'application/json' }),
        },
        ...(json !== undefined ? { body: JSON.stringify(json) } : form && { body: form }),
        redirect: 'error',
        signal: AbortSignal.timeout(left),
      });
      text = await answer.text();
    } catch (error) {
      const message = error instanceof Error && error.name === 'TimeoutError' ? 'no answer in time' : 'no answer';
      return new Refusal(new CloudflareError(asked, 0, [{ message }]), undefined);
    }
    const body = envelopeOf(text);
    if (answer.ok && body?.success === true) return { result: body.result as T };
    const problems = body?.errors ?? [{ message: 'the answer is not of the API' }];
    // What says that it went well and is not understood did something.
    const status = answer.ok && body === undefined ? 0 : answer.status;
    return new Refusal(
      new CloudflareError(asked, status, problems),
      retryAfterMs(answer.headers.get('retry-after'), now()),
    );
  }
}

class Refusal {
  readonly error: CloudflareError;
  readonly waitMs: number | undefined;
  constructor(error: CloudflareError, waitMs: number | undefined) {
    this.error = error;
    this.waitMs = waitMs;
  }
}

function envelopeOf(text: string): { success?: boolean; errors?: Problem[]; result?: unknown } | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? body : undefined;
  } catch {
    return undefined;
  }
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function retryAfterMs(said: string | null, nowMs: number): number | undefined {
  if (said === null) return undefined;
  const ms = /^\d+$/.test(said) ? Number(said) * 1_000 : Date.parse(said) - nowMs;
  return Number.isFinite(ms) ? Math.max(ms, 0) : undefined;
}
