import type { Command } from 'commander';
import { ResourceList } from '../core/api.ts';
import type { Cli } from './cli.ts';

export function addResources(command: Command, cli: Cli): void {
  command.action(async (_options: object, command: Command) => {
    const { client, output } = await cli.open(command);
    const list = await client.get('/resources', ResourceList);
    await output.answer(list, () =>
      output.table(
        ['NAME', 'PROTOCOL', 'ACCESS', 'CONNECTOR', 'LABELS', 'DESCRIPTION'],
        list.resources.map((resource) => [
          resource.name,
          resource.protocol,
          resource.mayAsk ? 'may ask' : 'no rule',
          `${resource.connector.name}${resource.connector.online ? '' : ' (connector offline)'}`,
          Object.entries(resource.labels)
            .map(([name, value]) => `${name}=${value}`)
            .join(' '),
          resource.description ?? '',
        ]),
        'No connector has announced a resource.',
      ),
    );
  });
}
