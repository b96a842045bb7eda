// Thread ids. A client is told one of ours before its target is known, and kills a statement by it, on another connection
// (Ctrl-C in mysql); CONNECTION_ID() gives it the target's. Both are understood, of one's own sessions alone.

import { randomInt } from 'node:crypto';
import type { Claim } from '../../../door.ts';

interface Thread {
  readonly claim: Claim;
  readonly atTarget: number;
}

const KILL = /^\s*kill\s+(?:(connection|query)\s+)?(\d{1,10})\s*;?\s*$/i;
/** Where a statement may begin, also behind signs of comments that run. */
const MAY_KILL = /(?:^|[;/!\s\d])kill\b/i;

/** Of all sessions of a listener. */
export class Threads {
  readonly #threads = new Map<number, Thread>();

  /** An id that no session has. Not one after another: they say how many connections there were. */
  issue(): number {
    for (;;) {
      const id = randomInt(1, 0x7fffffff);
      if (!this.#threads.has(id)) return id;
    }
  }

  begin(id: number, thread: Thread): void {
    this.#threads.set(id, thread);
  }

  end(id: number): void {
    this.#threads.delete(id);
  }

  /** The target's id of a session of the same person on the same resource. Undefined: there is none. */
  atTarget(id: number, claim: Claim): number | undefined {
    const own = (thread: Thread) => thread.claim.email === claim.email && thread.claim.resource === claim.resource;
    const named = this.#threads.get(id);
    if (named && own(named)) return named.atTarget;
    for (const thread of this.#threads.values()) if (thread.atTarget === id && own(thread)) return id;
    return undefined;
  }
}

/** Whether a text may kill something. False is certain. */
export const mayKill = (text: Buffer): boolean => MAY_KILL.test(text.toString('latin1'));

/** A text that is one KILL of a number, and nothing else. */
export function readKill(text: Buffer): { readonly what: 'CONNECTION' | 'QUERY'; readonly id: number } | undefined {
  const [, what = 'connection', id] = KILL.exec(text.toString('latin1')) ?? [];
  return id === undefined
    ? undefined
    : { what: what.toLowerCase() === 'query' ? 'QUERY' : 'CONNECTION', id: Number(id) };
}
