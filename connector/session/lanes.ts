// The lanes of one session: numbers, receipts, and what waits for a commit.

import { MAX_FRAME_BODY_BYTES } from '../../core/recording/frame.ts';
import type { Delivery, Lane, LaneSpec, Recorded } from '../door.ts';
import type { SessionRecorder } from './session-log.ts';

/** Recorded and not committed bytes of a session above which it reads no more: the log is slow or its disk is full. */
const MAX_UNCOMMITTED_BYTES = MAX_FRAME_BODY_BYTES;
const MAX_LABEL = 200;
/** It says that something was given to the log; what that was, it need not say. */
const RECORDED = Object.freeze({}) as Recorded;

/** What one connection opened. */
interface ConnectionLanes {
  open(spec: LaneSpec): Lane;
  /** Its part is over: what it left open is closed, and it opens no more. */
  leave(): void;
}

export class Lanes {
  readonly #recorder: SessionRecorder;
  readonly #joinable: boolean;
  /** Who waits for a commit by a promise. */
  readonly #waiting = new Set<(committed: boolean) => void>();
  #next = 0;
  #failed = false;
  /** Lane 0. */
  readonly first: Lane;
  /** Of the session's first frame. */
  readonly opened = RECORDED;

  /** `joinable`: connections may share the session, so bytes on its first lane would be nobody's. */
  constructor(recorder: SessionRecorder, joinable: boolean) {
    this.#recorder = recorder;
    this.#joinable = joinable;
    this.first = this.#lane(() => {});
  }

  connection(number: number): ConnectionLanes {
    const open = new Set<Lane>();
    let left = false;
    return {
      open: ({ of, label }) => {
        if (left) throw new Error('a connection that left opened a lane');
        const lane = this.#lane(() => open.delete(lane));
        open.add(lane);
        this.#recorder.fact(lane.number, {
          kind: 'lane.opened',
          lane: lane.number,
          of,
          label: label.slice(0, MAX_LABEL),
          ...(this.#joinable && { connection: number }),
        });
        return lane;
      },
      leave() {
        left = true;
        for (const lane of [...open]) lane.close();
      },
    };
  }

  /** The log takes no more: whoever waits is told. */
  fail(): void {
    this.#failed = true;
    for (const tell of this.#waiting) tell(false);
    this.#waiting.clear();
  }

  #lane(onClosed: () => void): Lane {
    const recorder = this.#recorder;
    const number = this.#next++;
    const shared = this.#joinable && number === 0;
    const committed = () => this.#committed();
    let closed = false;
    return {
      number,
      record(from, chunk, hid) {
        if (shared) throw new Error('bytes on lane 0 of a session that others may join');
        recorder.bytes(from, number, chunk, hid);
        return RECORDED;
      },
      keepsOriginals: recorder.keepsOriginals,
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
        if (closed) return;
        closed = true;
        recorder.fact(number, { kind: 'lane.closed', lane: number, ...how });
        onClosed();
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
