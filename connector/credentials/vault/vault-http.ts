// Calls to HashiCorp Vault's HTTP API, whose answers are JSON.
// https://developer.hashicorp.com/vault/api-docs (status codes: #http-status-codes)
//
// Node's own `fetch` takes no authority for one call, hence `node:https`.

import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { err, ok, type Result } from '../../../core/result.ts';
import type { Secret } from '../../../core/secret.ts';

export interface VaultPlace {
  /** An origin: `https://vault.example.com:8200`. */
  readonly address: string;
  readonly namespace: string | undefined;
  /** File of the authorities that certify it; undefined: those that Node knows. Read for each call, as it is rotated. */
  readonly ca: string | undefined;
  readonly timeoutMs: number;
}

export interface VaultFault {
  /** Of the answer; undefined: there was none that is understood. */
  readonly status: number | undefined;
  /** For the operator. Never what Vault said: it may quote what it was asked. */
  readonly message: string;
  /** In Vault's own words, lower case, to be compared with and never shown. */
  readonly said: string;
}

export interface VaultCall {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Behind `/v1/`, encoded. */
  readonly path: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly token: Secret<string> | undefined;
}

const MAX_ANSWER_BYTES = 1024 * 1024;
/** A standby node that does not forward points at the active one. */
const MAX_REDIRECTS = 2;
/** Rate limits, and a node that has not caught up yet (412). */
const AGAIN: ReadonlySet<number> = new Set([412, 429]);
const AGAIN_AFTER_MS = 250;

/** One segment or several of a path: each encoded, none that leads elsewhere. */
export const vaultPath = (path: string): string => path.split('/').map(encodeURIComponent).join('/');

export async function callVault(place: VaultPlace, call: VaultCall): Promise<Result<unknown, VaultFault>> {
  const deadline = AbortSignal.timeout(place.timeoutMs);
  let ca: string | undefined;
  try {
    ca = place.ca === undefined ? undefined : await readFile(place.ca, 'utf8');
  } catch (error) {
    return err(noAnswer(`${place.ca} cannot be read (${codeOf(error)})`));
  }
  let url = new URL(`/v1/${call.path}`, place.address);
  let redirects = 0;
  let triedAgain = false;
  for (;;) {
    let answer: Answer;
    try {
      answer = await send(url, call, { ...place, ca }, deadline);
    } catch (error) {
      return err(noAnswer(deadline.aborted ? 'it did not answer in time' : `it is not reachable (${codeOf(error)})`));
    }
    const { status, location, text } = answer;
    if (status === 301 || status === 302 || status === 307 || status === 308) {
      const next = redirect(url, location);
      // The token goes along: to no place that is less protected than the first.
      if (++redirects > MAX_REDIRECTS || !next)
        return err(noAnswer('it redirects where nobody follows: set address to its active node, with https'));
      url = next;
      continue;
    }
    if (AGAIN.has(status) && !triedAgain) {
      triedAgain = true;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS * (1 + Math.random())));
      if (!deadline.aborted) continue;
    }
    return read(status, text);
  }
}

function redirect(from: URL, location: string | undefined): URL | undefined {
  if (location === undefined || !URL.canParse(location, from.href)) return undefined;
  const next = new URL(location, from);
  const isAsSafe = next.protocol === 'https:' || (from.protocol === 'http:' && next.hostname === from.hostname);
  return isAsSafe && next.pathname === from.pathname ? next : undefined;
}

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly text: string;
}

function send(url: URL, call: VaultCall, place: VaultPlace, signal: AbortSignal): Promise<Answer> {
  const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
  const headers = {
    // A proxy of Vault's (Agent) asks for it, so that no page of a browser speaks for somebody.
    'x-vault-request': 'true',
    ...(place.namespace !== undefined && { 'x-vault-namespace': place.namespace }),
    ...(call.token && { 'x-vault-token': call.token.reveal() }),
    ...(body && { 'content-type': 'application/json', 'content-length': body.length }),
    ...call.headers,
  };
  const secured = url.protocol === 'https:';
  const options = { method: call.method, headers, signal, ...(secured && place.ca && { ca: place.ca }) };
  return new Promise((resolve, reject) => {
    const asked = (secured ? httpsRequest : httpRequest)(url, options, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) asked.destroy(new Error('the answer is too long'));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode = 0, headers: told } = response;
        resolve({ status: statusCode, location: told.location, text: Buffer.concat(chunks).toString('utf8') });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

function read(status: number, text: string): Result<unknown, VaultFault> {
  let answer: unknown;
  try {
    answer = text === '' ? undefined : JSON.parse(text);
  } catch {
    answer = undefined;
  }
  if (status === 200 && answer !== undefined) return ok(answer);
  if (status === 204 || status === 202) return ok(undefined);
  if (status === 200) return err(noAnswer('its answer is not understood: is address that of Vault?'));
  const said = errorsOf(answer).join(' ').toLowerCase();
  return err({ status, message: MEANINGS[status] ?? `it answered with HTTP ${status}`, said });
}

const MEANINGS: Readonly<Record<number, string>> = {
  400: 'it does not understand what it is asked for (400): see mount, version and role',
  403: 'permission denied (403): see the policy of its role, and whether the token has expired',
  404: 'there is nothing at that path (404): see mount, version and path',
  412: 'this node has not caught up with the others yet (412): try again in a moment',
  429: 'it has too many requests (429), or this node is a standby: try again in a moment',
  472: 'this node is of a disaster recovery cluster (472): set address to the active cluster',
  473: 'this node is a performance standby (473): set address to the active node',
  500: 'an error of its own (500): see its log',
  502: 'it could not reach what it needs (502): see its log',
  503: 'it is sealed or being looked after (503): unseal it',
};

const noAnswer = (message: string): VaultFault => ({ status: undefined, message, said: '' });

/** `{"errors":["permission denied"]}` */
function errorsOf(answer: unknown): string[] {
  const errors: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'errors') : undefined;
  return Array.isArray(errors) ? errors.map(String) : [];
}

function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? (message === 'the answer is too long' ? message : 'failed');
}
