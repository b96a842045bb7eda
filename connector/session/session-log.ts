// What a session needs of the write-ahead log. It belongs to the connector and is shared by all its sessions;
// connector/recording implements it.
//
// Group commit: frames appended during one event-loop turn are written together at its end (one
// writev), and only then is each registered delivery run. Nothing is forwarded before (law 1).

import type { Direction } from '../../core/recording/frame.ts';
import type { Fact } from '../../core/recording/facts/fact.ts';
import type { SessionEnded, SessionOpened } from '../../core/recording/facts/session.ts';
import type { Result } from '../../core/result.ts';
import type { Delivery, LogFault } from '../door.ts';

export interface SessionLog {
  /**
   * Refused while the disk is below its threshold or the log has failed. Writes `opened` as frame 0. `onFailed`: told
   * once, when nothing of this session is delivered any more, ever.
   */
  open(opened: SessionOpened, onFailed: (fault: LogFault) => void): Result<SessionRecorder, LogFault>;
}

export interface SessionRecorder {
  /**
   * Appends wire bytes as one frame (several when longer than MAX_FRAME_BODY_BYTES). `chunk` must
   * stay unchanged until the commit. Cheap: no copy, no promise.
   */
  bytes(direction: Direction, lane: number, chunk: Uint8Array): void;
  /** Appends a fact; it takes its place between the bytes appended before and after it. */
  fact(lane: number, fact: Fact): void;
  /** As Lane.afterCommit. */
  afterCommit(delivery: Delivery): void;
  /** Bytes appended and not yet committed. */
  readonly pendingBytes: number;
  /** Microseconds since the session was opened. */
  elapsedUs(): number;
  /** Nothing of it stands in the log and nothing ever will, so nothing of it was delivered either. Asked after end(). */
  readonly neverLogged: boolean;
  /** Appends the last fact; the log uploads the rest, and the manifest. Call once; no append after. */
  end(ended: SessionEnded): void;
}
