// Secrets in AWS Secrets Manager: the whole SecretString, or one key of it when it is JSON
// (as RDS stores it: `{"username":...,"password":...}`).
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html

import { SecretsManagerClient, GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { ok } from '../../../core/result.ts';
import { secret } from '../../../core/secret.ts';
import { cachedSecretStore, credentialFault, type SecretStore } from '../secret-store.ts';
import { regionOf } from './identity.ts';

/** Credentials and region come the SDK's usual ways (task role, environment); one client for each region. */
export function awsSecretStore(now?: () => number): SecretStore {
  const clients = new Map<string, SecretsManagerClient>();
  return cachedSecretStore(async (id, signal) => {
    const region = regionOf(id);
    let client = clients.get(region ?? '');
    if (client === undefined) {
      client = new SecretsManagerClient({ ...(region === undefined ? {} : { region }), maxAttempts: 2 });
      clients.set(region ?? '', client);
    }
    try {
      const answer = await client.send(new GetSecretValueCommand({ SecretId: id }), { abortSignal: signal });
      if (answer.SecretString === undefined) {
        return credentialFault(`secret ${id} holds binary data: store it as a string (SecretString)`);
      }
      return ok(secret(answer.SecretString));
    } catch (error) {
      // Only the error's name: its text comes from the other side and is not ours to trust.
      const name = error instanceof Error ? error.name : 'unknown error';
      return credentialFault(`secret ${id} could not be fetched (${name})`);
    }
  }, now);
}
