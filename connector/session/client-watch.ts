// A connection from its entering until its part in a session is over: whatever ends it from outside stops what is
// done for it meanwhile.

import type { Refusal } from '../../core/refusal.ts';
import type { ByteStream } from '../door.ts';

export const HUNG_UP: Refusal = { reason: 'session_ended', message: 'The client hung up before its session began.' };
const OVER: Refusal = { reason: 'session_ended', message: 'The session is over.' };

export class ClientWatch {
  readonly #client: ByteStream;
  readonly #controller = new AbortController();
  #session: AbortSignal | undefined;
  readonly #hungUp = () => this.#controller.abort(HUNG_UP);
  readonly #ended = () => this.#controller.abort(this.#session?.reason);

  constructor(client: ByteStream) {
    this.#client = client;
    client.once('end', this.#hungUp);
    client.once('close', this.#hungUp);
    if (client.destroyed || client.readableEnded) this.#hungUp();
  }

  /** Its reason is a Refusal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What it was aborted for, with words for the client. */
  get refusal(): Refusal | undefined {
    return this.signal.aborted ? (this.signal.reason as Refusal) : undefined;
  }

  /** It has entered a session: what ends that, by this signal, ends its part too. */
  entered(session: AbortSignal): void {
    this.#session = session;
    if (session.aborted) this.#ended();
    else session.addEventListener('abort', this.#ended, { once: true });
  }

  /** The client's closing is its conversation's to see from here on. */
  carried(): void {
    this.#client.off('end', this.#hungUp);
    this.#client.off('close', this.#hungUp);
  }

  /** Its part is over, and whatever is still dialled for it is nobody's. */
  over(): void {
    this.carried();
    this.#session?.removeEventListener('abort', this.#ended);
    this.#controller.abort(OVER);
  }
}
