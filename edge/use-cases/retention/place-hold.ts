// Placing a hold, also on what a search finds: the search is made first, page by page, its count is shown, and then exactly what it
// found is held.

import { type HoldSearchId, newId } from '../../../core/ids.ts';
import type { Identity } from '../../../core/identity.ts';
import { toHex } from '../../../core/recording/segment.ts';
import {
  type HoldScope,
  type HoldSearch,
  type LegalHold,
  MAX_HELD_SESSIONS,
  type PlacedHold,
  type PlacedScope,
} from '../../../core/retention/hold.ts';
import { ok } from '../../../core/result.ts';
import { describeQueryMistake, parseQuery } from '../../../core/search/parse.ts';
import { iso } from '../../clock.ts';
import type { Answer } from '../../gatehouse.ts';
import type { StandingHoldSearch } from '../../ports/retention.ts';
import { fault, note, noteLook, type UseCaseDeps } from '../deps.ts';
import { searchFault, viewOf } from '../search.ts';
import { standingOf } from '../standing.ts';

/** Of hits, a call: a Worker's request has a thousand calls of its own, and a person waits. */
const PAGES_A_CALL = 20;
const HITS_A_PAGE = 100;

/** Whoever may place one asks. */
export async function placeHold(
  deps: UseCaseDeps,
  who: Identity,
  asked: PlacedScope,
  reason: string,
): Answer<PlacedHold> {
  const scope = asked.of === 'search' ? await foundBy(deps, who, asked.search) : ok<HoldScope>(asked);
  if (!scope.ok) return scope;
  // What a search found is there.
  const there = asked.of === 'search' ? ok(undefined) : await areKnown(deps, scope.value);
  if (!there.ok) return there;
  const hold: LegalHold = {
    id: newId('hld', deps.clock),
    scope: scope.value,
    placed: { by: who.email, at: iso(deps.clock.now()), reason },
  };
  const details = { reason, of: asked.of, ...(await saidOf(scope.value)) };
  await note(deps, { kind: 'hold.placed', actor: who.email, object: hold.id, details });
  await deps.retention.putHold(hold, undefined);
  // At once, as somebody may be about to purge; where they do not answer, nothing is ordered until they do.
  await deps.retention.tellHolds();
  if (asked.of === 'search') await deps.retention.dropHoldSearch(asked.search);
  const now = await heldNow(deps, scope.value);
  return ok({ ...hold, ...(now && { now }) });
}

/** A hold on a session that never was holds nothing, whatever somebody believes of it. */
async function areKnown(deps: UseCaseDeps, scope: HoldScope): Answer<undefined> {
  const named = scope.of === 'session' ? [scope.session] : scope.of === 'sessions' ? scope.sessions : [];
  const admissions = await deps.witness.admissions(named);
  const purged = named.find((_, index) => admissions[index]?.purged);
  if (purged)
    return fault(
      'not_found',
      `Session ${purged} was purged at ${admissions[named.indexOf(purged)]?.purged?.at}: nothing was held. Leave it out.`,
    );
  for (const [index, session] of named.entries()) {
    const admission = admissions[index];
    if (!admission?.purgeOrdered) continue;
    // Deleted, and not written down as that yet. While something is stored, and where nobody says, a hold may still be in time.
    const kept = await deps.retentionArchive.session(session, admission);
    if (kept.ok && kept.value.storedAt === undefined)
      return fault('not_found', `Nothing of session ${session} is stored: it is being purged. Leave it out.`);
  }
  for (const session of named.filter((_, index) => !admissions[index])) {
    // Of an earlier release, before there was a witness.
    const stored = await deps.archive.session({ id: session, connector: undefined });
    if (stored.ok) continue;
    return stored.error === 'not_found'
      ? fault('not_found', `There is no session ${session}: nothing was held. Look at its id again.`)
      : fault('unavailable', 'The archive does not answer. Nothing was held: try again.');
  }
  return ok(undefined);
}

/** Of a page of the catalogue: whoever placed it is to see that it is not on nothing. */
async function heldNow(deps: UseCaseDeps, scope: HoldScope): Promise<PlacedHold['now']> {
  if (scope.of !== 'user' && scope.of !== 'resource') return undefined;
  const of = scope.of === 'user' ? { email: scope.email } : { resource: scope.resource };
  const page = await deps.archive.sessions({ ...of, limit: 200 });
  if (!page.ok) return undefined;
  const sessions = page.value.sessions.length;
  const { directory } = deps;
  const known =
    sessions > 0 ||
    (await (scope.of === 'user' ? directory.personByEmail(scope.email) : directory.resource(scope.resource))) !==
      undefined;
  return { sessions, more: page.value.cursor !== undefined, known };
}

