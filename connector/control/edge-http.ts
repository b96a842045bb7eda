// The plain requests of a connector: joining, and the certificates of its listeners.

import https from 'node:https';
import type { z } from 'zod';
import { ApiError, SshCertificateRequest } from '../../core/api.ts';
import { Certificate, CertificateRequest, HostCertified, Joined, JoinRequest } from '../../core/connectors/join.ts';
import { type IamJoinRequest, IamNonce, IamNonceRequest } from '../../core/connectors/iam-join.ts';
import { Rotated, type RotationRequest } from '../../core/connectors/key-rotation.ts';
import type { ConnectorId } from '../../core/ids.ts';
import { proxyFault, proxyNote } from '../../core/tunnel/proxy-settings.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Secret } from '../../core/secret.ts';
import type { AuthorizeRequest } from './edge-token.ts';

const REQUEST_TIMEOUT_MS = 10_000;

export interface EdgeFault {
  /** unreachable: worth another try. refused: the same request will be refused again. */
  readonly kind: 'unreachable' | 'refused';
  readonly message: string;
}

/** Uses up the token. Safe to repeat with the same key where the edge allows it; otherwise refused. */
export async function joinEdge(
  edge: string,
  {
    token,
    name,
    key,
    site,
  }: {
    readonly token: Secret<string>;
    readonly name: string;
    readonly key: string;
    readonly site?: string | undefined;
  },
): Promise<Result<ConnectorId, EdgeFault>> {
  const body = JoinRequest.safeParse({ token: token.reveal(), name, key, ...(site !== undefined && { site }) });
  if (!body.success) return err({ kind: 'refused', message: 'the join token is not one that the edge makes' });
  const answer = await post(`${edge}/api/v1/connectors/join`, body.data, Joined);
  return answer.ok ? ok(answer.value.connector) : answer;
}

export async function requestIamNonce(edge: string, key: string): Promise<Result<string, EdgeFault>> {
  const answer = await post(`${edge}/api/v1/connectors/join/iam/nonce`, IamNonceRequest.parse({ key }), IamNonce);
  return answer.ok ? ok(answer.value.nonce) : answer;
}

export async function sendIamJoin(edge: string, request: IamJoinRequest): Promise<Result<ConnectorId, EdgeFault>> {
  const answer = await post(`${edge}/api/v1/connectors/join/iam`, request, Joined);
  return answer.ok ? ok(answer.value.connector) : answer;
}

/** Signed by both keys, which is all that the edge asks: it may be sent again, for as long as no other change came after. */
export async function sendRotation(edge: string, request: RotationRequest): Promise<Result<string, EdgeFault>> {
  const answer = await post(`${edge}/api/v1/connectors/rotation`, request, Rotated);
  return answer.ok ? ok(answer.value.key) : answer;
}

/** `csr` in PEM. */
export async function requestCertificate(
  edge: string,
  csr: string,
  authorize: AuthorizeRequest,
): Promise<Result<z.infer<typeof Certificate>, EdgeFault>> {
  const body = CertificateRequest.parse({ csr });
  return post(`${edge}/api/v1/connectors/certificate`, body, Certificate, await authorize());
}

/** `publicKey`: as it was announced. Answers with `ssh-ed25519-cert-v01@openssh.com AAAA...`. */
export async function requestHostCertificate(
  edge: string,
  publicKey: string,
  authorize: AuthorizeRequest,
): Promise<Result<z.infer<typeof HostCertified>, EdgeFault>> {
  const body = SshCertificateRequest.parse({ publicKey });
  return post(`${edge}/api/v1/connectors/host-certificate`, body, HostCertified, await authorize());
}

async function post<S extends z.ZodType>(
  url: string,
  body: unknown,
  schema: S,
  authorization?: string,
): Promise<Result<z.infer<S>, EdgeFault>> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(authorization === undefined ? {} : { authorization }),
      },
      body: JSON.stringify(body),
      // A redirect would carry token and key to somebody else.
      redirect: 'error',
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    text = await response.text();
  } catch (error) {
    return err({ kind: 'unreachable', message: `${url} does not answer (${causeOf(error)})` });
  }
  if (!response.ok) {
    const said = ApiError.safeParse(parseJson(text));
    const message = said.success ? said.data.error.message : `it answered ${response.status}`;
    const skew = clockSkewNote(response.headers.get('date'), Date.now());
    const kind = response.status >= 500 || response.status === 429 ? 'unreachable' : 'refused';
    return err({ kind, message: `${message}${response.status === 401 ? skew : ''}` });
  }
  const parsed = schema.safeParse(parseJson(text));
  if (!parsed.success)
    return err({ kind: 'unreachable', message: `${url} answered with something else: is this the edge?` });
  return ok(parsed.data);
}

/** Tokens live a minute, so a wrong clock looks like a wrong key: say so. Empty when it is not that. */
export function clockSkewNote(date: string | null | undefined, now: number): string {
  const theirs = Date.parse(date ?? '');
  if (Number.isNaN(theirs)) return '';
  const seconds = Math.round((now - theirs) / 1000);
  if (Math.abs(seconds) < 30) return '';
  return `; this machine's clock is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} the edge's: set it`;
}

/** `ECONNREFUSED` rather than `fetch failed`. */
export function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = (cause as { code?: unknown } | null)?.code;
  const proxys = cause instanceof Error ? proxyFault(cause) : undefined;
  if (proxys !== undefined) return proxys;
  if (cause instanceof Error && cause.name === 'TimeoutError')
    return `no answer in time${proxyNote(https.globalAgent)}`;
  if (typeof code === 'string') return code;
  return cause instanceof Error ? cause.name : 'unknown error';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
