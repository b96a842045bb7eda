// Who this connector is to AWS, the SDK's usual ways: task role, instance profile, web identity, environment. Requests are signed
// by `aws4fetch`; the SDK of one service that is here anyway finds and renews the keys.

import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { err, ok, type Result } from '../../../core/result.ts';

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly region: string;
}

/** The keys as they are now. The error is for the operator. */
export type AwsIdentity = (region: string | undefined) => Promise<Result<AwsKeys, string>>;

/** An ARN says its region: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:NAME-AbCdEf`. */
export const regionOf = (id: string): string | undefined =>
  id.startsWith('arn:') ? id.split(':')[3] || undefined : undefined;

/** China's partition has a domain of its own. */
export const awsDomain = (region: string): string => (region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com');

export function awsIdentity(): AwsIdentity {
  let client: SecretsManagerClient | undefined;
  return async (named) => {
    client ??= new SecretsManagerClient({});
    const { config } = client;
    let region = named;
    try {
      region ??= await config.region();
    } catch {
      return err('no AWS region is known: set AWS_REGION, or name one (an ARN says its own)');
    }
    try {
      const { accessKeyId, secretAccessKey, sessionToken } = await config.credentials();
      return ok({ accessKeyId, secretAccessKey, region, ...(sessionToken !== undefined && { sessionToken }) });
    } catch (error) {
      const name = error instanceof Error ? error.name : 'unknown error';
      return err(`no AWS credentials could be had (${name}): give the connector a task role, or set AWS_ACCESS_KEY_ID`);
    }
  };
}
