// A guarded client's messages, whole where they are judged. What goes on and what is recorded are kept as
// runs of the chunk as it came: where every message goes on and none is recorded otherwise, both are the
// chunk itself, and nothing is copied.
//
// A message that its chunk does not hold is collected up to MAX_COLLECTED_BYTES. Of a longer one only its
// head is shown, and the rest follows where the head went. COPY data is never collected.

import type { Recorded } from '../../../door.ts';
import { HEADER_BYTES, MAX_HEAD_BYTES, MAX_MESSAGE_BYTES } from './framing.ts';

export const MAX_COLLECTED_BYTES = 1024 * 1024;
/** PostgreSQL's own cap for messages that hold a name or less (PQ_SMALL_MESSAGE_LIMIT). */
const MAX_SMALL_BYTES = 10_000;

const LARGE = new Set([...'QPBF'].map((letter) => letter.charCodeAt(0)));
const SMALL = new Set([...'HXcfEDCS'].map((letter) => letter.charCodeAt(0)));
const COPY_DATA = 0x64;
/** Their facts point at bytes in front of them. */
const WITH_FACTS = new Set([...'QEF'].map((letter) => letter.charCodeAt(0)));
const NOTHING = Buffer.alloc(0);

export interface ClientMessage {
  readonly type: number;
  /** The body is `bytes[start, end)`; its header stands in front of it. */
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** Of the whole body. */
  readonly length: number;
  /** Where its type byte stands in all that the client sent. */
  readonly offset: number;
  /** Not all of the body is here. */
  readonly cut: boolean;
}

/** taken: the next one. last: no further one for now. again: not now; it is shown again by the next `take`. */
export type Shown = 'taken' | 'last' | 'again';

interface ClientSink {
  /** Must call one of forward, drop and replace, unless it is to be shown again. */
  message(message: ClientMessage): Shown;
  /** The rest of a cut message, as it is recorded. `last`: its end. */
  part(type: number, part: Buffer, first: boolean, last: boolean): Buffer;
  forward(bytes: Buffer, receipt: Recorded): void;
  /** `copied`: it is not the client's own bytes, but what `message` or `part` made of them. */
  record(bytes: Buffer, copied: boolean): Recorded;
}

export class ClientFrames {
  readonly #sink: ClientSink;
  /** Of the next message's type byte, in all that the client sent. */
  #position: number;
  /** Everything up to here is recorded. */
  #recordedTo: number;
  /** The beginning of a message that its chunk did not hold. */
  #partial: Buffer[] = [];
  #partialBytes = 0;
  /** How much of it is needed before it can be looked at. */
  #wanted = HEADER_BYTES;
  /** The rest of a cut message. */
  #long: { readonly type: number; left: number; readonly forwarded: boolean } | undefined;
  #forwarded = false;
  readonly #goesOn: Run;
  readonly #recorded: Run;
  /** Of what was recorded last. */
  #receipt: Recorded | undefined;
  /** Messages are recorded as the sink copies them. Otherwise chunks are recorded as they come. */
  keepsCopies = false;
  fault: string | undefined;

  /** `receipt`: of what the client sent before; undefined: nothing. */
  constructor(sink: ClientSink, position: number, begun: Buffer, receipt: Recorded | undefined) {
    this.#sink = sink;
    this.#goesOn = new Run((bytes) => this.#forward(bytes));
    this.#recorded = new Run((bytes) => this.#record(bytes, false));
    // The beginning of a message that went on before this began was recorded where that began.
    this.#receipt = receipt;
    this.#position = position;
    this.#recordedTo = position + begun.length;
    if (begun.length > 0) this.#hold(begun);
  }

