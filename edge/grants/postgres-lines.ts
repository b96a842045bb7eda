// What a person pastes to reach a PostgreSQL database: by client, each is one line.

import type { Resource } from '../../core/resource.ts';
import type { Secret } from '../../core/secret.ts';
import { isLoopbackHost } from '../settings.ts';
import { AUTHORITY_FILE } from './authority-file.ts';

export function postgresLines(resource: Resource, email: string, secret: Secret<string>): Record<string, string> {
  const { host, port } = resource.endpoint;
  // The resource stands in the user's name, so that tools may go from database to database.
  const user = `${email}#${resource.name}`;
  const database = resource.defaultDatabase;
  const tls: Record<string, string> = isLoopbackHost(host)
    ? { sslmode: 'prefer' }
    : { sslmode: 'verify-full', sslrootcert: AUTHORITY_FILE };
  const conninfo = given({ host, port: String(port), dbname: database, user, ...tls }).map(
    ([name, value]) => `${name}=${quoteConninfo(value)}`,
  );
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const path = encodeURIComponent(database ?? '');
  const node = [
    ...given({ host, port, database, user }).map(([name, value]) => `${name}: ${JSON.stringify(value)}`),
    'password: process.env.PGPASSWORD',
    ...(isLoopbackHost(host) ? [] : [`ssl: { ca: readFileSync('${AUTHORITY_FILE}') }`]),
  ];
  return {
    psql: `PGPASSWORD=${secret.reveal()} psql "${quoteShell(conninfo.join(' '))}"`,
    uri: `postgresql://${encodeURIComponent(user)}@${authority}/${path}?${new URLSearchParams(tls)}`,
    jdbc: `jdbc:postgresql://${authority}/${path}?${new URLSearchParams({ user, ...tls })}`,
    node: `new pg.Client({ ${node.join(', ')} })`,
  };
}

/** A resource may name no database. */
const given = <T>(settings: Readonly<Record<string, T | undefined>>): [string, T][] =>
  Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));

/** libpq: single quotes around what is not plain, `\` before `'` and `\`. */
function quoteConninfo(value: string): string {
  return /^[\w@.:+#-]+$/.test(value) ? value : `'${value.replace(/['\\]/g, '\\$&')}'`;
}

/** What keeps a meaning between double quotes of a POSIX shell. */
const quoteShell = (text: string): string => text.replace(/["\\$`]/g, '\\$&');
