// Secrets in Vault's KV engine, version 1 or 2.
// https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version

import { ok } from '../../../core/result.ts';
import { secret } from '../../../core/secret.ts';
import { cachedSecretStore, credentialFault, type SecretStore } from '../secret-store.ts';
import { field } from './vault-auth.ts';
import type { VaultClient } from './vault-client.ts';
import { vaultPath } from './vault-http.ts';

/** What a secret is found by: as JSON, it is the id in a `SecretStore`, which gives all of its keys as JSON. */
export interface KvPlace {
  readonly mount: string;
  readonly version: 1 | 2;
  readonly path: string;
}

export const kvId = ({ mount, version, path }: KvPlace): string => JSON.stringify([mount, version, path]);
/** For the operator. */
export const kvName = ({ mount, path }: KvPlace): string => `Vault secret ${mount}/${path}`;

export function vaultKvStore(client: VaultClient, now?: () => number): SecretStore {
  return cachedSecretStore(async (id) => {
    const [mount, version, path]: [string, 1 | 2, string] = JSON.parse(id);
    const name = kvName({ mount, version, path });
    const under = version === 2 ? `${vaultPath(mount)}/data` : vaultPath(mount);
    const answer = await client.call({ method: 'GET', path: `${under}/${vaultPath(path)}` });
    if (!answer.ok) return credentialFault(`${name} could not be fetched: ${answer.error.message} (${client.address})`);
    const data = field(answer.value.answer, 'data');
    const values = version === 2 ? field(data, 'data') : data;
    // Version 2 answers 404 for a deleted one; a proxy may make 200 of it.
    if (typeof values !== 'object' || values === null)
      return credentialFault(`${name} holds nothing: it was deleted, or its engine is not version ${version}`);
    return ok(secret(JSON.stringify(values)));
  }, now);
}
