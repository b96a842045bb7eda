import type { Command } from 'commander';
import { type SessionEntry, SessionPage } from '../../core/catalogue.ts';
import { actionsOf } from '../../core/protocols.ts';
import { query } from '../api-client.ts';
import { type Cli, wholeNumber } from '../cli.ts';
import { instant } from '../instant.ts';
import { duration, time } from '../output.ts';

interface Options {
  readonly user?: string;
  readonly resource?: string;
  readonly task?: string;
  readonly trace?: string;
  readonly since?: string;
  readonly until?: string;
  readonly cursor?: string;
  readonly limit: string;
}

export function addSessions(command: Command, cli: Cli): void {
  command
    .option('--user <EMAIL>', 'of this person')
    .option('--resource <NAME>', 'on this resource')
    .option('--task <ID>', 'with this task')
    .option('--trace <ID>', 'with this trace')
    .option('--since <WHEN>', 'begun since: 2026-11-20, 2026-11-20T09:00:00Z, or 2h ago')
    .option('--until <WHEN>', 'begun before')
    .option('--cursor <TEXT>', 'go on where the last page ended')
    .option('--limit <N>', 'sessions a page, 1 to 200', '50')
    .action(async (options: Options, command: Command) => {
      const search = query({
        email: options.user,
        resource: options.resource,
        task: options.task,
        trace: options.trace,
        since: options.since === undefined ? undefined : instant(options.since, '--since', Date.now()),
        until: options.until === undefined ? undefined : instant(options.until, '--until', Date.now()),
        cursor: options.cursor,
        limit: wholeNumber(options.limit, '--limit', 1, 200),
      });
      const { client, output } = await cli.open(command);
      const page = await client.get(`/sessions${search}`, SessionPage);
      await output.answer(page, () => {
        const actions = actionsOf(page.sessions.map(({ protocol }) => protocol)).toUpperCase();
        const table = output.table(
          ['SESSION', 'STARTED', 'LENGTH', 'STATE', 'PERSON', 'RESOURCE', actions, 'ERRORS', 'REASON'],
          page.sessions.map((session) => [
            session.id,
            time(session.startedAt),
            session.endedAt
              ? duration((Date.parse(session.endedAt) - Date.parse(session.startedAt)) * 1_000)
              : 'running',
            stateOf(session),
            session.email,
            session.resource,
            String(session.counts.actions),
            String(session.counts.errors),
            session.reason,
          ]),
          'No sessions.',
        );
        return page.cursor ? `${table}\n\nMore: --cursor ${page.cursor}` : table;
      });
    });
}

/** With what a reader of the list must know: that there is little to see, or that somebody still has to review it. */
function stateOf({ state, exempt, breakGlass, contradicted }: SessionEntry): string {
  const marks = [exempt !== undefined && 'exempt', breakGlass && 'break-glass', contradicted && 'row changed'];
  return [state, ...marks].filter(Boolean).join(', ');
}
