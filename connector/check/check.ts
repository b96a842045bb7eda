// What `--check` finds out beyond the settings' form: whether the files, folders and secrets that they name are there,
// and whether each target lets the connector in. Leaves nothing behind, and starts nothing.

import { existsSync, mkdtempSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SettingPlace } from '../config/load-config.ts';
import type { ProtocolName } from '../../core/protocols.ts';
import type { ConnectorConfig, ResourceConfig, ResourceConfigOf } from '../config/settings.ts';
import { ok } from '../../core/result.ts';
import { readToken } from '../control/join.ts';
import type { SessionScope } from '../credentials/credential.ts';
import { type CredentialDeps, createCredentials } from '../credentials/open-credential.ts';
import { namedMaskingKey } from '../masking/masking-key.ts';
import type { TargetTools } from '../protocol.ts';
import { bucketFault } from '../recording/store/s3-bucket-proof.ts';
import { PROTOCOL_MODULES } from '../registry.ts';
import { readJoined } from '../state/identity.ts';
import { storeSettings } from '../store-settings.ts';
import { targetTools } from '../targets.ts';
import { type Trial, tryTarget } from '../trial.ts';
import { tryBucket } from './bucket-trial.ts';

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

/** A line of the table: what was looked at, and all that is wrong with it, each with its place in the settings. */
interface Finding {
  readonly what: string;
  /** In a few words: where it is, what it may. Empty where the faults say it all. */
  readonly about: string;
  readonly faults: readonly string[];
}

/** In the order of the settings. */
export async function checkConnector(deps: CheckDeps): Promise<readonly Finding[]> {
  const { config, place } = deps;
  const findings: Finding[] = [];
  const joined = readJoined(config.state);
  findings.push({
    what: 'join',
    about: joined
      ? `joined ${joined.edge}`
      : config.join.kind === 'iam'
        ? 'by an AWS identity'
        : 'a token for the first start',
    faults: joinFaults(deps, joined),
  });
  const state = folderFault(config.state);
  findings.push({
    ...{ what: 'state', about: config.state },
    faults: state === undefined ? [] : [`${place(['state'], 'state')}: ${state}`],
  });
  findings.push(await checkStore(deps, joined?.connector));
  const key = await namedMaskingKey(deps);
  if (!key.ok) findings.push({ what: 'masking', about: '', faults: [`${place(['masking', 'key'])}: ${key.error}`] });
  if (config.resources.length === 0) {
    const fault = `${place(['resources'])}: there are none, so nothing can be reached: add at least one`;
    findings.push({ what: 'resources', about: '', faults: [fault] });
  }
  return [...findings, ...(await checkTargets(deps))];
}

function joinFaults({ config, place, environment }: CheckDeps, joined: ReturnType<typeof readJoined>): string[] {
  if (joined === undefined) {
    const token = config.join.kind === 'iam' ? ok(undefined) : readToken(config.join, environment);
    return token.ok ? [] : [`${place(['join'])}: ${token.error}`];
  }
  if (joined.edge === config.edge) return [];
  return [
    `${place(['state'], 'state')}: ${config.state} belongs to a connector of ${joined.edge}, not of ${config.edge}: give each its own`,
  ];
}

async function checkStore({ config, place, environment }: CheckDeps, connector: string | undefined): Promise<Finding> {
  const faults: string[] = [];
  const folder = config.store.kind === 'directory' ? folderFault(config.store.directory) : undefined;
  if (folder !== undefined) faults.push(`${place(['store', 'directory'], 'store-directory')}: ${folder}`);
  const store = storeSettings(config.store, environment);
  if (!store.ok) faults.push(`${place(['store', 'events'], 'events-url')}: ${store.error}`);
  const where = config.store.kind === 'directory' ? config.store.directory : config.store.bucket;
  if (!store.ok) return { what: 'store', about: where, faults };
  const inBucket = (message: string) => `${place(['store', 's3'], 'store-bucket')}: ${message}`;
  const unfit = await bucketFault(store.value);
  if (unfit) faults.push(inBucket(unfit.message));
  // Of one that is not there, or does not know the keys, the rest would say the same again.
  const trial = unfit ? undefined : await tryBucket(store.value, connector);
  faults.push(...(trial?.faults.map(inBucket) ?? []));
  return { what: 'store', about: trial?.found ? `${where}: ${trial.found}` : where, faults };
}

/** Of the resources alone. */
export async function checkTargets(deps: TargetCheckDeps): Promise<readonly Finding[]> {
  const { resources, place } = deps;
  const toolsFor = targetTools(createCredentials(deps), TARGET_TIMEOUT_MS);
  const found: Finding[] = [];
  const waiting = resources.entries();
  const work = async (): Promise<void> => {
    for (const [index, resource] of waiting) {
      const at = (...keys: readonly string[]) => place(['resources', index, ...keys]);
      const faults = (await faultsOf(resource.protocol, resource, toolsFor)).map(({ setting, message }) =>
        setting === undefined ? `${at()}: ${message}` : `${at(...setting.split('.'))}: ${message}`,
      );
      found[index] = { what: resource.name, about: addressOf(resource.protocol, resource), faults };
    }
  };
  await Promise.all(Array.from({ length: TARGETS_AT_ONCE }, work));
  return found;
}

/** One line for each, for a person; the faults' own lines say what to do. */
export function findingsTable(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ what }) => what.length), 0);
  return findings
    .map(({ what, about, faults }) =>
      `${faults.length === 0 ? 'ok    ' : 'WRONG '} ${what.padEnd(width)}  ${about}`.trimEnd(),
    )
    .join('\n');
}

const addressOf = <P extends ProtocolName>(protocol: P, { settings }: ResourceConfigOf<P>): string =>
  PROTOCOL_MODULES[protocol].address(settings);

/** `setting`: where it stands, when it is in the settings. */
async function faultsOf<P extends ProtocolName>(
  protocol: P,
  resource: ResourceConfigOf<P>,
  toolsFor: (session: SessionScope) => TargetTools,
): Promise<Trial['faults']> {
  const module = PROTOCOL_MODULES[protocol];
  const { faults } = await tryTarget(module.create({}), resource, {
    ...{ toolsFor, withinMs: TARGET_TIMEOUT_MS, rights: true },
  });
  const at = `${resource.name} (${module.address(resource.settings)})`;
  return faults.map((fault) => ('setting' in fault ? fault : { message: `${at}: ${fault.message}` }));
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
