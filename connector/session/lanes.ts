// The lanes of one session: numbers, receipts, and what waits for a commit.

import { MAX_FRAME_BODY_BYTES } from '../../core/recording/frame.ts';
import type { Delivery, Lane, LaneSpec, Recorded } from '../door.ts';
import type { SessionRecorder } from './session-log.ts';

/** Recorded and not committed bytes of a session above which it reads no more: the log is slow or its disk is full. */
const MAX_UNCOMMITTED_BYTES = MAX_FRAME_BODY_BYTES;
const MAX_LABEL = 200;
/** It says that something was given to the log; what that was, it need not say. */
const RECORDED = Object.freeze({}) as Recorded;

export class Lanes {
  readonly #recorder: SessionRecorder;
  /** Who waits for a commit by a promise. */
  readonly #waiting = new Set<(committed: boolean) => void>();
  #next = 0;
  #failed = false;
  /** Lane 0. */
  readonly first: Lane;
  /** Of the session's first frame. */
  readonly opened = RECORDED;

  constructor(recorder: SessionRecorder) {
    this.#recorder = recorder;
    this.first = this.#lane();
  }

  open({ of, label }: LaneSpec): Lane {
    const lane = this.#lane();
    lane.fact({ kind: 'lane.opened', lane: lane.number, of, label: label.slice(0, MAX_LABEL) });
    return lane;
  }

  /** The log takes no more: whoever waits is told. */
  fail(): void {
    this.#failed = true;
    for (const tell of this.#waiting) tell(false);
    this.#waiting.clear();
  }

  #lane(): Lane {
    const recorder = this.#recorder;
    const number = this.#next++;
    const committed = () => this.#committed();
    let closed = false;
    return {
      number,
      record(from, chunk) {
        recorder.bytes(from, number, chunk);
        return RECORDED;
      },
      fact(fact) {
        recorder.fact(number, fact);
        return RECORDED;
      },
      afterCommit: (delivery: Delivery) => recorder.afterCommit(delivery),
      committed,
      get behind() {
        return recorder.pendingBytes > MAX_UNCOMMITTED_BYTES;
      },
      elapsedUs: () => recorder.elapsedUs(),
      close(how = { recorded: 'full' }) {
        if (!closed) recorder.fact(number, { kind: 'lane.closed', lane: number, ...how });
        closed = true;
      },
    };
  }

  #committed(): Promise<boolean> {
    if (this.#failed) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
      this.#recorder.afterCommit({
        deliver: () => {
          this.#waiting.delete(resolve);
          resolve(true);
        },
      });
    });
  }
}
