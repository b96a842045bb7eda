// Where Vault is and how this connector logs in there, as `connector.yaml` spells it.

import { z } from 'zod';
import type { VaultAuth } from '../credentials/vault/vault-auth.ts';
import type { VaultSettings } from '../credentials/vault/vault-client.ts';
import { oneOf, Variable } from '../net/target-settings.ts';
import { isLoopback } from './host-port.ts';

const path = z.string().min(1);
const name = z.string().min(1).max(512);
/** The kubelet puts it there. */
const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** A secret that opens all others is read from a file or a variable alone. */
const Local = (what: string) =>
  z
    .strictObject(
      { env: Variable.optional(), file: path.optional() },
      {
        error: (issue) =>
          issue.code === 'invalid_type'
            ? `${what} does not stand in this file: name its place with { file: PATH } or { env: NAME }`
            : undefined,
      },
    )
    .superRefine(oneOf(['env', 'file']));

export const Vault = z.strictObject({
  address: z
    .string()
    .refine(isAddress, 'expected an address without a path, such as https://vault.example.com:8200')
    .refine(
      (text) => !isAddress(text) || new URL(text).protocol === 'https:' || isLoopback(new URL(text).hostname),
      'http is for a Vault on this machine only: use https',
    ),
  namespace: name.optional(),
  ca: path.optional(),
  timeoutSeconds: z.number().min(0.1).max(60).default(5),
  auth: z
    .strictObject({
      token: Local('a token').optional(),
      approle: z
        .strictObject({ mount: name.default('approle'), roleId: name, secretId: Local('a secret id') })
        .optional(),
      kubernetes: z
        .strictObject({ mount: name.default('kubernetes'), role: name, tokenFile: path.default(SERVICE_ACCOUNT_TOKEN) })
        .optional(),
      aws: z
        .strictObject({
          mount: name.default('aws'),
          role: name,
          region: name.optional(),
          serverId: name.optional(),
        })
        .optional(),
    })
    .superRefine(oneOf(['token', 'approle', 'kubernetes', 'aws'])),
});

function isAddress(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return (
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    `${url.username}${url.password}${url.search}${url.hash}` === '' &&
    url.pathname === '/'
  );
}

/** `there` makes a path of the file's absolute. */
export function vaultOf(
  { address, namespace, ca, timeoutSeconds, auth }: z.infer<typeof Vault>,
  there: (path: string) => string,
): VaultSettings {
  return {
    address: new URL(address).origin,
    namespace,
    ca: ca && there(ca),
    timeoutMs: timeoutSeconds * 1000,
    auth: authOf(auth, there),
  };
}

function authOf(
  { token, approle, kubernetes, aws }: z.infer<typeof Vault>['auth'],
  there: (path: string) => string,
): VaultAuth {
  const place = ({ env, file }: { env?: string | undefined; file?: string | undefined }) =>
    file === undefined ? ({ kind: 'env', name: env ?? '' } as const) : ({ kind: 'file', path: there(file) } as const);
  if (token) return { kind: 'token', token: place(token) };
  if (approle) return { kind: 'approle', ...approle, secretId: place(approle.secretId) };
  if (kubernetes) return { kind: 'kubernetes', ...kubernetes, tokenFile: there(kubernetes.tokenFile) };
  if (!aws) throw new Error('the schema takes one of them');
  return { kind: 'aws', ...aws, region: aws.region, serverId: aws.serverId };
}
