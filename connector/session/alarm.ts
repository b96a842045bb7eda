// A call at a point of wall-clock time, however far away.

/** Node's timers wrap beyond 2^31 ms and do not see the clock being set; so the time left is looked at again this often. */
const LONGEST_WAIT_MS = 30_000;

export interface Alarm {
  cancel(): void;
}

/** Calls `ring` once, when `now()` reaches `atMs`; at the next turn when that is past. Does not keep the process alive. */
export function setAlarm(atMs: number, ring: () => void, now: () => number = Date.now): Alarm {
  let timer: NodeJS.Timeout;
  const wait = () => {
    const left = atMs - now();
    timer = setTimeout(left <= LONGEST_WAIT_MS ? ringOrWait : wait, Math.min(Math.max(left, 0), LONGEST_WAIT_MS));
    timer.unref();
  };
  // A timer may fire a millisecond early by the wall clock; the end of a grant is never early.
  const ringOrWait = () => (now() >= atMs ? ring() : wait());
  wait();
  return { cancel: () => clearTimeout(timer) };
}
