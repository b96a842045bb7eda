// Every alarm says what to do: its description ends in the runbook's entry.

import { Duration, Stack } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { FilterPattern, type LogGroup } from 'aws-cdk-lib/aws-logs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';

interface AlarmProps {
  /** One sentence: what is the matter. */
  readonly says: string;
  /** The heading's anchor in docs/runbook.md. */
  readonly runbook: string;
  readonly metric: IMetric;
  /** More than this raises it. */
  readonly above: number;
}

export class Alarms extends Construct {
  readonly topic: Topic;
  readonly #runbookUrl: string;
  readonly #namespace: string;

  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id);
    this.#runbookUrl = settings.runbookUrl;
    this.#namespace = settings.deployment;
    this.topic = new Topic(this, 'Topic', { enforceSSL: true });
    // A topic's default policy lets the account's own services publish; a policy of its own (the
    // refusal of plain text) takes the default's place, so CloudWatch must be named.
    const { account, region, partition } = Stack.of(this);
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AlarmsPublish',
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: {
          StringEquals: { 'aws:SourceAccount': account },
          ArnLike: { 'aws:SourceArn': `arn:${partition}:cloudwatch:${region}:${account}:alarm:*` },
        },
      }),
    );
    if (settings.alarmEmail) this.topic.addSubscription(new EmailSubscription(settings.alarmEmail));
  }

  add(id: string, { says, runbook, metric, above }: AlarmProps): void {
    new Alarm(this, id, {
      alarmDescription: `${says} ${this.#runbookUrl}#${runbook}`,
      metric,
      threshold: above,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    }).addAlarmAction(new SnsAction(this.topic));
  }

  /** Counts what a function reported of one `kind` (functions/faults.ts). */
  countLines(id: string, log: LogGroup, kind: string): IMetric {
    return log
      .addMetricFilter(id, {
        // Where Lambda's JSON log format puts what a function logs (GatehouseFunction asks for it).
        filterPattern: FilterPattern.stringValue('$.message.kind', '=', kind),
        metricNamespace: this.#namespace,
        metricName: kind,
        metricValue: '1',
      })
      .metric({ statistic: 'Sum', period: Duration.minutes(5) });
  }
}
