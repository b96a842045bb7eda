// The keys of the demo's SSH host, made on its first start.

import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';

export const hostKeyFile = (directory: string): string => join(directory, 'host_key');
/** Of the login, for the connector. */
export const loginKeyFile = (directory: string): string => join(directory, 'login_key');

/** The host as a resource of connector.yaml. */
export async function sshResource(directory: string, port: number) {
  const [type, key] = (await readFile(`${hostKeyFile(directory)}.pub`, 'utf8')).split(' ');
  return {
    name: 'demo-host',
    protocol: 'ssh',
    description: 'A shell on this machine',
    labels: { env: 'demo', team: 'shop' },
    host: '127.0.0.1',
    port,
    login: { name: userInfo().username, key: { file: loginKeyFile(directory) } },
    hostKeys: [`${type} ${key}`],
  };
}
