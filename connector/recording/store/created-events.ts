// Tells the functions of new objects as S3 does in AWS: the body of an event notification
// (event version 2.1, "Event message structure" in S3's user guide), by POST.

import type { CreatedObject, SendCreated } from './created-announcer.ts';
import type { StoreEvents } from './object-store.ts';

const DEADLINE_MS = 30_000;

export function createdEventSender(settings: StoreEvents, now: () => Date = () => new Date()): SendCreated {
  return async (objects, signal) => {
    const response = await fetch(settings.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(settings.token && { authorization: `Bearer ${settings.token}` }),
      },
      body: JSON.stringify(createdEvent(settings.bucket, objects, now())),
      signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`the receiver of events answered ${response.status}`);
  };
}

function createdEvent(bucket: string, objects: readonly CreatedObject[], at: Date): object {
  return {
    Records: objects.map(({ key, size }) => ({
      eventVersion: '2.1',
      eventSource: 'aws:s3',
      eventTime: at.toISOString(),
      eventName: 'ObjectCreated:Put',
      s3: {
        s3SchemaVersion: '1.0',
        bucket: { name: bucket, arn: `arn:aws:s3:::${bucket}` },
        // S3 form-encodes keys in events; ours have nothing to encode but the slash, which it leaves.
        object: { key: encodeURIComponent(key).replaceAll('%2F', '/'), size },
      },
    })),
  };
}
