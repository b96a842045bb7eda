// One question to AWS STS, built anew from the parts that a connector signed. Nothing that it says chooses where the question goes
// but a region of this list, and no header or body goes along but those of core/connectors/iam-join.ts.

import {
  type IamJoinRequest,
  STS_BODY,
  stsAuthorization,
  stsHeaders,
  stsHost,
} from '../../../core/connectors/iam-join.ts';
import { err, type Result } from '../../../core/result.ts';
import { readCallerIdentity } from './caller-identity.ts';

/** https://docs.aws.amazon.com/general/latest/gr/sts.html. New ones come once in a while: they are added here. */
const REGIONS: Readonly<Record<string, readonly string[]>> = {
  aws: [
    ...['af-south-1', 'ap-east-1', 'ap-east-2', 'ap-northeast-1', 'ap-northeast-2', 'ap-northeast-3', 'ap-south-1'],
    ...['ap-south-2', 'ap-southeast-1', 'ap-southeast-2', 'ap-southeast-3', 'ap-southeast-4', 'ap-southeast-5'],
    ...['ap-southeast-6', 'ap-southeast-7', 'ca-central-1', 'ca-west-1', 'eu-central-1', 'eu-central-2', 'eu-north-1'],
    ...['eu-south-1', 'eu-south-2', 'eu-west-1', 'eu-west-2', 'eu-west-3', 'il-central-1', 'me-central-1'],
    ...['me-south-1', 'me-west-1', 'mx-central-1', 'sa-east-1', 'sa-west-1', 'us-east-1', 'us-east-2', 'us-west-1'],
    ...['us-west-2'],
  ],
  'aws-cn': ['cn-north-1', 'cn-northwest-1'],
  'aws-us-gov': ['us-gov-east-1', 'us-gov-west-1'],
};

const ANSWER_WITHIN_MS = 5_000;
/** An answer has some 500. */
const MAX_ANSWER_BYTES = 16 * 1024;

/** undefined: there is no such region, or it is not in the list yet. */
export const partitionOf = (region: string): string | undefined =>
  Object.keys(REGIONS).find((partition) => REGIONS[partition]?.includes(region));

export type AskSts = (request: Request) => Promise<Response>;

/** `sts_away`: worth another try. */
export type StsFault = 'sts_away' | 'sts_refused' | 'sts_redirected' | 'answer_unknown';

export async function askSts(
  edge: string,
  request: IamJoinRequest,
  ask: AskSts,
): Promise<Result<{ readonly arn: string; readonly userId: string; readonly account: string }, StsFault>> {
  const signed = stsHeaders(edge, request);
  // The host's comes with the address.
  const { host: _, ...headers } = signed;
  const authorization = stsAuthorization(request.sts, signed);
  let text: string;
  try {
    const response = await ask(
      new Request(`https://${stsHost(request.sts.region)}/`, {
        method: 'POST',
        headers: { ...headers, authorization, accept: 'text/xml' },
        body: STS_BODY,
        redirect: 'manual',
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      }),
    );
    if (response.status !== 200) {
      await response.body?.cancel();
      return err(faultOf(response.status));
    }
    const read = await textOf(response);
    if (read === undefined) return err('answer_unknown');
    text = read;
  } catch {
    return err('sts_away');
  }
  return readCallerIdentity(text);
}

function faultOf(status: number): StsFault {
  if (status >= 500 || status === 429) return 'sts_away';
  return status >= 300 && status < 400 ? 'sts_redirected' : 'sts_refused';
}

/** undefined: it is longer than any answer, or no text. */
async function textOf(response: Response): Promise<string | undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let bytes = new Uint8Array();
  for await (const chunk of response.body ?? []) {
    if (bytes.length + chunk.length > MAX_ANSWER_BYTES) return undefined;
    const longer = new Uint8Array(bytes.length + chunk.length);
    longer.set(bytes);
    longer.set(chunk, bytes.length);
    bytes = longer;
  }
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
