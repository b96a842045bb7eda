// `gatehouse hold`: legal holds.

import type { Command } from 'commander';
import { HoldId } from '../../core/ids.ts';
import { HoldScope, LegalHold } from '../../core/retention/hold.ts';
import { HoldList, RetentionReason } from '../../core/retention/purge.ts';
import { checked, type Cli } from '../cli.ts';
import { usage } from '../failure.ts';
import { INSTANTS, instant } from '../instant.ts';
import { time } from '../output.ts';

interface Named {
  readonly session?: string[];
  readonly user?: string;
  readonly resource?: string;
  readonly since?: string;
  readonly until?: string;
}

export function addHold(command: Command, cli: Cli): void {
  const hold = command.helpCommand(false);
  hold
    .command('place')
    .description('Keep sessions from being purged, those that come later too (auditors, administrators)')
    .option('--session <ID...>', 'these sessions')
    .option('--user <EMAIL>', 'all sessions of a person')
    .option('--resource <NAME>', 'all sessions on a resource')
    .option('--since <TIME>', `what ran from then on, with --until: ${INSTANTS}`)
    .option('--until <TIME>', 'and before then')
    .requiredOption('--reason <TEXT>', 'why; it stays in the audit log, so name nobody')
    .action(async (options: Named & { reason: string }, command: Command) => {
      const body = { scope: scopeOf(options), reason: checked(RetentionReason, options.reason, '--reason') };
      const { client, output } = await cli.open(command);
      const placed = await client.post('/holds', body, LegalHold);
      await output.answer(
        { hold: placed },
        () =>
          `Hold ${placed.id} is in force on ${scopeWords(placed.scope)}. Objects are put under the store's hold within the hour.`,
      );
    });
  hold
    .command('lift')
    .description('Lift a hold: whoever asks first waits for another person')
    .argument('HOLD', 'its id, hld_...')
    .requiredOption('--reason <TEXT>', 'why; it stays in the audit log, so name nobody')
    .action(async (text: string, options: { reason: string }, command: Command) => {
      const id = checked(HoldId, text, 'HOLD');
      const reason = checked(RetentionReason, options.reason, '--reason');
      const { client, output } = await cli.open(command);
      const hold = await client.post(`/holds/${id}/lift`, { reason }, LegalHold);
      await output.answer({ hold }, () =>
        hold.lifted
          ? `Hold ${id} is lifted. What it kept and is due will be purged.`
          : `Hold ${id} stays until somebody else agrees: gatehouse hold lift ${id} --reason TEXT`,
      );
    });
  hold
    .command('list')
    .description('Holds, newest first, and how far the objects of their sessions are held')
    .action(async (_options: object, command: Command) => {
      const { client, output } = await cli.open(command);
      const list = await client.get('/holds', HoldList);
      await output.answer(list, () =>
        output.table(
          ['HOLD', 'STATE', 'ON', 'SESSIONS', 'PLACED', 'BY', 'REASON'],
          list.holds.map(({ id, scope, placed, lifting, lifted, standing }) => [
            id,
            lifted ? 'lifted' : lifting ? `lift asked by ${lifting.by}` : 'in force',
            scopeWords(scope),
            standing ? `${standing.sessions}${standing.whole ? '' : ', not all held yet'}` : 'not looked at yet',
            time(placed.at),
            placed.by,
            placed.reason,
          ]),
          'There is no hold.',
        ),
      );
    });
}

function scopeOf({ session, user, resource, since, until }: Named): HoldScope {
  const now = Date.now();
  const scopes = [
    session && (session.length === 1 ? { of: 'session', session: session[0] } : { of: 'sessions', sessions: session }),
    user !== undefined && { of: 'user', email: user },
    resource !== undefined && { of: 'resource', resource },
    (since !== undefined || until !== undefined) && {
      ...{ of: 'time', since: instant(since ?? '', '--since', now), until: instant(until ?? '', '--until', now) },
    },
  ].filter((scope) => scope !== false && scope !== undefined);
  const [scope] = scopes;
  if (!scope || scopes.length > 1)
    throw usage('name what to hold with one of --session, --user, --resource, or --since with --until');
  return checked(HoldScope, scope, 'what to hold');
}

function scopeWords(scope: HoldScope): string {
  switch (scope.of) {
    case 'session':
      return scope.session;
    case 'user':
      return `sessions of ${scope.email}`;
    case 'resource':
      return `sessions on ${scope.resource}`;
    case 'time':
      return `what ran from ${time(scope.since)} to ${time(scope.until)}`;
    case 'sessions':
      return `${scope.sessions.length} sessions`;
  }
}
