// The connector's settings, from `connector.yaml`, flags and environment. Nothing else in the
// connector reads a flag, a variable or a configuration file.
//
// Each wrong setting is a line for the operator: where it stands, which key, and the way out. All are said at once.

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { SiteName } from '../../core/fleet/site.ts';
import { ProtocolName } from '../../core/protocols.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { ConnectorDocument } from './document.ts';
import { type Flags, readFlags, type SettingName } from './flags.ts';
import { parseHostPort } from './host-port.ts';
import { edgeOrigin, joinOf, listenerOf, storeOf } from './sections.ts';
import type { ConnectorConfig, ListenerConfig, ResourceConfig, ResourceConfigOf } from './settings.ts';
import { credentialSource } from '../net/target-settings.ts';
import type { VaultSettings } from '../credentials/vault/vault-client.ts';
import { PROTOCOL_MODULES } from '../registry.ts';
import { vaultOf } from './vault.ts';
import { type FaultyDocument, keyText, type ReadDocument, readDocument } from './read-document.ts';
import { LOG_LEVELS, type LogLevel } from '../logger.ts';

interface LoadedConfig {
  readonly config: ConnectorConfig;
  readonly resources: readonly ResourceConfig[];
  readonly vault: VaultSettings | undefined;
  readonly check: boolean;
  /** Where a setting stands, for what is found out about it later: `--state`, `c.yaml:3:1: state`. */
  readonly place: SettingPlace;
}

/** To be checked, from a file that has nothing else but where credentials are: whoever starts a connector with it gives the rest. */
interface ResourcesAlone {
  readonly config: undefined;
  readonly resources: readonly ResourceConfig[];
  readonly vault: VaultSettings | undefined;
  readonly check: true;
  readonly place: SettingPlace;
}

/** `flag`: the one that may give it in the file's stead. */
export type SettingPlace = (path: readonly PropertyKey[], flag?: SettingName) => string;

/** undefined: help was asked for. Refused: a line for each mistake. */
export function loadConfig(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  workingDirectory: string,
): Result<LoadedConfig | ResourcesAlone | undefined, readonly string[]> {
  const flags = readFlags(args, environment);
  if (!flags.ok) return err([flags.error]);
  if (flags.value.help) return ok(undefined);

  const file = flags.value.given.config;
  let faulty: FaultyDocument | undefined;
  let read: ReadDocument = { document: ConnectorDocument.parse({}), place: keyText };
  if (file !== undefined) {
    let text: string;
    try {
      text = readFileSync(resolve(workingDirectory, file), 'utf8');
    } catch (error) {
      return err([
        `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}): give its path with --config`,
      ]);
    }
    const document = readDocument(text, file);
    faulty = document.ok ? undefined : document.error;
    const rest = document.ok ? document.value : document.error.rest;
    if (!rest) return err(faulty?.lines ?? []);
    read = rest;
  }
  const fileDirectory = file === undefined ? workingDirectory : dirname(resolve(workingDirectory, file));
  const place: SettingPlace = (path, flag) =>
    flag !== undefined && flags.value.given[flag] !== undefined ? flags.value.nameOf(flag) : read.place(path);
  if (flags.value.check && hasResourcesAlone(read.document, flags.value, faulty)) {
    if (faulty) return err(faulty.lines);
    const there = (path: string) => resolve(fileDirectory, path);
    const resources = read.document.resources.map((resource) => settled(resource.protocol, resource, there));
    const vault = read.document.vault && vaultOf(read.document.vault, there);
    return ok({ config: undefined, resources, vault, check: true, place });
  }
  const config = combine(read.document, flags.value, place, workingDirectory, fileDirectory);
  if (faulty) return err([...faulty.lines, ...(config.ok ? [] : config.error.filter(isApartFrom(faulty.broken)))]);
  if (!config.ok) return config;
  const { resources, vault } = config.value;
  return ok({ config: config.value, resources, vault, check: flags.value.check, place });
}

/** What was left out of a faulty one, it has. */
function hasResourcesAlone(document: ConnectorDocument, { given }: Flags, faulty: FaultyDocument | undefined): boolean {
  const written = Object.entries(document).filter(([, value]) => value !== undefined);
  const keys = new Set([...written.map(([key]) => key), ...(faulty?.broken ?? [])]);
  const flagged = Object.keys(given).filter((flag) => flag !== 'config' && flag !== 'log-level');
  const isEmpty = document.resources.length === 0 && !faulty?.broken.has('resources');
  return !isEmpty && flagged.length === 0 && [...keys].every((key) => key === 'resources' || key === 'vault');
}

