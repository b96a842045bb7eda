import type { Command } from 'commander';
import { ConnectorList, type ListedConnector } from '../../core/api.ts';
import { showBytes } from '../../core/text/amounts.ts';
import type { Cli } from '../cli.ts';
import { time } from '../output.ts';
import { addConnectorKeys } from './connector-keys.ts';

export function addConnectors(command: Command, cli: Cli): void {
  addConnectorKeys(command.helpCommand(false), cli);
  command.action(async (_options: object, command: Command) => {
    const { client, output } = await cli.open(command);
    const list = await client.get('/connectors', ConnectorList);
    await output.answer(list, () =>
      output.table(
        [
          'CONNECTOR',
          'NAME',
          'SITE',
          'STATE',
          'LAST SEEN',
          'SESSIONS',
          'LAG',
          'DISK FREE',
          'TO UPLOAD',
          'BUILD',
          'KEY',
        ],
        list.connectors.map((connector) => [
          connector.id,
          connector.name,
          connector.site ?? '',
          standing(connector),
          connector.online ? 'now' : connector.lastSeenAt ? time(connector.lastSeenAt) : 'never',
          ...status(connector),
          connector.build ?? '',
          connector.key,
        ]),
        'No connector has joined. gatehouse join-token invites one.',
      ),
    );
  });
}

function standing({ online, revoked, retired, standing, resources }: ListedConnector): string {
  if (revoked) return 'revoked';
  if (retired !== undefined) return 'gone';
  if (online && resources?.length === 0) return 'serves nothing';
  return standing ?? (online ? 'linked' : 'away');
}

function status({ status }: ListedConnector): string[] {
  if (!status) return ['', '', '', ''];
  const { sessions, lagMs, logFree, accepting, backlog } = status;
  const waits =
    backlog.objects === 0
      ? 'nothing'
      : `${showBytes(backlog.bytes)}${backlog.oldest === undefined ? '' : ` since ${time(backlog.oldest)}`}`;
  const free = `${showBytes(logFree)}${accepting ? '' : ' (takes no sessions)'}`;
  return [String(sessions), lagMs === undefined ? '' : `${lagMs} ms`, free, waits];
}
