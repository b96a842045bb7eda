// What a person pastes. The secret stands in no command line, where every user of the machine could read it, and in no
// URL, which programs log: psql takes it from its environment, and the other forms name the variable or leave it out.

import type { Resource } from '../../core/resource.ts';
import type { Secret } from '../../core/secret.ts';
import { AUTHORITY_PATH } from '../paths.ts';
import { isLoopbackHost } from '../settings.ts';
import { AUTHORITY_FILE } from './authority-file.ts';
import { LINES } from './registry.ts';

/**
 * By client; each is one line. A listener on loopback may go without TLS; any other has to prove who it is, for which `ca`
 * comes first, unless it has a host key.
 */
export function connectLines(
  resource: Resource,
  email: string,
  secret: Secret<string>,
  edge: { readonly publicUrl: string; readonly hostAuthority: string; readonly hostKeys?: readonly string[] },
): Record<string, string> {
  const ca = { ca: `curl -fsSo ${AUTHORITY_FILE} ${edge.publicUrl}${AUTHORITY_PATH}` };
  const { host, port, hostKey } = resource.endpoint;
  const hosts = { authority: edge.hostAuthority, keys: edge.hostKeys ?? (hostKey === undefined ? [] : [hostKey]) };
  const own = LINES[resource.protocol]?.(resource, email, secret, hosts) ?? { address: `${host}:${port}` };
  return { ...(isLoopbackHost(host) || hostKey !== undefined ? {} : ca), ...own };
}
