// The parts of the settings that come from more than one place, each with its own rules. A fault is
// one line that names the key or flag.

import { err, ok, type Result } from '../../core/result.ts';
import type { CredentialSource } from '../credentials/credential.ts';
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
    const rest = document.store?.s3;
    return ok({
      kind: 's3',
      bucket: given['store-bucket'],
      region,
      endpoint: rest?.endpoint,
      lock: rest?.lock,
      owner: rest?.owner,
      confirmation: rest?.confirmation,
    });
  }
  if (document.store?.directory !== undefined) {
    return ok({ kind: 'directory', directory: there(document.store.directory), events: eventsTo(eventsUrl) });
  }
  if (document.store?.s3 !== undefined) {
    const { bucket, region, endpoint, lock, owner, confirmation } = document.store.s3;
    return ok({ kind: 's3', bucket, region: given['store-region'] ?? region, endpoint, lock, owner, confirmation });
  }
  return err(
    'store is missing (where recordings go): set "store" in connector.yaml, or --store-directory, or --store-bucket',
  );
}

export function postgresOf(document: ConnectorDocument, flags: Flags): Result<ListenerConfig, string> {
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

export function credentialSource(
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

/** Whether clients of this listener may go on without TLS. */
export const allowsPlainText = ({ plainText, listen }: ListenerConfig): boolean =>
  plainText === 'always' || (plainText === 'loopback' && isLoopback(listen.host));
