// Asks for access. The grant's secret is printed here and nowhere else, ever again.

import type { Command } from 'commander';
import { ResourceName } from '../../core/resource.ts';
import { type AccessOptions, addAccessOptions, askAccess } from '../access/ask-access.ts';
import {
  addExchangeOptions,
  exchangeToken,
  type ExchangeOptions,
  refuseExchangeOptions,
} from '../access/exchange-token.ts';
import { checked, type Cli } from '../cli.ts';
import { line } from '../terminal-text.ts';
import { time } from '../output.ts';

export function addRequest(command: Command, cli: Cli): void {
  addExchangeOptions(
    addAccessOptions(command.argument('RESOURCE', 'its name, as gatehouse resources lists it')).option(
      '--trace <ID>',
      'label the sessions with a trace',
    ),
  ).action(async (name: string, options: AccessOptions & ExchangeOptions, command: Command) => {
    const resource = checked(ResourceName, name, 'RESOURCE');
    if (options.workload !== undefined) return exchangeToken(cli, command, resource, options.workload, options);
    refuseExchangeOptions(options);
    const { client, output } = await cli.open(command);
    const answer = await askAccess(client, resource, options);
    if ('live' in answer) {
      const { message, live } = answer;
      return output.answer(
        answer,
        () => `${line(message)}\nIt ends at ${time(live.until)}: gatehouse revoke ${live.id} ends it now.`,
      );
    }
    if ('request' in answer) {
      const { request: made } = answer;
      return output.answer(answer, () => `Request ${made.id} waits for approval: ${line(made.link)}`);
    }
    const { grant, connect } = answer;
    await output.answer(answer, () =>
      [
        output.details([
          ['grant', grant.id],
          ['resource', grant.resource],
          ['until', time(grant.until)],
          ['secret', `${grant.secret}  (shown this once)`],
          [
            'masked',
            grant.masks &&
              `${line(grant.masks.join(', '))}: in dumps too, which must not be restored over the original`,
          ],
          ['break-glass', grant.breakGlass ? 'yes: the approvers were told, and somebody else reviews it' : undefined],
        ]),
        // A comment to the shell: the whole may be pasted.
        ...Object.entries(connect).map(([client, command]) => `\n# ${line(client)}\n${line(command)}`),
      ].join('\n'),
    );
  });
}
