// The parts of the settings that come from more than one place, each with its own rules. A fault is
// one line that names the key or flag.

import { err, ok, type Result } from '../../core/result.ts';
import type { ProtocolName } from '../../core/protocols.ts';
import { PROTOCOL_MODULES } from '../registry.ts';
import type { ConnectorDocument } from './document.ts';
import type { Flags } from './flags.ts';
import { type HostPort, isLoopback, parseHostPort } from './host-port.ts';
import type { ConnectorConfig, ListenerConfig, StoreConfig } from './settings.ts';

export function edgeOrigin(text: string): Result<string, string> {
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

export function joinOf(
  document: ConnectorDocument,
  flags: Flags,
  here: (path: string) => string,
  there: (path: string) => string,
): ConnectorConfig['join'] {
  const { given } = flags;
  if (given['join-token-file'] !== undefined) return { kind: 'file', path: here(given['join-token-file']) };
  if (given['join-token-env'] !== undefined) return { kind: 'env', name: given['join-token-env'] };
  if (given['join-iam'] !== undefined) return { kind: 'iam', region: given['join-iam'] };
  if (document.join?.iam !== undefined) return { kind: 'iam', region: document.join.iam.region };
  if (document.join?.tokenFile !== undefined) return { kind: 'file', path: there(document.join.tokenFile) };
  return { kind: 'env', name: document.join?.tokenEnv ?? 'GATEHOUSE_JOIN_TOKEN' };
}

export function storeOf(
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
    return s3Of({ ...document.store?.s3, bucket: given['store-bucket'], region }, flags, eventsTo(eventsUrl));
  }
  if (document.store?.directory !== undefined) {
    return ok({ kind: 'directory', directory: there(document.store.directory), events: eventsTo(eventsUrl) });
  }
  if (document.store?.s3 !== undefined) {
    const { region } = document.store.s3;
    return s3Of({ ...document.store.s3, region: given['store-region'] ?? region }, flags, eventsTo(eventsUrl));
  }
  return err(
    'store is missing (where recordings go): set "store" in connector.yaml, or --store-directory, or --store-bucket',
  );
}

function s3Of(
  { bucket, region, endpoint, lock, owner, confirmation }: NonNullable<NonNullable<ConnectorDocument['store']>['s3']>,
  { given, nameOf }: Flags,
  events: StoreConfig['events'],
): Result<StoreConfig, string> {
  const { 'store-endpoint': otherEndpoint, 'store-lock': otherLock } = given;
  if (otherEndpoint !== undefined && !/^https?:\/\/[^@]+$/.test(otherEndpoint)) {
    return err(`${nameOf('store-endpoint')}: expected an address such as https://s3.example.com`);
  }
  if (otherLock !== undefined && otherLock !== 'COMPLIANCE' && otherLock !== 'GOVERNANCE') {
    return err(`${nameOf('store-lock')}: expected COMPLIANCE or GOVERNANCE`);
  }
  return ok({
    ...{ kind: 's3', bucket, region, owner, confirmation, events },
    ...{ endpoint: otherEndpoint ?? endpoint, lock: otherLock ?? lock },
  });
}

/** Undefined: nobody named it, and no resource needs it. */
export function listenerOf(
  protocol: ProtocolName,
  document: ConnectorDocument,
  flags: Flags,
): Result<ListenerConfig | undefined, string> {
  const { given } = flags;
  const [listenFlag, advertiseFlag] = [`listen-${protocol}`, `advertise-${protocol}`] as const;
  const written = document.listeners?.[protocol];
  const needed = document.resources.some((resource) => resource.protocol === protocol);
  if (!written && !needed && given[listenFlag] === undefined) return ok(undefined);
  let listen: HostPort = {
    host: written?.host ?? '0.0.0.0',
    port: written?.port ?? PROTOCOL_MODULES[protocol].defaultPort,
  };
  if (given[listenFlag] !== undefined) {
    const parsed = parseHostPort(given[listenFlag]);
    if (parsed === undefined)
      return err(`${flags.nameOf(listenFlag)}: expected HOST:PORT, such as 127.0.0.1:${listen.port}`);
    listen = parsed;
  }
  let advertise: ListenerConfig['advertise'] = written?.advertise && {
    host: written.advertise.host,
    port: written.advertise.port,
  };
  if (given[advertiseFlag] !== undefined) {
    const parsed = parseHostPort(given[advertiseFlag]);
    if (parsed === undefined || parsed.port === 0) return err(`${flags.nameOf(advertiseFlag)}: expected HOST:PORT`);
    advertise = parsed;
  }
  if (advertise === undefined && (listen.host === '0.0.0.0' || listen.host === '::')) {
    return err(
      `listeners.${protocol}.advertise is missing: the listener is on ${listen.host}, and people must be told a name to reach it: set "advertise: { host: NAME }", or --${advertiseFlag}`,
    );
  }
  return ok({ listen, advertise, plainText: written?.plainText ?? 'loopback', written: written ?? {} });
}

/** Whether clients of this listener may go on without TLS. */
export const allowsPlainText = ({ plainText, listen }: ListenerConfig): boolean =>
  plainText === 'always' || (plainText === 'loopback' && isLoopback(listen.host));
