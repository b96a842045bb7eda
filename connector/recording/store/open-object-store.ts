// Settings to store. Runs in the archiver's thread.

import { join } from 'node:path';
import { AnnouncingObjectStore } from './announcing-object-store.ts';
import { createdEventSender } from './created-events.ts';
import { DirectoryObjectStore } from './directory-object-store.ts';
import type { ObjectStore, ParsedStoreSettings } from './object-store.ts';
import { S3ObjectStore } from './s3-object-store.ts';

/** `directory`: the log's own. `onFault`: what a person must see beside the puts' own answers. */
export function openObjectStore(
  settings: ParsedStoreSettings,
  directory: string,
  onFault: (reason: string, message: string) => void,
): ObjectStore {
  const onAnnouncing = (state: 'failing' | 'recovered', message: string) => onFault(`events_${state}`, message);
  switch (settings.kind) {
    case 'directory':
      return new DirectoryObjectStore({
        root: settings.root,
        memory: join(directory, 'store.json'),
        ...(settings.events && {
          onCreated: createdEventSender(settings.events),
          onAnnouncing,
        }),
      });
    case 's3': {
      const store = new S3ObjectStore(settings);
      if (!settings.events) return store;
      const send = createdEventSender(settings.events);
      return new AnnouncingObjectStore({ store, directory: join(directory, 'events'), send, onState: onAnnouncing });
    }
  }
}
