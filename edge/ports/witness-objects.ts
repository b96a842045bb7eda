// The objects behind the witness (ports/witness.ts): one keeps the log of sessions, and one for each day the rows of sessions
// that were made on it. Only objects/witness/ calls them.

import type { LogContinues, LogProofs, Witnessed, WitnessPage } from '../../core/api.ts';
import type { ConnectorId, SessionId } from '../../core/ids.ts';
import type { SessionEvent } from '../../core/tlog/session-entry.ts';
import type { AdmittedTo, Admission, LeftOfPerson, WitnessAnswer } from './witness.ts';

export interface NewHead {
  readonly session: SessionId;
  readonly number: number;
  readonly digest: string;
  readonly frames: number;
}

export interface NewManifest {
  readonly session: SessionId;
  readonly digest: string;
  readonly segments: number;
}

/** As WitnessPort has them, of the sessions that this object has. */
export interface SessionRowsPort {
  admissions(sessions: readonly SessionId[]): Promise<(Admission | undefined)[]>;
  recordHead(connector: ConnectorId, head: NewHead): Promise<WitnessAnswer>;
  recordManifest(connector: ConnectorId, manifest: NewManifest): Promise<WitnessAnswer>;
  recordNeverBegan(connector: ConnectorId, what: { session: SessionId; reason: string }): Promise<WitnessAnswer>;
  recordPurgeOrdered(session: SessionId, audit: number): Promise<void>;
  dropPurgeOrder(session: SessionId, audit: number): Promise<void>;
  recordPurged(session: SessionId, audit: number): Promise<void>;
  /** Those after `after`; `limit`: how many rows are looked at. */
  leftOf(email: string, after: string, limit: number): Promise<LeftOfPerson>;
  witnessed(session: SessionId): Promise<Witnessed | undefined>;
  /** Those before `cursor`, the latest first, at most `limit`. */
  list(cursor: string, limit: number): Promise<WitnessPage>;
  /** Where the entries of a session stand in the log; undefined: it is not known here. */
  entriesOf(session: SessionId): Promise<number[] | undefined>;
}

/** Which log a day's rows belong to, and which day it is (core/tlog/witness-rows.ts). */
export interface ShardPlace {
  readonly log: string;
  readonly day: string;
}

export interface WitnessShardPort extends SessionRowsPort {
  admitAll(place: ShardPlace, sessions: readonly AdmittedTo[], connector: ConnectorId): Promise<boolean[]>;
}

/** Its own rows are those of an earlier release, which had one object for all. None is added. */
export interface WitnessLogPort extends SessionRowsPort {
  /** That there is such a day, before its first row. */
  openDay(day: string): Promise<void>;
  hasDay(day: string): Promise<boolean>;
  /** At most `limit`, from that one on, upward or downward. */
  daysFrom(day: string, direction: 'up' | 'down', limit: number): Promise<string[]>;
  /** To whom they were admitted, of its own rows; undefined: it has none of it. */
  ownersOf(sessions: readonly SessionId[]): Promise<(ConnectorId | undefined)[]>;
  /** It has no rows, and never will. */
  isBare(): Promise<boolean>;
  /** In the log when it resolves, at these indices. Again is the same as once. */
  enter(entries: readonly { event: SessionEvent; session: string; digest?: string | undefined }[]): Promise<number[]>;
  logKey(): Promise<string>;
  checkpoint(): Promise<string>;
  proofs(indices: readonly number[]): Promise<LogProofs>;
  continues(earlier: number): Promise<LogContinues | undefined>;
  logEntries(index: number): Promise<string[]>;
}
