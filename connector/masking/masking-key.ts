// The key of masks that keep equal values equal (`with: hash`): one that `connector.yaml` names the
// place of, so that several connectors mask alike, or one made of this connector's first key.

import { hkdfSync } from 'node:crypto';
import type { KeyedHash } from '../../core/masking/ways.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { secret } from '../../core/secret.ts';
import type { ConnectorConfig } from '../config/settings.ts';
import { type CredentialDeps, createCredentials } from '../credentials/open-credential.ts';
import { createKeyedHash } from './keyed-hash.ts';

/** Whoever can guess the key can find out any value that can be guessed: names, numbers, addresses. */
const MIN_KEY_BYTES = 32;

type Deps = CredentialDeps & { readonly config: Pick<ConnectorConfig, 'maskingKey'> };

/** `own`: 32 bytes, made of this connector's first key. Read once: a key that changed under running sessions would break the joins that it is there for. */
export async function maskingHash(deps: Deps, own: Uint8Array): Promise<Result<KeyedHash, string>> {
  const named = await namedMaskingKey(deps);
  if (!named.ok) return err(`masking.key: ${named.error}`);
  if (named.value === undefined) return ok(createKeyedHash(secret(own)));
  const key = hkdfSync('sha256', named.value, '', 'gatehouse connector: masked values', 32);
  return ok(createKeyedHash(secret(new Uint8Array(key))));
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

const MASKS_BY_ITSELF =
  'masking.key is not set, so each task of the role masks by a key of its own: values that `with: hash` masks are equal within one task alone, and others once it is replaced. Set masking.key, the same for all';

/** For the operator, where connectors join by IAM and are to have the same key: a task's own is lost with its disk. undefined: all is well. */
export const masksByItself = ({
  join,
  maskingKey,
}: Pick<ConnectorConfig, 'join' | 'maskingKey'>): string | undefined =>
  join.kind === 'iam' && maskingKey === undefined ? MASKS_BY_ITSELF : undefined;
