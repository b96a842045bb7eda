// How much of each lane a recording holds. Constant in size: one answer for all lanes, and the lanes
// for which it is another.

import { z } from 'zod';
import { Completeness } from './facts/session.ts';

/** Exceptions that are told one by one; of more only how many. */
export const MAX_LANE_EXCEPTIONS = 1000;
/** Characters of an exception's note. */
export const MAX_LANE_NOTE = 200;

/** Of one lane: what its `lane.closed` says, where that is not `full`. */
export const LaneException = z.object({
  lane: z.number().int(),
  recorded: Completeness,
  note: z.string().optional(),
});
export type LaneException = z.infer<typeof LaneException>;

const Constant = z.object({
  /** Lanes that are in the recording, and the lowest and the highest of their numbers; all 0 where there is no frame. */
  count: z.number().int(),
  first: z.number().int(),
  last: z.number().int(),
  /** Of every lane, but for its exceptions; a lane that has one is recorded as the lesser of the two says. */
  recorded: Completeness,
  /** Why not in full: what the policy exempts, what a damaged log lost. */
  note: z.string().optional(),
  /** In the order in which they were closed. */
  exceptions: z.array(LaneException).max(MAX_LANE_EXCEPTIONS),
  /** How many exceptions there are beyond those. */
  more: z.number().int().min(0),
});
export type LaneCoverage = z.infer<typeof Constant>;

/** What comes out is the current form. */
export const LaneCoverage = z.preprocess(fromList, Constant);

const Listed = z.array(LaneException);

/** Format version 1 listed every lane. */
function fromList(value: unknown): unknown {
  const list = Listed.safeParse(value).data;
  if (!list) return value;
  const numbers = list.map(({ lane }) => lane);
  const [whole] = list;
  const alike = list.every(({ recorded, note }) => recorded === whole?.recorded && note === whole.note);
  const exceptions = alike ? [] : list.filter(({ recorded }) => recorded !== 'full');
  return {
    count: list.length,
    first: numbers.reduce((a, b) => Math.min(a, b), numbers[0] ?? 0),
    last: numbers.reduce((a, b) => Math.max(a, b), 0),
    recorded: alike && whole ? whole.recorded : 'full',
    ...(alike && whole?.note !== undefined && { note: whole.note }),
    exceptions: exceptions.slice(0, MAX_LANE_EXCEPTIONS),
    more: Math.max(0, exceptions.length - MAX_LANE_EXCEPTIONS),
  } satisfies LaneCoverage;
}
