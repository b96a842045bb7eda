// Killing a piece of work behind each of its changes to a store or a table, to see that it can be run again. Behind what it only
// reads it leaves what it left behind the change before.

export class Killed extends Error {}

const CHANGES: readonly PropertyKey[] = ['update', 'putAll', 'deleteAll', 'delete', 'remove', 'setHold'];

/** Counts the calls of what is `watched`, and ends the work behind one of its changes: its effect is there, its answer is lost. */
export class Killing {
  readonly #at: number;
  #steps = 0;
  #changes = 0;
  #kills = 0;

  /** 0: never. */
  constructor(at: number) {
    this.#at = at;
  }

  get steps(): number {
    return this.#steps;
  }

  get changes(): number {
    return this.#changes;
  }

  get kills(): number {
    return this.#kills;
  }

  /** `iterated`: methods that are iterations, which are the steps that they take. */
  watched<T extends object>(of: T, iterated: readonly (keyof T)[] = []): T {
    return new Proxy(of, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target) as unknown;
        if (typeof value !== 'function') return value;
        const method = value.bind(target) as (...args: unknown[]) => unknown;
        if (iterated.some((each) => each === name)) return method;
        return async (...args: unknown[]) => {
          this.#steps++;
          const change = CHANGES.includes(name) ? ++this.#changes : undefined;
          const result = await method(...args);
          if (change === this.#at) throw new Killed();
          return result;
        };
      },
    });
  }

  /** undefined: it was killed. */
  async run<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      this.#kills++;
      return undefined;
    }
  }
}
