// The connector's settings, from `connector.yaml`, flags and environment. Nothing else in the
// connector reads a flag, a variable or a configuration file.
//
// A wrong setting is one line for the operator: where it stands, which key, and the way out.

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { ProtocolName } from '../core/protocols.ts';
import type { Labels, ResourceName } from '../core/resource.ts';
import { err, ok, type Result } from '../core/result.ts';
import { ConnectorDocument } from './config/document.ts';
import { type Flags, readFlags, type SettingName } from './config/flags.ts';
import { type HostPort, isLoopback, parseHostPort } from './config/host-port.ts';
import { readDocument } from './config/read-document.ts';
import type { CredentialSource } from './credentials/credential.ts';
import { LOG_LEVELS, type LogLevel } from './logger.ts';

export interface ListenerConfig {
  /** Port 0: any free one. */
  readonly listen: HostPort;
  /** Where clients reach it; undefined: where it listens. */
  readonly advertise: { readonly host: string; readonly port: number | undefined } | undefined;
  readonly plainText: 'never' | 'loopback' | 'always';
  readonly clientAuth: 'scram' | 'password';
}

export interface ResourceConfig {
  readonly name: ResourceName;
  readonly protocol: ProtocolName;
  readonly labels: Labels;
  readonly description: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly database: string | undefined;
  readonly user: string;
  /** undefined: the target asks for none (trust). */
  readonly password: CredentialSource | undefined;
  /** `ca` is an absolute path. */
  readonly tls:
    | { readonly mode: 'verify-full'; readonly ca: string | undefined; readonly serverName: string | undefined }
    | { readonly mode: 'require-unverified' }
    | { readonly mode: 'off' };
}

export type StoreConfig =
  | {
      readonly kind: 'directory';
      readonly directory: string;
      /** The functions' address, told of each new object by POST /events; the bearer token is in the variable `tokenEnv`. */
      readonly events: { readonly url: string; readonly tokenEnv: string } | undefined;
    }
  | {
      readonly kind: 's3';
      readonly bucket: string;
      readonly region: string;
      readonly endpoint: string | undefined;
      readonly lock: 'COMPLIANCE' | 'GOVERNANCE' | 'none' | undefined;
      readonly confirmation: 'sha256' | 'etag-md5' | undefined;
    };

/** undefined: the default of whoever enforces it. */
export interface LimitsConfig {
  readonly idleMs: number | undefined;
  readonly loginMs: number | undefined;
  readonly maxUnauthenticated: number | undefined;
  readonly maxUnauthenticatedPerAddress: number | undefined;
  readonly diskFreeBytes: number | undefined;
  /** How long sessions may go on after the connector was told to stop. */
  readonly drainMs: number;
  /** How long the last objects may take to be stored after that. */
  readonly uploadMs: number;
}

export interface ConnectorConfig {
  readonly name: string;
  /** An origin: `https://gatehouse.example.com`. */
  readonly edge: string;
  readonly join: { readonly kind: 'env'; readonly name: string } | { readonly kind: 'file'; readonly path: string };
  /** Absolute, as all paths here. */
  readonly state: string;
  readonly store: StoreConfig;
  readonly listeners: { readonly postgres: ListenerConfig };
  readonly health: HostPort | undefined;
  readonly logLevel: LogLevel;
  readonly limits: LimitsConfig;
  readonly resources: readonly ResourceConfig[];
}

export interface LoadedConfig {
  readonly config: ConnectorConfig;
  readonly check: boolean;
}

/** undefined: help was asked for. */
export function loadConfig(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  workingDirectory: string,
): Result<LoadedConfig | undefined, string> {
  const flags = readFlags(args, environment);
  if (!flags.ok) return flags;
  if (flags.value.help) return ok(undefined);

  const file = flags.value.given.config;
  let document = ConnectorDocument.parse({});
  if (file !== undefined) {
    let text: string;
    try {
      text = readFileSync(resolve(workingDirectory, file), 'utf8');
    } catch (error) {
      return err(
        `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}): give its path with --config`,
      );
    }
    const read = readDocument(text, file);
    if (!read.ok) return read;
    document = read.value;
  }
  const fileDirectory = file === undefined ? workingDirectory : dirname(resolve(workingDirectory, file));
  const config = combine(document, flags.value, workingDirectory, fileDirectory);
  return config.ok ? ok({ config: config.value, check: flags.value.check }) : config;
}

