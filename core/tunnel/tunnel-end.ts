// One end of a tunnel at work: connects to the relay, again whenever the connection is lost, and gives a byte stream in both
// directions that does not notice. Whoever calls it says how to connect; everything else is alike at both ends.

import type { Result } from '../result.ts';
import { INSTANCE_BYTES } from './channel-messages.ts';
import {
  CLOSE_ABANDONED,
  CLOSE_DONE,
  CLOSE_OVER,
  CLOSE_TUNNEL_REFUSED,
  RelayNotice,
  RESUME_WITHIN_MS,
} from './relay.ts';
import { ResumableChannel } from './resumable-channel.ts';

/** A connection to the relay, a WebSocket. */
export interface RelaySocket {
  /** `taken`: called when it has left this process, or never will. */
  send(message: Uint8Array, taken?: () => void): void;
  /** Bytes that have not left this process. */
  readonly bufferedAmount: number;
  close(code: number, reason?: string): void;
}

/** What comes by it. The relay may speak before whoever dialled hears that it is open. */
export interface SocketEvents {
  message(data: string | Uint8Array): void;
  /** Once. */
  closed(code: number, reason: string): void;
}

export interface ConnectFault {
  /** The same will be answered again. */
  readonly final: boolean;
  readonly message: string;
}

interface TunnelTiming {
  readonly resumeWithinMs: number;
  /** Between two pings, which go all the way to the other end. */
  readonly pingMs: number;
  /** Nothing came from the other end for so long, pings answered included: the connection is dead. */
  readonly silentMs: number;
  readonly backOffMs: { readonly first: number; readonly longest: number };
}
const TIMING: TunnelTiming = {
  resumeWithinMs: RESUME_WITHIN_MS,
  pingMs: 15_000,
  silentMs: 40_000,
  backOffMs: { first: 100, longest: 2_000 },
};

interface TunnelOptions {
  connect(events: SocketEvents): Promise<Result<RelaySocket, ConnectFault>>;
  /** `attached`: with the address of the other end, where the relay tells it. */
  readonly onNotice?: (notice: RelayNotice) => void;
  readonly timing?: Partial<TunnelTiming>;
  readonly random?: () => number;
  readonly window?: number;
}

/** `ended`: both ends were done. */
export type TunnelClosed = { readonly kind: 'ended' | 'lost' | 'abandoned'; readonly message: string };

const DONE: TunnelClosed = { kind: 'ended', message: 'both ends are done' };
/** By this end: it dials anew. */
const CLOSE_SILENT = 4408;
/** Waiting to leave this process: more would only hold up what comes behind, and be lost with the connection. */
const BUSY_BYTES = 256 * 1024;
/** Buffered for a reader that is not there. */
const READER_BYTES = 256 * 1024;

export class TunnelEnd {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** Never rejects. */
  readonly closed: Promise<TunnelClosed>;
  readonly #options: TunnelOptions;
  readonly #timing: TunnelTiming;
  readonly #channel: ResumableChannel;
  readonly #waiting: Uint8Array[] = [];
  readonly #settle: (closed: TunnelClosed) => void;
  #reader!: ReadableStreamDefaultController<Uint8Array>;
  #writer!: WritableStreamDefaultController;
  #drained: (() => void) | undefined;
  #socket: RelaySocket | undefined;
  #attached = false;
  /** The other end itself was heard since it came: what the relay says proves nothing about it. */
  #answering = false;
  /** Since when it is not. */
  #awaySince = performance.now();
  #heardAt = 0;
  #endReceived = false;
  #over: TunnelClosed | undefined;
  #wake: (() => void) | undefined;
  #drop: (() => void) | undefined;
  #readerClosed = false;
  #lastFault = 'the other end did not come';
  readonly #taken = (): void => this.#channel.resume();

