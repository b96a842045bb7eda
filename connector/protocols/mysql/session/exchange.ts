// A login within a session, one side of it: packets that the session reads are handed to whoever conducts it, and what
// that writes goes on in their turn.

import { ConnectionLost } from '../../../net/byte-reader.ts';
import { BadPacket, type LoginPackets, MAX_LOGIN_PACKET_BYTES } from '../login/login-packets.ts';
import { lengthAt, packet, PACKET_HEADER_BYTES } from '../wire/packets.ts';

export class Exchange implements LoginPackets {
  readonly #send: (bytes: Buffer) => void;
  readonly #onWanted: () => void;
  #wanted: { resolve(payload: Buffer): void; reject(error: Error): void; readonly maxBytes: number } | undefined;
  #over = false;
  /** The beginning of a packet of the target's, or packets that nobody asked for yet. */
  #bytes: Buffer = Buffer.alloc(0);
  /** Of the next packet, whoever sends it. */
  sequence: number;

  /** `onWanted`: a packet is waited for. */
  constructor(sequence: number, send: (bytes: Buffer) => void, onWanted: () => void = () => {}) {
    this.sequence = sequence;
    this.#send = send;
    this.#onWanted = onWanted;
  }

  get wants(): boolean {
    return this.#wanted !== undefined;
  }

  /** Bytes that came and were not asked for. */
  get unread(): number {
    return this.#bytes.length;
  }

  read(maxBytes = MAX_LOGIN_PACKET_BYTES): Promise<Buffer> {
    if (this.#over) return Promise.reject(new ConnectionLost('the session ended'));
    return new Promise((resolve, reject) => {
      this.#wanted = { resolve, reject, maxBytes };
      this.#onWanted();
      this.#readOn();
    });
  }

  write(...parts: readonly (Uint8Array | string | number)[]): void {
    if (!this.#over) this.#send(packet(this.sequence++ & 255, ...parts));
  }

  /** A whole packet; one is wanted. */
  take(sequence: number, payload: Buffer): void {
    const wanted = this.#wanted;
    this.#wanted = undefined;
    if (sequence !== (this.sequence & 255) || payload.length === 0 || payload.length > (wanted?.maxBytes ?? 0))
      return void wanted?.reject(new BadPacket());
    this.sequence++;
    wanted?.resolve(Buffer.from(payload));
  }

  /** Bytes of packets. */
  feed(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    this.#readOn();
  }

  /** The session ends: nothing comes any more. */
  close(): void {
    this.#over = true;
    this.#wanted?.reject(new ConnectionLost('the session ended'));
    this.#wanted = undefined;
  }

  #readOn(): void {
    const wanted = this.#wanted;
    if (!wanted || this.#bytes.length < PACKET_HEADER_BYTES) return;
    const end = PACKET_HEADER_BYTES + lengthAt(this.#bytes, 0);
    if (end > PACKET_HEADER_BYTES + wanted.maxBytes) this.take(-1, this.#bytes);
    if (this.#bytes.length < end) return;
    const sequence = this.#bytes[3] as number;
    const payload = this.#bytes.subarray(PACKET_HEADER_BYTES, end);
    this.#bytes = this.#bytes.subarray(end);
    this.take(sequence, payload);
  }
}
