// The one way in which a grant ends before its time. The caller has found out who may.

import type { ListedGrant } from '../../../core/api.ts';
import type { ConnectorId } from '../../../core/ids.ts';
import type { Grant } from '../../../core/grant.ts';
import { note, type UseCaseDeps } from '../deps.ts';

export interface EndGrantDeps extends Pick<UseCaseDeps, 'audit' | 'grants' | 'directory'> {
  push: UseCaseDeps['links']['push'];
}

interface EndedGrant {
  readonly listed: ListedGrant;
  /** Carry sessions of it, and did not hear: each does when it links again (Grants.resume). */
  readonly notTold: readonly ConnectorId[];
}

/** Writes it down first. undefined: there is no such grant. */
export async function endGrant(
  deps: EndGrantDeps,
  { id, resource, email }: Pick<Grant, 'id' | 'resource' | 'email'>,
  by: string,
  reason: string,
): Promise<EndedGrant | undefined> {
  await note(deps, { kind: 'grant.revoked', actor: by, object: id, details: { reason, resource, holder: email } });
  const revoked = await deps.grants.revoke(id, by, reason);
  if (!revoked) return undefined;
  const serving = await deps.directory.resource(resource);
  // Also those that are opening one just now.
  const tell = new Set<ConnectorId>([...revoked.connectors, ...(serving?.replicas ?? []).map((replica) => replica.id)]);
  const heard = new Set<ConnectorId>();
  await Promise.allSettled(
    [...tell].map(async (connector) => {
      if (await deps.push(connector, { kind: 'grant.revoked', grant: id, reason })) heard.add(connector);
    }),
  );
  return { listed: revoked.listed, notTold: revoked.connectors.filter((connector) => !heard.has(connector)) };
}
