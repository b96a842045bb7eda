// What rings for the functions, their queue, and what the audit log tells of the edge and its connectors.

import { Duration } from 'aws-cdk-lib';
import { FilterPattern } from 'aws-cdk-lib/aws-logs';
import type { Alarms } from './alarms.ts';
import type { EventQueue } from './event-queue.ts';
import type { GatehouseFunction } from './function.ts';

export interface WatchedFunctions {
  readonly index: GatehouseFunction;
  readonly api: GatehouseFunction;
  readonly fold: GatehouseFunction;
  readonly reindex: GatehouseFunction;
  readonly purge: GatehouseFunction;
  readonly hold: GatehouseFunction;
  readonly render: GatehouseFunction;
  readonly events: EventQueue;
}

export function watchFunctions(alarms: Alarms, watched: WatchedFunctions): void {
  const { index, api, fold, reindex, purge, hold, render, events } = watched;
  watchEdge(alarms, api);
  const period = Duration.minutes(5);
  alarms.add('DeadLetters', {
    says: 'Events of stored recordings were given up.',
    runbook: 'dead-letters',
    metric: events.deadLetters.metricApproximateNumberOfMessagesVisible({ period }),
    above: 0,
  });
  alarms.add('IndexLate', {
    says: 'Stored recordings wait for the indexer.',
    runbook: 'index-late',
    metric: events.queue.metricApproximateAgeOfOldestMessage({ period }),
    above: Duration.minutes(20).toSeconds(),
  });
  alarms.add('IndexErrors', {
    says: 'The indexer fails.',
    runbook: 'index-errors',
    metric: index.function.metricErrors({ period }),
    above: 0,
  });
  alarms.add('KeysForged', {
    says: 'The keys of a connector in the catalogue are not the word of the edge.',
    runbook: 'keys-forged',
    metric: alarms.countLines('Forged', index.log, 'keys.forged'),
    above: 0,
  });
  alarms.add('ApiErrors', {
    says: 'The functions that the edge calls fail.',
    runbook: 'api-errors',
    metric: api.function.metricErrors({ period }),
    above: 0,
  });
  alarms.add('ApiFaults', {
    says: 'The functions that the edge calls met a bug.',
    runbook: 'api-errors',
    metric: alarms.countLines('Failed', api.log, 'function.failed'),
    above: 0,
  });
  alarms.add('AuditContradicted', {
    says: 'Another piece of the audit log, or of the log of sessions, is stored than the one that the edge has.',
    runbook: 'audit-export',
    metric: alarms.countLines('Contradicted', api.log, 'audit.contradicted'),
    above: 0,
  });
  alarms.add('CatalogueContradicted', {
    says: 'A row of the catalogue is not what the recording and the edge say.',
    runbook: 'catalogue-contradicted',
    metric: alarms.countLines('Catalogue', api.log, 'catalogue.contradicted'),
    above: 0,
  });
  alarms.add('LookRefused', {
    says: 'Somebody other than the edge asked the functions for something.',
    runbook: 'look-refused',
    metric: alarms.countLines('LookRefused', api.log, 'look.refused'),
    above: 0,
  });
  alarms.add('RenderErrors', {
    says: 'Exports that are written in parts fail.',
    runbook: 'render-errors',
    metric: render.function.metricErrors({ period }),
    above: 0,
  });
  alarms.add('FoldErrors', {
    says: 'The search index is not kept up.',
    runbook: 'fold-errors',
    metric: fold.function.metricErrors({ period }),
    above: 0,
  });
  alarms.add('SearchDamaged', {
    says: 'A part of the search index is damaged or gone.',
    runbook: 'search-damaged',
    metric: alarms.countLines('SearchDamaged', api.log, 'search.damaged'),
    above: 0,
  });
  alarms.add('ReindexErrors', {
    says: 'A reindex does not get on.',
    runbook: 'reindex-errors',
    metric: reindex.function.metricErrors({ period }),
    above: 0,
  });
  alarms.add('ReindexFailed', {
    says: 'A reindex could not index an object.',
    runbook: 'reindex-errors',
    metric: alarms.countLines('ReindexFailed', reindex.log, 'reindex.failed'),
    above: 0,
  });
  alarms.add('PurgeErrors', {
    says: 'The purge fails.',
    runbook: 'purge-errors',
    metric: purge.function.metricErrors({ period }),
    above: 0,
  });
  alarms.add('HoldErrors', {
    says: 'The placing of legal holds on objects fails.',
    runbook: 'hold-errors',
    metric: hold.function.metricErrors({ period }),
    above: 0,
  });
  alarms.add('PurgeRefused', {
    says: 'A session whose time is over cannot be deleted.',
    runbook: 'purge-refused',
    metric: alarms.countLines('PurgeRefused', purge.log, 'purge.refused'),
    above: 0,
  });
  // One metric of two functions: the API refuses the order, the purge what was ordered before.
  alarms.countLines('OrderHoldsDiffer', api.log, 'purge.holds_differ');
  alarms.add('HoldsDiffer', {
    says: 'The legal holds of the functions are not those of the edge, and nothing is purged.',
    runbook: 'holds-differ',
    metric: alarms.countLines('PurgeHoldsDiffer', purge.log, 'purge.holds_differ'),
    above: 0,
  });
  alarms.add('HoldLost', {
    says: 'Objects under a legal hold had lost it in the store, or are gone.',
    runbook: 'hold-lost',
    metric: alarms.countLines('HoldLost', hold.log, 'hold.lost'),
    above: 0,
  });
  alarms.add('PurgeContradicted', {
    says: 'A recording says that it is kept for a shorter time than the edge granted.',
    runbook: 'purge-contradicted',
    metric: alarms.countLines('PurgeContradicted', api.log, 'purge.contradicted'),
    above: 0,
  });
  alarms.add('PurgeFailed', {
    says: 'The store or the catalogue did not answer for a session that is purged.',
    runbook: 'purge-errors',
    metric: alarms.countLines('PurgeFailed', purge.log, 'purge.failed'),
    above: 0,
  });
  alarms.add('PurgeWaiting', {
    says: 'The edge has not answered to a purge for two days.',
    runbook: 'purge-waiting',
    metric: alarms.countLines('PurgeWaiting', purge.log, 'purge.waiting'),
    above: 0,
  });
  alarms.add('Orphans', {
    says: 'A session is not listed, not finished, hidden, or without its objects.',
    runbook: 'orphans',
    metric: alarms.countLines('Orphans', purge.log, 'orphan.found'),
    above: 0,
  });
  alarms.add('HoldFailed', {
    says: 'Objects under a legal hold could not be held.',
    runbook: 'hold-errors',
    metric: alarms.countLines('HoldFailed', hold.log, 'hold.failed'),
    above: 0,
  });
  alarms.add('RecordingBroken', {
    says: 'A recording is not whole.',
    runbook: 'recording-broken',
    metric: alarms.countLines('Broken', index.log, 'recording.broken'),
    above: 0,
  });
  alarms.add('RecordingRefused', {
    says: "A connector wrote under another connector's session.",
    runbook: 'recording-refused',
    metric: alarms.countLines('Refused', index.log, 'recording.refused'),
    above: 0,
  });
  // Six hourly runs of one day's quarter: it never gets through what is due.
  const runs = Duration.hours(6);
  alarms.add('PurgeBacklog', {
    says: 'The purge does not get through what is due.',
    runbook: 'purge-backlog',
    metric: alarms.countLines('PurgeBacklog', purge.log, 'purge.ran', {
      named: 'purge.backlog',
      and: FilterPattern.booleanValue('$.message.more', true),
      period: runs,
    }),
    above: runs.toHours() - 1,
  });
}

