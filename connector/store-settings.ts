// From where `connector.yaml` says that recordings go to what the recording's worker thread is given.

import { err, ok, type Result } from '../core/result.ts';
import type { StoreConfig } from './config/settings.ts';
import type { ObjectStoreSettings } from './recording/store/object-store.ts';

export function storeSettings(
  store: StoreConfig,
  environment: Readonly<Record<string, string | undefined>>,
): Result<ObjectStoreSettings, string> {
  if (store.kind === 's3') {
    const { kind, bucket, region, endpoint, lock, owner, confirmation } = store;
    return ok({
      kind,
      bucket,
      region,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(lock === undefined ? {} : { lock }),
      ...(owner === undefined ? {} : { owner }),
      ...(confirmation === undefined ? {} : { confirmation }),
    });
  }
  if (store.events === undefined) return ok({ kind: 'directory', root: store.directory });
  const token = environment[store.events.tokenEnv];
  if (!token) return err(`${store.events.tokenEnv} is not set: it holds the token for ${store.events.url}`);
  return ok({
    kind: 'directory',
    root: store.directory,
    events: { url: `${store.events.url.replace(/\/$/, '')}/events`, token },
  });
}
