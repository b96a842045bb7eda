// Which of the connectors that serve a resource is the one to send somebody to (docs/adr/0062).

import type { ConnectorId } from '../../../core/ids.ts';
import type { LinkStanding } from '../../ports/connector-link.ts';
import type { AnnouncedResource } from '../../ports/directory.ts';
import type { UseCaseDeps } from '../deps.ts';

/** One that was not heard for so long missed a ping: another is tried first. */
const LATELY_MS = 12_000;

type Standings = ReadonlyMap<ConnectorId, LinkStanding>;

/** Of those that are linked. */
export async function standingsOf(
  deps: Pick<UseCaseDeps, 'links'>,
  ids: Iterable<ConnectorId>,
): Promise<Map<ConnectorId, LinkStanding>> {
  const asked = await Promise.all(
    // One that cannot be asked is none to send anybody to.
    [...new Set(ids)].map(async (id) => [id, await deps.links.standing(id).catch(() => undefined)] as const),
  );
  return new Map(asked.flatMap(([id, standing]) => (standing ? [[id, standing] as const] : [])));
}

/** Those that are linked, and the best first: that does not drain, records, was heard lately, and carries least. */
export function byHealth<R extends { readonly id: ConnectorId }>(
  replicas: readonly R[],
  standings: Standings,
  nowMs: number,
): (R & { readonly standing: LinkStanding })[] {
  const rank = ({ draining, status, heardMs }: LinkStanding): number[] => [
    draining ? 1 : 0,
    status?.accepting === false ? 1 : 0,
    heardMs + LATELY_MS > nowMs ? 0 : 1,
    // A build that does not say is of the release before, and goes next.
    status?.sessions ?? Number.MAX_SAFE_INTEGER,
    status?.lagMs ?? 0,
  ];
  return replicas
    .flatMap((replica) => {
      const standing = standings.get(replica.id);
      return standing ? [{ ...replica, standing }] : [];
    })
    .sort((one, other) => compare(rank(one.standing), rank(other.standing)));
}

function compare(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((value, index) => value !== other[index]);
  return at < 0 ? 0 : (one[at] ?? 0) - (other[at] ?? 0);
}

/** Every key that a client may meet behind the resource's address. */
export function hostKeysOf({
  resource: { endpoint },
  replicas,
}: Pick<AnnouncedResource, 'resource' | 'replicas'>): string[] {
  const alike = replicas.filter((one) => one.endpoint.host === endpoint.host && one.endpoint.port === endpoint.port);
  return [...new Set([endpoint, ...alike.map((one) => one.endpoint)].flatMap(({ hostKey }) => hostKey ?? []))];
}
