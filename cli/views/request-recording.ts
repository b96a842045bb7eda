// Asking to watch a session, where its rule wants an approval, and for its originals.

import type { Command } from 'commander';
import { PendingRequest } from '../../core/api.ts';
import type { RecordingKind } from '../../core/approval/approval.ts';
import { SessionId } from '../../core/ids.ts';
import { secondsOf } from '../access/ask-access.ts';
import { checked, type Cli } from '../cli.ts';
import { line } from '../terminal-text.ts';

interface Options {
  readonly reason: string;
  readonly for?: string;
}

export const addRequestView = (command: Command, cli: Cli): void =>
  addAsking(command, cli, 'view', 'Approved: you may watch it. gatehouse replay');

export const addUnlock = (command: Command, cli: Cli): void =>
  addAsking(command, cli, 'unlock', 'Approved: you may fetch them. gatehouse original');

function addAsking(command: Command, cli: Cli, kind: RecordingKind, approved: string): void {
  command
    .argument('SESSION', 'its id, ses_...')
    .requiredOption('--reason <TEXT>', 'why; whoever decides reads it')
    .option('--for <DURATION>', 'how long: 10m, 2h (default: as long as the rule gives)')
    .action(async (text: string, { reason, for: length }: Options, command: Command) => {
      const id = checked(SessionId, text, 'SESSION');
      const body = { reason, ...(length !== undefined && { seconds: secondsOf(length) }) };
      const { client, output } = await cli.open(command);
      const answer = await client.post(`/sessions/${id}/${kind}`, body, PendingRequest);
      const { request } = answer;
      await output.answer(answer, () =>
        request.state === 'approved'
          ? `${approved} ${id}`
          : `Request ${request.id} waits for approval: ${line(request.link)}`,
      );
    });
}
