// From where `connector.yaml` says that recordings go to what the recording's worker thread is given.

import { err, ok, type Result } from '../core/result.ts';
import type { StoreConfig } from './config/settings.ts';
import type { ObjectStoreSettings } from './recording/store/object-store.ts';

export function storeSettings(
  store: StoreConfig,
  environment: Readonly<Record<string, string | undefined>>,
): Result<ObjectStoreSettings, string> {
  const events = eventsOf(store, environment);
  if (!events.ok) return events;
  if (store.kind === 's3') {
    const { kind, bucket, region, endpoint, lock, owner, confirmation } = store;
    return ok({
      ...events.value,
      kind,
      bucket,
      region,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(lock === undefined ? {} : { lock }),
      ...(owner === undefined ? {} : { owner }),
      ...(confirmation === undefined ? {} : { confirmation }),
    });
  }
  return ok({ kind: 'directory', root: store.directory, ...events.value });
}

function eventsOf(
  { events }: StoreConfig,
  environment: Readonly<Record<string, string | undefined>>,
): Result<Pick<ObjectStoreSettings, 'events'>, string> {
  if (events === undefined) return ok({});
  const token = environment[events.tokenEnv];
  if (!token) return err(`${events.tokenEnv} is not set: it holds the token for ${events.url}`);
  return ok({ events: { url: `${events.url.replace(/\/$/, '')}/events`, token } });
}
