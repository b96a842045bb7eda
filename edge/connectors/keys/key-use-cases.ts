// Taking a connector's key away, and asking it for a new one: administrators.

import type { ListedConnector } from '../../../core/api.ts';
import type { ConnectorId, RequestId } from '../../../core/ids.ts';
import type { Identity } from '../../../core/identity.ts';
import { ok } from '../../../core/result.ts';
import { tellKeys } from '../../connector-keys/tell-keys.ts';
import { withdrawHoldsOf } from '../holds.ts';
import type { Answer, Gatehouse } from '../../gatehouse.ts';
import type { StoredConnector } from '../../ports/directory.ts';
import { fault, note, type UseCaseDeps } from '../../use-cases/deps.ts';
import { standingOf } from '../../use-cases/standing.ts';

export function connectorKeyUseCases(
  deps: UseCaseDeps,
): Pick<Gatehouse, 'revokeConnector' | 'rotateConnectorKey' | 'connectorToRevoke'> {
  return {
    async connectorToRevoke(who, id) {
      const connector = await forAdministrator(deps, who, id, 'look at what revoking a connector does');
      if (!connector.ok) return connector;
      const { sessions } = await deps.grants.liveOf(id, '', MAX_COUNTED);
      const online = (await deps.links.standing(id)) !== undefined;
      return ok({ connector: listed(connector.value, online), sessions: sessions.length });
    },

    async revokeConnector(who, id, reason) {
      const found = await forAdministrator(deps, who, id, 'revoke connectors');
      if (!found.ok) return found;
      const event = {
        kind: 'connector.revoked' as const,
        actor: who.email,
        object: id,
        details: { reason, name: found.value.name, key: found.value.key },
      };
      // Again, it finishes what the first time may have left.
      if (!found.value.revoked) await note(deps, event);
      await deps.directory.revokeConnector(id, who.email, reason);
      const stored = await deps.directory.connector(id);
      const { by = who.email, reason: why = reason } = stored?.revoked ?? {};
      const told = await deps.links.revoke(id, { kind: 'connector.revoked', by, reason: why });
      const sessions = await endSessionsOf(deps, id, told);
      await tellKeys(deps, id);
      return ok({
        connector: listed(stored ?? found.value, false),
        sessions,
        connectorWas: told ? ('told' as const) : ('not_linked' as const),
      });
    },

    async rotateConnectorKey(who, id) {
      const found = await forAdministrator(deps, who, id, 'have a connector change its key');
      if (!found.ok) return found;
      if (found.value.revoked) return fault('conflict', 'This connector was revoked: it has no key to change.');
      await note(deps, {
        kind: 'connector.rotation_asked',
        actor: who.email,
        object: id,
        details: { name: found.value.name, key: found.value.key },
      });
      await deps.directory.wantRotation(id, who.email);
      const connectorWas = await deps.links.askRotation(id);
      return ok({
        connector: listed({ ...found.value, rotationBy: who.email }, connectorWas !== 'not_linked'),
        connectorWas,
      });
    },
  };
}

const MAX_COUNTED = 1_000;

async function forAdministrator(
  deps: UseCaseDeps,
  who: Identity,
  id: ConnectorId,
  what: string,
): Answer<StoredConnector> {
  const standing = await standingOf(deps, who);
  if (!standing.ok) return standing;
  if (!standing.value.administrator) return fault('forbidden', `Only administrators ${what}.`);
  const connector = await deps.directory.connector(id);
  return connector ? ok(connector) : fault('not_found', 'There is no such connector.');
}

const listed = ({ keysTold: _, ...connector }: StoredConnector, online: boolean): ListedConnector => ({
  ...connector,
  online,
});

/**
 * Their rows: none counts against its grant any more, none waits for an approver. Whether the connector really ended them, the edge
 * knows where it told it so; the entry says which.
 */
async function endSessionsOf(deps: UseCaseDeps, id: ConnectorId, told: boolean): Promise<number> {
  const { lost } = await deps.grants.resume(id, [], `revoked ${id}`);
  await withdrawHoldsOf(
    { directory: deps.directory, approvals: (request: RequestId) => deps.approvals(request) },
    lost,
  );
  for (const session of lost) {
    await note(deps, {
      kind: 'session.ended',
      actor: 'gatehouse',
      object: session,
      details: { reason: 'connector_revoked', connector: id, connectorTold: told },
    });
    await deps.grants.endSession(session, id);
  }
  return lost.length;
}
