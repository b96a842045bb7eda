// Which exports are written now, and which come next: pure. As many at once as there may be, of one person and of one session too; of
// those that wait, whose asker has the fewest under way comes first, and among them who has waited longest. Nobody dispatches: whoever
// asks again keeps the place, and begins when it is their turn.

import { z } from 'zod';
import type { ExportWait } from '../../core/replay/exports.ts';
import { RenderedPlace } from './rendered-store.ts';

export interface Bounds {
  readonly all: number;
  readonly person: number;
  readonly session: number;
}

const Turn = z.object({
  place: RenderedPlace,
  /** Who asks for it: an opaque name. */
  asker: z.string(),
  /** Since when it waits, when it was last asked for, and when its run was begun. Milliseconds since 1970. */
  sinceMs: z.number(),
  atMs: z.number(),
  begunMs: z.number().optional(),
});
export type Turn = z.infer<typeof Turn>;

export const Turns = z.object({
  running: z.array(Turn),
  waiting: z.array(Turn),
  /** Of the last exports that ended, how long their last run took. Milliseconds. */
  took: z.array(z.number()),
});
export type Turns = z.infer<typeof Turns>;

export const NO_TURNS: Turns = { running: [], waiting: [], took: [] };

/** Whoever has not asked for so long has gone. */
const KEPT_MS = 120_000;
/** Whoever asks every few seconds is there; the place of whoever has not just now is kept, and nobody waits for it. */
const THERE_MS = 15_000;
/** Further ones are told to wait, without a place: the item that this is kept in ends at 400 KB. */
const MOST_WAITING = 500;
const MOST_WAITING_OF_ONE = 50;

export type Asked = { readonly turns: Turns; readonly answer: 'begin' | 'under_way' | ExportWait };

/** `turns.running`: without those that are over. */
export function takeTurn(
  turns: Turns,
  { place, asker }: Pick<Turn, 'place' | 'asker'>,
  nowMs: number,
  bounds: Bounds,
): Asked {
  const isSameExport = (turn: Turn) => isSame(turn.place, place);
  if (turns.running.some(isSameExport)) return { turns, answer: 'under_way' };
  // Two may wait for the same export: it is begun by the turn that comes first.
  const isIt = (turn: Turn) => turn.asker === asker && isSameExport(turn);
  let waiting = turns.waiting.filter(({ atMs }) => nowMs - atMs <= KEPT_MS);
  const known = waiting.find(isIt);
  const mine: Turn = { ...(known ?? { place, asker, sinceMs: nowMs }), atMs: nowMs };
  const ofOne = waiting.filter((turn) => turn.asker === asker).length;
  const hasPlace = known !== undefined || (waiting.length < MOST_WAITING && ofOne < MOST_WAITING_OF_ONE);
  waiting = [...waiting.filter((turn) => !isIt(turn)), ...(hasPlace ? [mine] : [])];
  const order = inOrder(turns.running, waiting, nowMs, bounds);
  const ahead = order.indexOf(mine);
  if (ahead >= 0 && ahead < bounds.all - turns.running.length) {
    const begun = { ...mine, begunMs: nowMs };
    const rest = waiting.filter((turn) => !isSameExport(turn));
    return { turns: { ...turns, waiting: rest, running: [...turns.running, begun] }, answer: 'begin' };
  }
  const next = { ...turns, waiting };
  return { turns: next, answer: waitOf(mine, { turns: next, order, ahead }, nowMs, bounds) };
}

/** As they would be begun if nothing ended but their number were not bounded: what a person or a session has too many of is left out. */
function inOrder(
  running: readonly Turn[],
  waiting: readonly Turn[],
  nowMs: number,
  { person, session }: Bounds,
): Turn[] {
  const under = [...running];
  const order: Turn[] = [];
  const rest = new Set(waiting.filter(({ atMs }) => nowMs - atMs <= THERE_MS));
  for (;;) {
    let next: Turn | undefined;
    for (const turn of rest) {
      if (countOf(under, byAsker(turn)) >= person || countOf(under, bySession(turn)) >= session) continue;
      const fewer = next && countOf(under, byAsker(turn)) - countOf(under, byAsker(next));
      if (!next || fewer === undefined || fewer < 0 || (fewer === 0 && turn.sinceMs < next.sinceMs)) next = turn;
    }
    if (!next) return order;
    rest.delete(next);
    under.push(next);
    order.push(next);
  }
}

interface Standing {
  readonly turns: Turns;
  readonly order: readonly Turn[];
  readonly ahead: number;
}

function waitOf(mine: Turn, { turns, order, ahead }: Standing, nowMs: number, bounds: Bounds): ExportWait {
  const { running, waiting, took } = turns;
  const of =
    ahead >= 0
      ? 'all'
      : countOf([...running, ...order], byAsker(mine)) >= bounds.person
        ? 'person'
        : countOf([...running, ...order], bySession(mine)) >= bounds.session
          ? 'session'
          : 'all';
  const isOf = of === 'person' ? byAsker(mine) : of === 'session' ? bySession(mine) : () => true;
  const before =
    ahead >= 0 ? ahead : countOf(waiting, (turn) => turn !== mine && turn.sinceMs <= mine.sinceMs && isOf(turn));
  const about = secondsUntil(before, running.filter(isOf), { took, nowMs, atOnce: bounds[of] });
  return { of, atOnce: bounds[of], ahead: before, ...(about !== undefined && { aboutSeconds: about }) };
}

/** By the mean of the last ones; an estimate, and no promise. */
function secondsUntil(
  before: number,
  running: readonly Turn[],
  { took, nowMs, atOnce }: { readonly took: readonly number[]; readonly nowMs: number; readonly atOnce: number },
): number | undefined {
  if (took.length === 0) return undefined;
  const mean = took.reduce((sum, ms) => sum + ms, 0) / took.length;
  const oldest = running.reduce((ms, { begunMs = nowMs }) => Math.max(ms, nowMs - begunMs), 0);
  return Math.ceil((Math.max(0, mean - oldest) + Math.floor(before / atOnce) * mean) / 1000);
}

type Is = (turn: Turn) => boolean;
const byAsker =
  ({ asker }: Turn): Is =>
  (turn) =>
    turn.asker === asker;
const bySession =
  ({ place }: Turn): Is =>
  (turn) =>
    turn.place.session === place.session;
const countOf = (turns: readonly Turn[], is: Is): number =>
  turns.reduce((count, turn) => count + (is(turn) ? 1 : 0), 0);
const isSame = (a: RenderedPlace, b: RenderedPlace): boolean => a.session === b.session && a.key === b.key;