/** Not about a section of the file that is only lacking, or only incomplete, since what is wrong in it was left out. */
const isApartFrom = (broken: ReadonlySet<string>) => (line: string) =>
  !broken.has(line.replace(/^.*?:\d+:\d+: /, '').split(/[ .:[]/)[0] ?? '');

/** Paths from flags are relative to where the command runs, those from the file to the file. */
function combine(
  document: ConnectorDocument,
  flags: Flags,
  place: SettingPlace,
  workingDirectory: string,
  fileDirectory: string,
): Result<ConnectorConfig, readonly string[]> {
  const { given } = flags;
  const here = (path: string) => resolve(workingDirectory, path);
  const there = (path: string) => resolve(fileDirectory, path);
  const mistakes: string[] = [];
  const take = <T>(part: Result<T, string>): T | undefined => {
    if (!part.ok) mistakes.push(part.error);
    return part.ok ? part.value : undefined;
  };

  const name = take(nameOf(given.name ?? document.name, place));
  const edge = take(edgeOf(given.edge ?? document.edge, place));
  const state = given.state !== undefined ? here(given.state) : document.state && there(document.state);
  if (state === undefined) mistakes.push(needed('state', 'state', 'a directory that is kept between starts'));
  const site = take(siteOf(given.site ?? document.site, place));
  const drainSeconds = take(drainSecondsOf(given['drain-seconds'], document.limits?.drainSeconds, flags));
  const store = take(storeOf(document, flags, here, there));
  const listeners = new Map<ProtocolName, ListenerConfig>();
  for (const protocol of ProtocolName.options) {
    const listener = take(listenerOf(protocol, document, flags));
    if (listener) listeners.set(protocol, listener);
  }

  const health = given.health === undefined ? undefined : parseHostPort(given.health);
  if (given.health !== undefined && health === undefined)
    mistakes.push(`${flags.nameOf('health')}: expected HOST:PORT`);
  const logLevel = given['log-level'] ?? document.logLevel ?? 'info';
  if (!isLogLevel(logLevel)) mistakes.push(`${flags.nameOf('log-level')}: expected ${LOG_LEVELS.join(', ')}`);
  if (
    name === undefined ||
    edge === undefined ||
    state === undefined ||
    store === undefined ||
    drainSeconds === undefined ||
    !isLogLevel(logLevel) ||
    mistakes.length > 0
  )
    return err(mistakes);

  const limits = document.limits ?? {};
  return ok({
    name,
    edge,
    site,
    join: joinOf(document, flags, here, there),
    state,
    store,
    listeners,
    health: health ?? (document.health && { host: document.health.host ?? '127.0.0.1', port: document.health.port }),
    logLevel,
    limits: {
      idleMs: times(limits.idleMinutes, 60_000),
      loginMs: times(limits.loginSeconds, 1000),
      maxUnauthenticated: limits.maxUnauthenticated,
      maxUnauthenticatedPerAddress: limits.maxUnauthenticatedPerAddress,
      diskFreeBytes: times(limits.diskFreeMegabytes, 1024 * 1024),
      drainMs: drainSeconds * 1000,
      uploadMs: (limits.uploadSeconds ?? 20) * 1000,
    },
    vault: document.vault && vaultOf(document.vault, there),
    ecsTaskProtection: document.ecsTaskProtection ?? false,
    probePeriodMs: document.probes && document.probes.periodSeconds * 1000,
    maskingKey: document.masking?.key && credentialSource(document.masking.key, there),
    resources: document.resources.map((resource) => settled(resource.protocol, resource, there)),
  });
}

function settled<P extends ProtocolName>(
  protocol: P,
  { name, labels, description, ...own }: ConnectorDocument['resources'][number],
  there: (path: string) => string,
): ResourceConfig {
  const settings = PROTOCOL_MODULES[protocol].settle(own, there);
  const resource: ResourceConfigOf<P> = { name, protocol, labels, description, settings };
  return resource as ResourceConfig;
}

function nameOf(text: string | undefined, place: SettingPlace): Result<string, string> {
  if (text === undefined) return err(needed('name', 'name', 'what this connector is called at the edge'));
  if (/^[a-z0-9][a-z0-9-]{0,62}$/.test(text)) return ok(text);
  return err(`${place(['name'], 'name')}: expected lower-case letters, digits and dashes, at most 63`);
}

function siteOf(text: string | undefined, place: SettingPlace): Result<SiteName | undefined, string> {
  if (text === undefined) return ok(undefined);
  const site = SiteName.safeParse(text);
  return site.success
    ? ok(site.data)
    : err(`${place(['site'], 'site')}: expected lower-case letters, digits and dashes, at most 63`);
}

/** Sessions may go on for so long after the connector was told to stop. */
const DRAIN_SECONDS = 300;
const MAX_DRAIN_SECONDS = 3600;

function drainSecondsOf(given: string | undefined, written: number | undefined, flags: Flags): Result<number, string> {
  if (given === undefined) return ok(written ?? DRAIN_SECONDS);
  const seconds = /^\d{1,4}$/.test(given) ? Number(given) : undefined;
  return seconds !== undefined && seconds <= MAX_DRAIN_SECONDS
    ? ok(seconds)
    : err(`${flags.nameOf('drain-seconds')}: expected seconds, at most ${MAX_DRAIN_SECONDS}`);
}

function edgeOf(text: string | undefined, place: SettingPlace): Result<string, string> {
  if (text === undefined) return err(needed('edge', 'edge', 'the address of the edge'));
  const origin = edgeOrigin(text);
  return origin.ok ? origin : err(`${place(['edge'], 'edge')}: ${origin.error}`);
}

const times = (value: number | undefined, unit: number): number | undefined =>
  value === undefined ? undefined : value * unit;

const needed = (flag: SettingName, key: string, what: string): string =>
  `${key} is missing (${what}): set "${key}" in connector.yaml, or --${flag}`;

const isLogLevel = (text: string): text is LogLevel => (LOG_LEVELS as readonly string[]).includes(text);
