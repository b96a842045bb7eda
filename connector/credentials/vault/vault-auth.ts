// How this connector proves to Vault who it is: one request to `auth/MOUNT/login`, whose answer holds a token; or a token
// that somebody else keeps in a file (Vault Agent, an operator).
// https://developer.hashicorp.com/vault/api-docs/auth

import { readFile } from 'node:fs/promises';
import { AwsV4Signer } from 'aws4fetch';
import { err, ok, type Result } from '../../../core/result.ts';
import { secret, type Secret } from '../../../core/secret.ts';
import { type AwsIdentity, awsDomain } from '../aws/identity.ts';
import type { Credential, CredentialSource } from '../credential.ts';

type Place = Extract<CredentialSource, { kind: 'env' | 'file' }>;

export type VaultAuth =
  | { readonly kind: 'token'; readonly token: Place }
  | { readonly kind: 'approle'; readonly mount: string; readonly roleId: string; readonly secretId: Place }
  | { readonly kind: 'kubernetes'; readonly mount: string; readonly role: string; readonly tokenFile: string }
  | {
      readonly kind: 'aws';
      readonly mount: string;
      readonly role: string;
      readonly region: string | undefined;
      /** What the mount's `iam_server_id_header_value` says, so that a signed request is of use at this Vault alone. */
      readonly serverId: string | undefined;
    };

/** What Vault is to be asked, at `auth/MOUNT/login`. The error is for the operator. */
export async function loginBody(
  auth: Exclude<VaultAuth, { kind: 'token' }>,
  credential: (source: CredentialSource) => Credential,
  aws: () => Promise<AwsIdentity>,
): Promise<Result<object, string>> {
  switch (auth.kind) {
    case 'approle': {
      const secretId = await credential(auth.secretId).fetch();
      if (!secretId.ok) return err(secretId.error.message);
      return ok({ role_id: auth.roleId, secret_id: secretId.value.reveal() });
    }
    case 'kubernetes': {
      try {
        // The kubelet renews it.
        return ok({ role: auth.role, jwt: (await readFile(auth.tokenFile, 'utf8')).trim() });
      } catch (error) {
        return err(`${auth.tokenFile} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
      }
    }
    case 'aws':
      return awsBody(auth, await aws());
  }
}

/** A signed GetCallerIdentity, which Vault sends to AWS itself. */
async function awsBody(
  { role, region: named, serverId }: Extract<VaultAuth, { kind: 'aws' }>,
  identity: AwsIdentity,
): Promise<Result<object, string>> {
  const keys = await identity(named);
  if (!keys.ok) return keys;
  const { accessKeyId, secretAccessKey, sessionToken, region } = keys.value;
  const url = `https://sts.${region}.${awsDomain(region)}/`;
  const body = 'Action=GetCallerIdentity&Version=2011-06-15';
  const signed = await new AwsV4Signer({
    ...{ url, method: 'POST', body, accessKeyId, secretAccessKey, service: 'sts', region },
    ...(sessionToken !== undefined && { sessionToken }),
    headers: {
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
      ...(serverId !== undefined && { 'x-vault-aws-iam-server-id': serverId }),
    },
    // Vault looks for its own header among those that are signed.
    allHeaders: true,
  }).sign();
  const headers = Object.fromEntries(
    [...signed.headers, ['host', signed.url.host]].map(([name, value]) => [name, [value]]),
  );
  const encoded = (text: string) => Buffer.from(text).toString('base64');
  return ok({
    role,
    iam_http_request_method: 'POST',
    iam_request_url: encoded(url),
    iam_request_body: encoded(body),
    iam_request_headers: encoded(JSON.stringify(headers)),
  });
}

export interface IssuedToken {
  readonly token: Secret<string>;
  /** 0: it does not end. */
  readonly seconds: number;
  readonly renewable: boolean;
}

/** `{"auth":{"client_token":...,"lease_duration":...,"renewable":...}}` */
export function issuedToken(answer: unknown): IssuedToken | undefined {
  const auth: unknown = field(answer, 'auth');
  const [token, seconds] = [field(auth, 'client_token'), field(auth, 'lease_duration')];
  if (typeof token !== 'string' || token === '' || typeof seconds !== 'number') return undefined;
  return { token: secret(token), seconds, renewable: field(auth, 'renewable') === true };
}

export const field = (of: unknown, name: string): unknown =>
  typeof of === 'object' && of !== null && Object.hasOwn(of, name) ? Reflect.get(of, name) : undefined;
