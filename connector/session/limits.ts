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

/** A connection that has not proven anything yet. */
export interface Unauthenticated {
  readonly address: string;
  /** Closes it at once, to make room. Called at most once, and not after `leave`. */
  drop(): void;
}

/**
 * The connections that have not proven anything yet. At a cap the one that waited longest goes, not
 * the one that comes: a login takes a moment, so who waits long is who keeps others out.
 */
export class UnauthenticatedConnections {
  /** Both in the order of arrival. */
  readonly #all = new Set<Unauthenticated>();
  readonly #byAddress = new Map<string, Set<Unauthenticated>>();
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  enter(connection: Unauthenticated): void {
    const ofAddress = this.#byAddress.get(connection.address);
    if (ofAddress && ofAddress.size >= this.#limits.maxUnauthenticatedPerAddress) this.#dropFirst(ofAddress);
    else if (this.#all.size >= this.#limits.maxUnauthenticated) this.#dropFirst(this.#all);
    this.#all.add(connection);
    const now = this.#byAddress.get(connection.address);
    if (now) now.add(connection);
    else this.#byAddress.set(connection.address, new Set([connection]));
  }

  /** It proved who it is, or is closed. Dropped ones may come here too. */
  leave(connection: Unauthenticated): void {
    this.#all.delete(connection);
    const ofAddress = this.#byAddress.get(connection.address);
    ofAddress?.delete(connection);
    if (ofAddress?.size === 0) this.#byAddress.delete(connection.address);
  }

  get size(): number {
    return this.#all.size;
  }

  #dropFirst(connections: ReadonlySet<Unauthenticated>): void {
    for (const first of connections) {
      this.leave(first);
      first.drop();
      return;
    }
  }
}
