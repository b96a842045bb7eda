// Where a side of SFTP begins within whatever else went over before, cut anywhere.
//
//    uint32 length | byte 1 INIT, 2 VERSION | uint32 version | extensions

import { INIT, VERSION } from './messages.ts';

const PATTERN_BYTES = 9;
const TYPE_AT = 4;
/** Extensions may follow; these are less than 64 KiB in every implementation. */
const MIN_LENGTH = 5;
/** Of drafts that there are; servers of OpenSSH take any of a client, and clients of today say 3. */
const [MIN_VERSION, MAX_VERSION] = [3, 6];

export class Beginnings {
  readonly #needle: Buffer;
  #tail = Buffer.alloc(0);

  constructor(side: 'client' | 'target') {
    this.#needle = Buffer.from([side === 'client' ? INIT : VERSION, 0, 0, 0]);
  }

  /** What came last and may be the first bytes of one. */
  get tail(): Buffer {
    return this.#tail;
  }

  /** Where they begin, from the chunk's first byte on: below 0 in the tail that was kept. */
  find(chunk: Buffer): readonly number[] {
    const found: number[] = [];
    const before = this.#tail.length;
    if (before > 0) {
      const border = Buffer.concat([this.#tail, chunk.subarray(0, PATTERN_BYTES - 1)]);
      for (const at of this.#within(border)) if (at < before) found.push(at - before);
    }
    found.push(...this.#within(chunk));
    const keep = PATTERN_BYTES - 1;
    this.#tail =
      chunk.length >= keep
        ? Buffer.from(chunk.subarray(chunk.length - keep))
        : Buffer.concat([this.#tail, chunk]).subarray(-keep);
    return found;
  }

  #within(bytes: Buffer): number[] {
    const found: number[] = [];
    for (let at = bytes.indexOf(this.#needle); at >= 0; at = bytes.indexOf(this.#needle, at + 1)) {
      const start = at - TYPE_AT;
      if (start < 0 || start + PATTERN_BYTES > bytes.length) continue;
      const version = bytes[start + PATTERN_BYTES - 1] ?? 0;
      if (version < MIN_VERSION || version > MAX_VERSION) continue;
      const length = bytes.readUInt32BE(start);
      if (length >= MIN_LENGTH && length < 0x1_0000) found.push(start);
    }
    return found;
  }
}
