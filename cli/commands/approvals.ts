import type { Command } from 'commander';
import { ApprovalList } from '../../core/api.ts';
import { query } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { duration, time } from '../output.ts';

export function addApprovals(command: Command, cli: Cli): void {
  command
    .option('--all', 'also what is decided or over')
    .action(async (options: { all?: boolean }, command: Command) => {
      const { client, output } = await cli.open(command);
      const list = await client.get(`/approvals${query({ state: options.all ? 'all' : 'open' })}`, ApprovalList);
      await output.answer(list, () =>
        output.table(
          ['REQUEST', 'STATE', 'FOR YOU', 'PERSON', 'RESOURCE', 'FOR', 'DECIDE BY', 'REASON OR STATEMENT'],
          list.approvals.map((approval) => [
            approval.id,
            approval.breakGlass ? 'glass broken' : approval.state,
            approval.mayDecide ? 'decide' : approval.mayReview ? 'review' : approval.yours ? 'yours' : '',
            approval.requester.email,
            approval.resource,
            approval.statement ? 'a statement' : duration(approval.workSeconds * 1_000_000),
            time(approval.decideBy),
            // What one says yes to.
            approval.statement?.text ?? approval.reason,
          ]),
          'Nothing waits for you.',
        ),
      );
    });
}
