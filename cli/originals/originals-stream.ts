// The archive's stream of sealed objects: u32 BE number of the segment, u32 BE length, the object; in order.

import { MAX_ORIGINAL_BYTES } from '../../core/recording/originals/original-object.ts';
import { Failure } from '../failure.ts';

const HEAD_BYTES = 8;

export class OriginalsStream {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next object; undefined: that was all. Throws where it breaks off within one, or says of itself what cannot be. */
  async next(): Promise<{ readonly segment: number; readonly object: Uint8Array } | undefined> {
    const head = await this.#take(HEAD_BYTES);
    if (head.length === 0) return undefined;
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const length = head.length === HEAD_BYTES ? view.getUint32(4) : 0;
    if (length === 0 || length > MAX_ORIGINAL_BYTES) throw broken();
    const object = await this.#take(length);
    if (object.length < length) throw broken();
    return { segment: view.getUint32(0), object };
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  /** Fewer where there are no more. */
  async #take(count: number): Promise<Uint8Array> {
    const parts = [this.#rest];
    let size = this.#rest.length;
    while (size < count) {
      const { done, value } = await this.#chunks.next();
      if (done) break;
      parts.push(value);
      size += value.length;
    }
    const whole = parts.length === 1 ? this.#rest : Buffer.concat(parts);
    this.#rest = whole.subarray(count);
    return whole.subarray(0, count);
  }
}

const broken = (): Failure => new Failure(3, 'answer_cut', 'what is kept of the session broke off: try again');
