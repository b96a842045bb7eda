// Caps and deadlines of a listener. What a client can cost before it proved anything is bounded by
// these alone.

export interface Limits {
  /** From the connection until the client has proven a grant. */
  readonly loginDeadlineMs: number;
  /** Connections that have not proven a grant yet, over all addresses. */
  readonly maxUnauthenticated: number;
  /** The same for one address, so that one host cannot use up the others' share. */
  readonly maxUnauthenticatedPerAddress: number;
  /** Ends a session over which nothing went for so long. Undefined: never. */
  readonly idleTimeoutMs: number | undefined;
}

export const DEFAULT_LIMITS: Limits = {
  loginDeadlineMs: 30_000,
  maxUnauthenticated: 1_000,
  maxUnauthenticatedPerAddress: 200,
  idleTimeoutMs: undefined,
};

/** Counts connections that have not proven anything yet. */
export class UnauthenticatedCount {
  #all = 0;
  readonly #byAddress = new Map<string, number>();
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** False: the caps are reached, the connection must be closed and `leave` not called. */
  enter(address: string): boolean {
    const ofAddress = this.#byAddress.get(address) ?? 0;
    if (this.#all >= this.#limits.maxUnauthenticated) return false;
    if (ofAddress >= this.#limits.maxUnauthenticatedPerAddress) return false;
    this.#all++;
    this.#byAddress.set(address, ofAddress + 1);
    return true;
  }

  leave(address: string): void {
    this.#all--;
    const ofAddress = (this.#byAddress.get(address) ?? 1) - 1;
    if (ofAddress > 0) this.#byAddress.set(address, ofAddress);
    else this.#byAddress.delete(address);
  }

  get size(): number {
    return this.#all;
  }
}
