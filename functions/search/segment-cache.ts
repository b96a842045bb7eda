// Open search segments, kept from one query to the next: they never change. Bounded in memory, the longest unused go first; one
// that a query holds stays. Keyed by scope and id, and a query names only those that its asker may read.

import { mayHold } from '../../core/text/bloom.ts';
import { readBloom } from './bloom-rows.ts';
import type { LiveSegment } from './head.ts';
import type { SegmentFile } from './segment/segment-file.ts';
import { openSegment, type SearchIndexDeps } from './segments.ts';

/** Of bloom filters, which are kept besides. */
const MAX_BLOOM_BYTES = 32 * 1024 * 1024;

interface Held {
  readonly file: SegmentFile;
  users: number;
}

export class SegmentCache {
  readonly #deps: Pick<SearchIndexDeps, 'store' | 'table'>;
  readonly #maxBytes: number;
  readonly #blooms = new Map<string, Uint8Array>();
  #bloomBytes = 0;
  /** The longest unused first. */
  readonly #held = new Map<string, Held>();
  #bytes = 0;

  constructor(deps: Pick<SearchIndexDeps, 'store' | 'table'>, maxBytes: number) {
    this.#deps = deps;
    this.#maxBytes = maxBytes;
  }

  /**
   * `read`: bytes that were fetched for it. Every one that was taken is released once. `without`: it holds nothing of one of the
   * lists of terms `needed`, and is not fetched.
   */
  async take(
    scope: string,
    segment: LiveSegment,
    needed: readonly (readonly string[])[],
  ): Promise<{ readonly file: SegmentFile; readonly read: number; release(): void } | 'without' | 'damaged' | 'gone'> {
    const name = `${scope}/${segment.id}`;
    const known = this.#held.get(name);
    if (known) return { file: known.file, read: 0, release: this.#hold(name, known) };
    if (needed.length > 0) {
      const bloom = await this.#bloom(scope, segment.id);
      if (bloom && !needed.every((terms) => terms.some((term) => mayHold(bloom, term)))) return 'without';
    }
    const opened = await openSegment(this.#deps, scope, segment);
    if (typeof opened === 'string') return opened;
    const meanwhile = this.#held.get(name);
    if (meanwhile) {
      opened.file.close();
      return { file: meanwhile.file, read: opened.bytes, release: this.#hold(name, meanwhile) };
    }
    const held: Held = { file: opened.file, users: 0 };
    this.#bytes += opened.file.rawBytes;
    const release = this.#hold(name, held);
    this.#shrink();
    return { file: opened.file, read: opened.bytes, release };
  }

  async #bloom(scope: string, id: string): Promise<Uint8Array | undefined> {
    const name = `${scope}/${id}`;
    const bloom = this.#blooms.get(name) ?? (await readBloom(this.#deps.table, scope, id));
    if (!bloom || this.#blooms.has(name)) return bloom;
    this.#blooms.set(name, bloom);
    this.#bloomBytes += bloom.length;
    for (const [oldest, { length }] of this.#blooms) {
      if (this.#bloomBytes <= MAX_BLOOM_BYTES) break;
      this.#blooms.delete(oldest);
      this.#bloomBytes -= length;
    }
    return bloom;
  }

  #hold(name: string, held: Held): () => void {
    this.#held.delete(name);
    this.#held.set(name, held);
    held.users++;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      held.users--;
      this.#shrink();
    };
  }

  #shrink(): void {
    for (const [name, { file, users }] of this.#held) {
      if (this.#bytes <= this.#maxBytes) return;
      if (users > 0) continue;
      this.#held.delete(name);
      this.#bytes -= file.rawBytes;
      file.close();
    }
  }
}
