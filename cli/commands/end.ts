import type { Command } from 'commander';
import { EndedSession, EndingReason } from '../../core/api.ts';
import { SessionId } from '../../core/ids.ts';
import { checked, type Cli } from '../cli.ts';

export function addEnd(command: Command, cli: Cli): void {
  command
    .argument('SESSION', 'its id, ses_...')
    .requiredOption('--reason <TEXT>', 'why; whoever is in the session reads it')
    .action(async (text: string, options: { reason: string }, command: Command) => {
      const id = checked(SessionId, text, 'SESSION');
      const reason = checked(EndingReason, options.reason, '--reason');
      const { client, output } = await cli.open(command);
      const ended = await client.post(`/sessions/${id}/end`, { reason }, EndedSession);
      await output.answer(ended, () => {
        const which = `Session ${ended.session} of ${ended.email} on ${ended.resource}`;
        return ended.state === 'over' ? `${which} was over already.` : `${which} ends now. Its grant stays.`;
      });
    });
}
