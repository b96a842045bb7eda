// Exports that one answer cannot carry: a function that writes them in parts, which the API begins and whose parts it signs links to.

import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { SessionId } from '../../core/ids.ts';
import { sessionPartition } from '../../functions/catalogue-table/schema.ts';
import { ENV } from '../../functions/env.ts';
import { GatehouseFunction } from './function.ts';

interface RenderingFunctionProps {
  readonly bucket: Bucket;
  readonly searchBucket: Bucket;
  readonly table: Table;
  readonly environment: Record<string, string>;
  /** How many run at once; 0: as many as by default, with nothing kept for them. */
  readonly atOnce: number;
  /** Begins it, and hands out links. */
  readonly api: GatehouseFunction;
  /** Takes away what was rendered of a session. */
  readonly purge: GatehouseFunction;
}

export class RenderingFunction extends Construct {
  readonly render: GatehouseFunction;

  constructor(scope: Construct, id: string, props: RenderingFunctionProps) {
    super(scope, id);
    const { bucket, searchBucket, table, environment, atOnce, api, purge } = props;
    this.render = new GatehouseFunction(this, 'Render', {
      handler: 'renderExport',
      // The longest a function may run; the next run goes on.
      timeout: Duration.minutes(15),
      // One processor's worth.
      memoryMib: 1769,
      // Neither do many exports take what records and answers, nor that what they need.
      ...(atOnce > 0 && { reservedConcurrency: atOnce }),
      environment: { ...environment, [ENV.searchBucket]: searchBucket.bucketName },
    });
    this.render.grantReadRecordings(bucket);
    this.render.grantRendered(searchBucket, ['s3:GetObject', 's3:PutObject', 's3:DeleteObject']);
    if (searchBucket.encryptionKey)
      this.render.role.addToPrincipalPolicy(
        new PolicyStatement({ actions: ['kms:GenerateDataKey'], resources: [searchBucket.encryptionKey.keyArn] }),
      );
    // Whether the session was purged meanwhile.
    this.render.role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['dynamodb:GetItem'],
        resources: [table.tableArn],
        conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [sessionPartition('*' as SessionId)] } },
      }),
    );
    api.grantRendered(searchBucket, ['s3:GetObject']);
    if (atOnce > 0) api.function.addEnvironment(ENV.rendersAtOnce, String(atOnce));
    purge.grantRendered(searchBucket, ['s3:DeleteObject']);
    const { functionArn, functionName } = this.render.function;
    api.role.addToPrincipalPolicy(
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [functionArn] }),
    );
    api.function.addEnvironment(ENV.renderFunction, functionName);
  }
}
