// What this connector may reach, from its own file alone (law 9): a name that is not there cannot be
// dialled, whatever the edge says. A target's credential is fetched for each session (law 8).

import { readFile } from 'node:fs/promises';
import type { Refusal } from '../core/refusal.ts';
import type { ResourceName } from '../core/resource.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { ResourceConfig } from './config/settings.ts';
import type { Credential, CredentialSource } from './credentials/credential.ts';
import type { UpstreamTarget } from './net/dial.ts';

const CONNECT_TIMEOUT_MS = 10_000;

/** What the person is told. What is wrong in detail is for the operator: it names files and variables. */
const NO_CREDENTIAL: Refusal = {
  reason: 'upstream_login_failed',
  message: 'The gateway could not get its credential for this target. Tell an administrator.',
};
const NO_AUTHORITY: Refusal = {
  reason: 'upstream_untrusted',
  message: "The gateway could not read the authority that checks this target's certificate. Tell an administrator.",
};

export function createTargets(
  resources: readonly ResourceConfig[],
  openCredential: (source: CredentialSource) => Credential,
  /** Told of what keeps a target from being used; holds no secret. */
  onFault: (resource: ResourceName, message: string) => void,
): (resource: ResourceName) => Promise<Result<UpstreamTarget, Refusal>> {
  const targets = new Map(
    resources.map((it) => [it.name, { config: it, credential: it.password && openCredential(it.password) }]),
  );

  return async (name) => {
    const target = targets.get(name);
    if (target === undefined) {
      return err({ reason: 'resource_unknown', message: 'This connector does not serve that resource.' });
    }
    const opened = await openTarget(target.config, target.credential, CONNECT_TIMEOUT_MS);
    if (opened.ok) return opened;
    for (const { message } of opened.error) onFault(name, message);
    return err(opened.error.some(({ setting }) => setting === 'password') ? NO_CREDENTIAL : NO_AUTHORITY);
  };
}

/** What a resource's settings name and cannot be had. For the operator. */
export interface TargetFault {
  readonly setting: 'password' | 'tls.ca';
  readonly message: string;
}

/** Reads what the settings name: the credential, the authority. Dials nothing. */
export async function openTarget(
  config: ResourceConfig,
  credential: Credential | undefined,
  connectTimeoutMs: number,
): Promise<Result<UpstreamTarget, readonly TargetFault[]>> {
  const [password, tls] = await Promise.all([credential?.fetch(), tlsOf(config)]);
  const faults: TargetFault[] = [];
  if (password?.ok === false) faults.push({ setting: 'password', message: password.error.message });
  if (!tls.ok) faults.push({ setting: 'tls.ca', message: tls.error });
  if (password?.ok === false || !tls.ok) return err(faults);
  return ok({
    host: config.host,
    port: config.port,
    user: config.user,
    password: password?.value,
    database: config.database,
    tls: tls.value,
    connectTimeoutMs,
  });
}

/** The authority's file is read for every session, like a credential's: it is rotated the same way. */
async function tlsOf(config: ResourceConfig): Promise<Result<UpstreamTarget['tls'], string>> {
  if (config.tls.mode !== 'verify-full' || config.tls.ca === undefined)
    return ok({ ...config.tls } as UpstreamTarget['tls']);
  try {
    return ok({ ...config.tls, ca: await readFile(config.tls.ca, 'utf8') });
  } catch (error) {
    return err(`${config.tls.ca} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  }
}
