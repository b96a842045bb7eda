// `gatehouse hold`: legal holds.

import type { Command } from 'commander';
import { HoldId, SessionId } from '../../core/ids.ts';
import {
  COVERS_NOBODY,
  coversNobody,
  heldNowWords,
  type HoldScope,
  HoldSearch,
  LegalHold,
  MAX_HELD_SESSIONS,
  PlacedHold,
  HeldAddress,
  PlacedScope,
} from '../../core/retention/hold.ts';
import { queryHint } from '../../core/search/parse.ts';
import { HoldList, RetentionReason, SearchForHold } from '../../core/retention/purge.ts';
import type { ApiClient } from '../api-client.ts';
import { checked, type Cli } from '../cli.ts';
import { confirm } from '../confirm.ts';
import { line } from '../terminal-text.ts';
import { usage } from '../failure.ts';
import { INSTANTS, instant, instantUntil } from '../instant.ts';
import { type Output, time } from '../output.ts';

interface Named {
  readonly session?: string[];
  readonly user?: string;
  readonly resource?: string;
  readonly since?: string;
  readonly until?: string;
}

interface PlaceOptions extends Named {
  readonly search?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly reason: string;
}

export function addHold(command: Command, cli: Cli): void {
  const hold = command.helpCommand(false);
  hold
    .command('place')
    .description('Keep sessions from being purged (auditors, administrators)')
    .option('--session <ID...>', 'these sessions')
    .option('--search <QUERY>', 'the sessions that a search finds now, and none that come later (auditors)')
    .option('--user <EMAIL>', 'all sessions of a person, those that come later too')
    .option('--resource <NAME>', 'all sessions on a resource, those that come later too')
    .option('--since <TIME>', `what ran from then on, with --until: ${INSTANTS}`)
    .option('--until <TIME>', 'and before then; a day is part of it')
    .requiredOption('--reason <TEXT>', 'why; it stays in the audit log, so name nobody')
    .option('--dry-run', 'with --search: say how many sessions it finds, and hold none')
    .option('-y, --yes', 'with --search: do not ask')
    .action(async (options: PlaceOptions, command: Command) => {
      const reason = checked(RetentionReason, options.reason, '--reason');
      if (options.search === undefined && (options.dryRun || options.yes))
        throw usage('--dry-run and --yes go with --search');
      const named = options.search === undefined ? scopeOf(options) : searchIn(options, options.search);
      const { client, output } = await cli.open(command);
      const found = typeof named === 'string' ? await searchToHold(client, output, named) : undefined;
      const hint = typeof named === 'string' ? queryHint(named, Date.now()) : undefined;
      if (hint !== undefined && !output.json) output.note(`Hint: ${hint}`);
      if (found && options.dryRun)
        return output.answer({ search: found }, () => `${foundWords(found)} Nothing was held.`);
      if (found && !options.yes)
        await confirm(cli, output, { ask: `${foundWords(found)} Hold them?`, otherwise: 'nothing was held' });
      const scope = typeof named === 'string' ? { of: 'search', search: found?.id } : named;
      const body = { scope, reason };
      const placed = await client.post('/holds', body, PlacedHold);
      const now = heldNowWords(placed);
      await output.answer(
        { hold: placed },
        () =>
          `Hold ${placed.id} is in force on ${scopeWords(placed.scope)}. ${now === undefined ? '' : `${now} `}Objects are put under the store's hold within the hour.`,
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
      const idle = list.holds.filter(coversNobody);
      await output.answer(list, () =>
        [
          output.table(
            ['HOLD', 'STATE', 'ON', 'SESSIONS', 'PLACED', 'BY', 'REASON'],
            list.holds.map(({ id, scope, placed, lifting, lifted, standing, named }) => [
              id,
              lifted ? 'lifted' : lifting ? `lift asked by ${lifting.by}` : 'in force',
              scopeWords(scope, named),
              coversNobody({ scope, lifted })
                ? 'none: no address'
                : standing
                  ? `${standing.sessions}${standing.whole ? '' : ', not all held yet'}`
                  : 'not looked at yet',
              time(placed.at),
              placed.by,
              placed.reason,
            ]),
            'There is no hold.',
          ),
          ...idle.flatMap(({ id }) => ['', `${id}: ${COVERS_NOBODY} gatehouse hold place --user EMAIL --reason TEXT`]),
        ].join('\n'),
      );
    });
}

function searchIn(options: PlaceOptions, query: string): string {
  const { session, user, resource, since, until } = options;
  if ([session, user, resource, since, until].some((other) => other !== undefined))
    throw usage('--search stands alone: write user:, resource:, since: and until: into the query');
  return checked(SearchForHold, { query }, '--search').query;
}

/** Until all pages are read. A call that fails in between costs nothing that was found: the command can be given again. */
async function searchToHold(client: ApiClient, output: Output, query: string): Promise<HoldSearch> {
  let search = await client.post('/holds/searches', { query }, HoldSearch);
  while (!search.done && !search.tooMany) {
    if (!output.json) output.note(`${search.sessions} sessions so far`);
    search = await client.post(`/holds/searches/${search.id}`, {}, HoldSearch);
  }
  return search;
}

const foundWords = ({ sessions, tooMany, notSearched }: HoldSearch): string =>
  [
    tooMany
      ? `The search finds more than ${MAX_HELD_SESSIONS} sessions, which is more than one hold has.`
      : `The search finds ${sessionWords(sessions)}.`,
    ...(notSearched ? [`Not searched, as watching takes an approval: rules ${line(notSearched.join(', '))}.`] : []),
  ].join(' ');

const sessionWords = (count: number): string => `${count} ${count === 1 ? 'session' : 'sessions'}`;

function scopeOf({ session: sessions, user, resource, since, until }: Named): PlacedScope {
  const now = Date.now();
  if ((since === undefined) !== (until === undefined)) throw usage('--since goes with --until');
  const session = sessions?.map((id) => checked(SessionId, id, '--session'));
  const scopes = [
    session && (session.length === 1 ? { of: 'session', session: session[0] } : { of: 'sessions', sessions: session }),
    user !== undefined && { of: 'user', email: checked(HeldAddress, user, '--user') },
    resource !== undefined && { of: 'resource', resource },
    (since !== undefined || until !== undefined) && {
      ...{ of: 'time', since: instant(since ?? '', '--since', now), until: instantUntil(until ?? '', '--until', now) },
    },
  ].filter((scope) => scope !== false && scope !== undefined);
  const [scope] = scopes;
  if (!scope || scopes.length > 1)
    throw usage('name what to hold with one of --session, --search, --user, --resource, or --since with --until');
  return checked(PlacedScope, scope, 'what to hold');
}

function scopeWords(scope: HoldScope, named?: number): string {
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
      return `${sessionWords(named ?? scope.sessions.length)}${scope.query === undefined ? '' : ` found by ${scope.query}`}`;
  }
}
