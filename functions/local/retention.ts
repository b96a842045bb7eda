// Purge and holds on one machine: the same runs as in AWS, on a timer.

import type { CatalogueReader } from '../catalogue-table/reader.ts';
import type { CatalogueTable } from '../catalogue-table/table.ts';
import { sweepHolds } from '../holds/hold-sweep.ts';
import { DueSessions } from '../purge/due.ts';
import { PurgeLedger } from '../purge/ledger.ts';
import { purgeRun, type PurgeRunDeps } from '../purge/purge-run.ts';
import { reconcile } from '../purge/reconcile.ts';
import { nodeRecordingPlatform } from '../recording-platform.ts';
import { derivedInRendered, sweepRendered } from '../rendered/removal.ts';
import type { RenderedStore } from '../rendered/rendered-store.ts';
import { derivedInSearch } from '../search/remove-session.ts';
import type { SearchIndexDeps } from '../search/segments.ts';
import type { HoldingStore, VersionStore } from '../store/version-store.ts';

interface LocalRetentionOptions {
  readonly store: VersionStore & HoldingStore;
  readonly everyMs: number | undefined;
  readonly edgeKey: string | undefined;
}

const EVERY_MS = 60_000;

export function localRetention(
  { store, everyMs = EVERY_MS, edgeKey }: LocalRetentionOptions,
  table: CatalogueTable,
  catalogue: CatalogueReader,
  search: SearchIndexDeps,
  rendered: RenderedStore,
): { readonly deps: PurgeRunDeps; close(): Promise<void> } {
  // A run that found nothing to do is no news here.
  const report = (event: { readonly kind: string; readonly name?: string }) => {
    if (
      !/^(purge\.ran|hold\.swept)$/.test(event.kind) ||
      Object.values(event).some((each) => typeof each === 'number' && each > 0)
    )
      console.log(JSON.stringify(event));
  };
  const common = {
    store,
    table,
    ledger: new PurgeLedger(table),
    platform: nodeRecordingPlatform,
    now: Date.now,
    report,
  };
  const deps: PurgeRunDeps = {
    ...common,
    edgeKey,
    ...{ due: new DueSessions(table), derived: [derivedInSearch(search), derivedInRendered(rendered)] },
    ...{ maxSessions: 1_000, beginUntilMs: Number.POSITIVE_INFINITY },
  };
  let running: Promise<void> | undefined;
  const timer = setInterval(() => {
    if (running) return;
    running = sweepHolds({ ...common, catalogue })
      .then(() => purgeRun({ dryRun: false }, deps))
      .then(() => reconcile({ ...deps, report, catalogue }))
      .then(() => sweepRendered({ store: rendered, table, now: Date.now }))
      .catch((error: unknown) => report({ kind: 'retention.failed', name: error instanceof Error ? error.name : '' }))
      .then(() => {
        running = undefined;
      });
  }, everyMs);
  return {
    deps,
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}
