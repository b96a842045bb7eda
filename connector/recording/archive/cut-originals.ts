// Pieces of what masks hid, on their way from the log to the object beside their segment. A piece stands in the log before
// its frame: it waits for that, since a cut may fall between them.

import { ORIGINAL_MAGIC, PIECE_HEADER_BYTES } from '../../../core/recording/originals/original-object.ts';
import { type RecordingPlatform, type SealedOriginal, toHex } from '../../../core/recording/segment.ts';

interface Piece {
  /** Place in the log of its frame. */
  readonly sequence: number;
  readonly number: number;
  readonly sealed: Buffer;
  /** Log file in which it stands. */
  readonly file: number;
}

interface CutOriginal extends SealedOriginal {
  readonly object: Buffer;
}

export class CutOriginals {
  readonly #platform: RecordingPlatform;
  #waiting: Piece[] = [];
  #waitingBytes = 0;
  /** Header and content of pieces whose frame was taken, one after the other. */
  #parts: Buffer[] = [];
  #partBytes = 0;
  #frames = 0;

  constructor(platform: RecordingPlatform) {
    this.#platform = platform;
  }

  /** Of frames that were taken. */
  get bytes(): number {
    return this.#partBytes;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Log file of the oldest piece that waits for its frame. */
  get waitingFile(): number | undefined {
    return this.#waiting[0]?.file;
  }

  wait(piece: Piece): void {
    this.#waiting.push(piece);
    this.#waitingBytes += piece.sealed.length;
  }

  /** The frame at `sequence` of the log was taken as the session's frame `frame`. */
  took(sequence: number, frame: number): void {
    if (this.#waiting.length === 0) return;
    const before = this.#parts.length;
    for (const piece of this.#waiting) {
      // What waits for an earlier frame waits in vain: the log lost that.
      if (piece.sequence !== sequence) continue;
      const header = Buffer.alloc(PIECE_HEADER_BYTES);
      header.writeUInt32BE(Math.floor(frame / 0x1_0000_0000), 0);
      header.writeUInt32BE(frame % 0x1_0000_0000, 4);
      header.writeUInt32BE(piece.number, 8);
      header.writeUInt32BE(piece.sealed.length, 12);
      this.#parts.push(header, piece.sealed);
      this.#partBytes += PIECE_HEADER_BYTES + piece.sealed.length;
    }
    if (this.#parts.length > before) this.#frames++;
    this.forget();
  }

  /** What waits has no frame, and gets none. */
  forget(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  /** The object of all that was taken since the last; undefined: there is nothing. */
  cut(): CutOriginal | undefined {
    if (this.#frames === 0) return undefined;
    const object = Buffer.concat([ORIGINAL_MAGIC, ...this.#parts]);
    const cut = { digest: toHex(this.#platform.sha256(object)), bytes: object.length, frames: this.#frames, object };
    this.#parts = [];
    this.#partBytes = 0;
    this.#frames = 0;
    return cut;
  }
}
