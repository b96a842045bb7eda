// Caps and deadlines of a listener. What a client can cost before it proved anything is bounded by
// these alone.

export interface Limits {
  /** From the connection until the client has proven a grant. */
  readonly loginDeadlineMs: number;
  /** Connections that have not proven a grant yet, over all addresses; as many more may wait for a place. */
  readonly maxUnauthenticated: number;
  /** The same for one address, so that one host cannot use up the others' share; twice as many more may wait. */
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

/**
 * How far a login got, the least first. leaving: it was refused and is being told why. silent: it has said nothing that
 * makes sense. securing: it asked for encryption. named: it said who it is and what it wants.
 */
const PROGRESS = ['leaving', 'silent', 'securing', 'named'] as const;
export type Progress = (typeof PROGRESS)[number];

/**
 * How long one that got so far keeps its place while others wait for one. An honest client speaks at once; a handshake
 * takes some round trips and a processor that may be busy; the proof of a grant takes the edge's answer too.
 */
const PATIENCE_MS: Readonly<Record<Progress, number>> = { leaving: 0, silent: 25, securing: 2_000, named: 5_000 };
/** How often those who wait are looked at again. */
const LOOK_MS = 25;

/** A connection that has not proven anything yet. */
export interface Unauthenticated {
  readonly address: string;
  /** It has a place: its login is read from now on. Called at most once, perhaps before `enter` returned. */
  begin(): void;
  /** Makes room for others, or found none. Called at most once, and not after `leave`; it has left then. */
  turnAway(): void;
}

interface Place {
  readonly connection: Unauthenticated;
  progress: Progress;
  sinceMs: number;
  /** Whatever it sent with its connection has been read. Until then its silence means nothing. */
  heard: boolean;
}

/** Places taken, by progress, each in the order in which they got there. */
class Pool {
  readonly #taken: Readonly<Record<Progress, Set<Place>>> = {
    leaving: new Set(),
    silent: new Set(),
    securing: new Set(),
    named: new Set(),
  };
  size = 0;
  waiting = 0;

  add(place: Place): void {
    this.#taken[place.progress].add(place);
    this.size++;
  }

  remove(place: Place): void {
    if (this.#taken[place.progress].delete(place)) this.size--;
  }

  /** Who got least far, and has had its time there. */
  leastFar(nowMs: number): Place | undefined {
    for (const progress of PROGRESS)
      for (const first of this.#taken[progress]) {
        if (first.heard && nowMs - first.sinceMs >= PATIENCE_MS[progress]) return first;
        break;
      }
    return undefined;
  }
}

/**
 * The connections that have not proven anything yet. At a cap the next one waits, unread, until a place is free, or
 * until somebody who got less far than others has had its time: so those who send nothing, or nonsense, make room for
 * those who log in, and never the other way round. Who waits costs a socket, and how many may is bounded too.
 */
export class UnauthenticatedConnections {
  readonly #limits: Limits;
  readonly #nowMs: () => number;
  readonly #all = new Pool();
  readonly #byAddress = new Map<string, Pool>();
  readonly #places = new Map<Unauthenticated, Place>();
  readonly #waiting = new Set<Unauthenticated>();
  #look: NodeJS.Timeout | undefined;

  constructor(limits: Limits, nowMs: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  enter(connection: Unauthenticated): void {
    const pool = this.#poolOf(connection.address);
    const { maxUnauthenticated, maxUnauthenticatedPerAddress } = this.#limits;
    if (this.#mayBegin(pool)) {
      this.#begin(connection, pool);
    } else if (this.#waiting.size < maxUnauthenticated && pool.waiting < 2 * maxUnauthenticatedPerAddress) {
      this.#waiting.add(connection);
      pool.waiting++;
      this.#look ??= setTimeout(() => this.#lookAgain(), LOOK_MS).unref();
    } else {
      this.#forget(connection.address, pool);
      connection.turnAway();
    }
  }

  /** It got so far. Nothing when it has left, or been turned away. */
  progressed(connection: Unauthenticated, progress: Progress): void {
    const place = this.#places.get(connection);
    if (!place) return;
    const pools = [this.#all, this.#poolOf(connection.address)];
    for (const pool of pools) pool.remove(place);
    place.progress = progress;
    place.sinceMs = this.#nowMs();
    for (const pool of pools) pool.add(place);
    if (progress === 'leaving') this.#letIn();
  }

  /** It proved who it is, or is closed. Those turned away may come here too. */
  leave(connection: Unauthenticated): void {
    const pool = this.#poolOf(connection.address);
    const place = this.#places.get(connection);
    if (place) this.#takePlace(place, pool);
    if (this.#waiting.delete(connection)) pool.waiting--;
    this.#forget(connection.address, pool);
    if (place) this.#letIn();
  }

  /** Places taken. */
  get size(): number {
    return this.#all.size;
  }

  #lookAgain(): void {
    this.#look = undefined;
    this.#letIn();
    if (this.#waiting.size > 0) this.#look ??= setTimeout(() => this.#lookAgain(), LOOK_MS).unref();
  }

  /** First come, first served; one whose address is full holds up nobody else. */
  #letIn(): void {
    for (const connection of this.#waiting) {
      const pool = this.#poolOf(connection.address);
      if (!this.#mayBegin(pool)) continue;
      this.#waiting.delete(connection);
      pool.waiting--;
      this.#begin(connection, pool);
    }
  }

  /** Whether there is a place, perhaps one that was just made. */
  #mayBegin(pool: Pool): boolean {
    if (pool.size >= this.#limits.maxUnauthenticatedPerAddress && !this.#makeRoom(pool)) return false;
    return this.#all.size < this.#limits.maxUnauthenticated || this.#makeRoom(this.#all);
  }

  #makeRoom(pool: Pool): boolean {
    const place = pool.leastFar(this.#nowMs());
    if (!place) return false;
    const { connection } = place;
    const own = this.#poolOf(connection.address);
    this.#takePlace(place, own);
    if (own !== pool) this.#forget(connection.address, own);
    connection.turnAway();
    return true;
  }

  #begin(connection: Unauthenticated, pool: Pool): void {
    const place: Place = { connection, progress: 'silent', sinceMs: this.#nowMs(), heard: false };
    this.#places.set(connection, place);
    this.#byAddress.set(connection.address, pool);
    for (const each of [this.#all, pool]) each.add(place);
    connection.begin();
    // Two turns of the event loop: the second one's reads come after this connection was there to be read.
    setImmediate(() =>
      setImmediate(() => {
        place.heard = true;
      }),
    );
  }

  #takePlace(place: Place, pool: Pool): void {
    this.#places.delete(place.connection);
    for (const each of [this.#all, pool]) each.remove(place);
  }

  #poolOf(address: string): Pool {
    const pool = this.#byAddress.get(address) ?? new Pool();
    this.#byAddress.set(address, pool);
    return pool;
  }

  #forget(address: string, pool: Pool): void {
    if (pool.size === 0 && pool.waiting === 0) this.#byAddress.delete(address);
  }
}
