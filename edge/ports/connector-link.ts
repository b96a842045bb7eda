// One connector's control link, beside the socket itself: the Worker hands that over with `fetch`.

import type { FromEdge } from '../../core/control.ts';
import type { ConnectorStatus } from '../../core/fleet/connector-status.ts';
import type { TunnelId } from '../../core/ids.ts';
import type { TunnelTerms } from './tunnel.ts';

/** Set by the Worker after it authenticated the connector; the object is reachable from nowhere else. */
export const CONNECTOR_HEADER = 'x-gatehouse-connector';
export const CONNECTOR_NAME_HEADER = 'x-gatehouse-connector-name';

export interface ConnectorLinkPort {
  /** false when the connector is not linked: it hears of it when it comes back. */
  push(message: FromEdge): Promise<boolean>;
  endSession(message: SessionEnd): Promise<EndAnswer>;
  /** Makes the tunnel's relay, near the connector as this object is, and has the connector dial it. */
  openTunnel(tunnel: TunnelId, terms: TunnelTerms, email: string): Promise<EndAnswer>;
  /** Tells it to end its sessions and never to come back, closes its link and its tunnels, and takes no other link of it. false: nobody heard it. */
  revoke(message: LinkRevoked): Promise<boolean>;
  /** Asks it for a new key. */
  askRotation(): Promise<EndAnswer>;
  /** Resolves once a linked connector was told what is in force for its sessions. */
  policyApplied(version: number): Promise<void>;
  /** When a connector that is linked was heard last; undefined: it is not linked. */
  lastHeard(): Promise<number | undefined>;
  isLinked(): Promise<boolean>;
  /** undefined: it is not linked. */
  standing(): Promise<LinkStanding | undefined>;
  /** Has it link anew; for its log, why. */
  unlink(reason: string): Promise<void>;
  /** false when the token was shown before. */
  burnToken(jti: string, expires: number): Promise<boolean>;
}

export interface LinkStanding {
  /** When it was heard last, by its pings too. */
  readonly heardMs: number;
  /** It was told to stop. */
  readonly draining: boolean;
  /** As it last said; undefined: its build says nothing of that. */
  readonly status?: ConnectorStatus;
}

export type SessionEnd = Extract<FromEdge, { kind: 'session.end' }>;

export type LinkRevoked = Extract<FromEdge, { kind: 'connector.revoked' }>;

/** `not_linked`: nobody heard it, and nobody will tell it later. `too_old`: that build does not know the message. */
export type EndAnswer = 'told' | 'not_linked' | 'too_old';
