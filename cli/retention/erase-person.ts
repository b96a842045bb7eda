import type { Command } from 'commander';
import { Email } from '../../core/identity.ts';
import { ErasedPerson, RetentionReason } from '../../core/retention/purge.ts';
import { checked, type Cli } from '../cli.ts';
import { time } from '../output.ts';

export function addErasePerson(command: Command, cli: Cli): void {
  command
    .argument('EMAIL', 'whose name the audit log is to forget')
    .requiredOption('--reason <TEXT>', 'why; it stays in the audit log, so name nobody')
    .action(async (text: string, options: { readonly reason: string }, command: Command) => {
      const email = checked(Email, text, 'EMAIL');
      const reason = checked(RetentionReason, options.reason, '--reason');
      const { client, output } = await cli.open(command);
      const asked = await client.post('/erasures', { email, reason }, ErasedPerson);
      await output.answer(asked, () =>
        asked.state === 'erased'
          ? `Erased. The audit log has ${asked.person ?? 'a pseudonym'} in their place, and nobody can tell whose it was.`
          : `It waits for another person${asked.until ? ` until ${time(asked.until)}` : ''}.`,
      );
    });
}
