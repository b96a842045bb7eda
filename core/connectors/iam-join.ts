// Joining by an AWS IAM identity: what connector and edge must agree on. The connector signs a request to AWS STS, which
// answers whose the signature is (GetCallerIdentity), and hands the edge the parts that it cannot know itself. The edge builds the
// request anew: method, host, path, body and the names of the headers are these, whoever asks.
//
// What is signed beside AWS's own headers says for whom it was signed: the edge, its nonce, and the connector's key and name. A
// signature that was made for anything else proves nothing here.
//
// AWS Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
// GetCallerIdentity: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html

import { z } from 'zod';
import { ConnectorPublicKey } from './connector-keys.ts';

export const STS_BODY = 'Action=GetCallerIdentity&Version=2011-06-15';
const STS_CONTENT_TYPE = 'application/x-www-form-urlencoded; charset=utf-8';

const IAM_HEADERS = {
  audience: 'x-gatehouse-audience',
  key: 'x-gatehouse-key',
  name: 'x-gatehouse-name',
  nonce: 'x-gatehouse-nonce',
} as const;

/** For a task of the edge's that is asked before: bound to key and edge, good once and for five minutes. */
export const IamNonceRequest = z.strictObject({ key: ConnectorPublicKey });
export const IamNonce = z.object({
  nonce: z
    .string()
    .min(16)
    .max(300)
    .regex(/^[A-Za-z0-9_.-]+$/),
  expiresAt: z.iso.datetime(),
});

/** `us-east-1`, `us-gov-west-1`. Whether there is such a one, the edge's list says. */
const Region = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d{1,2}$/, 'expected a region such as eu-central-1');

/** The parts of the signed request that are the connector's own. All else the edge knows. */
export const IamJoinRequest = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  key: ConnectorPublicKey,
  nonce: IamNonce.shape.nonce,
  sts: z.strictObject({
    region: Region,
    /** `X-Amz-Date`: `20261130T101500Z`. */
    date: z.string().regex(/^\d{8}T\d{6}Z$/, 'expected a date such as 20261130T101500Z'),
    /** Roles have temporary credentials, whose ids begin with ASIA; users have none that may join. */
    accessKeyId: z.string().regex(/^ASIA[A-Z0-9]{12,124}$/, "expected a role's access key id"),
    sessionToken: z
      .string()
      .min(16)
      .max(8_192)
      .regex(/^[A-Za-z0-9+/=]+$/),
    signature: z.string().regex(/^[0-9a-f]{64}$/),
  }),
});
export type IamJoinRequest = z.infer<typeof IamJoinRequest>;

/** Of the regions of AWS's three partitions. */
export const stsHost = (region: string): string =>
  `sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;

/** Every header of the request, all of them signed. Sent are no others that a client could name. */
export const stsHeaders = (
  edge: string,
  {
    name,
    key,
    nonce,
    sts: { region, date, sessionToken },
  }:
    | IamJoinRequest
    | (Omit<IamJoinRequest, 'sts'> & {
        readonly sts: Omit<IamJoinRequest['sts'], 'signature' | 'accessKeyId'>;
      }),
): Readonly<Record<string, string>> => ({
  'content-type': STS_CONTENT_TYPE,
  host: stsHost(region),
  'x-amz-date': date,
  'x-amz-security-token': sessionToken,
  [IAM_HEADERS.audience]: edge,
  [IAM_HEADERS.key]: key,
  [IAM_HEADERS.name]: name,
  [IAM_HEADERS.nonce]: nonce,
});

export function stsAuthorization(
  {
    accessKeyId,
    date,
    region,
    signature,
  }: Pick<IamJoinRequest['sts'], 'accessKeyId' | 'date' | 'region' | 'signature'>,
  headers: Readonly<Record<string, string>>,
): string {
  const scope = `${date.slice(0, 8)}/${region}/sts/aws4_request`;
  const signed = Object.keys(headers).sort().join(';');
  return `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
}
