// Whether SSH is spoken over a channel that is no forwarded connection: `nc 127.0.0.1 22` carries a second session, of
// which nothing can be read. Recognised where both sides begin as SSH does, wherever in what went before:
//
//   line "SSH-2.0-..." CR LF | uint32 length | byte padding | byte 20 (SSH_MSG_KEXINIT)     RFC 4253 sections 4.2, 6, 7.1
//
// An aid: who encodes it otherwise (base64, TLS) is not recognised.

const IDENTIFICATION = Buffer.from('SSH-2.0-');
/** RFC 4253 section 4.2 has 255, with its end. */
const MAX_LINE = 255;
/** Length, padding, message number. */
const PACKET_BEGINNING = 6;
/** What decides about an identification, from its first byte on. */
const LONGEST = MAX_LINE + PACKET_BEGINNING;
const MAX_KEXINIT = 35_000;
const KEXINIT = 20;

export class SpokenSsh {
  readonly #sides = { client: new Side(), target: new Side() };

  /** Both sides have begun so. */
  get spoken(): boolean {
    return this.#sides.client.begun && this.#sides.target.begun;
  }

  saw(from: 'client' | 'target', data: Buffer): void {
    if (!this.#sides[from].begun) this.#sides[from].take(data);
  }
}

class Side {
  begun = false;
  /** The end of what came, which may be the beginning of an identification. */
  #kept: Buffer = Buffer.alloc(0);

  take(data: Buffer): void {
    const kept = this.#kept;
    if (data.length <= LONGEST) this.#look(Buffer.concat([kept, data]));
    else {
      // What begins in what was kept is decided by so much: no more of a long chunk is copied.
      if (kept.length > 0) this.#look(Buffer.concat([kept, data.subarray(0, LONGEST)]));
      if (!this.begun) this.#look(data);
    }
  }

  #look(bytes: Buffer): void {
    let at = bytes.indexOf(IDENTIFICATION);
    while (at >= 0) {
      const seen = startsHandshake(bytes.subarray(at, at + LONGEST));
      if (seen === 'more') break;
      this.begun = seen === 'yes';
      if (this.begun) return;
      at = bytes.indexOf(IDENTIFICATION, at + 1);
    }
    const from = at >= 0 ? at : Math.max(0, bytes.length - IDENTIFICATION.length + 1);
    this.#kept = Buffer.from(bytes.subarray(from));
  }
}

/** `bytes`: from its identification on. */
function startsHandshake(bytes: Buffer): 'yes' | 'no' | 'more' {
  const end = bytes.indexOf(0x0a);
  if (end < 0) return bytes.length < MAX_LINE ? 'more' : 'no';
  const packet = bytes.subarray(end + 1, end + 1 + PACKET_BEGINNING);
  if (packet.length < PACKET_BEGINNING) return 'more';
  return packet.readUInt32BE(0) <= MAX_KEXINIT && packet[5] === KEXINIT ? 'yes' : 'no';
}
