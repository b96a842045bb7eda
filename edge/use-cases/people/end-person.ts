// Ending all that a person has open, at once: sign-ins first, so that nothing new begins, then what those led to. One way
// for an administrator and for the directory that says that somebody left (SCIM).

import type { Approval } from '../../../core/approval/approval.ts';
import type { ConnectorId } from '../../../core/ids.ts';
import type { EndedPerson } from '../../../core/people/ended-person.ts';
import { ok } from '../../../core/result.ts';
import type { Answer, Gatehouse } from '../../gatehouse.ts';
import { fault, note, noteCounted, type UseCaseDeps } from '../deps.ts';
import { isKnown } from './known.ts';
import { standingOf } from '../standing.ts';
import { endGrant, type EndGrantDeps } from './end-grant.ts';

export type EndPersonDeps = EndGrantDeps & Pick<UseCaseDeps, 'approvals' | 'endTunnel'>;

interface Ending {
  readonly email: string;
  /** For the audit log: an address, or `scim:` and the token's id. */
  readonly by: string;
  /** Whoever is in a session reads it. */
  readonly reason: string;
  /** They do not come in again until somebody lets them (DirectoryPort.admit). */
  readonly barred: boolean;
}

export const endPersonUseCases = (deps: UseCaseDeps): Pick<Gatehouse, 'endPerson'> => ({
  async endPerson(who, email, reason): Answer<EndedPerson> {
    const standing = await standingOf(deps, who);
    if (!standing.ok) return standing;
    if (!standing.value.administrator) {
      const details = { reason: 'not_an_administrator', wanted: 'person.ended' };
      await noteCounted(deps, { kind: 'attempt.refused', actor: who.email, object: 'people', details });
      return fault('forbidden', 'Only administrators end what somebody else has open.');
    }
    // An entry of somebody who was never here would make them known.
    if (!(await isKnown(deps, email)) && !(await hasAny(deps, email)))
      return fault('not_found', `Nobody by the address ${email} is known here. Look at it again.`);
    return ok(await endPerson({ ...deps, push: deps.links.push }, { email, by: who.email, reason, barred: false }));
  },
});

const hasAny = async ({ grants }: UseCaseDeps, email: string): Promise<boolean> =>
  (await grants.liveOfPerson(email)).length > 0;

/** Again, it ends what was left. Throws where a part does not answer: then what came before it is done, and it has to be asked again. */
export async function endPerson(deps: EndPersonDeps, { email, by, reason, barred }: Ending): Promise<EndedPerson> {
  await note(deps, { kind: 'person.ended', actor: by, object: email, details: { reason, barred } });
  const { browsers, tokens } = await deps.directory.cutOff(email, barred);
  const grants = await endGrants(deps, { email, by, reason });
  const tunnels = await deps.directory.takeTunnels(email);
  await Promise.allSettled(tunnels.map((tunnel) => deps.endTunnel(tunnel, 'access ended')));
  const requests = await withdrawAll(deps, { email, by, reason });
  const links = await revokeLinks(deps, email, by);
  return { email, browsers, tokens, ...grants, tunnels: tunnels.length, requests, links };
}

async function withdrawAll(deps: EndPersonDeps, { email, by, reason }: Omit<Ending, 'barred'>): Promise<number> {
  let ended = 0;
  for (;;) {
    const waiting = await deps.directory.waitingRequestsOf(email);
    const done = await Promise.all(waiting.map((approval) => withdraw(deps, approval, by, reason)));
    const now = done.filter(Boolean).length;
    ended += now;
    // Another page is there while this one had any that went.
    if (now === 0) return ended;
  }
}

async function endGrants(deps: EndPersonDeps, { email, by, reason }: Omit<Ending, 'barred'>) {
  const live = await deps.grants.liveOfPerson(email);
  const notTold = new Set<ConnectorId>();
  let sessions = 0;
  for (const grant of live) {
    const ended = await endGrant(deps, grant, by, reason);
    sessions += ended?.listed.liveSessions ?? 0;
    for (const connector of ended?.notTold ?? []) notTold.add(connector);
  }
  return { grants: live.length, sessions, notTold: [...notTold] };
}

/** false: it was over by itself meanwhile. */
async function withdraw(deps: EndPersonDeps, { id, requester }: Approval, by: string, reason: string) {
  const done = await deps.approvals(id).act({ kind: 'withdraw', by: requester, reason, onBehalf: by });
  if (!done.ok && done.error === 'unwritten') throw new Error('a request could not be withdrawn');
  return done.ok;
}

/** Links carry the right of who made them. */
async function revokeLinks(deps: EndPersonDeps, email: string, by: string): Promise<number> {
  let ended = 0;
  let before: Parameters<typeof deps.directory.shares>[0]['before'];
  do {
    const page = await deps.directory.shares({ email, before });
    for (const { id, session, state } of page) {
      if (state !== 'open') continue;
      await note(deps, { kind: 'share.revoked', actor: by, object: id, details: { session, by: email } });
      await deps.directory.revokeShare(id, by);
      ended += 1;
    }
    before = page.at(-1)?.id;
  } while (before !== undefined);
  return ended;
}
