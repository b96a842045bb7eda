import type { Command } from 'commander';
import { type ListedResource, ResourceList } from '../../core/api.ts';
import type { Cli } from '../cli.ts';
import { time } from '../output.ts';

export function addResources(command: Command, cli: Cli): void {
  command.action(async (_options: object, command: Command) => {
    const { client, output } = await cli.open(command);
    const list = await client.get('/resources', ResourceList);
    await output.answer(list, () =>
      output.table(
        ['NAME', 'PROTOCOL', 'ACCESS', 'CONNECTOR', 'LABELS', 'DESCRIPTION', 'TARGET'],
        list.resources.map((resource) => [
          resource.name,
          resource.protocol,
          resource.mayAsk ? 'may ask' : 'no rule',
          `${resource.connector.name}${standing(resource.connector)}`,
          Object.entries(resource.labels)
            .map(([name, value]) => `${name}=${value}`)
            .join(' '),
          resource.description ?? '',
          targetOf(resource),
        ]),
        'No connector has announced a resource.',
      ),
    );
  });
}

/** As the last session found it; the fault's words come last, since they are long. */
function targetOf({ target }: ListedResource): string {
  if (!target) return 'not tried yet';
  return target.fault === undefined ? `reached ${time(target.at)}` : `not usable ${time(target.at)}: ${target.fault}`;
}

const standing = ({ online, draining }: ListedResource['connector']): string =>
  online ? (draining ? ' (connector stopping)' : '') : ' (connector offline)';
