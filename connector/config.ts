// The connector's settings, from `connector.yaml`, flags and environment. Nothing else in the
// connector reads a flag, a variable or a configuration file.
//
// A wrong setting is one line for the operator: where it stands, which key, and the way out.

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { err, ok, type Result } from '../core/result.ts';
import { ConnectorDocument } from './config/document.ts';
import { type Flags, readFlags, type SettingName } from './config/flags.ts';
import { parseHostPort } from './config/host-port.ts';
import { credentialSource, edgeOrigin, joinOf, postgresOf, storeOf } from './config/sections.ts';
import type { ConnectorConfig } from './config/settings.ts';
import { readDocument } from './config/read-document.ts';
import { LOG_LEVELS, type LogLevel } from './logger.ts';

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
    maskingKey: document.masking?.key && credentialSource(document.masking.key, there),
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

const isLogLevel = (text: string): text is LogLevel => (LOG_LEVELS as readonly string[]).includes(text);
