// Where keys that ssh's configuration names are kept, and how a path stands in that configuration.

import { join } from 'node:path';

export interface SshFiles {
  readonly identityFile: string;
  readonly certificateFile: string;
  readonly knownHostsFile: string;
}

export const filesOf = (folder: string, resource: string): SshFiles => ({
  identityFile: join(folder, resource),
  certificateFile: join(folder, `${resource}-cert.pub`),
  knownHostsFile: join(folder, `${resource}.known_hosts`),
});

/** As a value of ssh's configuration: one word, in which % begins nothing. */
export const pathValue = (path: string): string => `"${path.replaceAll('%', '%%')}"`;
