// Where keys that ssh's configuration names are kept, and how a path stands in that configuration.

import { join } from 'node:path';
import { configDir } from '../settings.ts';

export interface SshFiles {
  readonly identityFile: string;
  readonly certificateFile: string;
  readonly knownHostsFile: string;
}

/** One for each Gatehouse; demo persons share a machine's account, so they have one each. */
export function privateFolder(
  env: Readonly<Record<string, string | undefined>>,
  origin: string,
  person: string | undefined,
): string {
  const name = new URL(origin).host.replace(/[^\w.-]/g, '_');
  return join(configDir(env), 'ssh', person === undefined ? name : `${name}-${person.replace(/[^\w.-]/g, '_')}`);
}

export const filesOf = (folder: string, resource: string): SshFiles => ({
  identityFile: join(folder, resource),
  certificateFile: join(folder, `${resource}-cert.pub`),
  knownHostsFile: join(folder, `${resource}.known_hosts`),
});

/** As a value of ssh's configuration: one word, in which % begins nothing. */
export const pathValue = (path: string): string => `"${path.replaceAll('%', '%%')}"`;
