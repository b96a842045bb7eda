// Tells the functions of a new object as S3 does in AWS: the body of an event notification
// (event version 2.1, "Event message structure" in S3's user guide), by POST.

import type { DirectoryStoreSettings } from './object-store.ts';

const DEADLINE_MS = 30_000;

/** Rejects unless the receiver took the event. */
export function createdEventSender(
  settings: NonNullable<DirectoryStoreSettings['events']>,
  now: () => Date = () => new Date(),
): (key: string, size: number) => Promise<void> {
  return async (key, size) => {
    const response = await fetch(settings.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(settings.token && { authorization: `Bearer ${settings.token}` }),
      },
      body: JSON.stringify(createdEvent(settings.bucket, key, size, now())),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`the receiver of events answered ${response.status}`);
  };
}

export function createdEvent(bucket: string, key: string, size: number, at: Date): object {
  return {
    Records: [
      {
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
      },
    ],
  };
}
