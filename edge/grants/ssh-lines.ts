// What a person pastes to reach a host over SSH. The secret stands in none of the lines: ssh asks for it as the password.

import type { Resource } from '../../core/resource.ts';
import type { Secret } from '../../core/secret.ts';

/** By what clients know the gateway, as `ssh-ed25519 AAAA...` each. */
export interface KnownHosts {
  /** Of certificates of host keys. */
  readonly authority: string;
  /** Of all connectors behind the address: replicas of a site have their own. */
  readonly keys: readonly string[];
}

export function sshLines(
  resource: Resource,
  _email: string,
  _secret: Secret<string>,
  hosts: KnownHosts,
): Record<string, string> {
  const { name, login } = resource;
  const { host, port, user, knownHosts } = placeOf(resource, hosts);
  // Programs that read a URL split it at the first @.
  const inUrl = encodeURIComponent(login === undefined ? name : `${login}=${name}`).replace('%3D', '=');
  const at = quoteShell(`${user}@${host}`);
  return {
    ...(knownHosts.length > 0 && {
      known_hosts: `printf '%s\\n' ${knownHosts.map(quoteShell).join(' ')} >> ~/.ssh/known_hosts`,
    }),
    ssh: `ssh -p ${port} ${at}`,
    sftp: `sftp -P ${port} ${at}`,
    uri: `ssh://${inUrl}@${host.includes(':') ? `[${host}]` : host}:${port}`,
  };
}

/** A connector announces it: a pattern in its place would vouch for hosts of others. */
const PLAIN_HOST = /^[A-Za-z0-9_.:-]+$/;

interface SshPlace {
  readonly host: string;
  readonly port: number;
  /** `LOGIN@RESOURCE`. */
  readonly user: string;
  /**
   * Lines by which a client knows the gateway: by the authority of its host certificate, also when its key is another one day,
   * and by the keys, for clients that know no certificates.
   */
  readonly knownHosts: string[];
}

/** Where clients go for it, and as whom. undefined: it is reached otherwise. */
export const sshPlace = (resource: Resource, hosts: KnownHosts): SshPlace | undefined =>
  resource.protocol === 'ssh' ? placeOf(resource, hosts) : undefined;

function placeOf({ name, login, endpoint: { host, port } }: Resource, { authority, keys }: KnownHosts): SshPlace {
  // As ssh looks for it: the standard port is not named.
  const pattern = port === 22 ? host : `[${host}]:${port}`;
  return {
    host,
    port,
    user: login === undefined ? name : `${login}@${name}`,
    knownHosts:
      keys.length === 0 || !PLAIN_HOST.test(host)
        ? []
        : [`@cert-authority ${pattern} ${authority}`, ...keys.map((key) => `${pattern} ${key}`)],
  };
}

/** As one word of a POSIX shell. */
const quoteShell = (text: string): string => (/^[\w@.:=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
