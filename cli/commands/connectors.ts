import type { Command } from 'commander';
import { ConnectorList } from '../../core/api.ts';
import type { Cli } from '../cli.ts';
import { time } from '../output.ts';

export function addConnectors(command: Command, cli: Cli): void {
  command.action(async (_options: object, command: Command) => {
    const { client, output } = await cli.open(command);
    const list = await client.get('/connectors', ConnectorList);
    await output.answer(list, () =>
      output.table(
        ['CONNECTOR', 'NAME', 'STATE', 'LAST SEEN', 'BUILD', 'KEY'],
        list.connectors.map((connector) => [
          connector.id,
          connector.name,
          connector.online ? 'online' : 'offline',
          connector.online ? 'now' : connector.lastSeenAt ? time(connector.lastSeenAt) : 'never',
          connector.build ?? '',
          connector.key,
        ]),
        'No connector has joined. gatehouse join-token invites one.',
      ),
    );
  });
}