/** Paths from flags are relative to where the command runs, those from the file to the file. */
function combine(
  document: ConnectorDocument,
  flags: Flags,
  workingDirectory: string,
  fileDirectory: string,
): Result<ConnectorConfig, string> {
  const { given } = flags;
  const here = (path: string) => resolve(workingDirectory, path);
  const there = (path: string) => resolve(fileDirectory, path);

  const name = given.name ?? document.name;
  if (name === undefined) return err(needed('name', 'name', 'what this connector is called at the edge'));
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) {
    return err(`${flags.nameOf('name')}: expected lower-case letters, digits and dashes, at most 63`);
  }

  const edgeText = given.edge ?? document.edge;
  if (edgeText === undefined) return err(needed('edge', 'edge', 'the address of the edge'));
  const edge = edgeOrigin(edgeText);
  if (!edge.ok) return err(`${given.edge === undefined ? 'edge' : flags.nameOf('edge')}: ${edge.error}`);

  const state = given.state !== undefined ? here(given.state) : document.state && there(document.state);
  if (state === undefined) return err(needed('state', 'state', 'a directory that is kept between starts'));

  const store = storeOf(document, flags, here, there);
  if (!store.ok) return store;
  const postgres = postgresOf(document, flags);
  if (!postgres.ok) return postgres;

  const health = given.health === undefined ? undefined : parseHostPort(given.health);
  if (given.health !== undefined && health === undefined) return err(`${flags.nameOf('health')}: expected HOST:PORT`);
  const logLevel = given['log-level'] ?? document.logLevel ?? 'info';
  if (!isLogLevel(logLevel)) return err(`${flags.nameOf('log-level')}: expected ${LOG_LEVELS.join(', ')}`);

  const limits = document.limits ?? {};
  return ok({
    name,
    edge: edge.value,
    join: joinOf(document, flags, here, there),
    state,
    store: store.value,
    listeners: { postgres: postgres.value },
    health: health ?? (document.health && { host: document.health.host ?? '127.0.0.1', port: document.health.port }),
    logLevel,
    limits: {
      idleMs: times(limits.idleMinutes, 60_000),
      loginMs: times(limits.loginSeconds, 1000),
      maxUnauthenticated: limits.maxUnauthenticated,
      maxUnauthenticatedPerAddress: limits.maxUnauthenticatedPerAddress,
      diskFreeBytes: times(limits.diskFreeMegabytes, 1024 * 1024),
      drainMs: (limits.drainSeconds ?? 0) * 1000,
      uploadMs: (limits.uploadSeconds ?? 20) * 1000,
    },
    resources: document.resources.map((resource) => ({
      name: resource.name,
      protocol: resource.protocol,
      labels: resource.labels,
      description: resource.description,
      host: resource.host,
      port: resource.port,
      database: resource.database,
      user: resource.user,
      password: resource.password && credentialSource(resource.password, there),
      tls:
        resource.tls.mode === 'verify-full'
          ? {
              mode: resource.tls.mode,
              ca: resource.tls.ca && there(resource.tls.ca),
              serverName: resource.tls.serverName,
            }
          : { mode: resource.tls.mode },
    })),
  });
}

const times = (value: number | undefined, unit: number): number | undefined =>
  value === undefined ? undefined : value * unit;

const needed = (flag: SettingName, key: string, what: string): string =>
  `${key} is missing (${what}): set "${key}" in connector.yaml, or --${flag}`;

function edgeOrigin(text: string): Result<string, string> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    return err('expected an address such as https://gatehouse.example.com');
  }
  if (url.username !== '' || url.password !== '') return err('an address must not hold a user or a password');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') return err('expected no path behind the host');
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    return err('http is for an edge on this machine only: use https');
  }
  return ok(url.origin);
}

function joinOf(
  document: ConnectorDocument,
  flags: Flags,
  here: (path: string) => string,
  there: (path: string) => string,
): ConnectorConfig['join'] {
  const { given } = flags;
  if (given['join-token-file'] !== undefined) return { kind: 'file', path: here(given['join-token-file']) };
  if (given['join-token-env'] !== undefined) return { kind: 'env', name: given['join-token-env'] };
  if (document.join?.tokenFile !== undefined) return { kind: 'file', path: there(document.join.tokenFile) };
  return { kind: 'env', name: document.join?.tokenEnv ?? 'GATEHOUSE_JOIN_TOKEN' };
}

