// What may befall a piece of work at any of its calls to a store or a table: it is killed, the call comes to nothing, its answer is lost,
// or others do something in between. Each is done at one call after the other, to see that the work can be run again.

import { RetriableFault } from '../../../functions/faults.ts';

export class Killed extends Error {}

const CHANGES: readonly PropertyKey[] = ['update', 'putAll', 'deleteAll', 'delete', 'remove', 'setHold'];

interface Stroke {
  /** Which calls are counted. Behind what is only read, a kill leaves what one behind the change before has left. */
  readonly of: 'change' | 'read' | 'call';
  /** `before`: nothing came of the call. `behind`: its effect is there. */
  readonly at: 'before' | 'behind';
  readonly strike: () => Promise<void> | never;
}

const throws = (fault: () => Error) => (): never => {
  throw fault();
};
export const STROKES = {
  killed: { of: 'change', at: 'behind', strike: throws(() => new Killed()) },
  unread: { of: 'read', at: 'before', strike: throws(() => new RetriableFault('not read')) },
  unanswered: { of: 'change', at: 'behind', strike: throws(() => new RetriableFault('no answer')) },
} as const satisfies Record<string, Stroke>;

/** In between: the work goes on behind it with what it knew before. */
export const meanwhile = (work: () => Promise<unknown>, of: Stroke['of'] = 'call'): Stroke => ({
  of,
  at: 'behind',
  strike: async () => void (await work()),
});

/** Counts the calls of what is `watched`, and strikes once. */
export class Killing {
  readonly #at: number;
  readonly #stroke: Stroke;
  #steps = 0;
  #changes = 0;
  #kills = 0;

  /** `at`: the call, from 1 on; 0: never. */
  constructor(at: number, stroke: Stroke = STROKES.killed) {
    this.#at = at;
    this.#stroke = stroke;
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

  /** How many calls there were of those that a stroke counts. */
  countOf({ of }: Stroke): number {
    return { call: this.#steps, change: this.#changes, read: this.#steps - this.#changes }[of];
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
          const call = ++this.#steps;
          const isChange = CHANGES.includes(name);
          if (isChange) this.#changes++;
          const counted = { call, change: isChange && this.#changes, read: !isChange && call - this.#changes };
          const strike = async (at: Stroke['at']) => {
            if (this.#stroke.at !== at || counted[this.#stroke.of] !== this.#at) return;
            this.#kills++;
            await this.#stroke.strike();
          };
          await strike('before');
          const result = await method(...args);
          await strike('behind');
          return result;
        };
      },
    });
  }

  /** undefined: it ended by the stroke. */
  async run<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Killed || error instanceof RetriableFault)) throw error;
      return undefined;
    }
  }
}