  constructor(options: TunnelOptions) {
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    const closed = Promise.withResolvers<TunnelClosed>();
    this.closed = closed.promise;
    this.#settle = closed.resolve;
    this.#channel = new ResumableChannel({
      instance: crypto.getRandomValues(new Uint8Array(INSTANCE_BYTES)),
      ...(options.window !== undefined && { window: options.window }),
      send: (message) => this.#socket?.send(message, this.#taken),
      isBusy: () => (this.#socket?.bufferedAmount ?? 0) >= BUSY_BYTES,
      onData: (bytes) => {
        this.#waiting.push(bytes);
        this.#hand();
      },
      onEnd: () => {
        this.#endReceived = true;
        this.#hand();
      },
      onDrain: () => this.#drained?.(),
    });
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#reader = controller;
        },
        pull: () => this.#hand(),
        cancel: () => this.abandon('nobody reads any more'),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: READER_BYTES }),
    );
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#writer = controller;
      },
      write: (bytes) => this.#write(bytes),
      close: () => {
        this.#channel.end();
        this.#endIfOver();
      },
      abort: () => this.abandon('writing was given up'),
    });
    void this.#run();
  }

  /** The relay says that both ends are there. */
  get attached(): boolean {
    return this.#attached;
  }

  /** Ends it at once, at both ends. */
  abandon(message: string): void {
    this.#finish({ kind: 'abandoned', message }, CLOSE_ABANDONED);
  }

  async #run(): Promise<void> {
    const { first, longest } = this.#timing.backOffMs;
    const watch = setInterval(() => this.#look(), Math.min(this.#timing.pingMs, this.#timing.resumeWithinMs / 4));
    for (let failed = 0; !this.#over; failed++) {
      const arrived = new Arrivals();
      const connected = await this.#options.connect(arrived).catch((error: unknown) => failedToConnect(error));
      if (this.#over) {
        if (connected.ok) connected.value.close(CLOSE_ABANDONED);
        break;
      }
      if (connected.ok) {
        const wasAttached = await this.#serve(connected.value, arrived);
        if (wasAttached) failed = 0;
      } else if (connected.error.final) this.#finish({ kind: 'lost', message: connected.error.message });
      else this.#lastFault = connected.error.message;
      if (this.#over) break;
      const random = this.#options.random ?? Math.random;
      await this.#sleep(Math.min(longest, first * 2 ** Math.min(failed, 10)) * (0.5 + random() / 2));
    }
    clearInterval(watch);
  }

  /** Until the connection is lost. Whether both ends were there. */
  #serve(socket: RelaySocket, arrivals: Arrivals): Promise<boolean> {
    let wasAttached = false;
    this.#socket = socket;
    return new Promise((resolve) => {
      const closed = (code: number, reason: string): void => {
        if (this.#socket !== socket) return;
        this.#socket = undefined;
        this.#detached();
        if (code === CLOSE_DONE && this.#readerClosed) this.#finish(DONE);
        const isFinal = code === CLOSE_DONE || code === CLOSE_OVER || code === CLOSE_TUNNEL_REFUSED;
        if (isFinal) this.#finish({ kind: 'lost', message: reason });
        this.#lastFault = `the connection was closed (${code}${reason && ` ${reason}`})`;
        resolve(wasAttached);
      };
      this.#drop = () => {
        closed(CLOSE_SILENT, 'nothing came any more');
        socket.close(CLOSE_SILENT);
      };
      arrivals.take({
        closed,
        message: (data) => {
          if (this.#socket !== socket || this.#over) return;
          this.#heardAt = performance.now();
          if (typeof data !== 'string') return this.#take(data);
          const notice = RelayNotice.safeParse(parseJson(data));
          if (!notice.success) return this.#fail('the relay says what this release does not understand');
          wasAttached ||= notice.data.kind === 'attached';
          if (notice.data.kind === 'attached') {
            this.#attached = true;
            if (!this.#answering) this.#lastFault = 'the other end does not answer';
            this.#channel.attached();
            this.#endIfOver();
          } else {
            this.#lastFault = 'the other end did not come back';
            this.#detached();
          }
          this.#options.onNotice?.(notice.data);
        },
      });
    });
  }

  #detached(): void {
    if (this.#answering) this.#awaySince = performance.now();
    this.#answering = false;
    this.#attached = false;
    this.#channel.detached();
  }

  #take(message: Uint8Array): void {
    this.#answering = true;
    const taken = this.#channel.receive(message);
    if (taken.ok) this.#endIfOver();
    else this.#fail(taken.error);
  }

  /** What is ready goes to the reader, as far as it wants. */
  #hand(): void {
    while (this.#waiting.length > 0 && (this.#reader.desiredSize ?? 0) > 0) {
      const bytes = this.#waiting.shift() as Uint8Array;
      this.#reader.enqueue(bytes);
      this.#channel.consumed(bytes.length);
    }
    if (!this.#endReceived || this.#waiting.length > 0 || this.#readerClosed) return;
    this.#readerClosed = true;
    this.#reader.close();
    this.#endIfOver();
  }

  #write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#channel.write(bytes)) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    return promise;
  }

  #look(): void {
    const now = performance.now();
    const { resumeWithinMs, silentMs } = this.#timing;
    if (!this.#answering && now - this.#awaySince >= resumeWithinMs)
      this.#finish({ kind: 'lost', message: this.#lastFault });
    if (!this.#attached || this.#over) return;
    if (now - this.#heardAt >= silentMs) this.#drop?.();
    else this.#channel.ping();
  }

  get #isOver(): boolean {
    return this.#channel.over && this.#readerClosed;
  }

  /** With the connection lost, the other end may not have heard that it is: then at the next one. */
  #endIfOver(): void {
    if (this.#isOver && this.#attached) this.#finish(DONE, 1000);
  }

  #fail(message: string): void {
    this.#finish({ kind: 'lost', message }, CLOSE_ABANDONED);
  }

  #finish(given: TunnelClosed, code = CLOSE_ABANDONED): void {
    if (this.#over) return;
    // Nothing was left to lose.
    const closed = given.kind === 'lost' && this.#isOver ? DONE : given;
    this.#over = closed;
    this.#socket?.close(code);
    this.#wake?.();
    this.#drained?.();
    if (closed.kind !== 'ended') {
      const error = new Error(closed.message);
      if (!this.#readerClosed) this.#reader.error(error);
      this.#readerClosed = true;
      this.#writer.error(error);
    }
    this.#settle(closed);
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** What comes before it is asked for waits. */
class Arrivals implements SocketEvents {
  readonly #early: ((events: SocketEvents) => void)[] = [];
  #events: SocketEvents | undefined;

  take(events: SocketEvents): void {
    this.#events = events;
    for (const give of this.#early.splice(0)) give(events);
  }

  message(data: string | Uint8Array): void {
    if (this.#events) this.#events.message(data);
    else this.#early.push((events) => events.message(data));
  }

  closed(code: number, reason: string): void {
    if (this.#events) this.#events.closed(code, reason);
    else this.#early.push((events) => events.closed(code, reason));
  }
}

function parseJson(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

const failedToConnect = (error: unknown): { readonly ok: false; readonly error: ConnectFault } => ({
  ok: false,
  error: { final: false, message: error instanceof Error ? error.message : 'connecting failed' },
});
