import type { Command } from 'commander';
import { Me } from '../../core/api.ts';
import type { Cli } from '../cli.ts';
import { time } from '../output.ts';

export function addWhoami(command: Command, cli: Cli): void {
  command.action(async (_options: object, command: Command) => {
    const { client, output } = await cli.open(command);
    const me = await client.get('/me', Me);
    const roles = [me.administrator ? 'administrator' : '', me.auditor ? 'auditor' : ''].filter(Boolean).join(', ');
    await output.answer(me, () =>
      output.details([
        ['e-mail', me.identity.email],
        ['name', me.identity.name],
        ['groups', me.identity.groups.join(', ')],
        ['roles', roles],
        ['provider', me.identity.provider],
        ['signed in', time(me.identity.authenticatedAt)],
        ['at', client.origin],
      ]),
    );
  });
}
