// S3's notifications, kept until each was dealt with. A queue between, since an event that S3 sent
// once must survive the indexer's bad hour.

import { Duration, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type Bucket, CfnBucket } from 'aws-cdk-lib/aws-s3';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

interface EventQueueProps {
  readonly bucket: Bucket;
  /** The handler's longest run. */
  readonly handledWithin: Duration;
}

/** With the pause between tries: more than an hour for a segment's predecessor, or a store, to come back. */
const MAX_RECEIVES = 12;

export class EventQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, { bucket, handledWithin }: EventQueueProps) {
    super(scope, id);
    const common = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true, retentionPeriod: Duration.days(14) };
    this.deadLetters = new Queue(this, 'DeadLetters', common);
    this.queue = new Queue(this, 'Queue', {
      ...common,
      // A message that must come again comes when this is over: no longer than the handler needs.
      visibilityTimeout: handledWithin.plus(Duration.minutes(1)),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: MAX_RECEIVES },
    });
    // By account and not by bucket: the bucket names the queue, and a circle cannot be deployed.
    this.queue.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('s3.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [this.queue.queueArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    const resource = bucket.node.defaultChild;
    const policy = this.queue.node.findChild('Policy').node.defaultChild;
    if (!(resource instanceof CfnBucket) || !policy) throw new Error('the bucket or its queue has no resource');
    // Directly on the bucket: CDK's own notifications would add a function of theirs.
    resource.notificationConfiguration = {
      queueConfigurations: [
        {
          event: 's3:ObjectCreated:*',
          queue: this.queue.queueArn,
          filter: { s3Key: { rules: [{ name: 'prefix', value: 'recordings/' }] } },
        },
      ],
    };
    resource.node.addDependency(policy);
  }
}
