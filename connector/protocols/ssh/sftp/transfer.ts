// The content of one open file that goes over in one direction: how much, its digest in the file's order, and why that
// is not known to be the whole file. Clients have many requests out at a time and answers come as they come, so blocks
// that are ahead wait for what is missing before them, as long as there is room.

import { createHash, type Hash } from 'node:crypto';
import type { PartialReason } from '../../../../core/recording/facts/file.ts';

/** For blocks that are ahead, of all files of a channel. */
export interface Room {
  bytes: number;
}
export const AHEAD_BYTES = 2 * 1024 * 1024;
/** What keeping a block takes beside its bytes. */
const BLOCK_BYTES = 128;

export interface Transferred {
  readonly size: number;
  /** Where the first of them stands in the file. */
  readonly offset: number;
  readonly sha256: string | undefined;
  readonly partial: readonly PartialReason[];
}

export class Transfer {
  readonly #room: Room;
  readonly #doubts = new Set<PartialReason>();
  #hash: Hash | undefined;
  #first = 0;
  /** Of what was asked for first. */
  #start = 0;
  /** Everything from the first byte up to here was seen; undefined before anything was asked for. */
  #next: number | undefined;
  readonly #ahead = new Map<number, Buffer>();
  #aheadBytes = 0;
  #followed = true;
  #size = 0;
  #unanswered = 0;
  #end: number | undefined;
  /** Of an upload: nothing of an earlier content stands behind it. */
  #truncated: boolean;

  constructor(room: Room, truncated: boolean) {
    this.#room = room;
    this.#truncated = truncated;
  }

  get used(): boolean {
    return this.#next !== undefined || this.#size > 0;
  }

  /** A request for so much from `offset`, or with it, was sent. */
  asked(offset: number): void {
    this.#unanswered++;
    if (this.#next !== undefined) this.#first = Math.min(this.#first, offset);
    else {
      this.#start = offset;
      this.#first = offset;
      this.#next = offset;
    }
  }

  answered(): void {
    this.#unanswered--;
  }

  /** So much arrived where it was to go. */
  arrived(bytes: number): void {
    this.#size += bytes;
  }

  /** Of what goes over. `bytes` is not kept. */
  content(offset: number, bytes: Buffer): void {
    const next = this.#next ?? offset;
    if (!this.#followed || bytes.length === 0) return;
    if (offset === next) {
      this.#hashed().update(bytes);
      this.#next = next + bytes.length;
      this.#catchUp();
    } else if (offset < this.#start) this.doubt('out_of_order');
    else if (offset < next || this.#ahead.has(offset)) this.doubt('overlaps');
    else if (this.#room.bytes < bytes.length + BLOCK_BYTES || !Number.isSafeInteger(offset)) this.doubt('out_of_order');
    else {
      this.#ahead.set(offset, Buffer.from(bytes));
      this.#take(bytes.length + BLOCK_BYTES);
    }
  }

  /** Nothing stands at `offset`, or behind. */
  ended(offset: number): void {
    this.#end = Math.min(offset, this.#end ?? offset);
  }

  /** The file was cut, or extended, to `size`: at the end of what was written nothing of an earlier content is left. */
  resized(size: number): void {
    if (this.#followed && size === this.reached) this.#truncated = true;
    else this.doubt('resized');
  }

  /** These cannot be followed as one content any more, where the reason says so. */
  doubt(reason: PartialReason): void {
    this.#doubts.add(reason);
    if (FOLLOWED_ON.has(reason)) return;
    this.#followed = false;
    this.#hash = undefined;
    this.#dropAhead();
  }

  /** Once: what it came to. */
  finish(direction: 'upload' | 'download'): Transferred {
    if (this.#ahead.size > 0) this.doubt([...this.#ahead.keys()].some((at) => at < this.reached) ? 'overlaps' : 'gaps');
    if (direction === 'upload' && this.#unanswered > 0) this.doubt('unanswered');
    if (direction === 'upload' && !this.#truncated) this.doubt('not_truncated');
    if (this.#first > 0 && !this.#doubts.has('appended')) this.#doubts.add('beginning_missing');
    if (direction === 'download' && this.#followed && (this.#end === undefined || this.#end > this.reached))
      this.#doubts.add('end_not_seen');
    // It grew while it was read.
    if (direction === 'download' && this.#end !== undefined && this.#end < this.reached)
      this.doubt('changed_otherwise');
    // Of nothing there is one where the file is known to be empty.
    const told = this.#followed && (this.#size > 0 || this.#doubts.size === 0);
    const sha256 = told ? this.#hashed().digest('hex') : undefined;
    return { size: this.#size, offset: this.#first, sha256, partial: [...this.#doubts] };
  }

  /** Up to where a content without gaps goes. */
  get reached(): number {
    return this.#next ?? 0;
  }

  #hashed(): Hash {
    this.#hash ??= createHash('sha256');
    return this.#hash;
  }

  #catchUp(): void {
    for (;;) {
      const block = this.#ahead.get(this.reached);
      if (!block) return;
      this.#ahead.delete(this.reached);
      this.#take(-block.length - BLOCK_BYTES);
      this.#hashed().update(block);
      this.#next = this.reached + block.length;
    }
  }

  #dropAhead(): void {
    this.#ahead.clear();
    this.#take(-this.#aheadBytes);
  }

  #take(bytes: number): void {
    this.#room.bytes -= bytes;
    this.#aheadBytes += bytes;
  }
}

/** With these the bytes that went over are one content all the same, though maybe not the file's. */
const FOLLOWED_ON: ReadonlySet<PartialReason> = new Set([
  'beginning_missing',
  'end_not_seen',
  'not_truncated',
  'appended',
  'resized',
  'copied',
  'read_failed',
  'close_failed',
  'not_closed',
  'changed_otherwise',
]);
