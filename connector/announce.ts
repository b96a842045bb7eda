// What the edge is told of this connector's resources: names, labels and where clients reach the
// listener. Never a target's address or credential (laws 8 and 9).

import type { Resource } from '../core/resource.ts';
import type { ConnectorConfig, ListenerConfig } from './config.ts';
import { type HostPort, isLoopback } from './config/host-port.ts';

/** Where clients reach a listener that is bound to `bound`. */
export function endpointOf(listener: ListenerConfig, bound: HostPort): HostPort {
  const { advertise, listen } = listener;
  return { host: advertise?.host ?? listen.host, port: advertise?.port ?? bound.port };
}

export function announcedResources(
  config: ConnectorConfig,
  bound: { readonly postgres: HostPort },
): readonly Resource[] {
  const endpoint = endpointOf(config.listeners.postgres, bound.postgres);
  return config.resources.map((it) => ({
    name: it.name,
    protocol: it.protocol,
    labels: it.labels,
    ...(it.description === undefined ? {} : { description: it.description }),
    endpoint,
    ...(it.database === undefined ? {} : { defaultDatabase: it.database }),
  }));
}

/** The names and addresses that the listeners' certificate is for. */
export function certificateHosts(config: ConnectorConfig): readonly string[] {
  const { advertise, listen } = config.listeners.postgres;
  const hosts = new Set([advertise?.host ?? listen.host]);
  if (isLoopback(listen.host)) for (const host of ['localhost', '127.0.0.1']) hosts.add(host);
  return [...hosts];
}
