import type { Command } from 'commander';
import { JoinToken } from '../../core/api.ts';
import type { Cli } from '../cli.ts';
import { time } from '../output.ts';

export function addJoinToken(command: Command, cli: Cli): void {
  command.action(async (_options: object, command: Command) => {
    const { client, output } = await cli.open(command);
    const invited = await client.post('/connectors/join-tokens', undefined, JoinToken);
    await output.answer(invited, () =>
      output.details([
        ['token', invited.token],
        ['expires', time(invited.expiresAt)],
      ]),
    );
  });
}
