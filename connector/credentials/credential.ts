// A target's credential: where the connector's own file says it is, fetched anew for each session
// and held by nothing else (law 8). A fault names the place, never the value (law 11).

import type { SessionId } from '../../core/ids.ts';
import type { Result } from '../../core/result.ts';
import type { Secret } from '../../core/secret.ts';

export interface CredentialFault {
  readonly reason: 'credential_unavailable';
  /** For the operator: `environment variable SHOP_PASSWORD is not set`. Never holds the value or part of it. */
  readonly message: string;
}

export interface Credential {
  /**
   * Called once for each session, and once more with what the target has `refused`: then what is kept of it between sessions is
   * asked for anew. Never throws.
   */
  fetch(refused?: Secret<string>): Promise<Result<Secret<string>, CredentialFault>>;
}

/** A secret that stands somewhere, as `connector.yaml` names it; paths are absolute. */
export type CredentialSource =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'secretsManager'; readonly id: string; readonly key: string | undefined }
  | { readonly kind: 'ssm'; readonly id: string; readonly key: string | undefined }
  | {
      readonly kind: 'vaultKv';
      readonly mount: string;
      readonly version: 1 | 2;
      readonly path: string;
      readonly key: string;
    };

/** By what a database is logged in to: a password that stands somewhere, or one that is made for it. */
export type LoginSource =
  | CredentialSource
  | { readonly kind: 'rdsIam'; readonly region: string | undefined }
  | { readonly kind: 'vaultDatabase'; readonly mount: string; readonly role: string; readonly static: boolean };

export interface TargetLogin {
  readonly user: string;
  /** Undefined: the target asks for none. */
  readonly password: Secret<string> | undefined;
}

/** Where a login is used: some are made for one place. `user`: undefined where the source names it. */
export interface LoginPlace {
  readonly host: string;
  readonly port: number;
  readonly user: string | undefined;
}

/** For whom a target is opened. */
export interface SessionScope {
  readonly id: SessionId;
  /** Its grant ends then, and so does it; milliseconds since the epoch. */
  readonly untilMs: number;
  /** The connector that carries it. */
  readonly owner: string;
  /** Aborts when the session is over, also where it never began: what was made for it is given back then. */
  readonly over: AbortSignal;
  /** For the operator: something that was made for it could not be kept, or not be taken away. Holds no secret. */
  onFault(message: string): void;
  /** Told of the work of giving it back, for whoever waits for it before the process ends. */
  givingBack(work: Promise<unknown>): void;
}

/** Who a session is at its target, where that is a user made for it: for the recording. */
export interface MadeUser {
  readonly by: 'gatehouse' | 'vault';
  /** Whose rights it has: the template, Vault's role. */
  readonly role: string;
}

/** A session's logins at its target. */
export interface LoginKeeper {
  /** For the next dial. `refused`: the target did not take it; the same again where nothing newer can be had. Never throws. */
  next(refused?: TargetLogin): Promise<Result<TargetLogin, CredentialFault>>;
  readonly made?: MadeUser;
}

/** As it is opened for a session: the login of this moment, and the keeper of those that follow. */
export interface SessionLogins extends TargetLogin {
  readonly keeper: LoginKeeper;
}

export type OpenLogin = (place: LoginPlace, scope: SessionScope) => LoginKeeper;

/** A password longer than this is a mistake: a wrong file, a whole key ring. */
export const MAX_CREDENTIAL_BYTES = 16 * 1024;

/** What is wrong with a value, in words that do not show it; undefined when it can be used. */
export function valueProblem(value: string): string | undefined {
  if (value.length === 0) return 'is empty';
  if (Buffer.byteLength(value) > MAX_CREDENTIAL_BYTES) return `is longer than ${MAX_CREDENTIAL_BYTES} bytes`;
  if (value.includes('\0')) return 'holds a NUL byte';
  return undefined;
}
