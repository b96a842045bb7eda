// The turns of exports in one item of the catalogue's table, changed under a condition: however many functions are asked at once, no more
// than there may be are begun. Whether a run is over is read from how far its export is: a run that was killed gives up its turn when
// its word is a minute old.

import type { CatalogueTable } from '../catalogue-table/table.ts';
import { EXPORTS } from '../catalogue-table/schema.ts';
import { RetriableFault } from '../faults.ts';
import type { RenderJob } from './job.ts';
import { LEASE_MS, type RenderProgress, readProgress } from './progress.ts';
import type { RenderedStore } from './rendered-store.ts';
import { type Asked, type Bounds, NO_TURNS, takeTurn, type Turn, Turns } from './turns.ts';

const KEY = { pk: EXPORTS, sk: 'turns' };
const TRIES = 20;
const FIRST_PAUSE_MS = 5;
/** Whose length is remembered. */
const LAST_ENDED = 20;
/** Of whom an edge of an earlier release says nothing: they are one person to this. */
const NOBODY = 'unknown';

interface RenderQueueDeps {
  readonly table: Pick<CatalogueTable, 'get' | 'update'>;
  readonly store: RenderedStore;
  readonly now: () => number;
  readonly bounds: Bounds;
}

/** Whether the export is to be begun now by whoever asked, is under way, or waits. Throws RetriableFault. */
export type AskForTurn = (job: Pick<RenderJob, 'place'>, asker: string | undefined) => Promise<Asked['answer']>;

export function renderQueue({ table, store, now, bounds }: RenderQueueDeps): AskForTurn {
  return async ({ place }, asker = NOBODY) => {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      if (attempt > 0) await pause(FIRST_PAUSE_MS * attempt * (1 + Math.random()));
      const item = await table.get(KEY);
      const version = typeof item?.version === 'number' ? item.version : undefined;
      // Of another release: begun anew. What runs goes on beside it.
      const known = Turns.safeParse(item?.turns).data ?? NO_TURNS;
      const { turns, answer } = takeTurn(await withoutEnded(known), { place, asker }, now(), bounds);
      if (JSON.stringify(turns) === JSON.stringify(known)) return answer;
      const written = await table.update({
        Key: KEY,
        UpdateExpression: 'SET #turns = :turns, #version = :next',
        ConditionExpression: version === undefined ? 'attribute_not_exists(#version)' : '#version = :version',
        ExpressionAttributeNames: { '#turns': 'turns', '#version': 'version' },
        ExpressionAttributeValues: {
          ...{ ':turns': turns, ':next': (version ?? 0) + 1 },
          ...(version !== undefined && { ':version': version }),
        },
        ReturnValues: 'NONE',
      });
      if (written) return answer;
    }
    throw new RetriableFault('too many ask for exports at once');
  };

  async function withoutEnded(turns: Turns): Promise<Turns> {
    const found = await Promise.all(
      turns.running.map(async (turn) => ({ turn, how: howFar(turn, await readProgress(turn.place, store), now()) })),
    );
    const took = found.flatMap(({ how }) => (typeof how === 'number' ? [how] : []));
    return {
      ...turns,
      running: found.filter(({ how }) => how === 'running').map(({ turn }) => turn),
      took: [...turns.took, ...took].slice(-LAST_ENDED),
    };
  }
}

/** How long it took, where it has ended. */
function howFar(
  { begunMs = 0 }: Turn,
  progress: RenderProgress | undefined,
  nowMs: number,
): number | 'running' | 'gone' {
  // What it said before this run was begun says nothing of it; clocks differ a little.
  const isNews = progress !== undefined && progress.atMs > begunMs - LEASE_MS;
  if (isNews && progress.end !== undefined) return Math.max(0, progress.atMs - begunMs);
  // Until it has said something, it is on its way.
  if (nowMs - begunMs <= LEASE_MS) return 'running';
  return isNews && nowMs - progress.atMs <= LEASE_MS ? 'running' : 'gone';
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
