// Folds each minute on one machine, where no schedule does. Whatever fails is told and tried again a minute later.

import type { ApiReporter } from '../faults.ts';
import { foldAll } from './fold.ts';
import type { SearchIndexDeps } from './segments.ts';

/** `close` resolves when nothing is under way any more. */
export function startFolding(deps: SearchIndexDeps, everyMs: number, report: ApiReporter): { close(): Promise<void> } {
  let closed = false;
  let underWay: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const wait = () => {
    timer = setTimeout(() => {
      underWay = foldAll(deps)
        .catch((fault: unknown) => {
          report({ kind: 'function.failed', name: fault instanceof Error ? fault.name : 'unknown', stack: [] });
        })
        .finally(() => {
          if (!closed) wait();
        });
    }, everyMs);
  };
  wait();
  return {
    async close() {
      closed = true;
      clearTimeout(timer);
      await underWay;
    },
  };
}
