// What a transaction that is open changed of the definitions, as its own session sees it. That counts as long as what
// everybody sees is what it was then: others commit changes of theirs while it is open, and what a name means follows
// them at once, even where rows are read by an older snapshot.

import type { Pipeline } from '../pipeline/pipeline.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { CatalogueLease } from '../catalogue/catalogues.ts';
import type { SessionCatalogue } from '../catalogue/session-catalogue.ts';
import type { SessionMemory } from './session-memory.ts';

interface OpenTransactionParts {
  readonly pipeline: Pick<Pipeline, 'busy' | 'transaction'>;
  readonly memory: SessionMemory;
  readonly lease: CatalogueLease;
  readonly session: SessionCatalogue;
}

/** From this age on what everybody sees is read again before a statement is sent. */
const FRESH_MS = 5_000;

const freshSince = (lease: CatalogueLease): number => Math.max(lease.changedAt, lease.now() - FRESH_MS);
const isFresh = (lease: CatalogueLease): boolean => (lease.current?.asOf ?? -1) >= freshSince(lease);

export class OpenTransaction {
  readonly #parts: OpenTransactionParts;
  /** With the number of the last statement in front of it, and what everybody saw when it was read. */
  #own: { readonly catalogue: Catalogue; readonly behind: number; readonly beside: Catalogue } | undefined;
  /** `memory.changes` when that was read, or could not be. */
  #understood = -1;

  constructor(parts: OpenTransactionParts) {
    this.#parts = parts;
  }

  /** Resolves when it was read, or cannot be. Undefined: all is known that can be. */
  understand(lastNumber: () => number): Promise<void> | undefined {
    const { memory, pipeline, lease } = this.#parts;
    if (!pipeline.busy && pipeline.transaction !== 'T') return undefined;
    if (this.#own && !isFresh(lease)) return this.#confirm();
    this.#dropStale();
    if (!memory.undigested || memory.changes === this.#understood) return undefined;
    return this.#read(lastNumber);
  }

  async #confirm(): Promise<void> {
    const { lease } = this.#parts;
    await lease.refresh(freshSince(lease));
    // Nobody can say that it still holds.
    if (!isFresh(lease)) this.#drop();
  }

  /** Others changed definitions since it was read. */
  #dropStale(): void {
    if (this.#own && this.#own.beside !== this.#parts.lease.current) this.#drop();
  }

  #drop(): void {
    this.#own = undefined;
    this.#understood = -1;
    this.#parts.memory.forgetDigested();
  }

  async #read(lastNumber: () => number): Promise<void> {
    const { memory, lease, session } = this.#parts;
    const { changes } = memory;
    try {
      if (!isFresh(lease)) await lease.refresh(freshSince(lease));
      const beside = isFresh(lease) ? lease.current : undefined;
      const began = lease.now();
      const names = await session.read();
      if (names && beside) {
        // By a snapshot of the transaction's first statement what was committed since is not seen.
        const seenAt = names.snapshotAge === undefined ? began : began - names.snapshotAge;
        const catalogue = await lease.ofSession(names);
        if (memory.changes !== changes || !memory.undigested || beside.since > seenAt) return;
        this.#own = { catalogue, behind: lastNumber(), beside };
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
    this.#dropStale();
    const own = this.#own;
    return own && number > own.behind ? own.catalogue : undefined;
  }

  /** What is there for all counts again. */
  over(): void {
    this.#own = undefined;
  }
}
