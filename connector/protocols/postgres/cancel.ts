// CancelRequest: the client opens a second connection and shows the process id and secret of the one
// whose statement it wants stopped. The gateway hands out its own, and keeps whose they are.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { UpstreamTarget } from '../../protocol.ts';
import { cancelRequest, PROTOCOL_3_2 } from './messages.ts';
import { openConnection, type UpstreamConnection } from './upstream.ts';

/** 3.0 clients know 4 bytes; 3.2 allows up to 256. */
const SECRET_BYTES = 4;
const LONG_SECRET_BYTES = 32;

export interface CancelKey {
  readonly pid: number;
  readonly secret: Buffer;
}

export class CancelKeys {
  readonly #holders = new Map<number, { readonly secret: Buffer; readonly cancel: () => Promise<void> }>();
  readonly #random: (count: number) => Uint8Array;

  constructor(random: (count: number) => Uint8Array = randomBytes) {
    this.#random = random;
  }

  /** A key of its own for a session. `cancel` resolves when the target has taken the request. */
  issue(version: number, cancel: () => Promise<void>): CancelKey {
    let pid: number;
    do pid = Buffer.from(this.#random(4)).readInt32BE(0) & 0x7fff_ffff;
    while (pid === 0 || this.#holders.has(pid));
    const secret = Buffer.from(this.#random(version >= PROTOCOL_3_2 ? LONG_SECRET_BYTES : SECRET_BYTES));
    this.#holders.set(pid, { secret, cancel });
    return { pid, secret };
  }

  drop(key: CancelKey): void {
    this.#holders.delete(key.pid);
  }

  /** Like PostgreSQL, tells nobody whether there was such a session. */
  async request(pid: number, secret: Uint8Array): Promise<void> {
    const holder = this.#holders.get(pid);
    if (holder && holder.secret.length === secret.length && timingSafeEqual(holder.secret, secret))
      await holder.cancel();
  }
}

/** Asks the target to stop what the backend runs, over a connection like the session's own. Resolves when the target closed it; never rejects. */
export async function cancelUpstream(
  target: UpstreamTarget,
  key: NonNullable<UpstreamConnection['key']>,
): Promise<void> {
  const signal = AbortSignal.timeout(target.connectTimeoutMs);
  try {
    const socket = await openConnection(target, signal);
    const onAbort = () => socket.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resume();
    socket.end(cancelRequest(key.pid, key.secret));
    socket.once('end', () => socket.destroy());
    await closed;
    signal.removeEventListener('abort', onAbort);
  } catch {
    // The target is away: there is nothing to cancel any more, and nobody who waits for an answer.
  }
}
