// One SSH connection's transport over any stream: payloads in, payloads out, and words at its end. Knows no channel.

import type { ByteStream } from '../../../door.ts';
import {
  DISCONNECT_BY_APPLICATION,
  DISCONNECT_PROTOCOL_ERROR,
  Malformed,
  sshMessage,
  SSH_DISCONNECT,
} from './messages.ts';
import { type LibrarySide, Packets } from './ssh2.ts';

/** Bytes that the stream has not sent, above which nobody should send more. */
const MAX_UNSENT_BYTES = 256 * 1024;
/** Keys are exchanged anew after so many bytes either way (RFC 4253 section 9: each gigabyte). */
const REKEY_BYTES = 1024 * 1024 * 1024;
/** How long the other side may take to read the last words. */
const FAREWELL_MS = 500;
/** That nobody asked for yet, during a login. */
const MAX_EARLY_MESSAGES = 64;

export interface TransportHandler {
  /** Throws Malformed for what it cannot read, and ProtocolFault for what it does not understand. */
  message(payload: Buffer): void;
  /** It is `writable` again. */
  resume(): void;
  /** Once; nothing comes or goes from then on. */
  closed(how: TransportEnd): void;
}

export interface TransportEnd {
  /** fault: it sent what cannot be read or understood. left: it said that it leaves. closed: the stream is. */
  readonly kind: 'closed' | 'left' | 'fault';
  /** For people: `The session ends: ...`, or what the other side said. */
  readonly words: string;
  /** A bug of ours. */
  readonly bug?: unknown;
}

/** The other side did what is not understood, or not allowed to anybody. `message`: a clause. */
export class ProtocolFault extends Error {}

export class SshTransport {
  readonly #stream: ByteStream;
  readonly #packets: Packets;
  #handler: TransportHandler | undefined;
  /** Came before there was a handler. */
  readonly #early: Buffer[] = [];
  #end: TransportEnd | undefined;
  #ready = false;
  #onReady: () => void = () => {};
  #bytes = 0;
  #waitsForDrain = false;
  /** The library may be called again within a write, and is not made for that: its packets go out when it is done. */
  #unwritten: Buffer[] = [];
  #unwrittenBytes = 0;
  readonly #unparsed: Buffer[] = [];
  #parsing = false;

