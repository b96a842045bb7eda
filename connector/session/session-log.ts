// What a session needs of the write-ahead log. The log belongs to the connector and is shared by
// all its sessions; connector/recording implements it.
//
// Group commit: frames appended during one event-loop turn are written together at its end (one
// writev), and only then is each registered delivery run. Nothing is forwarded before (law 1).

import type { Result } from '../../core/result.ts';
import type { Direction } from '../../core/recording/frame.ts';
import type { Fact } from '../../core/recording/facts/fact.ts';
import type { SessionEnded, SessionOpened } from '../../core/recording/facts/session.ts';

export interface LogFault {
  readonly reason: 'log_unavailable';
  /** What an operator needs: `ENOSPC on /var/lib/gatehouse/wal`. Holds no data of a session. */
  readonly message: string;
}

/** Somebody with bytes to hand on once the turn's frames are in the log. */
export interface Delivery {
  /** Called once for each `afterCommit`, after the write succeeded, in order of registration. */
  deliver(): void;
  /** Called instead when the write failed for good: what waited is not delivered, ever. */
  logFailed(fault: LogFault): void;
}

export interface SessionLog {
  /** Refused while the disk is below its threshold or the log has failed. Writes `opened` as frame 0. */
  open(opened: SessionOpened): Result<SessionRecorder, LogFault>;
}

export interface SessionRecorder {
  /**
   * Appends wire bytes as one frame (several when longer than MAX_FRAME_BODY_BYTES). `chunk` must
   * stay unchanged until the commit. Cheap: no copy, no promise.
   */
  bytes(direction: Direction, lane: number, chunk: Uint8Array): void;
  /** Appends a fact; it takes its place between the bytes appended before and after it. */
  fact(lane: number, fact: Fact): void;
  /** Runs `delivery` after this turn's commit. Registering twice in a turn runs it once. */
  afterCommit(delivery: Delivery): void;
  /** Bytes appended and not yet committed: above its cap the session stops reading. */
  readonly pendingBytes: number;
  /** Microseconds since the session was opened. */
  elapsedUs(): number;
  /** Nothing of it stands in the log and nothing ever will, so nothing of it was delivered either. Asked after end(). */
  readonly neverLogged: boolean;
  /** Appends the last fact; the log uploads the rest, and the manifest. Call once; no append after. */
  end(ended: SessionEnded): void;
}
