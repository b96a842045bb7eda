// SFTP's packets in a stream that is cut anywhere (draft-ietf-secsh-filexfer-02 section 3).
//
//    uint32 length of what follows | byte type | uint32 request's number | fields
//
// Of a packet only its beginning is kept together, as much as somebody has to know of it; the rest is given as it comes.

/** OpenSSH takes packets of 256 KiB; others let the content alone have that. */
const MAX_PACKET_BYTES = 256 * 1024 + 1024;

/** What came is not understood. `message`: a clause behind who sent it. */
export class SftpFault extends Error {}

interface PacketTaker {
  /** How many bytes of a packet, from its type on, are wanted together. `head`: what is there, its type at least. */
  wanted(head: Buffer): number;
  /** So many are there, or the whole packet. A view, good for this call. `rest`: how many follow. */
  begun(head: Buffer, rest: number): void;
  content(bytes: Buffer): void;
}

export class PacketReader {
  readonly #taker: PacketTaker;
  #kept = Buffer.alloc(0);
  #keptBytes = 0;
  /** Of the packet whose beginning was given. */
  #rest = 0;

  constructor(taker: PacketTaker) {
    this.#taker = taker;
  }

  /** Within a packet. */
  get amid(): boolean {
    return this.#rest > 0 || this.#keptBytes > 0;
  }

  /** Throws SftpFault. */
  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#rest > 0) {
        const part = chunk.subarray(at, at + this.#rest);
        at += part.length;
        this.#rest -= part.length;
        this.#taker.content(part);
      } else if (this.#keptBytes === 0) at += this.#begin(chunk.subarray(at));
      else at += this.#goOn(chunk.subarray(at));
    }
  }

  /** A packet begins here. Gives how much was taken. */
  #begin(bytes: Buffer): number {
    const wanted = this.#wanted(bytes);
    if (wanted > bytes.length) {
      this.#keep(bytes);
      return bytes.length;
    }
    this.#give(bytes, wanted);
    return wanted;
  }

  #goOn(bytes: Buffer): number {
    let taken = 0;
    for (;;) {
      const kept = this.#kept.subarray(0, this.#keptBytes);
      const wanted = this.#wanted(kept);
      if (wanted <= kept.length) {
        this.#keptBytes = 0;
        this.#give(kept, wanted);
        return taken;
      }
      const more = bytes.subarray(taken, taken + wanted - kept.length);
      if (more.length === 0) return taken;
      this.#keep(more);
      taken += more.length;
    }
  }

  #give(packet: Buffer, wanted: number): void {
    this.#rest = 4 + packet.readUInt32BE(0) - wanted;
    this.#taker.begun(packet.subarray(4, wanted), this.#rest);
  }

  #keep(bytes: Buffer): void {
    const needed = this.#keptBytes + bytes.length;
    if (needed > this.#kept.length) {
      const roomier = Buffer.alloc(Math.max(64, 2 * this.#kept.length, needed));
      this.#kept.copy(roomier, 0, 0, this.#keptBytes);
      this.#kept = roomier;
    }
    bytes.copy(this.#kept, this.#keptBytes);
    this.#keptBytes = needed;
  }

  /** With the length; as far as is known so far. */
  #wanted(packet: Buffer): number {
    // Of what is typed where SFTP was spoken before, not even a letter is taken for it.
    if ((packet[0] ?? 0) !== 0) throw new SftpFault('a packet of 16 MiB or more, where SFTP has 256 KiB at most');
    if (packet.length < 5) return 5;
    const length = packet.readUInt32BE(0);
    if (length > MAX_PACKET_BYTES) throw new SftpFault(`a packet of ${length} bytes, where SFTP has 256 KiB at most`);
    if (length === 0) throw new SftpFault('a packet without a type');
    return 4 + Math.min(length, this.#taker.wanted(packet.subarray(4)));
  }
}
