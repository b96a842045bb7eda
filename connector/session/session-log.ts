// What a session needs of the write-ahead log. It belongs to the connector and is shared by all its sessions;
// connector/recording implements it.
//
// Group commit: frames appended during one event-loop turn are written together at its end (one
// writev), and only then is each registered delivery run. Nothing is forwarded before (law 1).

import type { SessionId } from '../../core/ids.ts';
import type { Direction } from '../../core/recording/frame.ts';
import type { Fact } from '../../core/recording/facts/fact.ts';
import type { SessionEnded, SessionOpened } from '../../core/recording/facts/session.ts';
import type { Replacement } from '../../core/recording/originals/original-object.ts';
import type { Result } from '../../core/result.ts';
import type { Delivery, LogFault } from '../door.ts';

export interface SessionLog {
  /**
   * Refused while the disk is below its threshold or the log has failed. Writes `opened` as frame 0. `onFailed`: told
   * once, when nothing of this session is delivered any more, ever. `originals`: what masks hide is kept.
   */
  open(
    opened: SessionOpened,
    onFailed: (fault: LogFault) => void,
    originals?: KeptOriginals,
  ): Result<SessionRecorder, LogFault>;
  /** What is sealed to these public keys of age. Rejects where one is none. */
  keepOriginals(session: SessionId, to: readonly string[]): Promise<KeptOriginals>;
}

/** Of one session. */
export interface KeptOriginals {
  /** For `session.opened`: what opens the pieces, as an age file in base64. */
  readonly key: string;
  /** Pieces of what stood in a frame's body; ascending replacements, at least one. Once a frame, before it is appended. */
  seal(
    body: Uint8Array,
    replacements: readonly Replacement[],
  ): readonly { readonly number: number; readonly sealed: Uint8Array }[];
}

export interface SessionRecorder {
  /**
   * Appends wire bytes as one frame (several when longer than MAX_FRAME_BODY_BYTES). `chunk` must
   * stay unchanged until the commit. Cheap: no copy, no promise. `hid`: what stood in it, which is sealed and kept
   * where the session keeps originals.
   */
  bytes(direction: Direction, lane: number, chunk: Uint8Array, hid?: readonly Replacement[]): void;
  /** What masks hide is kept: whoever masks tells what stood there. */
  readonly keepsOriginals: boolean;
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
