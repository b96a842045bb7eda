// Joining by the AWS identity that this process runs as: a GetCallerIdentity request is signed with its credentials and never sent.
// The edge gets what of it only we know: who signs, when, where, and the signature.

import { AwsV4Signer } from 'aws4fetch';
import { type IamJoinRequest, STS_BODY, stsHeaders, stsHost } from '../../core/connectors/iam-join.ts';
import { err, ok, type Result } from '../../core/result.ts';

/** As the AWS SDK finds them: environment, task role, instance profile, pod identity. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export async function signIdentity(
  input: {
    /** The edge's origin. */
    readonly edge: string;
    readonly name: string;
    /** The connector's public key. */
    readonly key: string;
    readonly nonce: string;
    readonly region: string;
  },
  { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials,
  now: number,
): Promise<Result<IamJoinRequest, string>> {
  const { edge, name, key, nonce, region } = input;
  if (sessionToken === undefined)
    return err('these AWS credentials are a user’s: a connector joins as the role of its task, instance or pod');
  const date = new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, '');
  const { host: _, ...headers } = stsHeaders(edge, { name, key, nonce, sts: { region, date, sessionToken } });
  const signer = new AwsV4Signer({
    ...{ method: 'POST', url: `https://${stsHost(region)}/`, headers, body: STS_BODY },
    ...{ accessKeyId, secretAccessKey, sessionToken, service: 'sts', region, datetime: date },
    // It leaves content-type out otherwise, which STS wants signed.
    allHeaders: true,
  });
  return ok({
    ...{ name, key, nonce },
    sts: { region, date, accessKeyId, sessionToken, signature: await signer.signature() },
  });
}

/** undefined: this process has none, or they cannot be had now. */
export async function awsCredentials(region: string): Promise<AwsCredentials | undefined> {
  const { S3Client } = await import('@aws-sdk/client-s3');
  const client = new S3Client({ region });
  try {
    return await client.config.credentials();
  } catch {
    // Its words name files and addresses of the machine.
    return undefined;
  } finally {
    client.destroy();
  }
}
