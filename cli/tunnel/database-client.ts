// The user's own client of a database, through a tunnel: to a Unix socket in a private folder, so that no other user of the machine
// can come by it. Nothing secret stands in a command line.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { Me, ResourceList } from '../../core/api.ts';
import type { ProtocolName } from '../../core/protocols.ts';
import { ResourceName } from '../../core/resource.ts';
import { type Secret, secret } from '../../core/secret.ts';
import { type AccessOptions, addAccessOptions } from '../access/ask-access.ts';
import { secretOfGrant } from '../access/kept-grant.ts';
import { checked, type Cli } from '../cli.ts';
import { Failure, usage } from '../failure.ts';
import { passingFolder } from '../files/passing-folder.ts';
import { runProgram } from './run-program.ts';
import { type GlobalOptions, privateFolder } from '../settings.ts';
import { openLocalPort } from './local-port.ts';
import { CLIENT_COMMANDS } from './registry.ts';
import { lostFailure, tellingPort } from './telling-tunnel.ts';

interface DatabaseClient {
  readonly protocol: ProtocolName;
  readonly program: { readonly name: string; readonly from: string };
  /** By which a person gives a grant's secret. */
  readonly variable: string;
  /** The socket's name in `folder`, where the client looks for it. */
  readonly socket: string;
  /** Arguments in front of the person's own, and the environment. Whatever it writes goes into `folder`. */
  prepare(given: ClientTerms): Promise<{ readonly args: readonly string[]; readonly env: NodeJS.ProcessEnv }>;
}

export interface ClientTerms {
  readonly folder: string;
  /** As the connector's listener takes it. */
  readonly user: string;
  readonly secret: Secret<string>;
  readonly database: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function addDatabaseClient(command: Command, cli: Cli, wanted: DatabaseClient): void {
  const { name } = wanted.program;
  addAccessOptions(command)
    .argument('RESOURCE', 'its name, as gatehouse resources lists it')
    .argument('[ARGS...]', `for ${name}, as they are; options of this command stand before RESOURCE`)
    .action(async (place: string, args: readonly string[], options: AccessOptions, command: Command) => {
      const resource = checked(ResourceName, place, 'RESOURCE');
      const { env } = cli.terminal;
      const { client } = await cli.open(command);
      const [{ identity }, { resources }] = await Promise.all([
        client.get('/me', Me),
        client.get('/resources', ResourceList),
      ]);
      const listed = resources.find((it) => it.name === resource);
      if (!listed)
        throw new Failure(1, 'resource_unknown', `there is no ${resource}: gatehouse resources lists what there is`);
      if (listed.protocol !== wanted.protocol)
        throw usage(
          `${resource} is reached by another client: gatehouse ${CLIENT_COMMANDS[listed.protocol] ?? 'connect'} ${resource}`,
        );
      const given = env[wanted.variable];
      const { as } = command.optsWithGlobals<GlobalOptions>();
      const kept = { folder: privateFolder(env, 'grants', client.origin, as), variable: wanted.variable };
      const shown = given ? secret(given) : await secretOfGrant(client, resource, options, kept);
      const { tunnel, tell } = await tellingPort(client, resource, cli.terminal);
      const folder = await passingFolder(env.XDG_RUNTIME_DIR, 'gatehouse-');
      try {
        const local = await openLocalPort(tunnel, join(folder, wanted.socket), tell);
        const user = `${identity.email}#${resource}`;
        const ready = await wanted.prepare({ folder, user, secret: shown, database: listed.defaultDatabase, env });
        let lost: Failure | undefined;
        void tunnel.closed.then((closed) => {
          if (closed.kind !== 'lost') return;
          lost = lostFailure(resource, closed);
          // The client would only notice at its next statement.
          tell(lost.message);
        });
        cli.exitCode = await runProgram(wanted.program, [...ready.args, ...args], ready.env);
        local.close();
      } finally {
        tunnel.close();
        await rm(folder, { recursive: true, force: true });
      }
    });
}
