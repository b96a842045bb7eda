// What rings for a connector that runs here, from its own lines: sooner than what the edge tells of it, and also while the edge is away.

import { Duration } from 'aws-cdk-lib';
import type { NetworkTargetGroup } from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { FilterPattern, type JsonPattern, type LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Alarms } from './alarms.ts';

interface WatchedConnector {
  readonly log: LogGroup;
  readonly group: NetworkTargetGroup;
}

const line = (event: string) => FilterPattern.stringValue('$.event', '=', event);
/** `reasons` may end in `*`. */
const fault = (...reasons: string[]): JsonPattern =>
  FilterPattern.all(
    line('connector.fault'),
    FilterPattern.any(...reasons.map((reason) => FilterPattern.stringValue('$.reason', '=', reason))),
  );
/** It dials again every 20 s at most. */
const AWAY_TRIES = 10;

export function addConnectorAlarms(alarms: Alarms, { log, group }: WatchedConnector): void {
  alarms.add('OwnUploadsFail', {
    says: 'The connector cannot store recordings.',
    runbook: 'uploads-fail',
    metric: alarms.count('OwnUploadsFail', log, fault('upload_failing', 'object_existed', 'spool_damaged'), {}),
  });
  alarms.add('OwnLogShort', {
    says: "The connector's write-ahead log has little room or cannot be written.",
    runbook: 'log-disk',
    metric: alarms.count('OwnLogShort', log, fault('disk_low', 'disk_critical', 'log_failing', 'log_failed'), {}),
  });
  alarms.add('LinkDown', {
    says: 'The connector does not reach the edge.',
    runbook: 'connector-away',
    metric: alarms.count('LinkDown', log, line('link.down'), { period: Duration.minutes(10) }),
    above: AWAY_TRIES,
  });
  alarms.add('RecordingLeft', {
    says: 'A connector stopped before everything recorded was stored.',
    runbook: 'recording-left',
    metric: alarms.count('RecordingLeft', log, line('recording.left'), {}),
  });
  alarms.add('Bugs', {
    says: 'The connector met a bug, which ended a session.',
    runbook: 'connector-bugs',
    metric: alarms.count('Bugs', log, line('bug'), {}),
  });
  alarms.add('NoTask', {
    says: 'No task of the connector is alive.',
    runbook: 'connector-away',
    metric: group.metrics.healthyHostCount({ statistic: 'Maximum', period: Duration.minutes(5) }),
    below: 1,
  });
}