/** An auditor asks: what a search finds is told to nobody else. */
export async function searchForHold(deps: UseCaseDeps, who: Identity, query: string): Answer<HoldSearch> {
  const mistake = parseQuery(query, deps.clock.now());
  if (!mistake.ok) return fault('bad_request', describeQueryMistake(mistake.error));
  const id = newId('hsr', deps.clock);
  await deps.retention.beginHoldSearch({ id, query }, who.email);
  return goOnWithHoldSearch(deps, who, id);
}

/** A few pages more. Where it stops for a fault, the next call goes on. */
export async function goOnWithHoldSearch(deps: UseCaseDeps, who: Identity, id: HoldSearchId): Answer<HoldSearch> {
  const { retention, archive } = deps;
  const begun = await ownSearch(deps, who, id);
  if (!begun.ok) return begun;
  const { query } = begun.value;
  const standing = await standingOf(deps, who);
  if (!standing.ok) return standing;
  // What takes an approval is not searched: its counts would tell what it holds.
  const view = viewOf(standing.value, who);
  // As every search (law 7); its pages are the same look.
  const event = { kind: 'archive.searched' as const, actor: who.email, object: 'archive', details: { query } };
  await noteLook(deps, event, query);
  for (let pages = 0; ; pages++) {
    const search = await ownSearch(deps, who, id);
    if (!search.ok) return search;
    const { cursor, done, tooMany } = search.value;
    if (done || tooMany || pages === PAGES_A_CALL)
      return ok({ ...shown(search.value), ...(view.except && { notSearched: [...view.except] }) });
    const page = await archive.search({
      ...{ q: query, limit: HITS_A_PAGE, view },
      ...(cursor !== undefined && { cursor }),
    });
    if (!page.ok) return searchFault(page.error);
    if (page.value.incomplete) return fault('unavailable', LACKING);
    const sessions = [...new Set(page.value.hits.map(({ session }) => session))];
    await retention.addToHoldSearch(id, { sessions, cursor: page.value.cursor });
  }
}

async function foundBy(deps: UseCaseDeps, who: Identity, id: HoldSearchId): Answer<HoldScope> {
  const search = await ownSearch(deps, who, id);
  if (!search.ok) return search;
  const { query, done, tooMany, sessions: count } = search.value;
  if (tooMany)
    return fault('denied', `It finds more than the ${MAX_HELD_SESSIONS} sessions that one hold has. ${NARROWER}`);
  if (!done) return fault('conflict', 'The search is not done. Go on with it, and place the hold then.');
  if (count === 0) return fault('denied', 'The search finds no session, so there is nothing to hold.');
  return ok({ of: 'sessions', sessions: await deps.retention.foundToHold(id), query });
}

async function ownSearch(deps: UseCaseDeps, who: Identity, id: HoldSearchId): Answer<StandingHoldSearch> {
  const search = await deps.retention.holdSearch(id);
  if (search?.by === who.email) return ok(search);
  return fault('not_found', 'You have no such search: it was used for a hold, or is a day old. Begin again.');
}

/** Of many sessions the log has their number and one digest, of their ids in order with a line feed behind each. */
async function saidOf(scope: HoldScope): Promise<Record<string, string | number>> {
  if (scope.of !== 'sessions') return {};
  const text = scope.sessions.toSorted().map((id) => `${id}\n`);
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text.join('')));
  return {
    sessions: scope.sessions.length,
    digest: toHex(new Uint8Array(hash)),
    ...(scope.query !== undefined && { query: scope.query }),
  };
}

/** What it lacks would be held by nobody, and nobody would know. */
const LACKING =
  'The catalogue is being made again, so a search may lack sessions that are to be held. Go on when that is done (gatehouse reindex --status), or hold by person, resource or time now.';
const NARROWER = 'Narrow it, with since: and until: for instance, and place several.';

const shown = ({ id, query, at, sessions, done, tooMany }: StandingHoldSearch): HoldSearch => ({
  ...{ id, query, at, sessions, done, tooMany },
});
