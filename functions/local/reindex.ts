// A reindex on one machine: the same run as in AWS, looked for on a timer.

import { setTimeout as pause } from 'node:timers/promises';
import type { CatalogueTable } from '../catalogue-table/table.ts';
import type { IndexDeps } from '../index-segment/index-object.ts';
import { indexObject } from '../index-segment/index-object.ts';
import { ReindexLedger } from '../reindex/ledger.ts';
import { reindexRun } from '../reindex/run.ts';
import type { SearchIndexDeps } from '../search/segments.ts';

const EVERY_MS = 1_000;
/** Nobody else's rate is spared on one machine. */
const PER_SECOND = { objects: 2_000, rows: 10_000 };

/** `newIndexing`: anew for each run. `close` resolves when nothing is under way any more. */
export function startReindexing(
  table: CatalogueTable,
  newIndexing: () => IndexDeps,
  search: SearchIndexDeps | undefined,
  everyMs = EVERY_MS,
): { readonly ledger: ReindexLedger; close(): Promise<void> } {
  const ledger = new ReindexLedger(table);
  const report = (event: object) => console.log(JSON.stringify(event));
  let closing = false;
  let running: Promise<void> | undefined;
  const run = async () => {
    const indexing = newIndexing();
    await reindexRun({
      ...{ ledger, table, reader: indexing.reader, search, now: Date.now, report, perSecond: PER_SECOND },
      indexObject: (key) => indexObject(key, indexing),
      pause: (ms) => pause(ms),
      get beginUntilMs() {
        return closing ? 0 : Number.POSITIVE_INFINITY;
      },
      // The process before this one is dead, and no other works on these objects.
      endedByMs: 0,
    });
  };
  const timer = setInterval(() => {
    running ??= run()
      .catch((fault: unknown) => {
        report({ kind: 'function.failed', name: fault instanceof Error ? fault.name : 'unknown', stack: [] });
      })
      .then(() => {
        running = undefined;
      });
  }, everyMs);
  return {
    ledger,
    async close() {
      closing = true;
      clearInterval(timer);
      await running;
    },
  };
}
