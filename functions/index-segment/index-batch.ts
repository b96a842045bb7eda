// A batch of queue messages, each an event of S3. What must come again is named, message by
// message, so that one object's trouble does not bring the others back.

import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { createdKeys } from '../events.ts';
import type { Reporter } from '../faults.ts';

export async function indexBatch(
  event: SQSEvent,
  indexObject: (key: string) => Promise<void>,
  report: Reporter,
): Promise<SQSBatchResponse> {
  const failures = await Promise.all(
    event.Records.map(async ({ messageId, body }) => {
      try {
        // Not an event: it fails until it lands in the dead-letter queue, where somebody sees it.
        const keys = createdKeys(JSON.parse(body));
        if (!keys) throw new Error('not an event of S3');
        // In order: a segment's predecessor often stands before it in the same message.
        for (const key of keys) await indexObject(key);
        return [];
      } catch (fault) {
        report({ kind: 'event.retried', object: messageId, fault: fault instanceof Error ? fault.name : 'unknown' });
        return [{ itemIdentifier: messageId }];
      }
    }),
  );
  return { batchItemFailures: failures.flat() };
}
