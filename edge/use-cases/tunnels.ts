// Tunnels: the way to a connector that no client can reach. Whoever holds a live grant for one of its resources may have one; what
// comes in by it is let in or refused by the connector as at its listeners.

import type { OpenedTunnel } from '../../core/tunnel/opened-tunnel.ts';
import { type GrantId, newId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import type { ResourceName } from '../../core/resource.ts';
import { ok } from '../../core/result.ts';
import type { Answer, Gatehouse } from '../gatehouse.ts';
import { fault, note, noteCounted, type UseCaseDeps } from './deps.ts';
import { byHealth, standingsOf } from './fleet/replicas.ts';

/** Where another replica could be asked instead. A connector dials in milliseconds, and a person waits. */
const DIALS_WITHIN_MS = 1_000;

export const tunnelUseCases = (deps: UseCaseDeps): Pick<Gatehouse, 'openTunnel'> => ({
  openTunnel: (...asked) => openTunnel(deps, ...asked),
});

async function openTunnel(
  deps: UseCaseDeps,
  who: Identity,
  resource: ResourceName,
  address: string,
  only?: GrantId,
): Answer<OpenedTunnel> {
  // Each is written down.
  if (!(await deps.directory.allow('tunnel', who.email)))
    return fault('rate_limited', 'You have opened tunnels too often. Wait a minute.');
  const [announced, grants] = await Promise.all([
    deps.directory.resource(resource),
    deps.grants.candidates(who.email, resource),
  ]);
  const now = deps.clock.now();
  const live = grants.find(
    ({ id, revoked, until }) => !revoked && Date.parse(until) > now && (only === undefined || id === only),
  );
  if (!announced || !live) {
    const details = { reason: announced ? 'no_live_grant' : 'unknown_resource', wanted: 'tunnel.opened' };
    await noteCounted(deps, { kind: 'attempt.refused', actor: who.email, object: resource, details });
    return fault(
      'denied',
      `You hold no live grant for ${resource}: ask for access first (gatehouse request ${resource}).`,
    );
  }
  const { protocol, endpoint } = announced.resource;
  const standings = await standingsOf(
    deps,
    announced.replicas.map(({ id }) => id),
  );
  const there = byHealth(announced.replicas, standings, now);
  const candidates = there.filter(({ standing }) => !standing.draining);
  let tooOld = false;
  for (const [index, replica] of candidates.entries()) {
    const tunnel = newId('tun', deps.clock);
    const event = {
      kind: 'tunnel.opened' as const,
      actor: who.email,
      object: resource,
      details: { tunnel, grant: live.id, connector: replica.id, address, ...(only && { by: 'tunnel_token' }) },
    };
    await note(deps, event);
    await deps.directory.tunnelOpened(tunnel, who.email);
    const terms = { subject: only ?? who.subject, connector: replica.id };
    const answer = await deps.links.openTunnel(replica.id, tunnel, terms, who.email);
    const opened = ok({ tunnel, resource, protocol, host: replica.endpoint.host });
    if (answer === 'told' && index === candidates.length - 1) return opened;
    // It may be gone without a word: its link is taken for open for half a minute.
    if (answer === 'told' && (await deps.tunnelDialled(tunnel, DIALS_WITHIN_MS))) return opened;
    // What the entry above says did not happen.
    const undelivered = answer === 'told' ? 'not_dialled' : answer;
    await note(deps, { ...event, details: { ...event.details, undelivered } });
    tooOld ||= answer === 'too_old';
  }
  if (tooOld)
    return fault(
      'conflict',
      `The connector of ${resource} is of an earlier release, which has no tunnels: use its own address (${endpoint.host}:${endpoint.port}), or have it updated.`,
    );
  return there.length > candidates.length
    ? fault('unavailable', `The connector of ${resource} is stopping. Try again in a minute.`)
    : fault('unavailable', `The connector of ${resource} is not linked now. Try again in a minute.`);
}
