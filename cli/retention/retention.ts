// `gatehouse retention`: what keeps a session.

import type { Command } from 'commander';
import { SessionId } from '../../core/ids.ts';
import { SessionRetention } from '../../core/retention/purge.ts';
import { checked, type Cli } from '../cli.ts';
import { keptWords } from './kept-words.ts';

export function addRetention(command: Command, cli: Cli): void {
  command
    .helpCommand(false)
    .command('show')
    .description('What keeps a session, and from when on it can be purged (auditors, administrators)')
    .argument('SESSION', 'its id, ses_...')
    .action(async (text: string, _options: object, command: Command) => {
      const id = checked(SessionId, text, 'SESSION');
      const { client, output } = await cli.open(command);
      const kept = await client.get(`/sessions/${id}/retention`, SessionRetention);
      await output.answer(kept, () => keptWords(kept));
    });
}
