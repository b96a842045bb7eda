// Versions of objects in memory, with Object Lock's rules. Held to the same suite as S3 and the directory.

import {
  type HoldingStore,
  prefixOf,
  type StoredVersion,
  type VersionLock,
  type VersionStore,
} from '../../functions/store/version-store.ts';
import { RetriableFault } from '../../functions/faults.ts';

interface Kept extends StoredVersion {
  readonly bytesOf: Uint8Array;
  lock: VersionLock['lock'];
  held: boolean;
}

export class MemoryVersions implements VersionStore, HoldingStore {
  readonly #kept = new Map<string, Kept>();
  /** The store's own clock: its locks go by it. */
  nowMs: number;
  readonly #page: number;
  #made = 0;

  constructor(nowMs: number, page = 1_000) {
    this.nowMs = nowMs;
    this.#page = page;
  }

  get kept(): Kept[] {
    return [...this.#kept.values()];
  }

  put(key: string, bytesOf: Uint8Array, lock?: VersionLock['lock'], marker = false): Kept {
    // A name's newest is listed first, as S3 does.
    const version = String(1_000_000_000 - ++this.#made);
    const kept: Kept = {
      key,
      version,
      marker,
      storedMs: this.nowMs,
      bytes: bytesOf.length,
      bytesOf,
      lock,
      held: false,
    };
    this.#kept.set(nameOf(kept), kept);
    return kept;
  }

  /** As the other stands. */
  restore(other: MemoryVersions): void {
    this.#made = other.#made;
    for (const kept of other.kept) this.#kept.set(nameOf(kept), { ...kept });
  }

  /** A DELETE without a version. */
  hide(key: string): void {
    this.put(key, new Uint8Array(), undefined, true);
  }

  async versions(place: Parameters<VersionStore['versions']>[0], after?: string) {
    const all = this.kept
      .filter(({ key }) => key.startsWith(prefixOf(place)))
      .filter((each) => after === undefined || nameOf(each) > after)
      .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    const page = all.slice(0, this.#page).map(({ key, version, marker, storedMs, bytes }) => {
      return { key, version, marker, storedMs, bytes };
    });
    const last = page.at(-1);
    return { versions: page, after: all.length > this.#page && last ? nameOf(last) : undefined };
  }

  async *walk(startAfter: string) {
    const all = this.kept.filter(({ key }) => key > startAfter).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    for (const { key, version, marker, storedMs, bytes } of all) yield { key, version, marker, storedMs, bytes };
  }

  async lockOf(version: StoredVersion) {
    const found = this.#find(version);
    if (found?.marker) throw new RetriableFault('the store has no HEAD of a delete marker');
    return found && { held: found.held, lock: found.lock };
  }

  async read(version: StoredVersion, maxBytes: number) {
    const found = this.#find(version);
    return found && !found.marker && found.bytes <= maxBytes ? found.bytesOf : undefined;
  }

  async remove(version: StoredVersion, bypass: boolean) {
    const found = this.#find(version);
    if (!found) return 'removed' as const;
    const { lock, held } = found;
    const locked = lock !== undefined && lock.untilMs > this.nowMs && !(bypass && lock.mode === 'GOVERNANCE');
    if (held || locked) return 'refused' as const;
    this.#kept.delete(nameOf(found));
    return 'removed' as const;
  }

  async setHold(version: StoredVersion, held: boolean) {
    const found = this.#find(version);
    if (found) found.held = held;
    return found !== undefined;
  }

  #find(version: StoredVersion): Kept | undefined {
    return this.#kept.get(nameOf(version));
  }
}

const nameOf = ({ key, version }: Pick<StoredVersion, 'key' | 'version'>): string => `${key}\n${version}`;
