// Text and bytes as a byte stream that is made no faster than it is read, in chunks worth sending.

/** Characters or bytes. */
const CHUNK_LENGTH = 32 * 1024;
/** What is made slowly is sent as it comes: keyframes of a long recording. */
const CHUNK_MS = 1000;

export type Chunks = AsyncGenerator<string | Uint8Array, void, undefined>;

/** Resolves when the first chunk is there; rejects when that fails. Cancelling the stream ends the generator. */
export async function streamText(text: Chunks): Promise<ReadableStream<Uint8Array>> {
  async function next(): Promise<Uint8Array | undefined> {
    const parts: (string | Uint8Array)[] = [];
    let length = 0;
    const beganMs = performance.now();
    while (length < CHUNK_LENGTH && (length === 0 || performance.now() - beganMs < CHUNK_MS)) {
      const part = await text.next();
      if (part.done) break;
      // A copy: bytes may be a view that is gone with the next.
      parts.push(typeof part.value === 'string' ? part.value : Uint8Array.from(part.value));
      length += part.value.length;
    }
    return parts.length === 0 ? undefined : bytesOf(parts);
  }
  let first = await next();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = first ?? (await next());
        first = undefined;
        if (chunk) controller.enqueue(chunk);
        else controller.close();
      },
      async cancel() {
        await text.return(undefined);
      },
    },
    { highWaterMark: 1 },
  );
}

/** Text that stands together is encoded together: a character's halves may have come apart. */
function bytesOf(parts: readonly (string | Uint8Array)[]): Uint8Array {
  const bytes: Uint8Array[] = [];
  let text = '';
  for (const part of parts) {
    if (typeof part === 'string') text += part;
    else {
      bytes.push(Buffer.from(text), part);
      text = '';
    }
  }
  bytes.push(Buffer.from(text));
  return bytes.length === 1 ? (bytes[0] as Uint8Array) : Buffer.concat(bytes);
}
