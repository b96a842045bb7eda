// Links that pass a session on: made, listed, revoked.

import type { Command } from 'commander';
import { SessionId, ShareId } from '../../core/ids.ts';
import { ListedShare, MadeShare, MakeShare, SharePage } from '../../core/sharing/share.ts';
import { secondsOf } from '../access/ask-access.ts';
import { query } from '../api-client.ts';
import { checked, type Cli } from '../cli.ts';
import { usage } from '../failure.ts';
import { time } from '../output.ts';
import { line } from '../terminal-text.ts';

interface Options {
  readonly for?: string;
  readonly at?: string;
  readonly with?: string[];
}

export function addShare(command: Command, cli: Cli): void {
  command
    .argument('SESSION', 'its id, ses_...')
    .option('--for <DURATION>', 'how long the link opens it: 1h, 7d (default: as long as the rule lets it)')
    .option('--at <MOMENT>', 'where the replay begins: 90, 12.5 or 1:02:03 from its start')
    .option(
      '--with <NAME...>',
      'who may open it: EMAIL or group:NAME (default: whoever signs in, where the rule lets it)',
    )
    .action(async (text: string, options: Options, command: Command) => {
      const id = checked(SessionId, text, 'SESSION');
      const wanted = {
        ...(options.for !== undefined && { seconds: secondsOf(options.for) }),
        ...(options.at !== undefined && { moment: momentOf(options.at) }),
        ...(options.with && { with: options.with }),
      };
      const body = checked(MakeShare, wanted, '--with');
      const { client, output } = await cli.open(command);
      const made = await client.post(`/sessions/${id}/shares`, body, MadeShare);
      const { share, link } = made;
      await output.answer(made, () =>
        [
          line(link),
          output.details([
            ['for', namesOf(share)],
            ['until', time(share.until)],
            ['revoke it', `gatehouse unshare ${share.id}`],
          ]),
          'The link is shown this once.',
        ].join('\n'),
      );
    });
}

export function addShares(command: Command, cli: Cli): void {
  command
    .option('--session <ID>', 'those to one session')
    .option('--cursor <CURSOR>', 'go on from a page before')
    .action(async (options: { session?: string; cursor?: string }, command: Command) => {
      const session = options.session === undefined ? undefined : checked(SessionId, options.session, '--session');
      const { client, output } = await cli.open(command);
      const page = await client.get(`/shares${query({ session, cursor: options.cursor })}`, SharePage);
      await output.answer(page, () =>
        [
          output.table(
            ['LINK', 'STATE', 'SESSION', 'FOR', 'UNTIL', 'OPENED BY', 'MADE BY'],
            page.shares.map((share) => [
              ...[share.id, share.revoked ? `revoked by ${share.revoked.by}` : share.state, share.session],
              ...[
                namesOf(share),
                time(share.until),
                share.opened === 1 ? '1 person' : `${share.opened} people`,
                share.by,
              ],
            ]),
            'There are no links.',
          ),
          ...(page.cursor === undefined ? [] : [`More: --cursor ${page.cursor}`]),
        ].join('\n'),
      );
    });
}

export function addUnshare(command: Command, cli: Cli): void {
  command.argument('LINK', 'its id, shr_...').action(async (text: string, _options: object, command: Command) => {
    const id = checked(ShareId, text, 'LINK');
    const { client, output } = await cli.open(command);
    const share = await client.post(`/shares/${id}/revoke`, undefined, ListedShare);
    await output.answer({ share }, () => `Link ${id} opens nothing any more.`);
  });
}

const namesOf = ({ with: names }: ListedShare): string =>
  names?.map((name) => name.replace(/^user:/, '')).join(', ') ?? 'whoever signs in and has it';

/** Seconds. */
function momentOf(text: string): number {
  if (!/^(\d{1,4}:)?(\d{1,2}:)?\d{1,8}(\.\d{1,3})?$/.test(text))
    throw usage(`--at ${text}: expected seconds, such as 90 or 12.5, or 1:02:03`);
  return text.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
}
