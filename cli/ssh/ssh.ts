// ssh to a resource: a key of its own, certified for a live grant, and the system's ssh with both.

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { IssuedSshCertificate } from '../../core/api.ts';
import { ResourceName } from '../../core/resource.ts';
import { type AccessOptions, addAccessOptions } from '../access/ask-access.ts';
import { liveGrants } from '../access/kept-grant.ts';
import { checked, type Cli } from '../cli.ts';
import { usage } from '../failure.ts';
import { passingFolder } from '../files/passing-folder.ts';
import { ownCommand } from '../own-command.ts';
import { runProgram } from '../tunnel/run-program.ts';
import { type GlobalOptions, privateFolder } from '../settings.ts';
import { keepCertified } from './kept-key.ts';
import { newSshKey } from './private-key.ts';
import { askGrant, certify } from './sign-in.ts';
import { pathValue } from './ssh-files.ts';
import { addVia, throughPortal, type Via } from './via.ts';

interface Options extends AccessOptions {
  readonly o?: readonly string[];
  readonly certify?: boolean;
  readonly via?: Via;
}

export function addSsh(command: Command, cli: Cli): void {
  addVia(addAccessOptions(command))
    .argument('RESOURCE', 'its name, or LOGIN@RESOURCE')
    .argument('[COMMAND...]', 'what to run there, behind --; a shell when missing')
    .option('-o <OPTION>', "an option of ssh's own, as ssh takes it; may be repeated", repeated)
    .option('--certify', 'only make key and certificate ready, for ssh-config')
    .action(async (place: string, words: readonly string[], options: Options, command: Command) => {
      const at = place.lastIndexOf('@');
      const login = at < 0 ? undefined : place.slice(0, at);
      const resource = checked(ResourceName, place.slice(at + 1), 'RESOURCE');
      if (login === '') throw usage(`RESOURCE ${place}: expected LOGIN@RESOURCE, or RESOURCE`);
      const { client, output } = await cli.open(command);
      if (options.certify) {
        if (words.length > 0) throw usage('--certify runs no command');
        const folder = privateFolder(
          cli.terminal.env,
          'ssh',
          client.origin,
          command.optsWithGlobals<GlobalOptions>().as,
        );
        const kept = await keepCertified(client, resource, options, folder);
        // ssh runs this before it connects, and shows what comes on standard error.
        if (output.json) await output.answer(kept, () => '');
        return;
      }
      const key = newSshKey();
      const [live] = await liveGrants(client, resource);
      const issued = await certify(client, live ?? (await askGrant(client, resource, options)), key.publicLine);
      const folder = await passingFolder(cli.terminal.env.XDG_RUNTIME_DIR, 'gatehouse-ssh-');
      try {
        const files = await writeFiles(folder, key.privateFile.reveal(), issued);
        const program = { name: 'ssh', from: 'the OpenSSH client (Debian: openssh-client)' };
        cli.exitCode = await runProgram(program, [
          ...files,
          ...(options.via === 'portal' ? ['-o', `ProxyCommand=${throughPortal(ownCommand(command), resource)}`] : []),
          ...(options.o ?? []).flatMap((one) => ['-o', one]),
          ...['-p', String(issued.port), '-l', login === undefined ? issued.user : `${login}@${resource}`],
          // Neither a name nor a command can be an option from here on.
          ...['--', issued.host, ...words],
        ]);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
}

const repeated = (one: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), one];

/** Options of ssh that stand for them. What somebody's own configuration says of keys does not count. */
async function writeFiles(folder: string, privateKey: string, issued: IssuedSshCertificate): Promise<string[]> {
  const file = (name: string) => join(folder, name);
  const mode = 0o600;
  await writeFile(file('key'), privateKey, { mode });
  await writeFile(file('key-cert.pub'), `${issued.certificate}\n`, { mode });
  await writeFile(file('known_hosts'), issued.knownHosts.map((known) => `${known}\n`).join(''), { mode });
  return [
    ['-i', file('key')],
    ['-o', `CertificateFile=${pathValue(file('key-cert.pub'))}`],
    ['-o', 'IdentitiesOnly=yes'],
    ['-o', `UserKnownHostsFile=${pathValue(file('known_hosts'))}`],
    ['-o', 'GlobalKnownHostsFile=/dev/null'],
    ['-o', 'StrictHostKeyChecking=yes'],
    ['-o', 'PreferredAuthentications=publickey'],
  ].flat();
}
