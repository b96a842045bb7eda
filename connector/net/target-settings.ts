// Settings that any target reached over a network has, as `connector.yaml` spells them: where it is, the TLS around the
// connection, the place of a credential. A protocol's module puts its own together from these.

import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { z } from 'zod';
import { err, ok, type Result } from '../../core/result.ts';
import { LACKS } from '../../core/text/every-issue.ts';
import type { CredentialSource, LoginSource } from '../credentials/credential.ts';
import type { TargetTls } from './dial.ts';

export type { CredentialSource, LoginSource };

export const Port = z.number().int().min(1).max(65535);
export const Host = z
  .string()
  .min(1)
  .max(253)
  .refine(
    (text) => isIP(text) === 6 || !/[\s/@:]/.test(text),
    'expected a name or an address alone: no scheme, user, port or path',
  );
const path = z.string().min(1);
export const Variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable');

/** Exactly one of these keys. */
export const oneOf =
  (keys: readonly string[]) =>
  (
    value: object,
    context: { addIssue(issue: { code: 'custom'; message: string; params?: typeof LACKS }): void },
  ): void => {
    const given = keys.filter((key) => Reflect.get(value, key) !== undefined).length;
    if (given === 1) return;
    const message = `expected exactly one of ${keys.join(', ')}`;
    context.addIssue({ code: 'custom', message, ...(given === 0 && { params: LACKS }) });
  };

const parts = {
  env: Variable.optional(),
  file: path.optional(),
  secretsManager: z.string().min(1).max(2048).optional(),
  ssm: z.string().min(1).max(2048).optional(),
  key: z.string().min(1).optional(),
};
const vaultName = z
  .string()
  .min(1)
  .max(512)
  .regex(
    /^(?!.*(?:^|\/)\.{0,2}(?:\/|$))/,
    'expected a path such as team/shop: no slash at its ends, none doubled, no dots',
  );
/** Where Vault's engines are unless somebody chose otherwise. */
const KV_MOUNT = 'secret';
const DATABASE_MOUNT = 'database';
const KvVersion = z.union([z.literal(1), z.literal(2)], { error: 'expected 1 or 2' });
const KvPlace = z.strictObject({
  mount: vaultName.default(KV_MOUNT),
  version: KvVersion.default(2),
  path: vaultName,
});
/** The engine that keeps passwords (`path`), or the one that makes users (`role`, `staticRole`). */
const VaultPlace = z
  .strictObject({
    mount: vaultName.optional(),
    version: KvVersion.optional(),
    path: vaultName.optional(),
    role: vaultName.optional(),
    staticRole: vaultName.optional(),
  })
  .superRefine(oneOf(['path', 'role', 'staticRole']))
  .refine((it) => it.version === undefined || it.path !== undefined, 'version goes with path only');

const KEYED = ['secretsManager', 'ssm', 'vault'] as const;
/** What `key` goes with. */
const keyed = (it: { readonly key?: unknown; readonly vault?: unknown }): boolean =>
  it.key === undefined || KEYED.some((name) => Reflect.get(it, name) !== undefined);
const KEY_ALONE = { message: `key goes with ${KEYED.join(', ')} only`, params: LACKS };
const ofKv = (it: { readonly key?: unknown; readonly vault?: { readonly path?: unknown } | undefined }): boolean =>
  it.vault === undefined || (it.vault.path !== undefined) === (it.key !== undefined);
const KV_KEY = { message: 'key names what of a Vault secret it is; a role has none', params: LACKS };

const notHere = (what: string) => ({
  error: (issue: { readonly code?: string }) =>
    issue.code === 'invalid_type'
      ? `${what} does not stand in this file: name its place with { env: NAME }, { file: PATH } or { secretsManager: NAME }`
      : undefined,
});

/** A secret never stands in the file (law 11). `what` is for whoever wrote it there. */
export const placeOf = (what: string) =>
  z
    .strictObject({ ...parts, vault: KvPlace.optional() }, notHere(what))
    .superRefine(oneOf(['env', 'file', 'secretsManager', 'ssm', 'vault']))
    .refine(keyed, KEY_ALONE)
    .refine(ofKv, KV_KEY);

/** The same for a database, whose user may be made by Vault, and whose password by AWS. */
export const loginPlaceOf = (what: string) =>
  z
    .strictObject(
      {
        ...parts,
        vault: VaultPlace.optional(),
        rdsIam: z.union([z.literal(true), z.strictObject({ region: z.string().min(1).optional() })]).optional(),
      },
      notHere(what),
    )
    .superRefine(oneOf(['env', 'file', 'secretsManager', 'ssm', 'vault', 'rdsIam']))
    .refine(keyed, KEY_ALONE)
    .refine(ofKv, KV_KEY);
type WrittenLogin = z.infer<ReturnType<typeof loginPlaceOf>>;

/** `there` makes a path of the file's absolute. */
export function credentialSource(
  { env, file, secretsManager, ssm, vault, key }: z.infer<ReturnType<typeof placeOf>>,
  there: (path: string) => string,
): CredentialSource | undefined {
  if (env !== undefined) return { kind: 'env', name: env };
  if (file !== undefined) return { kind: 'file', path: there(file) };
  if (ssm !== undefined) return { kind: 'ssm', id: ssm, key };
  if (vault !== undefined && key !== undefined) return { kind: 'vaultKv', ...vault, key };
  return secretsManager === undefined ? undefined : { kind: 'secretsManager', id: secretsManager, key };
}

export function loginSource(written: WrittenLogin, there: (path: string) => string): LoginSource | undefined {
  const { vault, rdsIam, ...others } = written;
  if (rdsIam !== undefined) return { kind: 'rdsIam', region: rdsIam === true ? undefined : rdsIam.region };
  if (vault === undefined) return credentialSource(others, there);
  const { mount, path: at, version = 2, role, staticRole } = vault;
  if (at !== undefined)
    return credentialSource({ ...others, vault: { mount: mount ?? KV_MOUNT, version, path: at } }, there);
  return {
    kind: 'vaultDatabase',
    mount: mount ?? DATABASE_MOUNT,
    role: role ?? staticRole ?? '',
    static: staticRole !== undefined,
  };
}

export const WrittenTls = z
  .strictObject({
    mode: z.enum(['verify-full', 'require-unverified', 'off']).default('verify-full'),
    ca: path.optional(),
    serverName: Host.optional(),
  })
  .refine(
    (it) => it.mode === 'verify-full' || (it.ca === undefined && it.serverName === undefined),
    'ca and serverName go with mode verify-full only',
  )
  .default({ mode: 'verify-full' });

/** `ca`: an absolute path. */
export type TlsSettings = TargetTls;

export const tlsSettings = (
  { mode, ca, serverName }: z.infer<typeof WrittenTls>,
  there: (path: string) => string,
): TlsSettings => (mode === 'verify-full' ? { mode, ca: ca && there(ca), serverName } : { mode });

/** With the authority itself in place of its file, which is read for every session: it is rotated like a credential. The error is for the operator. */
export async function openTls(settings: TlsSettings): Promise<Result<TargetTls, string>> {
  if (settings.mode !== 'verify-full' || settings.ca === undefined) return ok({ ...settings });
  try {
    return ok({ ...settings, ca: await readFile(settings.ca, 'utf8') });
  } catch (error) {
    return err(`${settings.ca} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  }
}
