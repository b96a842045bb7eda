import type { Command } from 'commander';
import { JoinToken } from '../../core/connectors/join.ts';
import { SiteName } from '../../core/fleet/site.ts';
import { checked, type Cli } from '../cli.ts';
import { time } from '../output.ts';

export function addJoinToken(command: Command, cli: Cli): void {
  command.option('--site <NAME>', 'it joins a replica of this site');
  command.action(async ({ site }: { readonly site?: string }, command: Command) => {
    const of = site === undefined ? '' : `?site=${checked(SiteName, site, '--site')}`;
    const { client, output } = await cli.open(command);
    const invited = await client.post(`/connectors/join-tokens${of}`, undefined, JoinToken);
    await output.answer(invited, () =>
      output.details([
        ['token', invited.token],
        ['site', invited.site],
        ['expires', time(invited.expiresAt)],
      ]),
    );
  });
}
