// A target's credential: where the connector's own file says it is, fetched anew for each session
// and held by nothing else (law 8). A fault names the place, never the value (law 11).

import type { Result } from '../../core/result.ts';
import type { Secret } from '../../core/secret.ts';

export interface CredentialFault {
  readonly reason: 'credential_unavailable';
  /** For the operator: `environment variable SHOP_PASSWORD is not set`. Never holds the value or part of it. */
  readonly message: string;
}

export interface Credential {
  /** Called once for each session. Never throws. */
  fetch(signal?: AbortSignal): Promise<Result<Secret<string>, CredentialFault>>;
}

/** As `connector.yaml` names it; paths are absolute. */
export type CredentialSource =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'secretsManager'; readonly id: string; readonly key: string | undefined };

/** A password longer than this is a mistake: a wrong file, a whole key ring. */
export const MAX_CREDENTIAL_BYTES = 16 * 1024;

/** What is wrong with a value, in words that do not show it; undefined when it can be used. */
export function valueProblem(value: string): string | undefined {
  if (value.length === 0) return 'is empty';
  if (Buffer.byteLength(value) > MAX_CREDENTIAL_BYTES) return `is longer than ${MAX_CREDENTIAL_BYTES} bytes`;
  if (value.includes('\0')) return 'holds a NUL byte';
  return undefined;
}
