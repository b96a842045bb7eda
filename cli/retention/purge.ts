import type { Command } from 'commander';
import { SessionId } from '../../core/ids.ts';
import { EarlyPurge, OrderedPurges, PurgeReport, RetentionReason } from '../../core/retention/purge.ts';
import { query } from '../api-client.ts';
import { checked, type Cli } from '../cli.ts';
import { usage } from '../failure.ts';
import { time } from '../output.ts';
import { refusalWords } from './refusal-words.ts';

interface Options {
  readonly dryRun?: boolean;
  readonly now?: boolean;
  readonly early?: boolean;
  readonly session?: string;
  readonly reason?: string;
}

export function addPurge(command: Command, cli: Cli): void {
  command
    .option('--dry-run', 'say what would go, and what cannot; changes nothing')
    .option('--now', 'order what is due now, and not with the next look')
    .option('--early', 'before its time: two people, and a lock that allows it; with --session and --reason')
    .option('--session <ID>', 'this one alone')
    .option('--reason <TEXT>', 'why, with --early; it stays in the audit log, so name nobody')
    .action(async (options: Options, command: Command) => {
      const { dryRun, now, early } = options;
      if ([dryRun, now, early].filter(Boolean).length !== 1) throw usage('say one of --dry-run, --now and --early');
      const session = options.session === undefined ? undefined : checked(SessionId, options.session, '--session');
      if (!early && options.reason !== undefined) throw usage('--reason goes with --early');
      if (early) {
        if (!session) throw usage('--early goes with --session');
        const reason = checked(RetentionReason, options.reason ?? '', '--reason');
        const { client, output } = await cli.open(command);
        const asked = await client.post(`/sessions/${session}/purge`, { reason }, EarlyPurge);
        return output.answer(asked, () =>
          asked.state === 'ordered'
            ? `The purge of ${session} is ordered: its next run deletes it.`
            : `The purge of ${session} waits for another person${asked.until ? ` until ${time(asked.until)}` : ''}.`,
        );
      }
      const { client, output } = await cli.open(command);
      if (now) {
        const { ordered } = await client.post('/purges/order', session ? { session } : {}, OrderedPurges);
        return output.answer({ ordered }, () =>
          ordered.length === 0 ? 'Nothing is due.' : `Ordered, and deleted by the next run:\n${ordered.join('\n')}`,
        );
      }
      const report = await client.get(`/purges/report${query({ session })}`, PurgeReport);
      const rows = [
        ...[...report.purged, ...report.proposed].map((id) => [id, 'goes']),
        ...report.refused.map(({ session: id, refusals }) => [id, refusals.map(refusalWords).join(' ')]),
        ...report.failed.map((id) => [id, 'could not be looked at: the archive did not answer']),
      ];
      await output.answer(report, () => output.table(['SESSION', 'WHAT'], rows, 'Nothing is due.'));
    });
}
