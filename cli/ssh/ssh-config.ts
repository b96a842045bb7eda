// A snippet for ssh's own configuration, with which every program that runs ssh reaches resources by their names: before it
// connects, ssh runs `gatehouse ssh --certify` for the one that it is about to reach.

import type { Command } from 'commander';
import { type ListedResource, ResourceList } from '../../core/api.ts';
import type { Cli } from '../cli.ts';
import { Failure } from '../failure.ts';
import { ownCommand, shellWords } from '../own-command.ts';
import { type GlobalOptions, privateFolder } from '../settings.ts';
import { filesOf, pathValue } from './ssh-files.ts';
import { addVia, throughPortal, type Via } from './via.ts';

/** Shown by a connector, so checked: a line of configuration could run anything. */
const HOST = /^[A-Za-z0-9_.:[\]-]{1,253}$/;
const LOGIN = /^[A-Za-z0-9_.@\\-]{1,64}$/;

export function addSshConfig(command: Command, cli: Cli): void {
  addVia(command).action(async ({ via }: { readonly via?: Via }, command: Command) => {
    const { client, output } = await cli.open(command);
    const { as } = command.optsWithGlobals<GlobalOptions>();
    const folder = privateFolder(cli.terminal.env, 'ssh', client.origin, as);
    const { resources } = await client.get('/resources', ResourceList);
    const reached = resources.filter(({ protocol, mayAsk }) => protocol === 'ssh' && mayAsk);
    if (reached.length === 0)
      throw new Failure(1, 'nothing_to_reach', 'there is no SSH resource that you may ask for: gatehouse resources');
    const own = ownCommand(command);
    const config = [
      `# Resources of ${client.origin}, as of gatehouse ssh-config. Before the blocks for Host *: the first value counts.`,
      ...reached.flatMap((resource) => blockFor(resource, folder, own, via)),
      '',
    ].join('\n');
    if (output.json) await output.answer({ config, resources: reached.map(({ name }) => name) }, () => '');
    else await output.write(config);
  });
}

function blockFor(
  { name, login, endpoint }: ListedResource,
  folder: string,
  own: readonly string[],
  via: Via | undefined,
): string[] {
  const { host, port } = endpoint;
  if (!HOST.test(host) || !(login === undefined || LOGIN.test(login)))
    return [`# ${name} is left out: its address or login has characters that do not belong there.`];
  const { identityFile, certificateFile, knownHostsFile } = filesOf(folder, name);
  const ready = shellWords([...own, 'ssh', '--certify', name]);
  return [
    '',
    `Match originalhost ${name} exec ${JSON.stringify(ready.replaceAll('%', '%%'))}`,
    `  CertificateFile ${pathValue(certificateFile)}`,
    `  IdentityFile ${pathValue(identityFile)}`,
    '  IdentitiesOnly yes',
    `Host ${name}`,
    `  HostName ${host}`,
    `  Port ${port}`,
    `  User ${login === undefined ? name : `${login}@${name}`}`,
    `  UserKnownHostsFile ${pathValue(knownHostsFile)}`,
    '  StrictHostKeyChecking yes',
    ...(via === 'portal' ? [`  ProxyCommand ${throughPortal(own, name)}`] : []),
  ];
}
