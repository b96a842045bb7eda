// A replay of statements from a moment on: what ran then comes first, since its answer would stand below nothing.

import type { ReplayEvent } from '../../core/catalogue.ts';
import { took } from '../../core/text/amounts.ts';

/** Of a pipeline that is longer, or of cursors that are never read to their end, the latest. */
const MAX_RUNNING = 1_000;

/** `received`: in the order of time. Statements that ran at that moment have times before it. */
export async function* fromMoment(
  received: AsyncIterable<ReplayEvent>,
  fromUs: number,
): AsyncGenerator<ReplayEvent, void, undefined> {
  const running = new Map<number, ReplayEvent>();
  let reached = false;
  for await (const event of received) {
    if (!reached && event.timeUs < fromUs && event.kind !== 'damaged') {
      if (event.kind === 'statement') running.set(event.statement, event);
      else if (event.kind === 'result' && !event.suspended) running.delete(event.statement);
      const [first] = running.keys();
      if (running.size > MAX_RUNNING && first !== undefined) running.delete(first);
      if (event.kind === 'opened') yield event;
      continue;
    }
    if (!reached) yield* running.values();
    reached = true;
    yield event;
  }
}

/** Of a statement that began before the moment from which somebody asked; empty: of another. */
export const runningWords = (event: ReplayEvent, fromUs: number): string =>
  event.kind === 'statement' && event.timeUs < fromUs
    ? `running for ${took(fromUs - event.timeUs)} at that moment`
    : '';
