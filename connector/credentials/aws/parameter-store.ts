// Parameters of AWS Systems Manager (SecureString), by name or ARN. One signed request: its SDK would be another 5 MB for it.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html

import { AwsV4Signer } from 'aws4fetch';
import { ok, type Result } from '../../../core/result.ts';
import { secret, type Secret } from '../../../core/secret.ts';
import type { CredentialFault } from '../credential.ts';
import { cachedSecretStore, credentialFault, type SecretStore } from '../secret-store.ts';
import { type AwsIdentity, type AwsKeys, awsDomain, regionOf } from './identity.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A parameter has at most 8 KB. */
const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_TRIES = 3;
const RETRIED = /^(?:ThrottlingException|TooManyRequestsException|InternalServerError|ServiceUnavailable)$/;

export function parameterStore(identity: AwsIdentity, environment: Environment, now?: () => number): SecretStore {
  return cachedSecretStore(async (id, signal) => {
    const keys = await identity(regionOf(id));
    if (!keys.ok) return credentialFault(`parameter ${id} could not be fetched: ${keys.error}`);
    for (let tries = 1; ; tries++) {
      const answer = await ask(id, keys.value, environment, signal);
      if (typeof answer !== 'string') return answer;
      if (tries === MAX_TRIES || !RETRIED.test(answer) || signal.aborted)
        return credentialFault(`parameter ${id} could not be fetched (${answer})${wayOut(answer)}`);
      await new Promise((resolve) => setTimeout(resolve, 100 * tries * (1 + Math.random())));
    }
  }, now);
}

const wayOut = (name: string): string =>
  name === 'AccessDeniedException'
    ? ': allow the connector ssm:GetParameter on it, and kms:Decrypt where its key is its own'
    : RETRIED.test(name)
      ? ': try again in a moment'
      : '';

/** The error's name; never its text, which comes from the other side and is not ours to trust. */
async function ask(
  id: string,
  { accessKeyId, secretAccessKey, sessionToken, region }: AwsKeys,
  environment: Environment,
  signal: AbortSignal,
): Promise<Result<Secret<string>, CredentialFault> | string> {
  const url =
    environment.AWS_ENDPOINT_URL_SSM ?? environment.AWS_ENDPOINT_URL ?? `https://ssm.${region}.${awsDomain(region)}/`;
  try {
    const signed = await new AwsV4Signer({
      ...{ url, method: 'POST', accessKeyId, secretAccessKey, service: 'ssm', region },
      ...(sessionToken !== undefined && { sessionToken }),
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AmazonSSM.GetParameter' },
      body: JSON.stringify({ Name: id, WithDecryption: true }),
    }).sign();
    const { method, headers, body } = signed;
    const response = await fetch(signed.url, { method, headers, body: body ?? null, redirect: 'error', signal });
    const text = await response.text();
    if (text.length > MAX_ANSWER_BYTES) return 'an answer that is too long';
    const answer: unknown = JSON.parse(text);
    if (!response.ok) return errorName(answer) ?? `HTTP ${response.status}`;
    const parameter = field(answer, 'Parameter');
    const value = field(parameter, 'Value');
    if (typeof value !== 'string') return 'an answer that is not understood';
    if (field(parameter, 'Type') === 'StringList')
      return credentialFault(`parameter ${id} is a StringList: store it as a SecureString`);
    return ok(secret(value));
  } catch (error) {
    if (signal.aborted) return 'no answer in time';
    if (error instanceof SyntaxError) return 'an answer that is not understood';
    const { cause } = error as { cause?: { code?: unknown } };
    return typeof cause?.code === 'string' ? cause.code : 'no connection';
  }
}

const field = (of: unknown, name: string): unknown =>
  typeof of === 'object' && of !== null ? Reflect.get(of, name) : undefined;

/** `{"__type":"com.amazonaws.ssm#ParameterNotFound","message":...}` */
function errorName(answer: unknown): string | undefined {
  const type = field(answer, '__type');
  return typeof type === 'string' ? /([A-Za-z]{1,60})(?::.*)?$/.exec(type)?.[1] : undefined;
}
