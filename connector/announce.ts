// What the edge is told of this connector's resources: names, labels and where clients reach the
// listener. Never a target's address or credential (laws 8 and 9).

import { MAX_CONTROL_MESSAGE_BYTES } from '../core/control.ts';
import type { ProtocolName } from '../core/protocols.ts';
import type { Resource } from '../core/resource.ts';
import type { ConnectorConfig, ListenerConfig, ResourceConfig, ResourceConfigOf } from './config/settings.ts';
import { type HostPort, isLoopback } from './config/host-port.ts';
import { PROTOCOL_MODULES } from './registry.ts';

/** Where clients reach a listener that is bound to `bound`. */
function addressOf(listener: ListenerConfig, bound: HostPort): HostPort {
  const { advertise, listen } = listener;
  return { host: advertise?.host ?? listen.host, port: advertise?.port ?? bound.port };
}

/** Where listeners are bound. */
type Bound = ReadonlyMap<ProtocolName, HostPort>;

/** `hostKeys`: of listeners that have one. */
export function announcedResources(
  config: ConnectorConfig,
  bound: Bound,
  hostKeys: ReadonlyMap<ProtocolName, string> = new Map(),
): readonly Resource[] {
  return config.resources.flatMap((resource) => {
    const { name, protocol, labels, description } = resource;
    const [listener, at, hostKey] = [config.listeners.get(protocol), bound.get(protocol), hostKeys.get(protocol)];
    if (!listener || !at) return [];
    return {
      name,
      protocol,
      labels,
      ...(description === undefined ? {} : { description }),
      endpoint: { ...addressOf(listener, at), ...(hostKey === undefined ? {} : { hostKey }) },
      ...announcedBy(protocol, resource),
    };
  });
}

const announcedBy = <P extends ProtocolName>(protocol: P, { settings }: ResourceConfig): Partial<Resource> =>
  PROTOCOL_MODULES[protocol].announce(settings as ResourceConfigOf<P>['settings']);

/**
 * What is wrong with announcing so much, in a line for the operator. The hello is one message: its
 * resources must leave room for the ids of live sessions.
 */
export function announcementProblem(config: ConnectorConfig): string | undefined {
  const bound: Bound = new Map([...config.listeners].map(([protocol, { listen }]) => [protocol, listen]));
  const bytes = Buffer.byteLength(JSON.stringify(announcedResources(config, bound)));
  if (bytes <= MAX_CONTROL_MESSAGE_BYTES / 2) return undefined;
  return `resources: ${config.resources.length} with their labels and descriptions are ${bytes} bytes, and a connector announces at most ${MAX_CONTROL_MESSAGE_BYTES / 2}: divide them among several connectors`;
}

/**
 * The names and addresses that the listeners' certificate is for: what was announced, and loopback's
 * names where the edge is on this machine too (it certifies no others).
 */
export function certificateHosts(config: ConnectorConfig): readonly string[] {
  const hosts = new Set([...config.listeners.values()].map(({ advertise, listen }) => advertise?.host ?? listen.host));
  if (isLoopback(new URL(config.edge).hostname)) for (const host of ['localhost', '127.0.0.1']) hosts.add(host);
  return [...hosts];
}
