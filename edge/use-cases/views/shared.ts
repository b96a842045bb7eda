// What a link opens now. Its right is never more than that of whoever made it: asked at each look of the policy in force, as for
// themselves, and of what the rule says of links.

import type { SessionId } from '../../../core/ids.ts';
import type { Identity } from '../../../core/identity.ts';
import { isAmong } from '../../../core/policy/evaluate.ts';
import { type Sharing, shareForOf, sharingOf } from '../../../core/policy/viewing-terms.ts';
import type { StoredShare } from '../../ports/directory.ts';
import type { UseCaseDeps } from '../deps.ts';
import type { Standing } from '../standing.ts';
import { type Owned, ruleNamed, viewRight } from './viewing.ts';

interface SharingTerms {
  readonly sharing: Sharing;
  /** Longest life of a link, in milliseconds. */
  readonly forMs: number;
}

export function sharingTerms(standing: Pick<Standing, 'policy'>, session: Owned | undefined): SharingTerms {
  const record = session && ruleNamed(standing, session.rule)?.record;
  // A rule that is gone lets nobody pass its sessions on: what it said may have been just that.
  return { sharing: record ? sharingOf(record) : 'none', forMs: shareForOf(record ?? {}) };
}

export type DeadLink = 'over' | 'revoked' | 'not_for_you' | 'sharer_lost_it' | 'rule_forbids';

/** Why it opens nothing to this person, whatever its session and the rule of that are. */
export function deadByItself(
  { clock }: Pick<UseCaseDeps, 'clock'>,
  { policy }: Pick<Standing, 'policy'>,
  who: Identity,
  share: StoredShare,
): 'revoked' | 'over' | 'not_for_you' | undefined {
  if (share.state === 'revoked') return 'revoked';
  if (clock.now() >= Date.parse(share.until)) return 'over';
  return share.with && !isAmong(policy, share.with, who) ? 'not_for_you' : undefined;
}

/** When it ends, or why it opens nothing to this person. Of a session whose owner is `owner`. */
export async function linkOpens(
  deps: Pick<UseCaseDeps, 'directory' | 'clock'>,
  standing: Standing,
  who: Identity,
  share: StoredShare,
  owner: Owned | undefined,
): Promise<{ readonly untilMs: number } | DeadLink> {
  const { sharing, forMs } = sharingTerms(standing, owner);
  const untilMs = Math.min(Date.parse(share.until), Date.parse(share.madeAt) + forMs);
  const dead = deadByItself(deps, standing, who, share);
  if (dead && dead !== 'not_for_you') return dead;
  if (deps.clock.now() >= untilMs) return 'over';
  if (sharing === 'none' || (share.with === undefined && sharing !== 'everyone')) return 'rule_forbids';
  if (dead) return dead;
  return (await mayStillView(deps, standing, share, owner)) ? { untilMs } : 'sharer_lost_it';
}

/** As they last signed in, within a month: nobody knows the groups of whoever has not. */
async function mayStillView(
  deps: Pick<UseCaseDeps, 'directory'>,
  { policy, boundWhenGone }: Standing,
  { by, subject }: StoredShare,
  owner: Owned | undefined,
): Promise<boolean> {
  const sharer = await deps.directory.personByEmail(by);
  if (sharer?.subject !== subject) return false;
  const auditor = isAmong(policy, policy.auditors, sharer);
  return viewRight({ policy, auditor, boundWhenGone }, sharer, owner).kind === 'now';
}

/** The link by which this person may look at the session now, if there is one that they opened. */
export async function sharedNow(
  deps: Pick<UseCaseDeps, 'directory' | 'clock'>,
  standing: Standing,
  who: Identity,
  session: SessionId,
  owner: Owned | undefined,
): Promise<{ readonly share: StoredShare; readonly untilMs: number } | undefined> {
  for (const share of await deps.directory.sharesOpenFor(who.subject, session)) {
    const opens = await linkOpens(deps, standing, who, share, owner);
    if (typeof opens === 'object') return { share, untilMs: opens.untilMs };
  }
  return undefined;
}
