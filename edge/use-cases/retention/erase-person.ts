// Erasing a person: what is left of them in the audit log are pseudonyms that nobody can resolve. The last step, when no recording
// names them any more; it takes two people, and neither is the one that goes.

import { withoutAddress } from '../../../core/audit/addresses.ts';
import { PersonId, type SessionId } from '../../../core/ids.ts';
import type { Identity } from '../../../core/identity.ts';
import { type HoldScope, isHoldOn } from '../../../core/retention/hold.ts';
import { DAY_MS } from '../../../core/retention/may-purge.ts';
import type { ErasedPerson, LeftSessions } from '../../../core/retention/purge.ts';
import { ok } from '../../../core/result.ts';
import { iso } from '../../clock.ts';
import type { Answer } from '../../gatehouse.ts';
import { fault, note, noteLook, type UseCaseDeps } from '../deps.ts';
import { isKnown } from '../people/known.ts';
import { standingAct } from './asker.ts';

/** For the second person. */
export const WAITS_MS = 7 * DAY_MS;

/** Whoever may keep and purge asks. `email` in lower case. */
export async function erasePerson(
  deps: UseCaseDeps,
  who: Identity,
  email: string,
  reason: string,
): Answer<ErasedPerson> {
  if (who.email === email) return fault('denied', 'Nobody erases themselves. Two others have to ask.');
  const kept = await keeping(deps, email);
  if (!kept.ok) return kept;
  if (!(await isKnown(deps, email)))
    return fault(
      'not_found',
      `Nobody by the address ${email} is known here, so there is nothing to erase. Look at it again.`,
    );
  const act = `person ${email}`;
  const waiting = await standingAct(deps, act);
  if (waiting?.by === who.email) return fault('denied', 'You asked for it. Somebody else has to agree.');
  if (!waiting) {
    const untilMs = deps.clock.now() + WAITS_MS;
    await note(deps, { kind: 'person.erase_asked', actor: who.email, object: email, details: { reason } });
    await deps.retention.putWaiting(act, { by: who.email, reason, untilMs });
    return ok({ state: 'waiting', until: iso(untilMs) });
  }
  const details = { asked: waiting.by, why: waiting.reason, reason };
  const event = { kind: 'person.erased' as const, actor: who.email, object: email, details };
  const person = PersonId.parse((await deps.audit.append(event)).object);
  // Their sign-ins first: whoever is signed in makes entries. What fails from here on is made good by asking again.
  await deps.directory.forgetPerson(email);
  await deps.retention.forgetPerson(email, person);
  await deps.audit.eraseName(email);
  await deps.retention.putWaiting(act, undefined);
  return ok({ state: 'erased', person });
}

/** What stands against it: a hold on the person, a grant of theirs, and recordings, which name them and are named in the log. */
async function keeping(deps: UseCaseDeps, email: string): Answer<undefined> {
  const holds = (await deps.retention.holds()).filter(
    ({ scope, lifted }) => !lifted && (isHoldOn(scope, email) || isSearchedBy(scope, email)),
  );
  if (holds.length > 0)
    return fault(
      'denied',
      `They are under legal hold, or named in what one searched for (${holds.map(({ id }) => id).join(', ')}). Lift it first, by two people: gatehouse hold lift HOLD --reason TEXT.`,
    );
  const [live] = (await deps.grants.list(email)).filter(({ state }) => state === 'active');
  if (live)
    return fault(
      'denied',
      `They have a grant that is in force (${live.id}). Revoke it first: gatehouse revoke ${live.id}.`,
    );
  const left = await leftOf(deps, email);
  if (left.length > 0) return storedStill(`${left.length} of their sessions`, left[0]);
  // What an earlier release admitted is of nobody for the witness.
  let cursor: string | undefined;
  do {
    const page = await deps.archive.sessions({ email, limit: 1, ...(cursor !== undefined && { cursor }) });
    if (!page.ok) return fault('unavailable', 'The archive does not answer. Try again.');
    if (page.value.incomplete)
      return fault(
        'unavailable',
        'The catalogue is being made again, and cannot say yet whether recordings of them are stored. Try again when it is done: gatehouse reindex --status.',
      );
    const [session] = page.value.sessions;
    if (session) return storedStill('recordings of them', session.id);
    cursor = page.value.cursor;
  } while (cursor !== undefined);
  return ok(undefined);
}

/** What a hold in force is on stays as it is, its search too: it would name them for as long as that. */
const isSearchedBy = (scope: HoldScope, email: string): boolean =>
  scope.of === 'sessions' && scope.query !== undefined && withoutAddress(scope.query, email, '') !== scope.query;

/** By the edge's own record: what the functions say may lack a session, or be made anew just now. */
async function leftOf({ witness }: UseCaseDeps, email: string): Promise<readonly SessionId[]> {
  const left: SessionId[] = [];
  let cursor: SessionId | undefined;
  do {
    const page = await witness.leftOf(email, cursor);
    left.push(...page.sessions);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return left;
}

const storedStill = (what: string, first: string | undefined) =>
  fault(
    'denied',
    `Stored still: ${what} (${first}). Purge those first, by two people: gatehouse purge --early --user EMAIL --reason TEXT. What was deleted just now counts until the audit log has the entry of it, within the hour.`,
  );

/** A page of the same, for whoever is to purge them. Of somebody who was never here nothing is looked up, and no pseudonym made. */
export async function sessionsLeft(
  deps: UseCaseDeps,
  who: Identity,
  email: string,
  after: SessionId | undefined,
): Answer<LeftSessions> {
  const known = await isKnown(deps, email);
  const event = { kind: 'retention.viewed' as const, actor: who.email, object: known ? email : 'people', details: {} };
  await noteLook(deps, event, 'left');
  if (!known) return fault('not_found', `Nobody by the address ${email} is known here.`);
  const { sessions, cursor } = await deps.witness.leftOf(email, after);
  return ok({ sessions: [...sessions], ...(cursor && { after: cursor }) });
}
