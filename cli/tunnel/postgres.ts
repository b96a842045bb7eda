// psql to a resource, through the portal.

import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addDatabaseClient, type ClientTerms } from './database-client.ts';

/** Of a person's own settings, those that would lead elsewhere, or ask for what a Unix socket has not. */
const IN_THE_WAY = ['PGHOSTADDR', 'PGSERVICE', 'PGSERVICEFILE', 'PGREQUIRESSL', 'PGCHANNELBINDING', 'PGREQUIREPEER'];

export const addPsql = (command: Command, cli: Cli): void =>
  addDatabaseClient(command, cli, {
    protocol: 'postgres',
    program: { name: 'psql', from: "PostgreSQL's client (Debian: postgresql-client)" },
    variable: 'PGPASSWORD',
    socket: '.s.PGSQL.5432',
    async prepare({ folder, user, secret, database, env }: ClientTerms) {
      const own = Object.entries(env).filter(([name]) => !IN_THE_WAY.includes(name));
      return {
        args: [],
        env: {
          ...Object.fromEntries(own),
          ...{ PGHOST: folder, PGPORT: '5432', PGUSER: user, PGPASSWORD: secret.reveal() },
          // TLS is around the tunnel.
          ...{ PGSSLMODE: 'disable', PGGSSENCMODE: 'disable' },
          // The user's name stands for the resource's own.
          PGDATABASE: database ?? user,
        },
      };
    },
  });
