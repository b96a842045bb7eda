// CancelRequest: the client opens a second connection and shows the process id and secret of the one
// whose statement it wants stopped. The process id is the target's own, as pg_backend_pid() and NOTIFY
// tell it; the secret is the gateway's, so that nobody can go past it to the target.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import type { UpstreamTarget } from '../../../net/dial.ts';
import { cancelRequest, PROTOCOL_3_2 } from '../wire/messages.ts';
import { openConnection, type UpstreamConnection } from './upstream.ts';

/** 3.0 clients know 4 bytes; 3.2 allows up to 256. */
const SECRET_BYTES = 4;
const LONG_SECRET_BYTES = 32;
/** How long a target may take to act on a request, once it has it. A pooler asks its own target first: pgbouncer gives that 10 s. */
const ANSWER_MS = 15_000;
/** Connections that only cancel, to all targets together: when a thousand sessions end at once, each wants one. */
const MAX_REQUESTS = 64;

export interface CancelKey {
  readonly pid: number;
  readonly secret: Buffer;
}

interface Holder extends CancelKey {
  readonly cancel: () => Promise<void>;
}

export class CancelKeys {
  /** By process id. Two targets may have the same one. */
  readonly #holders = new Map<number, readonly Holder[]>();
  readonly #random: (count: number) => Uint8Array;

  constructor(random: (count: number) => Uint8Array = randomBytes) {
    this.#random = random;
  }

  /**
   * A key for a session. `pid`: the target's; undefined where it told none, and one is made up. `cancel` resolves when
   * the target has taken the request.
   */
  issue(version: number, pid: number | undefined, cancel: () => Promise<void>): CancelKey {
    const told = pid ?? Buffer.from(this.#random(4)).readInt32BE(0) & 0x7fff_ffff;
    const others = this.#holders.get(told) ?? [];
    let secret: Buffer;
    do secret = Buffer.from(this.#random(version >= PROTOCOL_3_2 ? LONG_SECRET_BYTES : SECRET_BYTES));
    while (others.some((holder) => holder.secret.equals(secret)));
    const holder = { pid: told, secret, cancel };
    this.#holders.set(told, [...others, holder]);
    return holder;
  }

  drop(key: CancelKey): void {
    const left = (this.#holders.get(key.pid) ?? []).filter((holder) => holder !== key);
    if (left.length > 0) this.#holders.set(key.pid, left);
    else this.#holders.delete(key.pid);
  }

  /** Like PostgreSQL, tells nobody whether there was such a session. */
  async request(pid: number, secret: Uint8Array): Promise<void> {
    let found: Holder | undefined;
    for (const holder of this.#holders.get(pid) ?? [])
      if (holder.secret.length === secret.length && timingSafeEqual(holder.secret, secret)) found = holder;
    await found?.cancel();
  }
}

/** Sends requests to targets, at most MAX_REQUESTS at a time; the others wait their turn. One a connector. */
export class CancelSender {
  #sending = 0;
  readonly #waiting: (() => void)[] = [];

  /** Resolves when the target closed the connection, as it does behind the request. Never rejects. */
  async send(target: UpstreamTarget, key: NonNullable<UpstreamConnection['key']>): Promise<void> {
    if (this.#sending < MAX_REQUESTS) this.#sending++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      await cancelUpstream(target, key);
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#sending--;
    }
  }
}

/** One session's requests: one under way and one behind it, which stands for all that came meanwhile. */
export class SessionCancel {
  readonly #send: () => Promise<void>;
  #sending: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(send: () => Promise<void>) {
    this.#send = send;
  }

  /** Resolves when the target was asked, after this call began. */
  request(): Promise<void> {
    if (!this.#sending) return this.#begin();
    this.#next ??= this.#sending.then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  #begin(): Promise<void> {
    const sending = this.#send().finally(() => {
      if (this.#sending === sending) this.#sending = undefined;
    });
    this.#sending = sending;
    return sending;
  }
}

/**
 * Asks the target to stop what the backend runs, over a connection like the session's own. Waits as libpq does until the
 * target closes it: a pooler drops the request of a sender that has hung up before it was handed on.
 */
async function cancelUpstream(target: UpstreamTarget, key: NonNullable<UpstreamConnection['key']>): Promise<void> {
  let socket: Socket;
  try {
    socket = await openConnection(target, AbortSignal.timeout(target.connectTimeoutMs));
  } catch {
    // The target is away: there is nothing to cancel any more, and nobody who waits for an answer.
    return;
  }
  const timer = setTimeout(() => socket.destroy(), ANSWER_MS);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  // Nothing is answered; the end alone says that the request was taken.
  socket.once('end', () => socket.destroy());
  socket.resume();
  socket.write(cancelRequest(key.pid, key.secret));
  await closed;
  clearTimeout(timer);
}
