// Every alarm says what to do: its description ends in the runbook's entry.

import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { FilterPattern, type LogGroup } from 'aws-cdk-lib/aws-logs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';

export interface AlarmProps {
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

  /** Counts the log's JSON lines of one `kind`. */
  countLines(id: string, log: LogGroup, kind: string): IMetric {
    return log
      .addMetricFilter(id, {
        filterPattern: FilterPattern.stringValue('$.kind', '=', kind),
        metricNamespace: this.#namespace,
        metricName: kind,
        metricValue: '1',
      })
      .metric({ statistic: 'Sum', period: Duration.minutes(5) });
  }
}
