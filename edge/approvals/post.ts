// A POST to an address from the settings, and to no other: redirects are not followed, the answer is
// read up to a cap, and everything ends within a deadline.

import type { Secret } from '../../core/secret.ts';

const ANSWER_WITHIN_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;
/** A Retry-After beyond this is taken for this: somebody waits for an approval. */
const LONGEST_RETRY_MS = 15 * 60_000;

export type Posted =
  | { readonly ok: true; readonly status: number; readonly body: string }
  | { readonly ok: false; readonly reason: string; readonly afterMs?: number };

/** `ok` for 2xx alone. `reason` never holds the address, which may carry a token. */
export async function post(
  url: Secret<string>,
  body: string,
  headers: Readonly<Record<string, string>>,
  withinMs = ANSWER_WITHIN_MS,
): Promise<Posted> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), withinMs);
  try {
    const response = await fetch(url.reveal(), {
      method: 'POST',
      body,
      headers: { 'user-agent': 'gatehouse', ...headers },
      redirect: 'manual',
      signal: deadline.signal,
    });
    const text = await readUpTo(response, MAX_ANSWER_BYTES);
    if (response.ok) return { ok: true, status: response.status, body: text };
    const afterMs = retryAfterMs(response.headers.get('retry-after'));
    const reason = response.status === 429 ? 'rate_limited' : `status_${response.status}`;
    return { ok: false, reason, ...(afterMs !== undefined && { afterMs }) };
  } catch {
    return { ok: false, reason: deadline.signal.aborted ? 'no_answer_in_time' : 'unreachable' };
  } finally {
    clearTimeout(timer);
  }
}

/** Seconds; the date form is not used by anybody we send to. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null || !/^\d{1,9}$/.test(header.trim())) return undefined;
  return Math.min(Number(header) * 1000, LONGEST_RETRY_MS);
}

async function readUpTo(response: Response, most: number): Promise<string> {
  const reader = response.body?.getReader();
  if (!reader) return '';
  const decoder = new TextDecoder();
  let text = '';
  for (let total = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    total += value.byteLength;
    if (total > most) {
      await reader.cancel();
      return text;
    }
    text += decoder.decode(value, { stream: true });
  }
}
