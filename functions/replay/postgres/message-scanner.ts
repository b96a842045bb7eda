// Finds messages in one direction of a recorded PostgreSQL conversation, whatever the frames' borders.
//
//   byte type | int32 length | body     the length counts itself and not the type
//
// A message can be half a gigabyte: only the first bytes of a body are held. What cannot be a
// message makes the scanner lost, and it stays so until somebody who knows a border says where.
// https://www.postgresql.org/docs/current/protocol-message-formats.html

import { z } from 'zod';
import { KeptBytes, keptBytes, StateMisfit } from '../../checkpoints.ts';

const KEPT_BYTES = 64 * 1024;
const HEADER_BYTES = 5;

export interface ScannedMessage {
  /** As a character: `D` for DataRow. */
  readonly type: string;
  /** Of its type byte, in all bytes of this direction. */
  readonly offset: number;
  /** The first of the body's bytes that are kept; a view, gone after the call. */
  readonly body: Uint8Array;
  readonly bodyLength: number;
}

const Count = z.number().int().min(0);

/** In the middle of a message, or between two. */
export const ScannerState = z.object({
  header: KeptBytes,
  /** What came of the body, as far as it is held. */
  body: KeptBytes,
  bodyFilled: Count,
  bodyLength: Count,
  messageOffset: Count,
  offset: Count,
  lost: z.boolean(),
});
type ScannerState = typeof ScannerState;

export class MessageScanner {
  readonly #types: string;
  readonly #onMessage: (message: ScannedMessage) => void;
  readonly #keptBytes: number;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerFilled = 0;
  #body: Uint8Array = new Uint8Array(0);
  #bodyFilled = 0;
  #bodyLength = 0;
  #messageOffset = 0;
  #offset = 0;
  #lost = false;

  /** `types`: every type byte that may stand here. */
  constructor(types: string, onMessage: (message: ScannedMessage) => void, keptBytes = KEPT_BYTES) {
    this.#types = types;
    this.#onMessage = onMessage;
    this.#keptBytes = keptBytes;
  }

  /** Bytes seen so far. */
  get offset(): number {
    return this.#offset;
  }

  get lost(): boolean {
    return this.#lost;
  }

  /** The next byte pushed begins a message. */
  resync(): void {
    this.#lost = false;
    this.#headerFilled = 0;
  }

  state(): z.input<ScannerState> {
    const inBody = this.#headerFilled === HEADER_BYTES && this.#bodyFilled > 0;
    return {
      header: keptBytes(this.#header.subarray(0, this.#headerFilled)),
      body: inBody ? keptBytes(this.#body.subarray(0, this.#bodyFilled)) : '',
      bodyFilled: this.#bodyFilled,
      bodyLength: this.#bodyLength,
      messageOffset: this.#messageOffset,
      offset: this.#offset,
      lost: this.#lost,
    };
  }

  /** Where one with the same types was. */
  resume({ header, body, bodyFilled, bodyLength, messageOffset, offset, lost }: z.output<ScannerState>): void {
    const held = bodyFilled === 0 || header.length < HEADER_BYTES ? 0 : Math.min(bodyLength, this.#keptBytes);
    if (header.length > HEADER_BYTES || bodyFilled > bodyLength || body.length !== Math.min(bodyFilled, held))
      throw new StateMisfit('it is no place in a message');
    this.#header.set(header);
    this.#headerFilled = header.length;
    this.#body = new Uint8Array(held);
    this.#body.set(body);
    [this.#bodyFilled, this.#bodyLength] = [bodyFilled, bodyLength];
    [this.#messageOffset, this.#offset, this.#lost] = [messageOffset, offset, lost];
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.#lost) {
      if (this.#headerFilled < HEADER_BYTES) {
        if (this.#headerFilled === 0) this.#messageOffset = this.#offset + at;
        this.#header[this.#headerFilled++] = chunk[at++] ?? 0;
        if (this.#headerFilled === HEADER_BYTES) this.#begin();
      } else {
        const wanted = this.#bodyLength - this.#bodyFilled;
        const here = Math.min(wanted, chunk.length - at);
        this.#keep(chunk.subarray(at, at + here), wanted === here);
        at += here;
      }
    }
    this.#offset += chunk.length;
  }

  /** What came of a message that is not whole is handed on as if it were. */
  cut(): void {
    if (this.#lost || this.#headerFilled < HEADER_BYTES || this.#bodyFilled === 0) return;
    this.#finish(this.#body.subarray(0, this.#bodyFilled));
  }

  #begin(): void {
    const length = new DataView(this.#header.buffer).getInt32(1);
    if (length < 4 || !this.#types.includes(String.fromCharCode(this.#header[0] ?? 0))) {
      this.#lost = true;
      return;
    }
    this.#bodyLength = length - 4;
    this.#bodyFilled = 0;
    if (this.#bodyLength === 0) this.#finish(new Uint8Array(0));
  }

  #keep(part: Uint8Array, complete: boolean): void {
    if (complete && this.#bodyFilled === 0) {
      this.#finish(part.subarray(0, this.#keptBytes));
      return;
    }
    if (this.#bodyFilled === 0) this.#body = new Uint8Array(Math.min(this.#bodyLength, this.#keptBytes));
    if (this.#bodyFilled < this.#body.length)
      this.#body.set(part.subarray(0, this.#body.length - this.#bodyFilled), this.#bodyFilled);
    this.#bodyFilled += part.length;
    if (complete) this.#finish(this.#body);
  }

  #finish(body: Uint8Array): void {
    this.#headerFilled = 0;
    this.#onMessage({
      type: String.fromCharCode(this.#header[0] ?? 0),
      offset: this.#messageOffset,
      body,
      bodyLength: this.#bodyLength,
    });
  }
}
