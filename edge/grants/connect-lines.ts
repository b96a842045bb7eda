// The line that a person pastes, with the grant in it. Everything in it is quoted twice: for libpq's
// connection string and for the shell around it.

import type { Resource } from '../../core/resource.ts';
import { unreachable } from '../../core/result.ts';
import type { Secret } from '../../core/secret.ts';
import { isLoopback } from '../settings.ts';

export function connectLines(resource: Resource, email: string, secret: Secret<string>): Record<string, string> {
  switch (resource.protocol) {
    case 'postgres': {
      const { host, port } = resource.endpoint;
      const fields = {
        host,
        port: String(port),
        dbname: resource.name,
        user: email,
        password: secret.reveal(),
        // Loopback listeners may go without TLS; everywhere else the client must not fall back to plain text.
        sslmode: isLoopback(host) ? 'prefer' : 'require',
      };
      const conninfo = Object.entries(fields).map(([name, value]) => `${name}=${quoteConninfo(value)}`);
      return { psql: `psql "${quoteShell(conninfo.join(' '))}"` };
    }
    default:
      return unreachable(resource.protocol);
  }
}

/** libpq: single quotes around what is not plain, `\` before `'` and `\`. */
function quoteConninfo(value: string): string {
  return /^[\w@.:+-]+$/.test(value) ? value : `'${value.replace(/['\\]/g, '\\$&')}'`;
}

/** What keeps a meaning between double quotes of a POSIX shell. */
const quoteShell = (text: string): string => text.replace(/["\\$`]/g, '\\$&');
