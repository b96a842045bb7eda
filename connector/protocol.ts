// The seam for a protocol. On one side of it only bytes are known, on the other only resources,
// grants, actions and facts. connector/session drives it; connector/registry.ts lists who implements it.

import type { GrantCandidate } from '../core/control.ts';
import type { Masks } from '../core/masking/masks.ts';
import type { Decision } from '../core/policy/sections/entries.ts';
import type { SectionRules } from '../core/policy/sections/sections.ts';
import type { GrantId } from '../core/ids.ts';
import type { ProtocolName } from '../core/protocols.ts';
import type { EndReason } from '../core/recording/facts.ts';
import type { Refusal } from '../core/refusal.ts';
import type { Result } from '../core/result.ts';
import type { Secret } from '../core/secret.ts';
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { SessionRecorder } from './session/session-log.ts';

export type { Delivery, LogFault, SessionRecorder } from './session/session-log.ts';

/** Who the client says it is, before anything is proven. */
export interface Claim {
  readonly email: string;
  readonly resource: string;
}

/** What the edge knows about a claim; alike for claims that cannot be true. */
export interface GrantLookup {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly candidates: readonly GrantCandidate[];
}

export interface AcceptContext {
  /** Asks the edge. Refused with `edge_unreachable` while it is away (law 4). */
  lookUp(claim: Claim): Promise<Result<GrantLookup, Refusal>>;
  /** The listener's certificate; undefined: plain text only, which the listener allows on loopback alone. */
  readonly tls: SecureContext | undefined;
  /** Whether a client may go on without TLS. */
  readonly allowPlainText: boolean;
  /** Aborts at the login deadline, at shutdown, and to make room for others; then its reason is the Refusal to tell the client. */
  readonly signal: AbortSignal;
  /** The client got further: it keeps its place before those who did not. */
  progressed(to: 'securing' | 'named'): void;
}

/** Proof that somebody was let in. Only session/admit.ts makes one, so nothing can be dialled without it (law 2). */
declare const admitted: unique symbol;
export interface Admission {
  readonly [admitted]: true;
  readonly grant: GrantId;
  readonly recorder: SessionRecorder;
  readonly upstream: UpstreamTarget;
  readonly guard: SessionGuard;
}

/** The rules that a session stands under, compiled. Another object as soon as another policy is in force: compare by identity. */
export interface RulesInForce {
  readonly policyVersion: number;
  /** The rule's name. */
  readonly rule: string;
  /** One object for all sessions under the same rule. */
  readonly sections: SectionRules;
  /** With this session's own counts. `any` false: nothing is masked. */
  readonly masks: Masks;
  /** Statements are counted against a limit, so the gate is asked about each. */
  readonly counted: boolean;
}

/** What holds a session to its policy. session/guard/guard.ts makes it; a protocol asks it about every action and tells it what went out. */
export interface SessionGuard {
  /** In force now, hence for the next statement. */
  readonly rules: RulesInForce;
  /** Told after `rules` was replaced. One listener, which may be called before the conversation began. */
  onRulesChanged(listener: () => void): void;
  readonly gate: Gate;
  /** Rows that went to the client; ends the session when that is more than it may have. */
  countRows(rows: number): void;
  /** Writes what was masked since the last call as a fact. Called when a statement is finished. */
  recordMasked(): void;
}

/** Carries out verdicts, alike for every protocol: facts, words, approvals, rates. */
export interface Gate {
  /**
   * Exactly one of `forward` and `refuse` is called, once: before this returns ('forwarded', 'refused'), or later ('held').
   * While it is held the caller takes no further action of this lane. `forward` and `refuse` come alone then, in their own turn.
   */
  take(action: Action): 'forwarded' | 'refused' | 'held';
  /** The client cancelled or is gone: what that lane holds is refused as withdrawn. False when nothing was held. */
  withdraw(lane: number | 'all', why: 'cancelled' | 'client_closed'): boolean;
}

