// Stored objects as whoever purges and holds sees them: every version of every object below one session's prefix, delete markers
// among them. The places are made of parsed ids, so that nothing beside one session's objects can be named.

import type { ConnectorId, SessionId } from '../../core/ids.ts';

export interface SessionPrefix {
  readonly connector: ConnectorId;
  readonly session: SessionId;
}

export interface StoredVersion {
  readonly key: string;
  /** A store without versions has one of each key, with the id `null`, as S3 calls it. */
  readonly version: string;
  /** A delete marker: it hides the object and protects nothing. */
  readonly marker: boolean;
  readonly storedMs: number;
  readonly bytes: number;
}

interface VersionPage {
  readonly versions: readonly StoredVersion[];
  /** Hand it to `versions` for the rest; undefined: that was all. */
  readonly after: string | undefined;
}

export interface VersionLock {
  readonly lock?: { readonly mode: 'COMPLIANCE' | 'GOVERNANCE'; readonly untilMs: number } | undefined;
  readonly held: boolean;
}

/** Every method throws RetriableFault when the store does not answer. */
export interface VersionStore {
  versions(place: SessionPrefix, after?: string): Promise<VersionPage>;
  /** Every version of every recording, by key, from behind `startAfter` on. */
  walk(startAfter: string): AsyncGenerator<StoredVersion>;
  /** undefined: it is gone. */
  lockOf(version: StoredVersion): Promise<VersionLock | undefined>;
  /** The whole of it; undefined: it is gone, or larger than `maxBytes`. */
  read(version: StoredVersion, maxBytes: number): Promise<Uint8Array | undefined>;
  /** Also where it is gone already. `refused`: the store forbids it. `bypass`: past a governance lock, which a hold still stops. */
  remove(version: StoredVersion, bypass: boolean): Promise<'removed' | 'refused'>;
}

/** Those who place and lift legal holds have this beside it, and nobody else. */
export interface HoldingStore {
  /** false: it is gone. Resolves when the store, asked again, says so. */
  setHold(version: StoredVersion, held: boolean): Promise<boolean>;
}

/** Below which all recordings stand. */
export const RECORDINGS_PREFIX = 'recordings/';

export const prefixOf = ({ connector, session }: SessionPrefix): string =>
  `${RECORDINGS_PREFIX}${connector}/${session}/`;
