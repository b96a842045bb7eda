// From what `connector.yaml` says to something that fetches.

import { unreachable } from '../../core/result.ts';
import type { Logger } from '../logger.ts';
import type { Credential, CredentialSource } from './credential.ts';
import { environmentCredential } from './environment.ts';
import { fileCredential } from './file.ts';
import type { SecretStore } from './secrets-manager.ts';

export interface CredentialDeps {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
}

export function createCredentials(deps: CredentialDeps): (source: CredentialSource) => Credential {
  let secrets: Promise<SecretStore> | undefined;
  // The AWS SDK is loaded by those who use it only: it is most of an idle connector's memory.
  const secretStore = () => {
    secrets ??= import('./secrets-manager.ts').then((m) => m.cachedSecretStore(m.awsSecretStore()));
    return secrets;
  };

  return (source) => {
    switch (source.kind) {
      case 'env':
        return environmentCredential(source.name, deps.environment);
      case 'file':
        return fileCredential(source.path, deps.log);
      case 'secretsManager':
        return {
          async fetch(signal) {
            const store = await secretStore();
            const { secretsManagerCredential } = await import('./secrets-manager.ts');
            return secretsManagerCredential(source.id, source.key, store).fetch(signal);
          },
        };
      default:
        return unreachable(source);
    }
  };
}
