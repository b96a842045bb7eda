import type { Command } from 'commander';
import { ApprovalList, type ListedApproval } from '../../core/api.ts';
import { actionOf, nounOf } from '../../core/approval/held-action.ts';
import { query } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { duration, time } from '../output.ts';

export function addApprovals(command: Command, cli: Cli): void {
  command
    .option('--all', 'also what is decided or over')
    .action(async (options: { all?: boolean }, command: Command) => {
      const { client, output } = await cli.open(command);
      const list = await client.get(`/approvals${query({ state: options.all ? 'all' : 'open' })}`, ApprovalList);
      const kinds = new Set(list.approvals.flatMap((approval) => heldIn(approval)?.kind ?? []));
      const text = kinds.size > 1 ? 'action' : nounOf([...kinds][0] ?? 'statement').one;
      await output.answer(list, () =>
        output.table(
          ['REQUEST', 'STATE', 'FOR YOU', 'PERSON', 'RESOURCE', 'FOR', 'DECIDE BY', `REASON OR ${text.toUpperCase()}`],
          list.approvals.map((approval) => {
            const held = heldIn(approval);
            return [
              approval.id,
              approval.breakGlass ? 'glass broken' : approval.state,
              approval.mayDecide ? 'decide' : approval.mayReview ? 'review' : approval.yours ? 'yours' : '',
              approval.requester.email,
              approval.resource,
              held ? `a ${nounOf(held.kind).one}` : duration(approval.workSeconds * 1_000_000),
              time(approval.decideBy),
              // What one says yes to.
              held?.text ?? approval.reason,
            ];
          }),
          'Nothing waits for you.',
        ),
      );
    });
}

/** What waits; an edge of the first release says it of statements alone. */
const heldIn = ({ held, statement }: ListedApproval) => held ?? (statement && actionOf(statement));
