// From what `connector.yaml` says to something that fetches.

import { ok, unreachable } from '../../core/result.ts';
import type { Logger } from '../logger.ts';
import type { AwsIdentity } from './aws/identity.ts';
import type { Credential, CredentialSource, LoginKeeper, LoginSource, OpenLogin } from './credential.ts';
import { environmentCredential } from './environment.ts';
import { fileCredential } from './file.ts';
import { credentialFault, type SecretStore, storedCredential } from './secret-store.ts';
import type { VaultClient, VaultSettings } from './vault/vault-client.ts';

export interface CredentialDeps {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  /** Undefined: `connector.yaml` names none. */
  readonly vault?: VaultSettings | undefined;
}

/** What is kept between sessions (answers, tokens) is kept in here, so there is one for a connector. */
export interface Credentials {
  secret(source: CredentialSource): Credential;
  login(source: LoginSource): OpenLogin;
}

export function createCredentials(deps: CredentialDeps): Credentials {
  // The AWS SDK is loaded by those who use it only: it is most of an idle connector's memory.
  const aws = once(async (): Promise<AwsIdentity> => (await import('./aws/identity.ts')).awsIdentity());
  const secretsManager = once(async () => (await import('./aws/secrets-manager.ts')).awsSecretStore());
  const parameters = once(async () =>
    (await import('./aws/parameter-store.ts')).parameterStore(await aws(), deps.environment),
  );
  const vault = once(async (): Promise<VaultParts | undefined> => {
    const { vault: settings, log } = deps;
    if (!settings) return undefined;
    const [{ VaultClient }, { vaultKvStore }, { vaultStaticStore }] = await Promise.all([
      import('./vault/vault-client.ts'),
      import('./vault/vault-kv.ts'),
      import('./vault/vault-database.ts'),
    ]);
    const client = new VaultClient({ settings, credential: secret, aws, log });
    return { client, kv: vaultKvStore(client), statics: vaultStaticStore(client) };
  });

  function secret(source: CredentialSource): Credential {
    switch (source.kind) {
      case 'env':
        return environmentCredential(source.name, deps.environment);
      case 'file':
        return fileCredential(source.path, deps.log);
      case 'secretsManager':
        return later(async () =>
          storedCredential(await secretsManager(), source.id, `secret ${source.id}`, source.key),
        );
      case 'ssm':
        return later(async () => storedCredential(await parameters(), source.id, `parameter ${source.id}`, source.key));
      case 'vaultKv':
        return later(async () => {
          const parts = await vault();
          if (!parts) return { fetch: async () => NO_VAULT };
          const { kvId, kvName } = await import('./vault/vault-kv.ts');
          return storedCredential(parts.kv, kvId(source), kvName(source), source.key);
        });
      default:
        return unreachable(source);
    }
  }

  function login(source: LoginSource): OpenLogin {
    switch (source.kind) {
      case 'rdsIam':
        return laterLogin(async () => (await import('./aws/rds-token.ts')).rdsLogin(source.region, await aws()));
      case 'vaultDatabase':
        return laterLogin(
          async () => {
            const parts = await vault();
            if (!parts) return undefined;
            const { vaultDynamicLogin, vaultStaticLogin } = await import('./vault/vault-database.ts');
            return source.static ? vaultStaticLogin(parts.statics, source) : vaultDynamicLogin(parts.client, source);
          },
          source.static ? undefined : { by: 'vault', role: source.role },
        );
      default: {
        const credential = secret(source);
        return ({ user }) => ({
          async next(refused) {
            if (user === undefined) return credentialFault('a password goes with the name of a user');
            const password = await credential.fetch(refused?.password);
            return password.ok ? ok({ user, password: password.value }) : password;
          },
        });
      }
    }
  }

  return { secret, login };
}

interface VaultParts {
  readonly client: VaultClient;
  readonly kv: SecretStore;
  readonly statics: SecretStore;
}

const NO_VAULT = credentialFault(
  'vault is missing in connector.yaml: name its address, and how to log in there (auth)',
);

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function later(open: () => Promise<Credential>): Credential {
  return { fetch: async (refused) => (await open()).fetch(refused) };
}

/** Undefined: there is no Vault. */
function laterLogin(open: () => Promise<OpenLogin | undefined>, made?: LoginKeeper['made']): OpenLogin {
  return (place, scope) => {
    const keeper = once(async () => (await open())?.(place, scope));
    return {
      ...(made && { made }),
      async next(refused) {
        const opened = await keeper();
        return opened ? opened.next(refused) : NO_VAULT;
      },
    };
  };
}
