import type { Command } from 'commander';
import { GrantList } from '../../core/api.ts';
import type { Cli } from '../cli.ts';
import { time } from '../output.ts';

export function addGrants(command: Command, cli: Cli): void {
  command.action(async (_options: object, command: Command) => {
    const { client, output } = await cli.open(command);
    const list = await client.get('/grants', GrantList);
    await output.answer(list, () =>
      output.table(
        ['GRANT', 'STATE', 'PERSON', 'RESOURCE', 'UNTIL', 'LIVE', 'REASON'],
        list.grants.map((grant) => [
          grant.id,
          grant.state,
          grant.email,
          grant.resource,
          time(grant.until),
          String(grant.liveSessions),
          grant.reason,
        ]),
        'No grants. Ask for one with gatehouse request.',
      ),
    );
  });
}
