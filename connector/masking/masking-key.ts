// The key of masks that keep equal values equal (`with: hash`): one that `connector.yaml` names the
// place of, so that several connectors mask alike, or one made of this connector's own key.

import { hkdfSync, type KeyObject } from 'node:crypto';
import type { KeyedHash } from '../../core/masking/ways.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { secret } from '../../core/secret.ts';
import type { ConnectorConfig } from '../config/settings.ts';
import { type CredentialDeps, createCredentials } from '../credentials/open-credential.ts';
import { createKeyedHash } from './keyed-hash.ts';

/** Whoever can guess the key can find out any value that can be guessed: names, numbers, addresses. */
const MIN_KEY_BYTES = 32;

type Deps = CredentialDeps & { readonly config: Pick<ConnectorConfig, 'maskingKey'> };

/** Read once: a key that changed under running sessions would break the joins that it is there for. */
export async function maskingHash(deps: Deps, ownKey: KeyObject): Promise<Result<KeyedHash, string>> {
  const named = await namedMaskingKey(deps);
  if (!named.ok) return err(`masking.key: ${named.error}`);
  return ok(hashWith(named.value ?? ownKey.export({ type: 'pkcs8', format: 'der' })));
}

/** undefined: connector.yaml names none. */
export async function namedMaskingKey(deps: Deps): Promise<Result<Buffer | undefined, string>> {
  const source = deps.config.maskingKey;
  if (source === undefined) return ok(undefined);
  const fetched = await createCredentials(deps).secret(source).fetch();
  if (!fetched.ok) return err(fetched.error.message);
  const given = Buffer.from(fetched.value.reveal());
  if (given.length >= MIN_KEY_BYTES) return ok(given);
  return err(`it is shorter than ${MIN_KEY_BYTES} bytes: make one with "openssl rand -hex 32"`);
}

/** Which key it is, and nothing of it: equal where the keys are. */
export const maskingKeyId = (keyed: KeyedHash): string =>
  Buffer.from(keyed(Buffer.from('gatehouse connector: which masking key')))
    .toString('hex')
    .slice(0, 32);

function hashWith(given: Buffer): KeyedHash {
  return createKeyedHash(
    secret(new Uint8Array(hkdfSync('sha256', given, '', 'gatehouse connector: masked values', 32))),
  );
}
