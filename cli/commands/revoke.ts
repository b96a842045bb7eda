import type { Command } from 'commander';
import { ListedGrant } from '../../core/api.ts';
import { GrantId } from '../../core/ids.ts';
import { checked, type Cli } from '../cli.ts';

export function addRevoke(command: Command, cli: Cli): void {
  command
    .argument('GRANT', 'its id, grt_...')
    .option('--reason <TEXT>', 'why, for the audit log')
    .action(async (text: string, options: { reason?: string }, command: Command) => {
      const id = checked(GrantId, text, 'GRANT');
      const { client, output } = await cli.open(command);
      const grant = await client.post(`/grants/${id}/revoke`, { reason: options.reason ?? '' }, ListedGrant);
      await output.answer(
        { grant },
        () => `Grant ${grant.id} of ${grant.email} on ${grant.resource} is ${grant.state}.`,
      );
    });
}
