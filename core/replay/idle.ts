// Silences that a replay shortens: the same in every player. What is shown of the clock stays the recording's own.

/** A silence that is longer is played for this long, unless the viewer wants otherwise. */
export const IDLE_US = 2_000_000;

export interface Silence {
  readonly fromUs: number;
  readonly untilUs: number;
}

/**
 * What of a silence is left out: its middle, so that what comes before it can be read and what follows does not come at once.
 * `limitUs`: how much of it is played. Undefined: it is no longer than that.
 */
export function skippedIdle({ fromUs, untilUs }: Silence, limitUs: number): Silence | undefined {
  if (untilUs - fromUs <= limitUs) return undefined;
  return { fromUs: fromUs + limitUs / 2, untilUs: untilUs - limitUs / 2 };
}

/** Silences in a long session too short to be seen on its time bar. */
const SEEN_PART = 1000;

/**
 * Whether a silence is worth a mark on the time bar. Of a session of any length there are some thousand at most for each tenfold of
 * its length.
 */
export const isSeenIdle = ({ fromUs, untilUs }: Silence): boolean =>
  untilUs - fromUs > Math.max(IDLE_US, untilUs / SEEN_PART);
