// Settings that any target reached over a network has, as `connector.yaml` spells them: where it is, the TLS around the
// connection, the place of a credential. A protocol's module puts its own together from these.

import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { z } from 'zod';
import { err, ok, type Result } from '../../core/result.ts';
import { LACKS } from '../../core/text/every-issue.ts';
import type { CredentialSource } from '../credentials/credential.ts';
import type { TargetTls } from './dial.ts';

export type { CredentialSource };

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

/** A secret never stands in the file (law 11). `what` is for whoever wrote it there. */
export const placeOf = (what: string) =>
  z
    .strictObject(
      {
        env: Variable.optional(),
        file: path.optional(),
        secretsManager: z.string().min(1).max(2048).optional(),
        key: z.string().min(1).optional(),
      },
      {
        error: (issue) =>
          issue.code === 'invalid_type'
            ? `${what} does not stand in this file: name its place with { env: NAME }, { file: PATH } or { secretsManager: NAME }`
            : undefined,
      },
    )
    .superRefine(oneOf(['env', 'file', 'secretsManager']))
    .refine((it) => it.key === undefined || it.secretsManager !== undefined, {
      ...{ message: 'key goes with secretsManager only', params: LACKS },
    });
type WrittenPlace = z.infer<ReturnType<typeof placeOf>>;

/** `there` makes a path of the file's absolute. */
export function credentialSource(
  { env, file, secretsManager, key }: WrittenPlace,
  there: (path: string) => string,
): CredentialSource | undefined {
  if (env !== undefined) return { kind: 'env', name: env };
  if (file !== undefined) return { kind: 'file', path: there(file) };
  return secretsManager === undefined ? undefined : { kind: 'secretsManager', id: secretsManager, key };
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
