// Begins a run of the function that renders, without waiting for it.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html, invocation type Event

import { AwsClient } from 'aws4fetch';
import { RetriableFault } from '../faults.ts';
import type { RenderJob } from './job.ts';

interface Invoker {
  readonly credentials: () => Promise<{
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string | undefined;
  }>;
  readonly region: () => Promise<string>;
}

export async function invokeRender(name: string, job: RenderJob, { credentials, region }: Invoker): Promise<void> {
  const [{ sessionToken, ...keys }, regionName] = await Promise.all([credentials(), region()]);
  const { accessKeyId, secretAccessKey } = keys;
  const aws = new AwsClient({
    ...{ accessKeyId, secretAccessKey, service: 'lambda', region: regionName },
    ...(sessionToken !== undefined && { sessionToken }),
  });
  const host = `lambda.${regionName}.amazonaws.com${regionName.startsWith('cn-') ? '.cn' : ''}`;
  const answer = await aws.fetch(`https://${host}/2015-03-31/functions/${encodeURIComponent(name)}/invocations`, {
    method: 'POST',
    headers: { 'x-amz-invocation-type': 'Event' },
    body: JSON.stringify(job),
  });
  await answer.body?.cancel();
  if (answer.status !== 202) throw new RetriableFault(`Lambda answered ${answer.status} to a run that renders`);
}
