// `gatehouse retention`: what keeps a session.

import type { Command } from 'commander';
import { SessionId } from '../../core/ids.ts';
import { SessionRetention } from '../../core/retention/purge.ts';
import { checked, type Cli } from '../cli.ts';
import { time } from '../output.ts';
import { refusalWords } from './refusal-words.ts';

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
      await output.answer(kept, () => describe(kept));
    });
}

function describe({
  session,
  retention,
  granted,
  storedAt,
  evidence,
  refusals,
  possibleFrom,
  purge,
  asked,
}: SessionRetention): string {
  const stored =
    storedAt === undefined ? 'nothing is stored' : `${evidence.versions} objects, the last of ${time(storedAt)}`;
  const rule = retention ? `rule ${retention.rule} keeps it ${retention.retainDays} days` : 'its rule cannot be read';
  const other = granted === undefined || granted === retention?.retainDays ? '' : `, and the edge granted ${granted}`;
  return [
    `${session}: ${stored}; ${rule}${other}.`,
    ...refusals.map((refusal) => `  ${refusalWords(refusal)}`),
    ...(refusals.length === 0 ? ['  Nothing stands against its purge.'] : []),
    ...(possibleFrom === undefined ? [] : [`  It can be purged from ${time(possibleFrom)} on.`]),
    ...(asked
      ? [`  ${asked.by} asked for its purge before its time; that waits for another until ${time(asked.until)}.`]
      : []),
    ...(purge ? [`  Its purge is ${purge.state} since ${time(purge.at)}.`] : []),
  ].join('\n');
}
