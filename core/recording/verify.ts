// Proves a session's recording, or says what is wrong with which object. Runs offline over any
// copy of the objects; what is compared with the edge (key, witnessed heads) is passed in.

import type { ConnectorId, SessionId } from '../ids.ts';
import type { Manifest } from './manifest.ts';
import type { RecordingPlatform } from './segment.ts';

/** A session's objects, wherever they are. */
export interface RecordingSource {
  /** Names below `recordings/CONNECTOR/SESSION/`, in any order: `00000000.seg`, `manifest.json`. */
  list(): Promise<readonly string[]>;
  /** undefined when there is none. */
  read(name: string): Promise<Uint8Array | undefined>;
}

/** A segment head as the edge witnessed it. */
export interface WitnessedHead {
  readonly number: number;
  readonly digest: string;
  readonly at: string;
}

export interface VerifyInput {
  readonly session: SessionId;
  readonly connector: ConnectorId;
  readonly source: RecordingSource;
  readonly platform: RecordingPlatform;
  /** The connector's key as the edge registered it (raw, 32 bytes); undefined: not compared, and the report says so. */
  readonly trustedKey?: Uint8Array | undefined;
  /** undefined: not compared, and the report says so. */
  readonly heads?: readonly WitnessedHead[] | undefined;
}

export const FAULTS = [
  'manifest_missing',
  'manifest_damaged',
  'signature_wrong',
  'key_unknown',
  'segment_missing',
  'segment_damaged',
  'segment_unlisted',
  'segment_swapped',
  'chain_broken',
  'head_differs',
  'count_differs',
] as const;

export interface VerifyFault {
  /** The object's name, or `session`. */
  readonly object: string;
  readonly reason: (typeof FAULTS)[number];
  readonly message: string;
}

export interface VerifyReport {
  readonly session: SessionId;
  readonly proven: boolean;
  /** What was checked and holds, as sentences for a person. */
  readonly proofs: readonly string[];
  /** What could not be compared (no witness, no registered key): not faults. */
  readonly notCompared: readonly string[];
  readonly faults: readonly VerifyFault[];
  readonly manifest?: Manifest;
}
