// mysql (or MariaDB's client of that name) to a resource, through the portal.

import { access, constants, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addDatabaseClient, type ClientTerms } from './database-client.ts';

export const addMysql = (command: Command, cli: Cli): void =>
  addDatabaseClient(command, cli, {
    protocol: 'mysql',
    program: { name: 'mysql', from: "MySQL's or MariaDB's client (Debian: default-mysql-client)" },
    variable: 'MYSQL_PWD',
    socket: 'mysql.sock',
    async prepare({ folder, user, secret, database, env }: ClientTerms) {
      const file = join(folder, 'client.cnf');
      await writeFile(file, await optionFile(folder, { user, password: secret.reveal(), database }, env), {
        mode: 0o600,
      });
      const { MYSQL_PWD: _secret, MYSQL_HOST: _host, MYSQL_TCP_PORT: _port, ...own } = env;
      // A stored login path would be read after every file. No such file: there is none.
      return {
        args: [`--defaults-file=${file}`],
        env: { ...own, MYSQL_TEST_LOGIN_FILE: join(folder, 'no-login-path') },
      };
    },
  });

/** What comes last counts, so the person's own settings come first (https://dev.mysql.com/doc/refman/8.4/en/option-files.html). */
async function optionFile(
  folder: string,
  {
    user,
    password,
    database,
  }: { readonly user: string; readonly password: string; readonly database: string | undefined },
  env: ClientTerms['env'],
): Promise<string> {
  const own = ['/etc/my.cnf', '/etc/mysql/my.cnf', ...(env.HOME ? [join(env.HOME, '.my.cnf')] : [])];
  const readable = await Promise.all(
    own.map((path) =>
      access(path, constants.R_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return [
    ...own.filter((_path, at) => readable[at]).map((path) => `!include ${path}`),
    '[client]',
    `user=${quoted(user)}`,
    `password=${quoted(password)}`,
    'host=localhost',
    'protocol=socket',
    `socket=${quoted(join(folder, 'mysql.sock'))}`,
    ...(database === undefined ? [] : ['[mysql]', `database=${quoted(database)}`]),
    '',
  ].join('\n');
}

const quoted = (value: string): string => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
