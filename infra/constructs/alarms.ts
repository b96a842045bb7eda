// Every alarm says what to do: its description ends in the runbook's entry.

import { Duration, Stack } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { FilterPattern, type ILogGroup, type JsonPattern } from 'aws-cdk-lib/aws-logs';
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
  readonly above?: number;
  /** Fewer than this, or no value at all. */
  readonly below?: number;
}

interface CountOptions {
  /** The metric's name. */
  readonly named?: string;
  readonly and?: JsonPattern;
  /** Five minutes unless given. */
  readonly period?: Duration;
}

type AlarmSettings = Pick<Settings, 'deployment' | 'runbookUrl'> & { readonly alarmEmail?: string | undefined };

export class Alarms extends Construct {
  readonly topic: Topic;
  readonly runbookUrl: string;
  /** Of the metrics that are counted from lines. */
  readonly namespace: string;

  constructor(scope: Construct, id: string, settings: AlarmSettings) {
    super(scope, id);
    this.runbookUrl = settings.runbookUrl;
    this.namespace = settings.deployment;
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

  /** All that were added. */
  readonly all: Alarm[] = [];

  add(id: string, { says, runbook, metric, above = 0, below }: AlarmProps): void {
    const alarm = new Alarm(this, id, {
      alarmDescription: `${says} ${this.runbookUrl}#${runbook}`,
      metric,
      threshold: below ?? above,
      evaluationPeriods: 1,
      ...(below === undefined
        ? {
            comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
            treatMissingData: TreatMissingData.NOT_BREACHING,
          }
        : {
            comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
            treatMissingData: TreatMissingData.BREACHING,
          }),
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
    this.all.push(alarm);
  }

  /**
   * Counts what a function reported of one `kind` (functions/faults.ts), under which it is named unless `named` says otherwise,
   * where `and` is true of the line too.
   */
  countLines(id: string, log: ILogGroup, kind: string, more: CountOptions = {}): IMetric {
    // Where Lambda's JSON log format puts what a function logs (GatehouseFunction asks for it).
    const of = FilterPattern.stringValue('$.message.kind', '=', kind);
    return this.count(id, log, more.and ? FilterPattern.all(of, more.and) : of, { named: kind, ...more });
  }

  count(id: string, log: ILogGroup, filterPattern: JsonPattern, { named, period }: CountOptions): IMetric {
    const metricName = named ?? id;
    return log
      .addMetricFilter(id, { filterPattern, metricNamespace: this.namespace, metricName, metricValue: '1' })
      .metric({ statistic: 'Sum', period: period ?? Duration.minutes(5) });
  }
}
