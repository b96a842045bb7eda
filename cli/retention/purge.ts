import type { Command } from 'commander';
import { SessionId } from '../../core/ids.ts';
import { Email } from '../../core/identity.ts';
import {
  EarlyPurge,
  OrderedPurges,
  PurgeReport,
  RetentionReason,
  SessionRetention,
} from '../../core/retention/purge.ts';
import { refusalWords } from '../../core/retention/refusal-words.ts';
import { type ApiClient, query } from '../api-client.ts';
import { checked, type Cli } from '../cli.ts';
import { usage } from '../failure.ts';
import { time } from '../output.ts';
import { earlyWords, purgePerson } from './purge-person.ts';
import { keptWords } from './kept-words.ts';

interface Options {
  readonly dryRun?: boolean;
  readonly now?: boolean;
  readonly early?: boolean;
  readonly session?: string;
  readonly user?: string;
  readonly yes?: boolean;
  readonly reason?: string;
}

export function addPurge(command: Command, cli: Cli): void {
  command
    .option('--dry-run', 'say what would go, and what cannot; changes nothing')
    .option('--now', 'order what is due now, and not with the next look')
    .option('--early', 'before its time: two people, and a lock that allows it; with --reason and --session or --user')
    .option('--session <ID>', 'this one alone')
    .option('--user <EMAIL>', "with --early: all of a person's sessions that are not purged yet")
    .option('-y, --yes', 'with --user: do not ask')
    .option('--reason <TEXT>', 'why, with --early; it stays in the audit log, so name nobody')
    .action(async (options: Options, command: Command) => {
      const { dryRun, now, early } = options;
      if ([dryRun, now, early].filter(Boolean).length !== 1) throw usage('say one of --dry-run, --now and --early');
      const session = options.session === undefined ? undefined : checked(SessionId, options.session, '--session');
      if (!early && options.reason !== undefined) throw usage('--reason goes with --early');
      if (!early && options.user !== undefined)
        throw usage('--user goes with --early: what is due goes by itself, or with --now');
      if (options.yes && options.user === undefined) throw usage('--yes goes with --user');
      if (early) {
        if ((session === undefined) === (options.user === undefined))
          throw usage('--early goes with one of --session and --user');
        const reason = checked(RetentionReason, options.reason ?? '', '--reason');
        const email = options.user === undefined ? undefined : checked(Email, options.user, '--user');
        const opened = await cli.open(command);
        if (email !== undefined) return purgePerson(cli, opened, { email, reason, yes: options.yes === true });
        const asked = await opened.client.post(`/sessions/${session}/purge`, { reason }, EarlyPurge);
        return opened.output.answer(asked, () => `The purge of ${session} ${earlyWords(asked)}.`);
      }
      const { client, output } = await cli.open(command);
      if (now) {
        const { ordered } = await client.post('/purges/order', session ? { session } : {}, OrderedPurges);
        const kept = session && ordered.length === 0 ? await keptBy(client, session) : undefined;
        return output.answer({ ordered, ...(kept && { kept }) }, () => {
          if (ordered.length > 0) return `Ordered, and deleted by the next run:\n${ordered.join('\n')}`;
          return kept ? `Nothing was ordered.\n${keptWords(kept)}` : 'Nothing is due.';
        });
      }
      const report = await client.get(`/purges/report${query({ session })}`, PurgeReport);
      if (session) {
        const kept = await keptBy(client, session);
        return output.answer({ ...report, kept }, () => keptWords(kept));
      }
      const rows = [
        ...[...report.purged, ...report.proposed].map((id) => [id, 'goes']),
        ...report.refused.map(({ session: id, refusals }) => [
          id,
          refusals.map((refusal) => refusalWords(refusal, time)).join(' '),
        ]),
        ...report.failed.map((id) => [id, 'could not be looked at: the archive did not answer']),
      ];
      await output.answer(report, () => output.table(['SESSION', 'WHAT'], rows, 'Nothing is due.'));
    });
}

/** Of one session that is asked about by its id, why it stays, or that it is gone. */
const keptBy = (client: ApiClient, session: SessionId): Promise<SessionRetention> =>
  client.get(`/sessions/${session}/retention`, SessionRetention);
