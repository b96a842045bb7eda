// What `--check` finds out beyond the settings' form: whether the files, folders and secrets that they name are there,
// and whether each target lets the connector in. Leaves nothing behind, and starts nothing.

import { existsSync, mkdtempSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { newId } from '../core/ids.ts';
import type { SettingPlace } from './config/load-config.ts';
import type { ProtocolName } from '../core/protocols.ts';
import type { ConnectorConfig, ResourceConfig, ResourceConfigOf } from './config/settings.ts';
import { ok } from '../core/result.ts';
import { readToken } from './control/join.ts';
import type { SessionScope } from './credentials/credential.ts';
import { type CredentialDeps, createCredentials } from './credentials/open-credential.ts';
import { namedMaskingKey } from './masking/masking-key.ts';
import type { Protocol, TargetTools } from './protocol.ts';
import { bucketFault } from './recording/store/s3-bucket-proof.ts';
import { PROTOCOL_MODULES } from './registry.ts';
import { readJoined } from './state/identity.ts';
import { storeSettings } from './store-settings.ts';
import { targetTools } from './targets.ts';

/** A target that takes longer is too slow for people who wait for it. */
const TARGET_TIMEOUT_MS = 5_000;
const TARGETS_AT_ONCE = 8;

interface TargetCheckDeps extends CredentialDeps {
  readonly resources: readonly ResourceConfig[];
  readonly place: SettingPlace;
}

interface CheckDeps extends TargetCheckDeps {
  readonly config: ConnectorConfig;
}

/** A line for each fault, in the order of the settings. */
export async function findFaults(deps: CheckDeps): Promise<readonly string[]> {
  const { config, place, environment } = deps;
  const faults: string[] = [];
  const joined = readJoined(config.state);
  if (joined === undefined) {
    const token = config.join.kind === 'iam' ? ok(undefined) : readToken(config.join, environment);
    if (!token.ok) faults.push(`${place(['join'])}: ${token.error}`);
  } else if (joined.edge !== config.edge) {
    faults.push(
      `${place(['state'], 'state')}: ${config.state} belongs to a connector of ${joined.edge}, not of ${config.edge}: give each its own`,
    );
  }
  const state = folderFault(config.state);
  if (state !== undefined) faults.push(`${place(['state'], 'state')}: ${state}`);
  if (config.store.kind === 'directory') {
    const store = folderFault(config.store.directory);
    if (store !== undefined) faults.push(`${place(['store', 'directory'], 'store-directory')}: ${store}`);
  }
  const store = storeSettings(config.store, environment);
  if (!store.ok) faults.push(`${place(['store', 'events'], 'events-url')}: ${store.error}`);
  const unfit = store.ok ? await bucketFault(store.value) : undefined;
  if (unfit) faults.push(`${place(['store', 's3'], 'store-bucket')}: ${unfit.message}`);
  const key = await namedMaskingKey(deps);
  if (!key.ok) faults.push(`${place(['masking', 'key'])}: ${key.error}`);
  if (config.resources.length === 0) {
    faults.push(`${place(['resources'])}: there are none, so nothing can be reached: add at least one`);
  }
  return [...faults, ...(await targetFaults(deps))];
}

/** Of the resources alone. */
export async function targetFaults(deps: TargetCheckDeps): Promise<readonly string[]> {
  const { resources, place } = deps;
  const toolsFor = targetTools(createCredentials(deps), TARGET_TIMEOUT_MS);
  const found: string[][] = resources.map(() => []);
  const waiting = resources.entries();
  const work = async (): Promise<void> => {
    for (const [index, resource] of waiting) {
      const at = (...keys: readonly string[]) => place(['resources', index, ...keys]);
      found[index] = (await faultsOf(resource.protocol, resource, toolsFor)).map(({ setting, message }) =>
        setting === undefined ? `${at()}: ${message}` : `${at(...setting.split('.'))}: ${message}`,
      );
    }
  };
  await Promise.all(Array.from({ length: TARGETS_AT_ONCE }, work));
  return found.flat();
}

/** `setting`: where it stands, when it is in the settings. */
async function faultsOf<P extends ProtocolName>(
  protocol: P,
  { name, settings }: ResourceConfigOf<P>,
  toolsFor: (session: SessionScope) => TargetTools,
): Promise<readonly { readonly setting?: string; readonly message: string }[]> {
  const module = PROTOCOL_MODULES[protocol];
  const over = new AbortController();
  const left: Promise<unknown>[] = [];
  const at = `${name} (${module.address(settings)})`;
  const told: string[] = [];
  const session: SessionScope = {
    ...{ id: newId('ses'), untilMs: Date.now() + TARGET_TIMEOUT_MS, owner: 'check', over: over.signal },
    onFault: (message) => told.push(message),
    givingBack: (work) => left.push(work),
  };
  try {
    const target = await module.openTarget(settings, toolsFor(session));
    if (!target.ok) return target.error;
    const fault = await triedTarget(module.create({}), target.value);
    if (fault !== undefined) told.unshift(fault);
  } finally {
    // Leaves nothing behind: what was made for it is given back before the process ends.
    over.abort();
    await Promise.all(left);
  }
  return told.map((message) => ({ message: `${at}: ${message}` }));
}

async function triedTarget<Upstream>(protocol: Protocol<Upstream>, target: Upstream): Promise<string | undefined> {
  try {
    const tried = await protocol.tryTarget(target);
    return tried.ok ? undefined : tried.error;
  } catch (error) {
    // A certificate file that is none, say: OpenSSL's words hold no line of it.
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    return `it cannot be tried (${code})${code.startsWith('ERR_OSSL') ? ': is tls.ca a certificate in PEM?' : ''}`;
  }
}

/** Whether a start could make the folder, or write into it; tried in the nearest one that is there, and taken away again. */
function folderFault(path: string): string | undefined {
  let tried = path;
  for (;;) {
    try {
      rmdirSync(mkdtempSync(join(tried, '.gatehouse-check-')));
      return undefined;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
      const above = dirname(tried);
      if (code === 'ENOENT' && above !== tried && !existsSync(tried)) {
        tried = above;
        continue;
      }
      return `${path} cannot be written to (${code} at ${tried}): choose another, or let this user write there`;
    }
  }
}
