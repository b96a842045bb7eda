// A transport's messages for a login: one is taken after the other, and each is waited for.

import { ProtocolFault, type SshTransport, type TransportEnd, type TransportHandler } from '../wire/transport.ts';

/** Nobody who logs in sends more before it is answered. */
const MAX_WAITING = 16;

export class MessageQueue implements TransportHandler {
  readonly #waiting: Buffer[] = [];
  readonly #transport: SshTransport;
  #wake: () => void = () => {};
  #end: TransportEnd | undefined;
  #aborted = false;

  /** Takes the transport's messages until `release`. */
  constructor(transport: SshTransport, signal: AbortSignal) {
    this.#transport = transport;
    if (signal.aborted) this.#aborted = true;
    else
      signal.addEventListener('abort', () => {
        this.#aborted = true;
        this.#wake();
      });
    transport.handle(this);
  }

  /** Undefined: it is closed, or out of time. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.#aborted) return undefined;
      const message = this.#waiting.shift();
      if (message || this.#end) return message;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Resolves when `next` would, and takes nothing. */
  async arrived(): Promise<void> {
    while (!this.#aborted && !this.#end && this.#waiting.length === 0)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  /** Messages wait at the transport from now on. Those that came already are lost: of a login there are none. */
  release(): void {
    this.#transport.handle(undefined);
  }

  get ended(): TransportEnd | undefined {
    return this.#end;
  }

  message(payload: Buffer): void {
    if (this.#waiting.length >= MAX_WAITING) throw new ProtocolFault('it sends more than a login has');
    this.#waiting.push(payload);
    this.#wake();
  }

  resume(): void {}

  closed(how: TransportEnd): void {
    this.#end = how;
    this.#wake();
  }
}
