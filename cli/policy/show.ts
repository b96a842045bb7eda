import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { time } from '../output.ts';
import { line, lines } from '../terminal-text.ts';
import { FetchedPolicy, toldOfStored } from './stored.ts';

export function addPolicyShow(policy: Command, cli: Cli): void {
  policy
    .command('show')
    .description('the policy in force: its text, and on standard error whose it is')
    .action(async (_options: object, command: Command) => {
      const { client, output } = await cli.open(command);
      const stored = await client.get('/policy', FetchedPolicy);
      // Beside the text, so that `policy show > policy.yaml` gives the very file.
      if (!output.json) {
        output.note(`version ${stored.version}, applied by ${line(stored.appliedBy)} at ${time(stored.appliedAt)}`);
        for (const told of toldOfStored(stored)) output.note(told);
      }
      await output.answer(stored, () => lines(stored.text).replace(/\n$/, ''));
    });
}