/** Something a client wants done, judged by its protocol and not yet forwarded. */
export interface Action {
  readonly lane: number;
  /** Its number in the facts; undefined where there is none. */
  readonly statement: number | undefined;
  /** Statements in it, where a text may hold several: each counts against the limit. */
  readonly statements?: number;
  readonly decision: Decision;
  /** By the rules in force now: asked while it is held, when they have changed. */
  judge(): Decision;
  /** What approvers see and what goes on if they agree. Asked for a hold only. A sentence: why it cannot be held. */
  describe(): HeldAction | string;
  /** Sends on exactly what was described. */
  forward(): void;
  refuse(refusal: ActionRefusal): void;
  /** Words for the person that end nothing: a warning beside what goes on, a link while it waits. */
  notify(message: string, hint?: string): void;
}

export interface HeldAction {
  /** As recorded, so masked. */
  readonly text: string;
  readonly parameters: readonly (string | null)[];
  /** Hex SHA-256 over the text and the bind parameters as they will be forwarded. */
  readonly digest: string;
  readonly tables: readonly string[];
  readonly inTransaction: boolean;
  readonly estimate?: { readonly rows: number; readonly cost: number };
}

export type ActionRefusalReason =
  | 'blocked'
  | 'too_many_statements'
  | 'hold_denied'
  | 'hold_expired'
  | 'hold_withdrawn'
  /** The edge or the approvers' policy would not have it, or it cannot be shown to them. */
  | 'hold_failed';

export interface ActionRefusal {
  readonly reason: ActionRefusalReason;
  /** Names the rule. For the person. */
  readonly message: string;
  readonly hint?: string;
}

/** Where a resource lives and how to log in there: from the connector's own file (law 9). */
export interface UpstreamTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Fetched for this session alone, dropped with it (law 8). */
  readonly password: Secret<string> | undefined;
  readonly database: string | undefined;
  readonly tls:
    | { readonly mode: 'verify-full'; readonly ca: string | undefined; readonly serverName: string | undefined }
    | { readonly mode: 'require-unverified' }
    | { readonly mode: 'off' };
  readonly connectTimeoutMs: number;
}

export interface ConnectRefusal extends Refusal {
  /** It stands between the gateway and its target, whoever asks and whatever for; the message holds nothing of the client's. */
  readonly ofTarget?: boolean;
}

/** A client that proved which grant it holds and is not in yet. Exactly one of connect and deny is called, once. */
export interface Arrival {
  readonly claim: Claim;
  readonly grant: GrantCandidate;
  readonly client: { readonly address: string; readonly tls?: string; readonly application?: string };
  /** In the protocol's words, for the recording: `{ database: "shop" }`. */
  readonly details: Readonly<Record<string, string>>;
  /** Dials, logs in upstream and carries the session until either side ends it. */
  connect(admission: Admission): Promise<Result<Conversation, ConnectRefusal>>;
  deny(refusal: Refusal): Promise<void>;
}

export interface ConversationEnd {
  readonly reason: EndReason;
  readonly message: string;
  /** What was thrown in carrying it, to be told to whoever can mend it. */
  readonly bug?: unknown;
}

/** A session under way. What throws in it ends it and nothing else. */
export interface Conversation {
  /** Resolves when both sides are closed and all that was received has been recorded. Never rejects. */
  readonly ended: Promise<ConversationEnd>;
  /** Tells the client in the protocol's own words and closes both sides. Idempotent. */
  end(reason: EndReason, message: string): void;
  /** When bytes last went either way, or now while the target works on what it was asked; milliseconds, monotonic. */
  lastActivityMs(): number;
}

export type Accepted =
  | { readonly kind: 'arrival'; readonly arrival: Arrival }
  /** The connection did its work and is closed: a CancelRequest, a probe. */
  | { readonly kind: 'done' }
  /** Turned away before it proved anything; the client is being told. `claim` as far as it got; `closed` resolves when the socket is. */
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly claim?: Claim; readonly closed: Promise<void> };

export interface Protocol {
  readonly name: ProtocolName;
  /** Listens until the client named a resource and proved that it holds a grant. Sends nothing upstream. Never throws for what a client sent. */
  accept(client: Socket, context: AcceptContext): Promise<Accepted>;
  /** Tells a client that has not been listened to, and closes. Resolves when the socket is closed. */
  turnAway(client: Socket, refusal: Refusal): Promise<void>;
  /** Dials the target, logs in as a session would, and leaves. For the operator alone: a fault may say what the target said. */
  tryTarget(target: UpstreamTarget): Promise<Result<undefined, string>>;
}
