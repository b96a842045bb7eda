// Which objects an event speaks of. Three shapes arrive: S3's own notification, the one EventBridge
// makes of it, and S3's test message, which speaks of none.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html

import { z } from 'zod';

const Notification = z.object({
  Records: z
    .array(
      z.object({
        eventName: z.string(),
        s3: z.object({ object: z.object({ key: z.string().max(1024) }) }),
      }),
    )
    .max(1000),
});
const BridgeEvent = z.object({
  'detail-type': z.string(),
  detail: z.object({ object: z.object({ key: z.string().max(1024) }) }),
});
const TestMessage = z.object({ Event: z.literal('s3:TestEvent') });

/** Keys of objects that were created; undefined: not an event that S3 sends. */
export function createdKeys(body: unknown): readonly string[] | undefined {
  const notification = Notification.safeParse(body);
  if (notification.success)
    return notification.data.Records.filter(({ eventName }) => /^(s3:)?ObjectCreated:/.test(eventName)).map((record) =>
      decodeKey(record.s3.object.key),
    );
  const bridge = BridgeEvent.safeParse(body);
  if (bridge.success) return bridge.data['detail-type'] === 'Object Created' ? [bridge.data.detail.object.key] : [];
  return TestMessage.safeParse(body).success ? [] : undefined;
}

/** Notifications carry keys form-encoded; EventBridge does not. Ours need no encoding, so a wrong one is left as it is. */
function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return key;
  }
}
