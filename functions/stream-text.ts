// Text as a byte stream that is made no faster than it is read, in chunks worth sending.

const CHUNK_CHARS = 32 * 1024;
/** What is made slowly is sent as it comes: keyframes of a long recording. */
const CHUNK_MS = 1000;

/** Resolves when the first chunk is there; rejects when that fails. Cancelling the stream ends the generator. */
export async function streamText(text: AsyncGenerator<string>): Promise<ReadableStream<Uint8Array>> {
  const encoder = new TextEncoder();
  async function next(): Promise<Uint8Array | undefined> {
    const parts: string[] = [];
    let chars = 0;
    const beganMs = performance.now();
    while (chars < CHUNK_CHARS && (chars === 0 || performance.now() - beganMs < CHUNK_MS)) {
      const part = await text.next();
      if (part.done) break;
      parts.push(part.value);
      chars += part.value.length;
    }
    return parts.length === 0 ? undefined : encoder.encode(parts.join(''));
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
