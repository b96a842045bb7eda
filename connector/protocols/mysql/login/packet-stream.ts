// Packets of a login at the beginning of a connection.

import type { Duplex } from 'node:stream';
import { ByteReader } from '../../../net/byte-reader.ts';
import { lengthAt, packet, PACKET_HEADER_BYTES } from '../wire/packets.ts';
import { BadPacket, type LoginPackets, MAX_LOGIN_PACKET_BYTES } from './login-packets.ts';

export class PacketStream implements LoginPackets {
  readonly stream: Duplex;
  readonly #reader: ByteReader;
  /** Of the next packet, whoever sends it. */
  sequence: number;
  /** A packet, or a part of one, came. */
  heard = false;

  constructor(stream: Duplex, signal: AbortSignal, sequence = 0) {
    this.stream = stream;
    this.#reader = new ByteReader(stream, signal);
    this.sequence = sequence;
  }

  async read(maxBytes = MAX_LOGIN_PACKET_BYTES): Promise<Buffer> {
    const first = await this.#reader.take(1);
    this.heard = true;
    const header = Buffer.concat([first, await this.#reader.take(PACKET_HEADER_BYTES - 1)]);
    const length = lengthAt(header, 0);
    if (header[3] !== (this.sequence & 255) || length === 0 || length > maxBytes) throw new BadPacket();
    const payload = await this.#reader.take(length);
    this.sequence++;
    return payload;
  }

  write(...parts: readonly (Uint8Array | string | number)[]): void {
    this.stream.write(packet(this.sequence++, ...parts));
  }

  /** Bytes that came and were not read. */
  get unread(): number {
    return this.#reader.unread;
  }

  /** Stops reading; gives what came and was not read. */
  release(): Buffer {
    return this.#reader.release();
  }
}
