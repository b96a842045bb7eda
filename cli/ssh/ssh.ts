// ssh to a resource: a key of its own, certified for a live grant, and the system's ssh with both.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { IssuedSshCertificate } from '../../core/api.ts';
import { ResourceName } from '../../core/resource.ts';
import { type AccessOptions, addAccessOptions } from '../access/ask-access.ts';
import { checked, type Cli } from '../cli.ts';
import { Failure, usage } from '../failure.ts';
import { codeOf, isCode } from '../files/file-error.ts';
import type { GlobalOptions } from '../settings.ts';
import { keepCertified } from './kept-key.ts';
import { newSshKey } from './private-key.ts';
import { askGrant, certify, liveGrants } from './sign-in.ts';
import { pathValue, privateFolder } from './ssh-files.ts';

interface Options extends AccessOptions {
  readonly o?: readonly string[];
  readonly certify?: boolean;
}

export function addSsh(command: Command, cli: Cli): void {
  addAccessOptions(
    command
      .argument('RESOURCE', 'its name, or LOGIN@RESOURCE')
      .argument('[COMMAND...]', 'what to run there, behind --; a shell when missing')
      .option('-o <OPTION>', "an option of ssh's own, as ssh takes it; may be repeated", repeated)
      .option('--certify', 'only make key and certificate ready, for ssh-config'),
  ).action(async (place: string, words: readonly string[], options: Options, command: Command) => {
    const at = place.lastIndexOf('@');
    const login = at < 0 ? undefined : place.slice(0, at);
    const resource = checked(ResourceName, place.slice(at + 1), 'RESOURCE');
    if (login === '') throw usage(`RESOURCE ${place}: expected LOGIN@RESOURCE, or RESOURCE`);
    const { client, output } = await cli.open(command);
    if (options.certify) {
      if (words.length > 0) throw usage('--certify runs no command');
      const folder = privateFolder(cli.terminal.env, client.origin, command.optsWithGlobals<GlobalOptions>().as);
      const kept = await keepCertified(client, resource, options, folder);
      // ssh runs this before it connects, and shows what comes on standard error.
      if (output.json) await output.answer(kept, () => '');
      return;
    }
    const key = newSshKey();
    const [live] = await liveGrants(client, resource);
    const issued = await certify(client, live ?? (await askGrant(client, resource, options)), key.publicLine);
    const folder = await passingFolder(cli.terminal.env.XDG_RUNTIME_DIR);
    try {
      const files = await writeFiles(folder, key.privateFile.reveal(), issued);
      cli.exitCode = await runSsh([
        ...files,
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

/** In memory where the system has a place for that: what is left there ends with the person's last session. */
async function passingFolder(runtime: string | undefined): Promise<string> {
  const name = 'gatehouse-ssh-';
  const inMemory = runtime ? await mkdtemp(join(runtime, name)).catch(() => undefined) : undefined;
  if (inMemory !== undefined) return inMemory;
  return mkdtemp(join(tmpdir(), name)).catch((error: unknown) => {
    throw usage(`cannot make a folder for the key in ${tmpdir()}: ${codeOf(error)}`);
  });
}

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

/** Its exit status; 128 and the signal's number where one ended it, as a shell has it. */
async function runSsh(args: readonly string[]): Promise<number> {
  const child = spawn('ssh', args, { stdio: 'inherit' });
  // The terminal sends Ctrl-C to both: it is ssh's to handle, and ours to wait.
  const wait = () => {};
  const pass = (signal: NodeJS.Signals) => void child.kill(signal);
  const passed = ['SIGTERM', 'SIGHUP'] as const;
  process.on('SIGINT', wait).on('SIGQUIT', wait);
  for (const signal of passed) process.on(signal, pass);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
  } catch (error) {
    if (isCode(error, 'ENOENT'))
      throw new Failure(2, 'ssh_missing', 'there is no ssh here: install the OpenSSH client (Debian: openssh-client)');
    throw new Failure(2, 'ssh_failed', `ssh cannot be run: ${codeOf(error)}`);
  } finally {
    process.off('SIGINT', wait).off('SIGQUIT', wait);
    for (const signal of passed) process.off(signal, pass);
  }
}
