// One page for whoever runs Gatehouse: what rings, whether recordings come in and are indexed, and how the functions fare.

import { Duration, Stack } from 'aws-cdk-lib';
import {
  AlarmStatusWidget,
  Dashboard as CloudWatchDashboard,
  GraphWidget,
  type IMetric,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import { Operation } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import type { Alarms } from './alarms.ts';
import type { WatchedFunctions } from './function-alarms.ts';

interface DashboardProps extends WatchedFunctions {
  readonly alarms: Alarms;
  readonly table: Table;
}

const PERIOD = { period: Duration.minutes(5) };
const [WIDTH, HALF] = [24, 12];

export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, { alarms, events, table, ...functions }: DashboardProps) {
    super(scope, id);
    const all = Object.entries(functions).map(([, { function: it }]) => it);
    const graph = (title: string, left: IMetric[], right: IMetric[] = []) =>
      new GraphWidget({ title, left, right, width: HALF });
    new CloudWatchDashboard(this, 'Dashboard', {
      // One account may have several deployments.
      dashboardName: Stack.of(this).stackName,
      widgets: [
        [
          new TextWidget({
            markdown: `What to do about an alarm: [runbook](${alarms.runbookUrl})`,
            width: WIDTH,
            height: 1,
          }),
        ],
        [new AlarmStatusWidget({ title: 'Alarms', alarms: alarms.all, width: WIDTH, height: 5 })],
        [
          graph(
            'Recordings that wait for the indexer',
            [
              events.queue.metricApproximateNumberOfMessagesVisible(PERIOD),
              events.deadLetters.metricApproximateNumberOfMessagesVisible(PERIOD),
            ],
            [events.queue.metricApproximateAgeOfOldestMessage(PERIOD)],
          ),
          graph('Stored objects', [events.queue.metricNumberOfMessagesSent(PERIOD)]),
        ],
        [
          graph(
            'Errors of functions',
            all.map((it) => it.metricErrors(PERIOD)),
          ),
          graph(
            'Calls',
            all.map((it) => it.metricInvocations(PERIOD)),
          ),
        ],
        [
          graph(
            'Duration (p99)',
            all.map((it) => it.metricDuration({ ...PERIOD, statistic: 'p99' })),
          ),
          graph('Throttled', [
            ...all.map((it) => it.metricThrottles(PERIOD)),
            table.metricThrottledRequestsForOperation(Operation.BATCH_WRITE_ITEM, PERIOD),
          ]),
        ],
      ],
    });
  }
}
