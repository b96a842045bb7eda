// Ends one live session, or all that a person has open.

import type { Command } from 'commander';
import { EndedSession, EndingReason } from '../../core/api.ts';
import { Email } from '../../core/identity.ts';
import { SessionId } from '../../core/ids.ts';
import { EndedPerson } from '../../core/people/ended-person.ts';
import { checked, type Cli } from '../cli.ts';
import { usage } from '../failure.ts';
import { line } from '../terminal-text.ts';

interface Options {
  readonly user?: string;
  readonly reason: string;
}

export function addEnd(command: Command, cli: Cli): void {
  command
    .argument('[SESSION]', 'its id, ses_...')
    .option('--user <EMAIL>', 'all that this person has open, instead of a session (administrators)')
    .requiredOption('--reason <TEXT>', 'why; whoever is in the session reads it')
    .action(async (text: string | undefined, options: Options, command: Command) => {
      const reason = checked(EndingReason, options.reason, '--reason');
      if ((text === undefined) === (options.user === undefined))
        throw usage('name a SESSION, or a person: --user EMAIL');
      return text === undefined
        ? endPerson(cli, command, checked(Email, options.user, '--user'), reason)
        : endSession(cli, command, checked(SessionId, text, 'SESSION'), reason);
    });
}

async function endSession(cli: Cli, command: Command, id: SessionId, reason: string): Promise<void> {
  const { client, output } = await cli.open(command);
  const ended = await client.post(`/sessions/${id}/end`, { reason }, EndedSession);
  await output.answer(ended, () => {
    const which = `Session ${ended.session} of ${ended.email} on ${ended.resource}`;
    return ended.state === 'over' ? `${which} was over already.` : `${which} ends now. Its grant stays.`;
  });
}

async function endPerson(cli: Cli, command: Command, email: string, reason: string): Promise<void> {
  const { client, output } = await cli.open(command);
  const ended = await client.post('/people/end', { email, reason }, EndedPerson);
  await output.answer(ended, () => describeEnded(ended));
}

function describeEnded(ended: EndedPerson): string {
  const { email, browsers, tokens, grants, sessions, tunnels, requests, links, notTold } = ended;
  const parts = [
    count(grants, 'grant'),
    count(sessions, 'running session'),
    count(tunnels, 'tunnel'),
    count(browsers, 'portal sign-in'),
    count(tokens, 'API token'),
    count(requests, 'waiting request'),
    count(links, 'link'),
  ].filter((part) => part !== undefined);
  const what = parts.length === 0 ? 'Nothing was open.' : `Ended: ${parts.join(', ')}.`;
  const late =
    notTold.length === 0
      ? ''
      : ` Not linked now, so that sessions may go on there until they are back or the grants would have ended: ${notTold.join(', ')}.`;
  return `${line(email)}: ${what}${late} They may sign in again; to keep them out, deactivate them in the directory.`;
}

const count = (number: number, noun: string): string | undefined =>
  number === 0 ? undefined : `${number} ${noun}${number === 1 ? '' : 's'}`;
