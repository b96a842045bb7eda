// Saying yes or no to somebody's request, and taking back one's own.

import type { Command } from 'commander';
import { type ApprovalDecision, ListedApproval } from '../../core/api.ts';
import { requestWords } from '../../core/approval/state-words.ts';
import { RequestId } from '../../core/ids.ts';
import { checked, type Cli } from '../cli.ts';
import { line } from '../terminal-text.ts';

export function addApprove(command: Command, cli: Cli): void {
  command
    .argument('REQUEST', 'its id, req_...')
    .option('--comment <TEXT>', 'kept with the approval')
    .action((text: string, options: { comment?: string }, command: Command) =>
      decide(cli, command, text, { decision: 'approve', comment: options.comment ?? '' }),
    );
}

export function addDeny(command: Command, cli: Cli): void {
  command
    .argument('REQUEST', 'its id, req_...')
    .requiredOption('--reason <TEXT>', 'why; the person who asked reads it')
    .action((text: string, options: { reason: string }, command: Command) =>
      decide(cli, command, text, { decision: 'deny', comment: options.reason }),
    );
}

export function addWithdraw(command: Command, cli: Cli): void {
  command.argument('REQUEST', 'its id, req_...').action(async (text: string, _options: object, command: Command) => {
    const id = checked(RequestId, text, 'REQUEST');
    const { client, output } = await cli.open(command);
    const approval = await client.post(`/requests/${id}/withdraw`, undefined, ListedApproval);
    await output.answer({ approval }, () => `Withdrawn: ${sentenceOf(approval)}.`);
  });
}

async function decide(cli: Cli, command: Command, text: string, decision: ApprovalDecision): Promise<void> {
  const id = checked(RequestId, text, 'REQUEST');
  const { client, output } = await cli.open(command);
  const approval = await client.post(`/approvals/${id}/decision`, decision, ListedApproval);
  const { state, votes, needed } = approval;
  const decided = decision.decision === 'approve' ? 'Approved' : 'Denied';
  const sentence = sentenceOf(approval);
  await output.answer({ approval }, () =>
    state === 'pending'
      ? `${decided} by you, ${votes.length} of ${needed} approvals: ${sentence}.`
      : `${decided}: ${sentence}.`,
  );
}

const sentenceOf = (approval: ListedApproval): string =>
  `${line(approval.requester.email)} ${requestWords(approval).did} ${line(approval.resource)}`;
