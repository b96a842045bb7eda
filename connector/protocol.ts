// What a protocol is. Of the seam it stands at, door.ts is the side of the bytes and action.ts that of the words;
// connector/session drives both. registry.ts lists who implements it.

import type { Refusal } from '../core/refusal.ts';
import type { Result } from '../core/result.ts';
import type { ByteStream, Door } from './door.ts';

/** One a kind of listener. `Upstream`: what its module opens for a session. */
export interface Protocol<Upstream> {
  /**
   * Carries one connection to its end. Dials nothing before `door.enter` answered, and sends nothing upstream (law 2).
   * Never throws for what a client sent.
   */
  carry(stream: ByteStream, door: Door<Upstream>): Promise<void>;
  /** Tells a client that has not been listened to, and closes. Resolves when the stream is closed. */
  turnAway(stream: ByteStream, refusal: Refusal): Promise<void>;
  /** Dials the target, logs in as a session would, and leaves. For the operator alone: a fault may say what the target said. */
  tryTarget(upstream: Upstream): Promise<Result<undefined, string>>;
}