/** What the pieces of the audit log say (functions/audit-notices.ts): the edge and connectors elsewhere have no log here. */
function watchEdge(alarms: Alarms, { log }: GatehouseFunction): void {
  alarms.add('UploadsFail', {
    says: 'A connector cannot store recordings.',
    runbook: 'uploads-fail',
    metric: alarms.countLines('UploadsFail', log, 'upload.failing'),
    above: 0,
  });
  alarms.add('LogShort', {
    says: "A connector's write-ahead log has little room or cannot be written.",
    runbook: 'log-disk',
    metric: alarms.countLines('LogShort', log, 'log.short'),
    above: 0,
  });
  alarms.add('ConnectorAway', {
    says: 'A connector lost its link to the edge and did not come back at once.',
    runbook: 'connector-away',
    metric: alarms.countLines('ConnectorAway', log, 'connector.away'),
    above: 0,
  });
  alarms.add('ApprovalsUnanswered', {
    says: 'A request for approval expired without an answer.',
    runbook: 'approvals-unanswered',
    metric: alarms.countLines('ApprovalsUnanswered', log, 'request.unanswered'),
    above: 0,
  });
  alarms.add('ChainGap', {
    says: 'Something is missing or different in the chain of a session or of the audit log.',
    runbook: 'chain-gap',
    metric: alarms.countLines('ChainGap', log, 'chain.gap'),
    above: 0,
  });
}
