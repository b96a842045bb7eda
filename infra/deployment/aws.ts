// A few questions to AWS before a deployment, over signed requests: no SDK of its own for each. AWS_ENDPOINT_URL_... as the SDKs read them.

import { S3Client } from '@aws-sdk/client-s3';
import { AwsClient } from 'aws4fetch';

export interface Aws {
  /** Of a service with Query or JSON protocol; the answer's text. Rejects with what AWS said. */
  query(
    service: string,
    action: string,
    version: string,
    parameters?: Readonly<Record<string, string>>,
  ): Promise<string>;
  json(service: string, target: string, body: object): Promise<unknown>;
  rest(service: string, path: string): Promise<unknown>;
}

const DEADLINE_MS = 15_000;

/** Rejects where there are no credentials. */
export async function connectToAws(region: string | undefined, environment: NodeJS.ProcessEnv): Promise<Aws> {
  // The client that is here anyway knows where credentials are: environment, profiles, single sign-on, roles.
  const { config } = new S3Client(region === undefined ? {} : { region });
  const [{ accessKeyId, secretAccessKey, sessionToken }, at] = await Promise.all([
    config.credentials(),
    config.region(),
  ]);
  const keys = { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
  const ask = async (service: string, path: string, init: RequestInit): Promise<string> => {
    const variable = `AWS_ENDPOINT_URL_${(service === 'secretsmanager' ? 'secrets_manager' : service).toUpperCase()}`;
    const endpoint = environment[variable] ?? `https://${service}.${at}.amazonaws.com`;
    const aws = new AwsClient({ ...keys, service, region: at, retries: 2 });
    const answer = await aws.fetch(endpoint + path, { ...init, signal: AbortSignal.timeout(DEADLINE_MS) });
    const text = await answer.text();
    if (!answer.ok) {
      const [, code] = /(?:<Code>|"__type"\s*:\s*")([^<"]+)/.exec(text) ?? [];
      throw new Error(`AWS (${service}): ${answer.status} ${code ?? ''}`.trim());
    }
    return text;
  };
  return {
    query: (service, action, version, parameters = {}) =>
      ask(service, '/', {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ Action: action, Version: version, ...parameters }).toString(),
      }),
    json: async (service, target, body) =>
      JSON.parse(
        await ask(service, '/', {
          method: 'POST',
          headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target },
          body: JSON.stringify(body),
        }),
      ),
    rest: async (service, path) => JSON.parse(await ask(service, path, { method: 'GET' })),
  };
}
