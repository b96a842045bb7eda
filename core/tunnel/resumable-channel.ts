// One end of a byte stream in both directions that outlives its connections. What it carries goes through a relay that
// keeps nothing: whenever either end's connection was lost and is there again, both say how far they got, and send on
// from there. Neither loses nor repeats a byte (docs/adr/0057).
//
// A full window is back-pressure: the sender waits, however long the other end is away. Memory is bounded by the two
// windows. What a connection carries begins small and grows with what is acknowledged: a flight of a whole window, sent anew
// into a queue that still holds the one before, would grow that queue with each loss and deliver nothing. No clock and no
// platform: its owner connects, gives up, and pings.

import { err, ok, type Result } from '../result.ts';
import {
  CHANNEL_VERSION,
  type Hello,
  MAX_DATA_BYTES,
  readChannelMessage,
  writeAck,
  writeData,
  writeEnd,
  writeHello,
  writePing,
} from './channel-messages.ts';
import { SentBytes } from './sent-bytes.ts';

/** Bytes under way in one direction: 70 Mbit/s at 120 ms would need 1 MiB, a gigabit at 30 ms some 4. */
export const CHANNEL_WINDOW_BYTES = 4 * 1024 * 1024;
/** Sent on a connection before anything is acknowledged on it; each acknowledged byte allows one more, until the window does not. */
export const FIRST_FLIGHT_BYTES = 2 * MAX_DATA_BYTES;
/** Written and not handed to a connection: a writer that is further ahead waits, so that what is urgent can still go before. */
const AHEAD_BYTES = MAX_DATA_BYTES;

interface ChannelOptions {
  /** Random, of INSTANCE_BYTES: tells this end from one that was begun anew. */
  readonly instance: Uint8Array;
  readonly window?: number;
  /** To the relay. Called only between `attached` and `detached`. */
  readonly send: (message: Uint8Array) => void;
  /** The connection still holds much of what was sent: no more data now. `resume` is called when it does not. */
  readonly isBusy?: () => boolean;
  /** The next bytes. They are counted against the window until `consumed`. */
  readonly onData: (bytes: Uint8Array) => void;
  /** Nothing comes any more. Once. */
  readonly onEnd: () => void;
  /** There is room for more, after `write` said that there is none. */
  readonly onDrain: () => void;
}

