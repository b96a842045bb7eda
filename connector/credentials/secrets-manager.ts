// A credential in AWS Secrets Manager: the whole SecretString, or one key of it when it is JSON
// (as RDS stores it: `{"username":...,"password":...}`).
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
//
// Kept for CACHE_MS, so that a burst of sessions makes one call and a rotation is seen soon after.

import { SecretsManagerClient, GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { err, ok, type Result } from '../../core/result.ts';
import { secret, type Secret } from '../../core/secret.ts';
import { type Credential, type CredentialFault, valueProblem } from './credential.ts';

export const CACHE_MS = 30_000;
const CALL_TIMEOUT_MS = 5_000;

/** All that is asked of AWS. */
export interface SecretStore {
  get(id: string, signal: AbortSignal): Promise<Result<Secret<string>, CredentialFault>>;
}

const fault = (message: string) => err({ reason: 'credential_unavailable' as const, message });

/** An ARN says its region: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:NAME-AbCdEf`. */
const regionOf = (id: string): string | undefined => (id.startsWith('arn:') ? id.split(':')[3] : undefined);

/** Credentials and region come the SDK's usual ways (task role, environment); one client for each region. */
export function awsSecretStore(): SecretStore {
  const clients = new Map<string, SecretsManagerClient>();
  return {
    async get(id, signal) {
      const region = regionOf(id);
      let client = clients.get(region ?? '');
      if (client === undefined) {
        client = new SecretsManagerClient({ ...(region === undefined ? {} : { region }), maxAttempts: 2 });
        clients.set(region ?? '', client);
      }
      try {
        const answer = await client.send(new GetSecretValueCommand({ SecretId: id }), { abortSignal: signal });
        if (answer.SecretString === undefined) {
          return fault(`secret ${id} holds binary data: store it as a string (SecretString)`);
        }
        return ok(secret(answer.SecretString));
      } catch (error) {
        // Only the error's name: its text comes from the other side and is not ours to trust.
        return fault(`secret ${id} could not be fetched (${error instanceof Error ? error.name : 'unknown error'})`);
      }
    },
  };
}

/** Wraps a store so that answers are shared by concurrent callers and kept for CACHE_MS. Faults are not kept. */
export function cachedSecretStore(store: SecretStore, now: () => number = () => performance.now()): SecretStore {
  const kept = new Map<string, { readonly at: number; readonly answer: ReturnType<SecretStore['get']> }>();
  return {
    get(id) {
      const known = kept.get(id);
      if (known !== undefined && now() - known.at < CACHE_MS) return known.answer;
      // Not the caller's signal: others may be waiting for the same answer.
      const answer = store.get(id, AbortSignal.timeout(CALL_TIMEOUT_MS));
      const entry = { at: now(), answer };
      kept.set(id, entry);
      const forget = () => {
        if (kept.get(id) === entry) kept.delete(id);
      };
      answer.then((result) => {
        if (!result.ok) forget();
      }, forget);
      return answer;
    },
  };
}

export function secretsManagerCredential(id: string, key: string | undefined, store: SecretStore): Credential {
  return {
    async fetch(signal) {
      const answer = await store.get(id, signal ?? AbortSignal.timeout(CALL_TIMEOUT_MS));
      if (!answer.ok) return answer;
      const value = key === undefined ? ok(answer.value.reveal()) : selectKey(answer.value.reveal(), id, key);
      if (!value.ok) return value;
      const problem = valueProblem(value.value);
      if (problem !== undefined) return fault(`secret ${id}${key === undefined ? '' : ` key ${key}`} ${problem}`);
      return ok(secret(value.value));
    },
  };
}

function selectKey(text: string, id: string, key: string): Result<string, CredentialFault> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // V8's message quotes the text: it must not be passed on.
    return fault(`secret ${id} is not JSON, so it has no key ${key}: leave "key" out to use the whole of it`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed) || !Object.hasOwn(parsed, key)) {
    return fault(`secret ${id} has no key ${key}`);
  }
  const value: unknown = Reflect.get(parsed, key);
  return typeof value === 'string' ? ok(value) : fault(`key ${key} of secret ${id} is not a string`);
}
