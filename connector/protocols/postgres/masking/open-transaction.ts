// What a transaction that is open changed of the definitions, as its own session sees it.

import type { Pipeline } from '../pipeline.ts';
import type { Catalogue } from './catalogue.ts';
import type { CatalogueLease } from './catalogues.ts';
import type { SessionCatalogue } from './session-catalogue.ts';
import type { SessionMemory } from './session-memory.ts';

export interface OpenTransactionParts {
  readonly pipeline: Pick<Pipeline, 'busy' | 'transaction'>;
  readonly memory: SessionMemory;
  readonly lease: CatalogueLease;
  readonly session: SessionCatalogue;
}

export class OpenTransaction {
  readonly #parts: OpenTransactionParts;
  /** With the number of the last statement in front of it. */
  #own: { readonly catalogue: Catalogue; readonly behind: number } | undefined;
  /** `memory.changes` when that was read, or could not be. */
  #understood = -1;

  constructor(parts: OpenTransactionParts) {
    this.#parts = parts;
  }

  /** Resolves when it was read, or cannot be. Undefined: all is known that can be. */
  understand(lastNumber: () => number): Promise<void> | undefined {
    const { memory, pipeline } = this.#parts;
    if (!memory.undigested || memory.changes === this.#understood) return undefined;
    if (!pipeline.busy && pipeline.transaction !== 'T') return undefined;
    return this.#read(lastNumber);
  }

  async #read(lastNumber: () => number): Promise<void> {
    const { memory, lease, session } = this.#parts;
    const { changes } = memory;
    try {
      const names = await session.read();
      if (names) {
        const catalogue = await lease.ofSession(names);
        if (memory.changes !== changes || !memory.undigested) return;
        this.#own = { catalogue, behind: lastNumber() };
        memory.digested();
      }
    } catch {
      // It stays unknown, and what hangs on it is refused.
    } finally {
      this.#understood = changes;
    }
  }

  /** For a statement: the catalogue as its transaction has it, where that is another. */
  catalogueFor(number: number): Catalogue | undefined {
    const own = this.#own;
    return own && number > own.behind ? own.catalogue : undefined;
  }

  /** What is there for all counts again. */
  over(): void {
    this.#own = undefined;
  }
}
