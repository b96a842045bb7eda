// Which lanes a session has, and which of them are not recorded in full. A session numbers its lanes
// without a gap, so all that is kept of a hundred thousand is the range that they make.

import { z } from 'zod';
import type { LaneClosed } from './facts/session.ts';
import { type LaneCoverage, LaneException, MAX_LANE_EXCEPTIONS, MAX_LANE_NOTE } from './lane-coverage.ts';

const State = z.object({
  /** First and last number of each run of lanes, ascending. One run, but where lanes were lost with a damaged log. */
  seen: z.array(z.tuple([z.number().int(), z.number().int()])),
  exceptions: z.array(LaneException),
  more: z.number().int(),
});

/** Earlier releases kept a list of all lanes. */
export const LaneTallyState = z.preprocess((state) => {
  const list = z.array(z.number().int()).safeParse(state).data;
  if (!list) return state;
  const tally = new LaneTally();
  for (const lane of list) tally.add(lane);
  return tally.state();
}, State);
export type LaneTallyState = z.infer<typeof State>;

export class LaneTally {
  readonly #seen: [first: number, last: number][] = [];
  readonly #exceptions: LaneException[] = [];
  #more = 0;

  static from(state: LaneTallyState): LaneTally {
    const tally = new LaneTally();
    tally.#seen.push(...state.seen.map(([first, last]): [number, number] => [first, last]));
    tally.#exceptions.push(...state.exceptions);
    tally.#more = state.more;
    return tally;
  }

  state(): LaneTallyState {
    return {
      seen: this.#seen.map(([first, last]) => [first, last]),
      exceptions: [...this.#exceptions],
      more: this.#more,
    };
  }

  add(lane: number): void {
    const seen = this.#seen;
    // From the end: what is new is mostly the next one.
    let at = seen.length;
    while (at > 0 && (seen[at - 1]?.[0] ?? 0) > lane) at--;
    const before = seen[at - 1];
    const after = seen[at];
    if (before && lane <= before[1]) return;
    const joinsBefore = before?.[1] === lane - 1;
    const joinsAfter = after?.[0] === lane + 1;
    if (joinsBefore) before[1] = joinsAfter ? after[1] : lane;
    else if (joinsAfter) after[0] = lane;
    if (joinsBefore && joinsAfter) seen.splice(at, 1);
    else if (!joinsBefore && !joinsAfter) seen.splice(at, 0, [lane, lane]);
  }

  close({ lane, recorded, note }: Pick<z.infer<typeof LaneClosed>, 'lane' | 'recorded' | 'note'>): void {
    if (recorded === 'full' || this.#exceptions.some((one) => one.lane === lane)) return;
    if (this.#exceptions.length === MAX_LANE_EXCEPTIONS) this.#more++;
    else this.#exceptions.push({ lane, recorded, ...(note !== undefined && { note: note.slice(0, MAX_LANE_NOTE) }) });
  }

  /** `whole`: what is so of every lane. */
  coverage(whole: Pick<LaneCoverage, 'recorded' | 'note'>): LaneCoverage {
    return {
      count: this.#seen.reduce((sum, [first, last]) => sum + last - first + 1, 0),
      first: this.#seen[0]?.[0] ?? 0,
      last: this.#seen.at(-1)?.[1] ?? 0,
      ...whole,
      exceptions: [...this.#exceptions],
      more: this.#more,
    };
  }
}
