import type { Command } from 'commander';
import { type SessionEntry, SessionPage } from '../../core/catalogue.ts';
import { actionsOf } from '../../core/protocols.ts';
import { errorCount, failuresKnown, sessionMarks } from '../../core/session-marks.ts';
import { query } from '../api-client.ts';
import { INCOMPLETE } from '../archive/incomplete.ts';
import { type Cli, wholeNumber } from '../cli.ts';
import { INSTANTS, instant, instantUntil } from '../instant.ts';
import { took } from '../../core/text/amounts.ts';
import { time } from '../output.ts';

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
    .option('--since <WHEN>', `begun since: ${INSTANTS}`)
    .option('--until <WHEN>', 'begun before; a day is part of it; written like --since')
    .option('--cursor <TEXT>', 'go on where the last page ended')
    .option('--limit <N>', 'sessions a page, 1 to 200', '50')
    .action(async (options: Options, command: Command) => {
      const search = query({
        email: options.user,
        resource: options.resource,
        task: options.task,
        trace: options.trace,
        since: options.since === undefined ? undefined : instant(options.since, '--since', Date.now()),
        until: options.until === undefined ? undefined : instantUntil(options.until, '--until', Date.now()),
        cursor: options.cursor,
        limit: wholeNumber(options.limit, '--limit', 1, 200),
      });
      const { client, output } = await cli.open(command);
      const page = await client.get(`/sessions${search}`, SessionPage);
      await output.answer(page, () => {
        const now = Date.now();
        const marksOf = (session: SessionEntry) => sessionMarks(session, now);
        const marked = page.sessions.filter((session) => marksOf(session).length > 0).length;
        const actions = actionsOf(page.sessions.map(({ protocol }) => protocol)).toUpperCase();
        const table = output.table(
          ['', 'SESSION', 'STARTED', 'LENGTH', 'STATE', 'PERSON', 'RESOURCE', actions, 'ERRORS', 'REASON'],
          page.sessions.map((session) => [
            marksOf(session).length > 0 ? '!' : '',
            session.id,
            time(session.startedAt),
            session.endedAt ? took((Date.parse(session.endedAt) - Date.parse(session.startedAt)) * 1_000) : 'running',
            [
              session.state,
              ...marksOf(session),
              ...(session.ruleGone ? ['rule gone'] : []),
              ...(session.needsApproval ? ['on approval'] : []),
            ].join(', '),
            session.email,
            session.resource,
            String(session.counts.actions),
            errorCount(session),
            session.reason,
          ]),
          page.cursor ? 'None on this page: of those that were looked through you may view none.' : 'No sessions.',
          (row) => (row[0] === '!' ? 'yellow' : undefined),
        );
        return [
          table,
          ...(marked === 0
            ? []
            : [
                '',
                `! ${marked === 1 ? 'One of them needs' : `${marked} of them need`} a look: gatehouse session ID says more.`,
              ]),
          ...(page.sessions.every(failuresKnown)
            ? []
            : ['', '+: failed commands are not all counted. gatehouse reindex counts those of earlier releases.']),
          ...(page.incomplete ? ['', INCOMPLETE] : []),
          ...(page.sessions.some(({ ruleGone }) => ruleGone)
            ? ['', 'rule gone: the policy has no such rule any more. Their own people and auditors see these.']
            : []),
          ...(page.sessions.some(({ needsApproval }) => needsApproval)
            ? ['', 'on approval: somebody has to agree before you watch: gatehouse request-view ID --reason TEXT']
            : []),
          ...(page.cursor ? ['', `More: --cursor ${page.cursor}`] : []),
        ].join('\n');
      });
    });
}