  /** Gives how many bytes of the chunk it took: all, unless the sink stopped it or there is a fault. */
  take(chunk: Buffer): number {
    if (!this.keepsCopies) this.#recordUpTo(chunk, 0, chunk.length, this.#position + this.#partialBytes);
    let at = 0;
    let shown: Shown = 'taken';
    // What was to be shown again may be all there is.
    while (shown === 'taken' && (at < chunk.length || this.#isWhole) && this.fault === undefined) {
      if (this.#long) {
        at += this.#goOn(chunk, at);
        continue;
      }
      if (this.#partialBytes > 0) {
        const share = Math.min(this.#wanted - this.#partialBytes, chunk.length - at);
        if (share > 0) this.#hold(chunk.subarray(at, at + share));
        at += share;
        if (this.#isWhole) shown = this.#showPartial();
        continue;
      }
      const needed = chunk.length - at < HEADER_BYTES ? this.#neededForHeader(chunk, at) : this.#needed(chunk, at);
      if (this.fault !== undefined) break;
      if (chunk.length - at < needed) {
        this.#wanted = needed;
        this.#hold(chunk.subarray(at));
        at = chunk.length;
        break;
      }
      shown = this.#show(chunk, at, needed);
      if (shown !== 'again') at += needed;
    }
    this.#recorded.flush();
    this.#goesOn.flush();
    return at;
  }

  /** Bytes of the client that were taken as messages, or as a beginning of a long one. */
  get position(): number {
    return this.#position;
  }

  /** Still to come of a message whose beginning went on. */
  get left(): number {
    return this.#long?.left ?? 0;
  }

  /** Of what was recorded last; undefined: nothing. */
  get receipt(): Recorded | undefined {
    return this.#receipt;
  }

  get betweenMessages(): boolean {
    return this.#partialBytes === 0 && !this.#long;
  }

  /** The beginning of a message, neither recorded (but for what was when this began) nor gone on: it is the caller's now. */
  takePartial(): Buffer {
    const partial = Buffer.concat(this.#partial);
    this.#partial = [];
    this.#partialBytes = 0;
    this.#wanted = HEADER_BYTES;
    return partial;
  }

  get #isWhole(): boolean {
    return this.#partialBytes > 0 && this.#partialBytes >= this.#wanted;
  }

  #showPartial(): Shown {
    const begun = this.#partial.length === 1 ? (this.#partial[0] as Buffer) : Buffer.concat(this.#partial);
    this.#partial = [begun];
    const needed = this.#needed(begun, 0);
    if (this.fault !== undefined || needed > begun.length) {
      this.#wanted = needed;
      return 'taken';
    }
    const shown = this.#show(begun, 0, needed);
    if (shown === 'again') return shown;
    this.#partial = [];
    this.#partialBytes = 0;
    this.#wanted = HEADER_BYTES;
    return shown;
  }

  forward({ bytes, start, end }: ClientMessage): void {
    this.#forwarded = true;
    this.#goesOn.add(bytes, start - HEADER_BYTES, end);
  }

  drop(_message: ClientMessage): void {
    this.#forwarded = false;
  }

  /** Something else goes on in its place. */
  replace(message: ClientMessage, instead: Buffer): void {
    this.drop(message);
    this.#goesOn.flush();
    this.#forward(instead);
  }

  /** Records it, unless it is; gives it as it is recorded. `copy` gives the very same buffer where nothing is hidden. */
  record(message: ClientMessage, copy: (whole: Buffer) => Buffer): ClientMessage {
    const { type, bytes, start, end, offset } = message;
    const from = start - HEADER_BYTES;
    // Of a message that came before copies were kept, more than the beginning of its header is recorded.
    const already = Math.max(0, this.#recordedTo - offset);
    if (!this.keepsCopies || already >= HEADER_BYTES) {
      this.#recordUpTo(bytes, from, end, offset);
      return message;
    }
    const whole = bytes.subarray(from, end);
    const copied = copy(whole);
    this.#recordedTo = offset + whole.length;
    if (copied === whole) this.#recorded.add(bytes, from + already, end);
    else {
      this.#recorded.flush();
      this.#record(already === 0 ? copied : copied.subarray(already), true);
    }
    if (WITH_FACTS.has(type)) this.#recorded.flush();
    return copied === whole ? message : { ...message, bytes: copied, start: HEADER_BYTES, end: copied.length };
  }

  /** A message that is not understood is refused at its first byte. */
  #neededForHeader(bytes: Buffer, at: number): number {
    const type = bytes[at] as number;
    if (!SMALL.has(type) && !LARGE.has(type) && type !== COPY_DATA)
      this.fault = `message type ${nameOf(type)} is not understood`;
    return HEADER_BYTES;
  }

  /** How many bytes from its type byte on must be at hand. Its header is. Sets `fault`. */
  #needed(bytes: Buffer, at: number): number {
    this.#neededForHeader(bytes, at);
    if (this.fault !== undefined) return 0;
    const type = bytes[at] as number;
    const small = SMALL.has(type);
    const declared = bytes.readInt32BE(at + 1);
    if (declared < 4 || declared > (small ? MAX_SMALL_BYTES : MAX_MESSAGE_BYTES)) {
      this.fault = `message ${nameOf(type)} declares a length of ${declared}`;
      return 0;
    }
    const whole = declared + 1;
    if (type === COPY_DATA) return Math.min(whole, Math.max(HEADER_BYTES, bytes.length - at));
    return whole <= MAX_COLLECTED_BYTES ? whole : HEADER_BYTES + MAX_HEAD_BYTES;
  }

  /** Shows the message that begins at `at`, of which `have` bytes are here. */
  #show(bytes: Buffer, at: number, have: number): Shown {
    const type = bytes[at] as number;
    const length = bytes.readInt32BE(at + 1) - 4;
    const left = HEADER_BYTES + length - have;
    const start = at + HEADER_BYTES;
    const shown = this.#sink.message({
      type,
      bytes,
      start,
      end: at + have,
      length,
      offset: this.#position,
      cut: left > 0,
    });
    if (shown === 'again') return shown;
    this.#position += have;
    if (left > 0) this.#long = { type, left, forwarded: this.#forwarded };
    return shown;
  }

  #goOn(chunk: Buffer, at: number): number {
    const long = this.#long;
    if (!long) return 0;
    const share = Math.min(long.left, chunk.length - at);
    long.left -= share;
    if (this.keepsCopies && this.#recordedTo <= this.#position) {
      this.#recorded.flush();
      const part = chunk.subarray(at, at + share);
      const copied = this.#sink.part(long.type, part, false, long.left === 0);
      this.#record(copied, copied !== part);
      this.#recordedTo = this.#position + share;
    } else this.#recordUpTo(chunk, at, at + share, this.#position);
    if (long.forwarded) this.#goesOn.add(chunk, at, at + share);
    this.#position += share;
    if (long.left === 0) this.#long = undefined;
    return share;
  }

  #hold(bytes: Buffer): void {
    this.#partial.push(Buffer.from(bytes));
    this.#partialBytes += bytes.length;
    // A message that drips in byte by byte must not become an object a byte.
    if (this.#partial.length === 64) this.#partial = [Buffer.concat(this.#partial)];
  }

  /** All that was taken is recorded now; its receipt. */
  flush(): Recorded {
    this.#recorded.flush();
    if (!this.#receipt) throw new Error('nothing of the client was recorded');
    return this.#receipt;
  }

  #record(bytes: Buffer, copied: boolean): void {
    this.#receipt = this.#sink.record(bytes, copied);
  }

  /** All of what goes on stands in front of it in the recording. */
  #forward(bytes: Buffer): void {
    this.#sink.forward(bytes, this.flush());
  }

  /** Records what is not recorded of `bytes[start, end)`, which stands at `offset`. */
  #recordUpTo(bytes: Buffer, start: number, end: number, offset: number): void {
    const from = start + Math.max(0, this.#recordedTo - offset);
    if (from >= end) return;
    this.#recorded.add(bytes, from, end);
    this.#recorded.flush();
    this.#recordedTo = offset + (end - start);
  }
}

/** Neighbouring parts of one buffer, given on as one. */
class Run {
  readonly #give: (bytes: Buffer) => void;
  #bytes: Buffer = NOTHING;
  #start = 0;
  #end = 0;

  constructor(give: (bytes: Buffer) => void) {
    this.#give = give;
  }

  add(bytes: Buffer, start: number, end: number): void {
    if (bytes === this.#bytes && start === this.#end) {
      this.#end = end;
      return;
    }
    this.flush();
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }

  flush(): void {
    const bytes = this.#bytes;
    if (this.#end > this.#start)
      this.#give(this.#start === 0 && this.#end === bytes.length ? bytes : bytes.subarray(this.#start, this.#end));
    this.#bytes = NOTHING;
    this.#start = 0;
    this.#end = 0;
  }
}

const nameOf = (type: number): string =>
  type > 0x20 && type < 0x7f ? `'${String.fromCharCode(type)}'` : `0x${type.toString(16).padStart(2, '0')}`;
