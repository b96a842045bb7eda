// Grants and the sessions that run on them.

import type { ListedGrant } from '../../core/api.ts';
import type { GrantCandidate } from '../../core/control.ts';
import type { Grant, ScramVerifier } from '../../core/grant.ts';
import type { ConnectorId, GrantId, SessionId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import type { RefusalReason } from '../../core/refusal.ts';
import type { ResourceName } from '../../core/resource.ts';
import type { Result } from '../../core/result.ts';

export interface GrantsPort {
  /** `digest`: secretDigest of its secret. */
  issue(
    grant: Grant,
    identity: GrantIdentity,
    verifier: ScramVerifier,
    digest: string,
  ): Promise<Result<undefined, 'too_many'>>;
  find(id: GrantId): Promise<StoredGrant | undefined>;
  findAll(ids: readonly GrantId[]): Promise<(StoredGrant | undefined)[]>;
  /** Live ones first, then those that ended in the last day. */
  candidates(email: string, resource: ResourceName): Promise<GrantCandidate[]>;
  /** The one with a secret of this digest, and whose it is; live, or ended in the last day. */
  bySecret(
    digest: string,
    resource: ResourceName,
  ): Promise<{ readonly email: string; readonly candidate: GrantCandidate } | undefined>;
  /**
   * Counts sessions in, or says why not, each for itself, in their order. The caller has checked
   * that the connector serves the grants' resources.
   */
  openAll(wanted: readonly WantedSession[], connector: ConnectorId): Promise<Result<StoredGrant, RefusalReason>[]>;
  /** The sessions that count against a grant's maxSessions. */
  counted(id: GrantId): Promise<CountedSessions>;
  /** undefined when this connector has no such session (any more). */
  endSession(session: SessionId, connector: ConnectorId): Promise<{ grant: GrantId; email: string } | undefined>;
  /** Sessions that this connector carries, by id; `after`: behind that one. Each grant of theirs once. */
  liveOf(
    connector: ConnectorId,
    after: string,
    limit: number,
  ): Promise<{ sessions: GrantSession[]; grants: StoredGrant[] }>;
  /** undefined when this connector carries no such session now. */
  liveSession(session: SessionId, connector: ConnectorId): Promise<(StoredGrant & { address: string }) | undefined>;
  /** A session that runs, with its grant and who carries it; undefined when it is over, or its connector came back without it. */
  runningSession(session: SessionId): Promise<(StoredGrant & { connector: ConnectorId }) | undefined>;
  /** Who carries the session; undefined when it is over. */
  connectorOf(session: SessionId): Promise<ConnectorId | undefined>;
  /** Revoking again changes nothing. `connectors`: where sessions of it run. */
  revoke(
    id: GrantId,
    by: string,
    reason: string,
  ): Promise<{ listed: ListedGrant; grant: Grant; connectors: ConnectorId[] } | undefined>;
  /** All of theirs that are in force, however many. */
  liveOfPerson(email: string): Promise<Grant[]>;
  /** Newest first; `email` undefined: everybody's. */
  list(email: string | undefined): Promise<ListedGrant[]>;
  /**
   * A connector is back, over `link`, and says which sessions it carries. Others of its sessions are over, though
   * the report that says how may still be under way. Nothing is opened any more that was asked for over an earlier link.
   * Returns what it missed: grants revoked meanwhile.
   * `lost`: all that are over and not closed yet, also those of an earlier return that was not finished.
   */
  resume(
    connector: ConnectorId,
    live: readonly SessionId[],
    link: string,
  ): Promise<{ revoked: { grant: GrantId; reason: string }[]; unknown: SessionId[]; lost: SessionId[] }>;
  /** The link is no more, and its connector has no other: its sessions count until others may serve its resources. */
  linkGone(connector: ConnectorId, link: string): Promise<void>;
}

export type GrantIdentity = Pick<Identity, 'subject' | 'email' | 'groups' | 'provider' | 'name'>;

export interface StoredGrant {
  readonly grant: Grant;
  readonly identity: GrantIdentity;
}

export interface CountedSessions {
  readonly sessions: number;
  /** Of them those of connectors that are not linked now: they may still run there. */
  readonly away: number;
  /** When the first of those stops counting, unless its connector is back; undefined: there is none. */
  readonly awayUntilMs: number | undefined;
}

export interface WantedSession {
  readonly session: SessionId;
  readonly grant: GrantId;
  readonly address: string;
  /** Over which it is asked for. */
  readonly link: string;
}

export interface GrantSession {
  readonly session: SessionId;
  readonly grant: GrantId;
  /** The client's, as the connector saw it. */
  readonly address: string;
}