  /** Begins at once. The caller keeps an error listener on the stream. */
  constructor(stream: ByteStream, side: LibrarySide, rekeyBytes = REKEY_BYTES) {
    this.#stream = stream;
    this.#packets = new Packets(side, {
      write: (bytes) => {
        this.#unwritten.push(bytes);
        this.#unwrittenBytes += bytes.length;
      },
      payload: (payload) => this.#take(payload),
      keysExchanged: () => this.#keysExchanged(),
      disconnected: (words) => this.#close({ kind: 'left', words }),
      failed: (error) => this.#fail(error.message),
    });
    stream.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length;
      this.#parse(chunk);
      if (this.#bytes > rekeyBytes && this.#ready && !this.#end && !this.#packets.exchangingKeys) {
        this.#bytes = 0;
        this.#packets.exchangeKeysAnew();
        this.#write();
      }
    });
    stream.on('drain', () => this.#tellWritable());
    stream.on('close', () => this.#close({ kind: 'closed', words: '' }));
    // SSH has no half of a connection.
    stream.on('end', () => {
      this.#close({ kind: 'closed', words: '' });
      this.#leave();
    });
    if (stream.destroyed) this.#close({ kind: 'closed', words: '' });
    else {
      this.#packets.start();
      this.#write();
    }
    stream.resume();
  }

  /** Resolves when the first keys are exchanged; undefined: it is closed. */
  ready(): Promise<TransportEnd | undefined> {
    if (this.#ready || this.#end) return Promise.resolve(this.#end);
    return new Promise((resolve) => {
      this.#onReady = () => resolve(this.#end);
    });
  }

  get ended(): TransportEnd | undefined {
    return this.#end;
  }

  get sessionId(): Buffer {
    return this.#packets.sessionId;
  }

  get algorithms(): string {
    return this.#packets.algorithms;
  }

  /** Who takes messages from now on, those first that came meanwhile; undefined: they wait. */
  handle(handler: TransportHandler | undefined): void {
    this.#handler = handler;
    while (this.#handler && this.#early.length > 0) this.#give(this.#handler, this.#early.shift() as Buffer);
    if (this.#handler && this.#end) this.#handler.closed(this.#end);
  }

  /** More may be sent without waiting in memory. False: the handler hears of it. */
  get writable(): boolean {
    const unsent = this.#stream.writableLength + this.#unwrittenBytes;
    const writable = unsent < MAX_UNSENT_BYTES && !this.#packets.exchangingKeys;
    if (!writable) this.#waitsForDrain = true;
    return writable;
  }

  /** `fill` writes `length` bytes of payload at `start`. Nothing once it has ended. */
  sendFilled(length: number, fill: (packet: Buffer, start: number) => void): void {
    if (this.#end) return;
    this.#packets.send(length, fill);
    if (!this.#parsing) this.#write();
  }

  #write(): void {
    const stream = this.#stream;
    const all = this.#unwritten;
    if (all.length === 0) return;
    this.#unwritten = [];
    this.#bytes += this.#unwrittenBytes;
    this.#unwrittenBytes = 0;
    if (!stream.writable) return;
    stream.cork();
    for (const bytes of all) stream.write(bytes);
    stream.uncork();
    // What went out at once drains nothing.
    if (this.#waitsForDrain && stream.writableLength < MAX_UNSENT_BYTES && !stream.writableNeedDrain)
      setImmediate(() => this.#tellWritable());
  }

  send(payload: Buffer): void {
    this.sendFilled(payload.length, (packet, start) => payload.copy(packet, start));
  }

  /** The last words; then it closes. `reason`: RFC 4253 section 11.1. */
  disconnect(words: string, reason = DISCONNECT_BY_APPLICATION): void {
    this.#disconnect({ kind: 'closed', words }, reason);
  }

  destroy(): void {
    this.#stream.destroy();
    this.#close({ kind: 'closed', words: '' });
  }

  #parse(chunk: Buffer): void {
    // Where a stream is no socket, what is written within may be answered within.
    this.#unparsed.push(chunk);
    if (this.#parsing) return;
    this.#parsing = true;
    for (let next = this.#unparsed.shift(); next; next = this.#unparsed.shift()) {
      this.#parseOne(next);
      this.#write();
    }
    this.#parsing = false;
  }

  #parseOne(chunk: Buffer): void {
    if (this.#end) return;
    try {
      this.#packets.take(chunk);
    } catch (error) {
      const what = (error as Error).message;
      this.#fail(what.startsWith('Bad packet length') ? 'a packet is longer than 35,000 bytes, or garbled' : what);
    }
  }

  #take(payload: Buffer): void {
    if (this.#end) return;
    if (this.#handler) this.#give(this.#handler, payload);
    else if (this.#early.length < MAX_EARLY_MESSAGES) this.#early.push(payload);
    else this.#fail('it sends more than a login has');
  }

  #give(handler: TransportHandler, payload: Buffer): void {
    if (this.#end) return;
    try {
      handler.message(payload);
    } catch (error) {
      if (error instanceof Malformed || error instanceof ProtocolFault) this.#fail(error.message);
      else this.#disconnect({ kind: 'fault', words: FAILED, bug: error }, DISCONNECT_BY_APPLICATION);
    }
  }

  #fail(what: string): void {
    this.#disconnect({ kind: 'fault', words: `The session ends: ${what}.` }, DISCONNECT_PROTOCOL_ERROR);
  }

  #disconnect(end: TransportEnd, reason: number): void {
    if (this.#end) return;
    const stream = this.#stream;
    if (stream.writable) {
      const payload = sshMessage(SSH_DISCONNECT, reason, end.words, '');
      try {
        this.#packets.send(payload.length, (packet, start) => payload.copy(packet, start), true);
      } catch {
        // The library is past sending.
      }
      this.#write();
    }
    this.#close(end);
    this.#leave();
  }

  /** What was written goes out first. */
  #leave(): void {
    const stream = this.#stream;
    if (stream.destroyed) return;
    stream.end();
    setTimeout(() => stream.destroy(), FAREWELL_MS).unref();
  }

  #keysExchanged(): void {
    if (!this.#ready) {
      this.#ready = true;
      this.#onReady();
    }
    this.#tellWritable();
  }

  #tellWritable(): void {
    if (!this.#waitsForDrain || this.#end || !this.writable) return;
    this.#waitsForDrain = false;
    const handler = this.#handler;
    if (!handler) return;
    try {
      handler.resume();
    } catch (bug) {
      this.#disconnect({ kind: 'fault', words: FAILED, bug }, DISCONNECT_BY_APPLICATION);
    }
  }

  #close(end: TransportEnd): void {
    if (this.#end) return;
    this.#end = end;
    this.#onReady();
    this.#handler?.closed(end);
  }
}

const FAILED =
  'The gateway failed while it worked on this session. Connect again, and tell an administrator if it stays so.';
