// All that is sealed beside a session's segments, as one stream: of each object, in order, u32 BE the number of its segment, u32 BE
// its length, and itself. Nothing here can open it.

import type { ConnectorId, SessionId } from '../../core/ids.ts';
import type { parseRecordingKey } from '../../core/recording/segment.ts';
import { RetriableFault } from '../faults.ts';
import type { RecordingReader } from './recording-reader.ts';
import { keyOfName } from './recording-source.ts';

type OriginalKey = Extract<NonNullable<ReturnType<typeof parseRecordingKey>>, { kind: 'original' }>;

/** undefined: nothing of the session is kept. Made no faster than it is read; cancelling it lets the store go. */
export async function streamOriginals(
  connector: ConnectorId,
  session: SessionId,
  reader: RecordingReader,
): Promise<ReadableStream<Uint8Array> | undefined> {
  const keys: OriginalKey[] = [];
  let after: string | undefined;
  do {
    const page = await reader.list(connector, session, after);
    for (const { name } of page.objects) {
      const key = keyOfName(connector, session, name);
      if (key?.kind === 'original') keys.push(key);
    }
    after = page.after;
  } while (after !== undefined);
  if (keys.length === 0) return undefined;
  const parts = partsOf(keys, reader);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await parts.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await parts.return(undefined);
      },
    },
    { highWaterMark: 1 },
  );
}

async function* partsOf(keys: readonly OriginalKey[], reader: RecordingReader): AsyncGenerator<Uint8Array> {
  for (const key of keys) {
    const object = await reader.stream(key);
    // Purged meanwhile: half of it must not look like all.
    if (!object) throw new RetriableFault(`what is kept of segment ${key.number} is gone`);
    const head = new DataView(new ArrayBuffer(8));
    head.setUint32(0, key.number);
    head.setUint32(4, object.bytes);
    yield new Uint8Array(head.buffer);
    const body = object.body.getReader();
    try {
      for (;;) {
        const { done, value } = await body.read();
        if (done) break;
        yield value;
      }
    } finally {
      void body.cancel().catch(() => undefined);
    }
  }
}
