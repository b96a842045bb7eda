// The witness: what connectors said they stored (law 5).

import type { LogContinues, LogProofs, Witnessed, WitnessPage } from '../../core/api.ts';
import type { ConnectorId, SessionId } from '../../core/ids.ts';
import type { WitnessedPurge } from '../../core/retention/purge.ts';
import type { AdmittedSession, EdgeRecord } from '../../core/session-evidence.ts';

export interface WitnessPort {
  /**
   * Binds sessions to the connector they were admitted to, and writes down whose each is, before that
   * connector is told; so no other can speak for them, one of which nothing was ever stored shows as one
   * without heads, and whose it is does not depend on what is stored. Answers, in their order, whether
   * each is this connector's.
   */
  admitAll(sessions: readonly AdmittedTo[], connector: ConnectorId): Promise<boolean[]>;
  /** What was written down of sessions, in their order; undefined: never admitted here. */
  admissions(sessions: readonly SessionId[]): Promise<(Admission | undefined)[]>;
  recordHead(
    connector: ConnectorId,
    head: { session: SessionId; number: number; digest: string; frames: number },
  ): Promise<WitnessAnswer>;
  recordManifest(
    connector: ConnectorId,
    manifest: { session: SessionId; digest: string; segments: number },
  ): Promise<WitnessAnswer>;
  /** The connector's word, while nothing is known that contradicts it: no recording comes of this session. */
  recordNeverBegan(connector: ConnectorId, what: { session: SessionId; reason: string }): Promise<WitnessAnswer>;
  /** That its purge was ordered, by that entry of the audit log: until it is purged, what is missing of it may be deleted. */
  recordPurgeOrdered(session: SessionId, audit: number): Promise<void>;
  /** That order will not be carried out. */
  dropPurgeOrder(session: SessionId, audit: number): Promise<void>;
  /** That nothing of it is stored any more, by the order in the audit log; whose it was is forgotten. Again is the same as once. */
  recordPurged(session: SessionId, audit: number): Promise<void>;
  /**
   * Sessions that were admitted for that person and are not purged, as many as a call counts. Not those that never began; nor one
   * of which nothing was witnessed in all the days for which it was to be kept. `email` in lower case.
   */
  leftOf(email: string, cursor: SessionId | undefined): Promise<LeftOfPerson>;
  witnessed(session: SessionId): Promise<Witnessed | undefined>;
  /** Newest first; session ids sort by the time they were made. */
  list(cursor: string | undefined): Promise<WitnessPage>;
  /** Of the transparency log of sessions: `NAME+ID+KEY` (c2sp.org/signed-note). */
  logKey(): Promise<string>;
  /** Of all that was witnessed so far (c2sp.org/tlog-checkpoint). */
  checkpoint(): Promise<string>;
  /** Of a session's entries, for the newest checkpoint; none: it was never admitted here. */
  proofsOf(session: SessionId): Promise<LogProofs>;
  /** Undefined: the log has never been so long. */
  continues(earlier: number): Promise<LogContinues | undefined>;
  /** From `index` on, at most 1,000. */
  logEntries(index: number): Promise<string[]>;
}

export type WitnessAnswer =
  | 'witnessed'
  /** The same was witnessed before: reports may come twice. */
  | 'known'
  /** Something else was witnessed in its place. */
  | 'contradicts'
  /** Never admitted here, or admitted to another connector. */
  | 'foreign';

export interface LeftOfPerson {
  /** The oldest first. */
  readonly sessions: readonly SessionId[];
  /** There may be more behind it. */
  readonly cursor?: SessionId;
}

export interface AdmittedTo {
  readonly session: SessionId;
  readonly opened: AdmittedSession;
  /** Whether its rule lets its person view it: what counts when the rule is gone. */
  readonly viewOwn: boolean;
  /** Days for which it is to be kept. */
  readonly retainDays: number;
}

/** `admitted` is missing for a session of an earlier release, and so may the others be. */
export type Admission = EdgeRecord & {
  readonly connector: ConnectorId;
  readonly viewOwn?: boolean | undefined;
  readonly retainDays?: number | undefined;
  /** By the edge's clock, just before it began. */
  readonly admittedAt: string;
  /** When its manifest was witnessed: it ended before. */
  readonly endedBy?: string | undefined;
  /** It was purged, or that was ordered and is not known to be done. */
  readonly purged?: WitnessedPurge | undefined;
  readonly purgeOrdered?: WitnessedPurge | undefined;
};
