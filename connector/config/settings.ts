// The settings that a connector runs with, after file, flags and environment were put together.

import type { SiteName } from '../../core/fleet/site.ts';
import type { ProtocolName } from '../../core/protocols.ts';
import type { Labels, ResourceName } from '../../core/resource.ts';
import type { CredentialSource } from '../credentials/credential.ts';
import type { VaultSettings } from '../credentials/vault/vault-client.ts';
import type { LogLevel } from '../logger.ts';
import type { ResourceSettings } from '../registry.ts';
import type { HostPort } from './host-port.ts';

export interface ListenerConfig {
  /** Port 0: any free one. */
  readonly listen: HostPort;
  /** Where clients reach it; undefined: where it listens. */
  readonly advertise: { readonly host: string; readonly port: number | undefined } | undefined;
  readonly plainText: 'never' | 'loopback' | 'always';
  /** All that was written of it, for its protocol. */
  readonly written: unknown;
}

export interface ResourceConfigOf<P extends ProtocolName> {
  readonly name: ResourceName;
  readonly protocol: P;
  readonly labels: Labels;
  readonly description: string | undefined;
  readonly settings: ResourceSettings<P>;
}
export type ResourceConfig = { readonly [P in ProtocolName]: ResourceConfigOf<P> }[ProtocolName];

/** The functions' address, told of each new object by POST /events; the bearer token is in the variable `tokenEnv`. */
type EventsConfig = { readonly url: string; readonly tokenEnv: string } | undefined;

export type StoreConfig =
  | { readonly kind: 'directory'; readonly directory: string; readonly events: EventsConfig }
  | {
      readonly kind: 's3';
      readonly bucket: string;
      readonly region: string;
      readonly endpoint: string | undefined;
      readonly lock: 'COMPLIANCE' | 'GOVERNANCE' | 'none' | undefined;
      readonly owner: string | undefined;
      readonly confirmation: 'sha256' | 'etag-md5' | undefined;
      readonly events: EventsConfig;
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
  /** Of which it is a replica; undefined: its file does not say, and the edge knows. */
  readonly site: SiteName | undefined;
  readonly join:
    | { readonly kind: 'env'; readonly name: string }
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'iam'; readonly region: string };
  /** Absolute, as all paths here. */
  readonly state: string;
  readonly store: StoreConfig;
  /** Of each protocol that a resource has, or that was named. */
  readonly listeners: ReadonlyMap<ProtocolName, ListenerConfig>;
  readonly health: HostPort | undefined;
  readonly logLevel: LogLevel;
  readonly limits: LimitsConfig;
  /** Undefined: no credential is there. */
  readonly vault: VaultSettings | undefined;
  readonly ecsTaskProtection: boolean;
  /** Of a target, in milliseconds; 0: none; undefined: the default of whoever does it. */
  readonly probePeriodMs: number | undefined;
  /** What masked values are keyed with; undefined: a key of this connector's own. */
  readonly maskingKey: CredentialSource | undefined;
  readonly resources: readonly ResourceConfig[];
}
