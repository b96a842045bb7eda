// What a person pastes to reach a host over SSH. The secret stands in none of the lines: ssh asks for it as the password.

import type { Resource } from '../../core/resource.ts';

export function sshLines({ name, login, endpoint }: Resource): Record<string, string> {
  const { host, port, hostKey } = endpoint;
  const known = { known_hosts: `echo '[${host}]:${port} ${hostKey}' >> ~/.ssh/known_hosts` };
  const user = login === undefined ? name : `${login}@${name}`;
  // Programs that read a URL split it at the first @.
  const inUrl = encodeURIComponent(login === undefined ? name : `${login}=${name}`).replace('%3D', '=');
  const at = quoteShell(`${user}@${host}`);
  return {
    ...(hostKey !== undefined && known),
    ssh: `ssh -p ${port} ${at}`,
    sftp: `sftp -P ${port} ${at}`,
    uri: `ssh://${inUrl}@${host.includes(':') ? `[${host}]` : host}:${port}`,
  };
}

/** As one word of a POSIX shell. */
const quoteShell = (text: string): string => (/^[\w@.:=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
