// Stores that are asked over a network: what they answer is kept for a moment, so that a burst of sessions makes one
// call and a rotation is seen soon after, at once where the target refuses what was kept.

import { err, ok, type Result } from '../../core/result.ts';
import { secret, type Secret } from '../../core/secret.ts';
import { type Credential, type CredentialFault, valueProblem } from './credential.ts';

export const CACHE_MS = 30_000;
/** One call: a store that takes longer delays the sessions that need it, and no others. */
const CALL_TIMEOUT_MS = 5_000;
/** What was fetched this short a time ago is not asked for again, whatever the target says: many sessions may be refused at once. */
const FRESH_MS = 2_000;

/** All that is asked of one. */
export interface SecretStore {
  /** `refused`: a value that the target did not take, of this id or of a part of it. */
  get(id: string, refused?: Secret<string>): Promise<Result<Secret<string>, CredentialFault>>;
}

type Ask = (id: string, signal: AbortSignal) => Promise<Result<Secret<string>, CredentialFault>>;

export const credentialFault = (message: string) => err({ reason: 'credential_unavailable' as const, message });

/** Answers are shared by concurrent callers and kept for CACHE_MS. Faults are not kept. */
export function cachedSecretStore(ask: Ask, now: () => number = () => performance.now()): SecretStore {
  const kept = new Map<string, { readonly at: number; readonly answer: ReturnType<Ask> }>();
  return {
    get(id, refused) {
      const known = kept.get(id);
      const age = known === undefined ? Number.POSITIVE_INFINITY : now() - known.at;
      if (known !== undefined && age < (refused ? FRESH_MS : CACHE_MS)) return known.answer;
      // Not the caller's signal: others may be waiting for the same answer.
      const answer = ask(id, AbortSignal.timeout(CALL_TIMEOUT_MS));
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

/** `name`: of it, for the operator: `secret shop/db`. `key`: of a text that is JSON; undefined: the whole of it. */
export function storedCredential(store: SecretStore, id: string, name: string, key: string | undefined): Credential {
  return {
    async fetch(refused) {
      const answer = await store.get(id, refused);
      if (!answer.ok) return answer;
      const value = key === undefined ? ok(answer.value.reveal()) : selectKey(answer.value.reveal(), name, key);
      if (!value.ok) return value;
      const problem = valueProblem(value.value);
      if (problem !== undefined) return credentialFault(`${name}${key === undefined ? '' : ` key ${key}`} ${problem}`);
      return ok(secret(value.value));
    },
  };
}

function selectKey(text: string, name: string, key: string): Result<string, CredentialFault> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // V8's message quotes the text: it must not be passed on.
    return credentialFault(`${name} is not JSON, so it has no key ${key}: leave "key" out to use the whole of it`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed) || !Object.hasOwn(parsed, key)) {
    return credentialFault(`${name} has no key ${key}`);
  }
  const value: unknown = Reflect.get(parsed, key);
  return typeof value === 'string' ? ok(value) : credentialFault(`key ${key} of ${name} is not a string`);
}
