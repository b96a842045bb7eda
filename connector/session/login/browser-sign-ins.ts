// How many clients wait for their person to sign in by the browser: longer than any other login may take, and nobody has
// proven anything.

import type { Refusal } from '../../../core/refusal.ts';

/** Over all addresses, and of one: an office is behind one. */
const MAX_WAITING = 200;
const MAX_WAITING_OF_ADDRESS = 20;
/** Two minutes to confirm and ten for a grant, as the edge has it, and time to get there. */
export const SIGN_IN_MS = 13 * 60_000;

export class BrowserSignIns {
  readonly #byAddress = new Map<string, number>();
  #waiting = 0;

  /** Gives how to leave, once or more often. Undefined: no more may wait. */
  enter(address: string): (() => void) | undefined {
    const own = this.#byAddress.get(address) ?? 0;
    if (this.#waiting >= MAX_WAITING || own >= MAX_WAITING_OF_ADDRESS) return undefined;
    this.#waiting++;
    this.#byAddress.set(address, own + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#waiting--;
      const rest = (this.#byAddress.get(address) ?? 1) - 1;
      if (rest > 0) this.#byAddress.set(address, rest);
      else this.#byAddress.delete(address);
    };
  }
}

export const TOO_MANY_WAIT: Refusal = {
  reason: 'too_many_logins',
  message: 'Too many clients wait to be signed in by a browser. Try again in a minute, or use a grant as the password.',
};