export class ResumableChannel {
  readonly #options: ChannelOptions;
  readonly #window: number;
  readonly #sent = new SentBytes();
  /** Handed to the present connection up to here. */
  #flushed = 0;
  /** Of the present connection: acknowledged up to there, or where it began; and so much may be under way behind it. */
  #flightFrom = 0;
  #flight = FIRST_FLIGHT_BYTES;
  #ending = false;
  #endAcknowledged = false;
  #wantsDrain = false;
  #attached = false;
  #peer: { readonly instance: Uint8Array; readonly window: number } | undefined;
  /** The other end said, on the present connection, how far it got. */
  #greeted = false;
  #peerConsumed = 0;
  #received = 0;
  #consumed = 0;
  #acknowledged = 0;
  /** Up to there acknowledgements are frequent: the other end's flight is still growing. */
  #oftenUntil = 0;
  #receivedEnd = false;
  /** Something is missing, and was asked for. */
  #asked = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#window = options.window ?? CHANNEL_WINDOW_BYTES;
  }

  /** Both ends have a connection to the relay: for the first time, or again. */
  attached(): void {
    this.#attached = true;
    this.#greeted = false;
    this.#asked = false;
    this.#options.send(writeHello(this.#hello()));
  }

  /** This end's connection is lost, or the relay says that the other's is. */
  detached(): void {
    this.#attached = false;
    this.#greeted = false;
  }

  /** Both directions are over, and both ends know. */
  get over(): boolean {
    return this.#endAcknowledged && this.#receivedEnd;
  }

  /** Not acknowledged yet. Bytes. */
  get unacknowledged(): number {
    return this.#sent.end - this.#peerConsumed;
  }

  /** False: wait for `onDrain`. What was given is kept nonetheless, and must not be changed. */
  write(bytes: Uint8Array): boolean {
    if (this.#ending) throw new Error('written behind the end');
    this.#sent.add(bytes);
    this.#flush();
    this.#wantsDrain = this.#isFull;
    return !this.#wantsDrain;
  }

  /** The connection is not busy any more. */
  resume(): void {
    this.#flush();
    this.#tellRoom();
  }

  /** Nothing is written any more; what was written arrives. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#flush();
  }

  /** So many of the bytes given by `onData` were used: the other end may send as many more. */
  consumed(bytes: number): void {
    this.#consumed += bytes;
    const last = this.#receivedEnd && this.#consumed === this.#received;
    const seldom = this.#window / 4;
    const every = this.#consumed < this.#oftenUntil ? Math.min(seldom, MAX_DATA_BYTES) : seldom;
    if (last || this.#consumed - this.#acknowledged >= every) this.#acknowledge();
  }

  /** Asks for a sign of life, acknowledges what was used, and says how much was sent. */
  ping(): void {
    if (!this.#greeted) return;
    this.#asked = false;
    this.#acknowledged = this.#consumed;
    this.#options.send(writePing(this.#position(this.#consumed), this.#flushed));
  }

  /** A message of the other end. Fails with what is wrong: then the channel is of no use any more. */
  receive(message: Uint8Array): Result<void, string> {
    const read = readChannelMessage(message);
    if (!read.ok) return read;
    const it = read.value;
    switch (it.kind) {
      case 'hello':
        return this.#greet(it);
      case 'ack':
        return this.#acknowledgedTo(it.consumed);
      case 'ping': {
        const taken = this.#acknowledgedTo(it.consumed);
        if (!taken.ok) return taken;
        this.#acknowledge();
        // What was lost last is followed by nothing that tells.
        if (it.sent > this.#position(this.#received)) this.#ask();
        return taken;
      }
      case 'data':
        return this.#take(it.offset, it.bytes);
      case 'end':
        return this.#takeEnd(it.offset);
    }
  }

  #greet(hello: Hello): Result<void, string> {
    if (this.#peer && !sameBytes(this.#peer.instance, hello.instance))
      return err('the other end was begun anew and does not know this tunnel');
    if (hello.received > this.#limit) return err('the other end claims bytes that were not sent');
    this.#peer ??= { instance: hello.instance, window: hello.window };
    // A hello that was overtaken says less than is known; what was released is there already.
    this.#flushed = Math.max(hello.received, this.#sent.begin, this.#peerConsumed);
    this.#flightFrom = this.#flushed;
    this.#flight = FIRST_FLIGHT_BYTES;
    this.#greeted = this.#attached;
    const taken = this.#acknowledgedTo(hello.consumed);
    this.resume();
    return taken;
  }

  #acknowledgedTo(consumed: number): Result<void, string> {
    if (consumed > this.#limit) return err('the other end acknowledges bytes that were not sent');
    if (consumed <= this.#peerConsumed && consumed < this.#limit) return ok(undefined);
    this.#endAcknowledged ||= this.#ending && consumed === this.#sent.end + 1;
    this.#peerConsumed = Math.max(this.#peerConsumed, Math.min(consumed, this.#sent.end));
    this.#sent.release(this.#peerConsumed);
    const more = this.#peerConsumed - this.#flightFrom;
    if (more > 0) {
      this.#flightFrom += more;
      this.#flight += more;
    }
    this.resume();
    return ok(undefined);
  }

  get #isFull(): boolean {
    return this.unacknowledged >= this.#window || this.#sent.end - this.#flushed >= AHEAD_BYTES;
  }

  #tellRoom(): void {
    if (!this.#wantsDrain || this.#isFull) return;
    this.#wantsDrain = false;
    this.#options.onDrain();
  }

  #take(offset: number, bytes: Uint8Array): Result<void, string> {
    if (offset > this.#received) {
      this.#ask();
      return ok(undefined);
    }
    const end = offset + bytes.length;
    if (end <= this.#received) return ok(undefined);
    if (this.#receivedEnd) return err('the other end sends behind its end');
    if (end - this.#consumed > this.#window) return err('the other end sends more than the window has room for');
    this.#asked = false;
    const fresh = bytes.subarray(this.#received - offset);
    this.#received = end;
    this.#options.onData(fresh);
    return ok(undefined);
  }

  #takeEnd(offset: number): Result<void, string> {
    if (this.#receivedEnd) return ok(undefined);
    if (offset < this.#received) return err('the other end ends before what it sent');
    if (offset > this.#received) {
      this.#ask();
      return ok(undefined);
    }
    this.#receivedEnd = true;
    // First: whoever hears of the end may close the connection.
    this.#acknowledge();
    this.#options.onEnd();
    return ok(undefined);
  }

  /** How far the other end can have got: everything, and the end. */
  get #limit(): number {
    return this.#sent.end + (this.#ending ? 1 : 0);
  }

  #acknowledge(): void {
    if (!this.#greeted) return;
    this.#acknowledged = this.#consumed;
    this.#options.send(writeAck(this.#position(this.#consumed)));
  }

  #position(consumed: number): number {
    return this.#receivedEnd && consumed === this.#received ? consumed + 1 : consumed;
  }

  /** A message is missing, and no connection was lost on the way that anybody told of. */
  #ask(): void {
    if (this.#asked || !this.#greeted) return;
    this.#asked = true;
    this.#options.send(writeHello(this.#hello()));
  }

  #hello(): Hello {
    this.#acknowledged = this.#consumed;
    this.#oftenUntil = this.#received + this.#window / 4;
    return {
      version: CHANNEL_VERSION,
      instance: this.#options.instance,
      window: this.#window,
      received: this.#position(this.#received),
      consumed: this.#position(this.#consumed),
    };
  }

  #flush(): void {
    if (!this.#greeted || !this.#peer) return;
    const to = Math.min(this.#sent.end, this.#peerConsumed + this.#peer.window, this.#flightFrom + this.#flight);
    while (this.#flushed < to && !this.#options.isBusy?.()) {
      const from = this.#flushed;
      const stop = Math.min(to, from + MAX_DATA_BYTES);
      this.#flushed = stop;
      this.#options.send(writeData(from, this.#sent.parts(from, stop), stop - from));
    }
    if (this.#ending && !this.#endAcknowledged && this.#flushed === this.#sent.end) {
      this.#flushed = this.#sent.end + 1;
      this.#options.send(writeEnd(this.#sent.end));
    }
  }
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index]);
