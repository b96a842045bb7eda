// The secret that a session's client logged in with, for as long as the session lasts: whoever shows one again
// (COM_CHANGE_USER) shows that one. Kept as a MAC under a key of its own.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../../../core/secret.ts';

export class SessionSecret {
  readonly #key = randomBytes(32);
  readonly #mac: Buffer;

  constructor(shown: Secret<string>) {
    this.#mac = this.#macOf(shown);
  }

  /** In constant time. */
  is(shown: Secret<string>): boolean {
    return timingSafeEqual(this.#mac, this.#macOf(shown));
  }

  #macOf(shown: Secret<string>): Buffer {
    return createHmac('sha256', this.#key).update(shown.reveal()).digest();
  }
}
