// The older part of the log of sessions, which stands in the object store and here no longer: bundles of 256 entries are freed
// once they were read back from there, byte for byte. Of their hashes the roots stay (level 8 and above: 45 bytes a bundle
// and as much again), so that what is read later is checked against the tree itself.

import { err, ok, type Result } from '../../../core/result.ts';
import { equalBytes } from '../../../core/scram.ts';
import { BUNDLE_ENTRIES, bundleName, decodeBundle, encodeBundle } from '../../../core/tlog/log-archive.ts';
import { hashLeaf, nodesOfLeaf, type ReadNode } from '../../../core/tlog/merkle.ts';
import type { LogArchive } from '../../audit-archive.ts';

export const LOG_TILES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS log_freed (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), entries INTEGER NOT NULL);
  INSERT OR IGNORE INTO log_freed (only_one, entries) VALUES (1, 0);
  CREATE TRIGGER IF NOT EXISTS log_freed_grows BEFORE UPDATE ON log_freed WHEN NEW.entries < OLD.entries
    BEGIN SELECT RAISE(ABORT, 'what is freed is not there any more'); END;
  CREATE TRIGGER IF NOT EXISTS log_entries_stay BEFORE DELETE ON log_entries
    WHEN OLD.idx >= (SELECT entries FROM log_freed)
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
  CREATE TRIGGER IF NOT EXISTS log_nodes_stay BEFORE DELETE ON log_nodes
    WHEN OLD.level >= 8 OR (OLD.idx + 1) << OLD.level > (SELECT entries FROM log_freed)
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
`;

/** The level of a whole bundle's root. */
export const BUNDLE_LEVEL = Math.log2(BUNDLE_ENTRIES);
/** Bundles are read more than once: for the proofs of a session, and of those around it. */
const KEPT_BUNDLES = 16;

interface Bundle {
  readonly entries: readonly string[];
  readonly nodes: ReadonlyMap<string, Uint8Array>;
}

/** `other_content`: what is stored is not what was sent. */
type FreeFault = 'unavailable' | 'other_content';

export class LogTiles {
  readonly #storage: DurableObjectStorage;
  readonly #archive: () => LogArchive;
  readonly #root: ReadNode;
  readonly #bundles = new Map<number, Promise<Bundle>>();

  /** `root`: of a bundle, at BUNDLE_LEVEL. */
  constructor(storage: DurableObjectStorage, archive: () => LogArchive, root: ReadNode) {
    this.#storage = storage;
    this.#archive = archive;
    this.#root = root;
  }

  /** How many entries, from the first on, are in the object store alone: a whole number of bundles. */
  freed(): number {
    return Number(this.#storage.sql.exec('SELECT entries AS n FROM log_freed').one().n);
  }

  /** Frees the oldest bundle that is here, which was stored before. */
  async freeNext(): Promise<Result<void, FreeFault>> {
    const { sql } = this.#storage;
    const from = this.freed();
    const rows = sql
      .exec('SELECT entry FROM log_entries WHERE idx >= ? ORDER BY idx LIMIT ?', from, BUNDLE_ENTRIES)
      .toArray();
    const bytes = encodeBundle(rows.map(({ entry }) => String(entry)));
    const stored = await this.#archive().read(bundleName(from / BUNDLE_ENTRIES));
    // Functions of an earlier release give nothing back.
    if (!stored.ok) return err('unavailable');
    if (!equalBytes(stored.value, bytes)) return err('other_content');
    const to = from + BUNDLE_ENTRIES;
    // Another one may have been here meanwhile.
    if (this.freed() !== from) return ok(undefined);
    this.#storage.transactionSync(() => {
      sql.exec('UPDATE log_freed SET entries = ?', to);
      sql.exec('DELETE FROM log_entries WHERE idx >= ? AND idx < ?', from, to);
      for (let level = 0; level < BUNDLE_LEVEL; level++)
        sql.exec(
          'DELETE FROM log_nodes WHERE level = ? AND idx >= ? AND idx < ?',
          level,
          from / 2 ** level,
          to / 2 ** level,
        );
    });
    return ok(undefined);
  }

  /** Of a freed one, below BUNDLE_LEVEL. Throws where the object store does not answer, or with something else. */
  async node(level: number, index: number): Promise<Uint8Array> {
    const width = 2 ** (BUNDLE_LEVEL - level);
    const { nodes } = await this.#bundle(Math.floor(index / width));
    const node = nodes.get(`${level}/${index % width}`);
    if (!node) throw new Error(`the log has no node ${level}/${index}`);
    return node;
  }

  /** Freed ones. */
  async entries(from: number, to: number): Promise<string[]> {
    const all: string[] = [];
    for (let index = Math.floor(from / BUNDLE_ENTRIES); index * BUNDLE_ENTRIES < to; index++) {
      const first = index * BUNDLE_ENTRIES;
      const { entries } = await this.#bundle(index);
      all.push(...entries.slice(Math.max(from - first, 0), to - first));
    }
    return all;
  }

  async #bundle(index: number): Promise<Bundle> {
    const known = this.#bundles.get(index);
    if (known) return known;
    const [oldest] = this.#bundles.keys();
    if (oldest !== undefined && this.#bundles.size >= KEPT_BUNDLES) this.#bundles.delete(oldest);
    const reading = this.#read(index);
    this.#bundles.set(index, reading);
    // A failure is not kept.
    reading.catch(() => this.#bundles.delete(index));
    return reading;
  }

  async #read(index: number): Promise<Bundle> {
    const name = bundleName(index);
    const stored = await this.#archive().read(name);
    if (!stored.ok) throw new Error(`the object store does not give log/${name}: ${stored.error}`);
    const entries = decodeBundle(stored.value);
    if (!entries.ok || entries.value.length !== BUNDLE_ENTRIES) throw new Error(`log/${name} is no bundle`);
    const nodes = new Map<string, Uint8Array>();
    const read = (level: number, at: number) => nodes.get(`${level}/${at}`) ?? new Uint8Array();
    for (const [at, entry] of entries.value.entries()) {
      const leaf = await hashLeaf(new TextEncoder().encode(entry));
      for (const node of await nodesOfLeaf(at, leaf, read)) nodes.set(`${node.level}/${node.index}`, node.hash);
    }
    const root = nodes.get(`${BUNDLE_LEVEL}/0`);
    if (!root || !equalBytes(root, await this.#root(BUNDLE_LEVEL, index)))
      throw new Error(`log/${name} is not what the log of sessions has there`);
    return { entries: entries.value, nodes };
  }
}
