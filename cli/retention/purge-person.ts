// `gatehouse purge --early --user`: every session of a person, before its time. Of each the edge decides by itself, so that one which
// something keeps stops none of the others.

import type { SessionId } from '../../core/ids.ts';
import { EarlyPurge, LeftSessions } from '../../core/retention/purge.ts';
import { count } from '../../core/text/amounts.ts';
import { type ApiClient, query } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { confirm } from '../confirm.ts';
import { Failure } from '../failure.ts';
import { type Output, time } from '../output.ts';

interface Asked {
  readonly email: string;
  readonly reason: string;
  readonly yes: boolean;
}

type Outcome =
  | EarlyPurge
  | { readonly session: SessionId; readonly state: 'refused'; readonly reason: string; readonly message: string };

const AT_ONCE = 4;

/** Exit code 1 where something keeps one of them. What was asked for before it failed stands: the command can be given again. */
export async function purgePerson(
  cli: Cli,
  { client, output }: { readonly client: ApiClient; readonly output: Output },
  { email, reason, yes }: Asked,
): Promise<void> {
  const sessions = await leftOf(client, email);
  if (sessions.length > 0 && !yes) {
    const ask = `${count(sessions.length, 'session')} of ${email}. Ask for the purge of each, or agree to it where somebody asked?`;
    await confirm(cli, output, { ask, otherwise: 'nothing was asked for' });
  }
  const outcomes = new Map<SessionId, Outcome>();
  const rest = sessions.values();
  const askForRest = async (): Promise<void> => {
    for (const session of rest) outcomes.set(session, await askFor(client, session, reason));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, askForRest));
  const all = sessions.flatMap((session) => outcomes.get(session) ?? []);
  const rows = all.map((each) => [each.session, each.state === 'refused' ? each.message : earlyWords(each)]);
  await output.answer({ sessions: all }, () =>
    output.table(['SESSION', 'ITS PURGE'], rows, `Nothing of ${email} is left to be purged.`),
  );
  const refused = all.filter(({ state }) => state === 'refused').length;
  if (refused > 0)
    throw new Failure(
      1,
      'refused',
      `${count(refused, 'session')} of ${sessions.length} ${refused === 1 ? 'stays' : 'stay'} for now`,
    );
}

async function leftOf(client: ApiClient, email: string): Promise<readonly SessionId[]> {
  const sessions: SessionId[] = [];
  let after: SessionId | undefined;
  do {
    const page: LeftSessions = await client.get(`/purges/left${query({ email, after })}`, LeftSessions);
    sessions.push(...page.sessions);
    after = page.after;
  } while (after !== undefined);
  return sessions;
}

/** Gatehouse itself away is no answer about a session: that goes on as it is. */
async function askFor(client: ApiClient, session: SessionId, reason: string): Promise<Outcome> {
  try {
    return await client.post(`/sessions/${session}/purge`, { reason }, EarlyPurge);
  } catch (error) {
    if (!(error instanceof Failure) || error.exitCode !== 1 || error.reason === 'unauthorized') throw error;
    return { session, state: 'refused', reason: error.reason, message: error.message };
  }
}

export const earlyWords = ({ session, state, until }: EarlyPurge): string =>
  state === 'ordered'
    ? 'is ordered: the next run deletes it'
    : `waits for another person${until ? ` until ${time(until)}` : ''}: gatehouse purge --early --session ${session} --reason TEXT`;
