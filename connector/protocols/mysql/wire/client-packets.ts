// What a client sends, payload by payload. One of at most MAX_WHOLE_BYTES is shown whole, and lies in the chunk as it
// came where the chunk holds it. Of a longer one the beginning is shown, and the rest follows in parts.

import { FULL_PACKET_BYTES, lengthAt, PACKET_HEADER_BYTES } from './packets.ts';

/** Longer ones are not read, and follow the rules' `unparsable`. */
export const MAX_WHOLE_BYTES = 1024 * 1024;
/** That much of a longer one is shown. */
const BEGINNING_BYTES = 64 * 1024;

export interface ClientPacket {
  /** The header and the payload behind it. */
  readonly bytes: Buffer;
  /** Not all of the payload is here. */
  readonly cut: boolean;
  readonly sequence: number;
  /** Where its header stands in all that the client sent. */
  readonly offset: number;
}

/** taken: the next one. last: no further one for now. again: not now; it is shown again by the next `take`. */
type ShownPacket = 'taken' | 'last' | 'again';

interface PacketSink {
  packet(packet: ClientPacket): ShownPacket;
  /** More of a cut one, headers of further packets included. */
  rest(part: Buffer, last: boolean): void;
}

export class ClientPackets {
  readonly #sink: PacketSink;
  /** The beginning of a packet that its chunk did not hold. */
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #wanted = PACKET_HEADER_BYTES;
  #again: ClientPacket | undefined;
  /** Of the cut one: bytes of its packet that are to come, and whether another packet follows. */
  #left = 0;
  #continues = false;
  #sequence = 0;
  /** Of the next packet that is shown. */
  #position = 0;
  fault: string | undefined;

  constructor(sink: PacketSink) {
    this.#sink = sink;
  }

  /** Nothing of a payload is on its way. */
  get between(): boolean {
    return this.#partialBytes === 0 && !this.#isCut && !this.#again;
  }

  /** Gives how many bytes of the chunk it took: all, unless the sink stopped it or there is a fault. */
  take(chunk: Buffer): number {
    let shown: ShownPacket = 'taken';
    let at = 0;
    const again = this.#again;
    this.#again = undefined;
    if (again) shown = this.#show(again);
    while (shown === 'taken' && at < chunk.length && this.fault === undefined) {
      if (this.#isCut) {
        at += this.#goOn(chunk, at);
        continue;
      }
      if (this.#partialBytes === 0) {
        this.#wanted = PACKET_HEADER_BYTES;
        if (chunk.length - at >= PACKET_HEADER_BYTES) this.#wanted = neededFor(lengthAt(chunk, at));
        if (chunk.length - at >= this.#wanted) {
          shown = this.#begin(chunk.subarray(at, at + this.#wanted));
          at += this.#wanted;
          continue;
        }
      }
      at += this.#collect(chunk, at);
      if (this.#partialBytes < this.#wanted) continue;
      const whole = Buffer.concat(this.#partial);
      const needed = neededFor(lengthAt(whole, 0));
      if (whole.length < needed) {
        this.#partial = [whole];
        this.#wanted = needed;
        continue;
      }
      this.#partial = [];
      this.#partialBytes = 0;
      shown = this.#begin(whole);
    }
    return at;
  }

  get #isCut(): boolean {
    return this.#left > 0 || this.#continues;
  }

  /** Only what came is kept, whatever length was declared. */
  #collect(chunk: Buffer, at: number): number {
    const share = Math.min(this.#wanted - this.#partialBytes, chunk.length - at);
    this.#partial.push(Buffer.from(chunk.subarray(at, at + share)));
    this.#partialBytes += share;
    return share;
  }

  #begin(bytes: Buffer): ShownPacket {
    const length = lengthAt(bytes, 0);
    const sequence = bytes[3] as number;
    const offset = this.#position;
    this.#position += bytes.length;
    this.#sequence = sequence;
    this.#left = length + PACKET_HEADER_BYTES - bytes.length;
    this.#continues = length === FULL_PACKET_BYTES;
    return this.#show({ bytes, sequence, offset, cut: this.#isCut });
  }

  #show(packet: ClientPacket): ShownPacket {
    const shown = this.#sink.packet(packet);
    if (shown === 'again') this.#again = { ...packet, bytes: Buffer.from(packet.bytes) };
    return shown;
  }

  /** Gives how many bytes of the chunk belong to the cut one. */
  #goOn(chunk: Buffer, at: number): number {
    let to = at;
    while (to < chunk.length && this.#isCut && this.fault === undefined) {
      if (this.#left > 0) {
        const share = Math.min(this.#left, chunk.length - to);
        this.#left -= share;
        to += share;
        continue;
      }
      this.#wanted = PACKET_HEADER_BYTES;
      to += this.#collect(chunk, to);
      if (this.#partialBytes < PACKET_HEADER_BYTES) break;
      const header = Buffer.concat(this.#partial);
      this.#partial = [];
      this.#partialBytes = 0;
      this.#sequence = (this.#sequence + 1) & 255;
      if (header[3] !== this.#sequence) this.fault = 'packets of the client came out of order';
      this.#left = lengthAt(header, 0);
      this.#continues = this.#left === FULL_PACKET_BYTES;
    }
    this.#position += to - at;
    this.#sink.rest(chunk.subarray(at, to), !this.#isCut);
    return to - at;
  }
}

const neededFor = (length: number): number =>
  PACKET_HEADER_BYTES + (length > MAX_WHOLE_BYTES ? BEGINNING_BYTES : length);
