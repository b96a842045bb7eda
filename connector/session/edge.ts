// What the session pipeline needs of the edge. connector/control implements it over the control link.

import type { Report } from '../../core/control.ts';
import type { GrantId, SessionId } from '../../core/ids.ts';
import type { ProtocolName } from '../../core/protocols.ts';
import type { SessionOpened } from '../../core/recording/facts.ts';
import type { Refusal } from '../../core/refusal.ts';
import type { Result } from '../../core/result.ts';
import type { Claim, GrantLookup } from '../protocol.ts';

export interface Edge {
  /** `edge_unreachable` when the link is down or the answer took longer than the call's deadline. */
  lookUp(claim: Claim, protocol: ProtocolName): Promise<Result<GrantLookup, Refusal>>;
  /** The last word before anything is dialled: the edge checks the grant again and counts the session. */
  openSession(input: {
    readonly session: SessionId;
    readonly grant: GrantId;
    readonly client: SessionOpened['client'];
  }): Promise<Result<AdmittedSession, Refusal>>;
  /** Kept until the edge acknowledged it, across reconnects. Bounded: the oldest attempts are dropped first, sessions' ends and heads never. */
  report(report: Report): void;
  /** Called within a second of a revocation anywhere. Returns how to stop listening. */
  onGrantRevoked(listener: (grant: GrantId, reason: string) => void): () => void;
}

/** What the edge says about an admitted session; the connector adds the rest of SessionOpened. */
export type AdmittedSession = Omit<SessionOpened, 'kind' | 'startedAt' | 'client' | 'details' | 'connector'>;
