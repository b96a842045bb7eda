// What a person pastes to reach a MySQL database: by client, each is one line.

import type { Resource } from '../../core/resource.ts';
import type { Secret } from '../../core/secret.ts';
import { isLoopbackHost } from '../settings.ts';
import { AUTHORITY_FILE } from './authority-file.ts';

export function mysqlLines(resource: Resource, email: string, secret: Secret<string>): Record<string, string> {
  const { host, port } = resource.endpoint;
  const user = `${email}#${resource.name}`;
  const database = resource.defaultDatabase;
  const local = isLoopbackHost(host);
  const client = (ca: readonly string[]) =>
    [
      `MYSQL_PWD=${secret.reveal()}`,
      'mysql',
      '-h',
      shellWord(host),
      '-P',
      String(port),
      // A local name would be a socket.
      '--protocol=tcp',
      '-u',
      shellWord(user),
      ...ca,
      ...(database === undefined ? [] : [shellWord(database)]),
    ].join(' ');
  const node = [
    ...Object.entries({ host, port, user, ...(database !== undefined && { database }) }).map(
      ([name, value]) => `${name}: ${JSON.stringify(value)}`,
    ),
    'password: process.env.MYSQL_PWD',
    ...(local ? [] : [`ssl: { ca: readFileSync('${AUTHORITY_FILE}') }`]),
  ];
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  // Without TLS the password goes under the gateway's RSA key, which this driver fetches only when it is told to.
  const way = local ? 'allowPublicKeyRetrieval=true' : `sslMode=verify-full&serverSslCert=${AUTHORITY_FILE}`;
  // The driver decodes nothing, so an address that would end the parameter is left out: the secret says whose it is.
  const jdbcUser = email.includes('&') ? resource.name : user;
  return {
    mysql: client(local ? [] : [`--ssl-ca=${AUTHORITY_FILE}`, '--ssl-mode=VERIFY_IDENTITY']),
    mariadb: client(local ? [] : [`--ssl-ca=${AUTHORITY_FILE}`, '--ssl-verify-server-cert']).replace(
      ' mysql ',
      ' mariadb ',
    ),
    jdbc: `jdbc:mariadb://${authority}/${encodeURIComponent(database ?? '')}?user=${jdbcUser}&${way}`,
    node: `mysql.createConnection({ ${node.join(', ')} })`,
  };
}

/** Plain words as they are, others between quotes of a POSIX shell. */
const shellWord = (text: string): string =>
  /^[\w@.:+#/-]+$/.test(text) && !text.startsWith('#') ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