function storeOf(
  document: ConnectorDocument,
  flags: Flags,
  here: (path: string) => string,
  there: (path: string) => string,
): Result<StoreConfig, string> {
  const { given } = flags;
  const eventsTo = (url: string | undefined) =>
    url === undefined
      ? document.store?.events
      : { url, tokenEnv: document.store?.events?.tokenEnv ?? 'GATEHOUSE_EVENTS_TOKEN' };
  const eventsUrl = given['events-url'];
  if (eventsUrl !== undefined && !/^https?:\/\/[^@]+$/.test(eventsUrl)) {
    return err(`${flags.nameOf('events-url')}: expected an address such as http://127.0.0.1:8787`);
  }
  if (given['store-directory'] !== undefined && given['store-bucket'] !== undefined) {
    return err(
      `${flags.nameOf('store-directory')} and ${flags.nameOf('store-bucket')}: recordings go to one of them, not both`,
    );
  }
  if (given['store-directory'] !== undefined) {
    return ok({ kind: 'directory', directory: here(given['store-directory']), events: eventsTo(eventsUrl) });
  }
  if (given['store-bucket'] !== undefined) {
    const region = given['store-region'];
    if (region === undefined) return err('--store-region is missing: the region of the bucket');
    const rest = document.store?.s3;
    return ok({
      kind: 's3',
      bucket: given['store-bucket'],
      region,
      endpoint: rest?.endpoint,
      lock: rest?.lock,
      confirmation: rest?.confirmation,
    });
  }
  if (document.store?.directory !== undefined) {
    return ok({ kind: 'directory', directory: there(document.store.directory), events: eventsTo(eventsUrl) });
  }
  if (document.store?.s3 !== undefined) {
    const { bucket, region, endpoint, lock, confirmation } = document.store.s3;
    return ok({ kind: 's3', bucket, region: given['store-region'] ?? region, endpoint, lock, confirmation });
  }
  return err(
    'store is missing (where recordings go): set "store" in connector.yaml, or --store-directory, or --store-bucket',
  );
}

function postgresOf(document: ConnectorDocument, flags: Flags): Result<ListenerConfig, string> {
  const { given } = flags;
  const from = document.listeners?.postgres;
  let listen: HostPort = { host: from?.host ?? '0.0.0.0', port: from?.port ?? 5432 };
  if (given['listen-postgres'] !== undefined) {
    const parsed = parseHostPort(given['listen-postgres']);
    if (parsed === undefined)
      return err(`${flags.nameOf('listen-postgres')}: expected HOST:PORT, such as 127.0.0.1:5432`);
    listen = parsed;
  }
  let advertise: ListenerConfig['advertise'] = from?.advertise && {
    host: from.advertise.host,
    port: from.advertise.port,
  };
  if (given['advertise-postgres'] !== undefined) {
    const parsed = parseHostPort(given['advertise-postgres']);
    if (parsed === undefined || parsed.port === 0)
      return err(`${flags.nameOf('advertise-postgres')}: expected HOST:PORT`);
    advertise = parsed;
  }
  if (advertise === undefined && (listen.host === '0.0.0.0' || listen.host === '::')) {
    return err(
      `listeners.postgres.advertise is missing: the listener is on ${listen.host}, and people must be told a name to reach it: set "advertise: { host: NAME }", or --advertise-postgres`,
    );
  }
  return ok({ listen, advertise, plainText: from?.plainText ?? 'loopback', clientAuth: from?.clientAuth ?? 'scram' });
}

const isLogLevel = (text: string): text is LogLevel => (LOG_LEVELS as readonly string[]).includes(text);

function credentialSource(
  password: {
    readonly env?: string | undefined;
    readonly file?: string | undefined;
    readonly secretsManager?: string | undefined;
    readonly key?: string | undefined;
  },
  there: (path: string) => string,
): CredentialSource | undefined {
  if (password.env !== undefined) return { kind: 'env', name: password.env };
  if (password.file !== undefined) return { kind: 'file', path: there(password.file) };
  if (password.secretsManager !== undefined)
    return { kind: 'secretsManager', id: password.secretsManager, key: password.key };
  return undefined;
}
