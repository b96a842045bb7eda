// What the session pipeline needs of the edge. connector/control implements it over the control link.

import type { FromConnector, GrantCandidate, Report } from '../../core/control.ts';
import type { GrantId, RequestId, SessionId } from '../../core/ids.ts';
import type { SessionRules } from '../../core/policy/session-rules.ts';
import type { ProtocolName } from '../../core/protocols.ts';
import type { SessionOpened } from '../../core/recording/facts/session.ts';
import type { Refusal } from '../../core/refusal.ts';
import type { ResourceName } from '../../core/resource.ts';
import type { Result } from '../../core/result.ts';
import type { Claim } from '../door.ts';
import type { GrantCandidates } from './prove.ts';

type HoldAction = Extract<FromConnector, { kind: 'hold.action' }>;

export interface Edge {
  /** `edge_unreachable` when the link is down or the answer took longer than the call's deadline. */
  lookUp(claim: Claim, protocol: ProtocolName): Promise<Result<GrantCandidates, Refusal>>;
  /** The same of a secret's digest (core/grant.ts), and whose the grant is; undefined where there is none. */
  find(
    digest: string,
    resource: ResourceName,
    protocol: ProtocolName,
  ): Promise<Result<GrantCandidates & { readonly email: string | undefined }, Refusal>>;
  /** The same of a public key that somebody registered, by its fingerprint. */
  findOfKey(
    fingerprint: string,
    resource: ResourceName,
    protocol: ProtocolName,
  ): Promise<Result<GrantOfPerson | undefined, Refusal>>;
  /** Has somebody say in their browser who the client is. `resource`: what it wants to. `address`: where it is. */
  signIn(resource: ResourceName, protocol: ProtocolName, address: string): Promise<Result<AskedSignIn, Refusal>>;
  /** The public key that certificates for grants are signed by, as it is on the wire; undefined: this edge signs none. */
  userAuthority(): Promise<Result<Uint8Array | undefined, Refusal>>;
  /** The last word before anything is dialled: the edge checks the grant again and counts the session. */
  openSession(input: {
    readonly session: SessionId;
    readonly grant: GrantId;
    readonly client: SessionOpened['client'];
  }): Promise<Result<{ readonly opened: SessionAdmission; readonly rules: SessionRules }, Refusal>>;
  /**
   * Another policy is in force for these sessions. Without rules it gives them no access any more; `unknown`: its rules are of a
   * kind that this build does not know. Returns how to stop listening.
   */
  onRulesChanged(
    listener: (sessions: readonly SessionId[], rules: SessionRules | 'unknown' | undefined) => void,
  ): () => void;
  /** Has approvers decide on a held action. Outlives reconnects of the link. Never throws. */
  hold(held: AskedHold): Hold;
  /** Kept until the edge acknowledged it, across reconnects. Bounded: the oldest attempts are dropped first, sessions' ends and heads never. */
  report(report: Report): void;
  /** A person ends this session alone; `by`: their e-mail. Returns how to stop listening. */
  onSessionEnd(listener: (session: SessionId, by: string, reason: string) => void): () => void;
  /** Called within a second of a revocation anywhere. Returns how to stop listening. */
  onGrantRevoked(listener: (grant: GrantId, reason: string) => void): () => void;
}

/** The one that lasts longest, or of the last day; and whose it is. */
interface GrantOfPerson {
  readonly email: string;
  readonly grant: Pick<GrantCandidate, 'id' | 'until' | 'revoked'>;
}

/** Waits for somebody who says that the client is theirs. */
export interface AskedSignIn {
  /** Where they type `userCode`. */
  readonly link: string;
  readonly userCode: string;
  /**
   * With the grant of whoever said so. `told`: words for the client, as far as it got. Once. Refused when it is turned away, too late,
   * the edge is away, or `signal` aborts.
   */
  outcome(signal: AbortSignal, told: (words: string) => void): Promise<Result<GrantOfPerson, Refusal>>;
}

/** What the edge says about an admitted session; the connector adds the rest of SessionOpened. */
export type SessionAdmission = Omit<
  SessionOpened,
  'kind' | 'startedAt' | 'client' | 'details' | 'connector' | 'originals'
>;

export interface AskedHold {
  /** Made by the caller. */
  readonly request: RequestId;
  readonly session: SessionId;
  readonly rule: string;
  readonly policyVersion: number;
  readonly action: HoldAction['action'];
  /** How long approvers have. */
  readonly withinMs: number;
}

export interface Hold {
  /** Where approvers decide, once the edge has it. Undefined when it ended before. */
  readonly link: Promise<string | undefined>;
  /** Resolves once. `approved`: and claimed at the edge for this very digest, so that nobody can use it again. */
  readonly outcome: Promise<HoldOutcome>;
  /** The client does not want it any more; `outcome` becomes `withdrawn` unless it was settled. */
  withdraw(reason: string): void;
}

export interface HoldOutcome {
  readonly kind: 'approved' | 'denied' | 'expired' | 'withdrawn' | 'failed';
  /** E-mails of who decided. */
  readonly by: readonly string[];
  /** Their comment, or why it failed, as a sentence. */
  readonly comment: string;
}
