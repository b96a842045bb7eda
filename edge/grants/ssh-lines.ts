// What a person pastes to reach a host over SSH. The secret stands in none of the lines: ssh asks for it as the password.

import type { Resource } from '../../core/resource.ts';

export function sshLines(resource: Resource): Record<string, string> {
  const { name, login } = resource;
  const { host, port, user, knownHosts } = placeOf(resource);
  // Programs that read a URL split it at the first @.
  const inUrl = encodeURIComponent(login === undefined ? name : `${login}=${name}`).replace('%3D', '=');
  const at = quoteShell(`${user}@${host}`);
  return {
    ...(knownHosts[0] !== undefined && { known_hosts: `echo '${knownHosts[0]}' >> ~/.ssh/known_hosts` }),
    ssh: `ssh -p ${port} ${at}`,
    sftp: `sftp -P ${port} ${at}`,
    uri: `ssh://${inUrl}@${host.includes(':') ? `[${host}]` : host}:${port}`,
  };
}

interface SshPlace {
  readonly host: string;
  readonly port: number;
  /** `LOGIN@RESOURCE`. */
  readonly user: string;
  /** Lines by which a client knows the gateway. */
  readonly knownHosts: string[];
}

/** Where clients go for it, and as whom. undefined: it is reached otherwise. */
export const sshPlace = (resource: Resource): SshPlace | undefined =>
  resource.protocol === 'ssh' ? placeOf(resource) : undefined;

function placeOf({ name, login, endpoint: { host, port, hostKey } }: Resource): SshPlace {
  // As ssh looks for it: the standard port is not named.
  const pattern = port === 22 ? host : `[${host}]:${port}`;
  return {
    host,
    port,
    user: login === undefined ? name : `${login}@${name}`,
    knownHosts: hostKey === undefined ? [] : [`${pattern} ${hostKey}`],
  };
}

/** As one word of a POSIX shell. */
const quoteShell = (text: string): string => (/^[\w@.:=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
