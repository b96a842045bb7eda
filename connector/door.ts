// The seam, the side of the bytes: what a protocol is given for one connection. It finds out who is there
// (Door), enters a session, and moves bytes over lanes, each of which is recorded before it goes on.
//
//   stream ─▶ Protocol.carry ─▶ door.lookUp ─▶ a proof ─▶ door.enter ─▶ session.lane ─▶ Relay
//
// What a protocol cannot do, it cannot say: nothing can be dialled without a Session, which only `enter` gives;
// `enter` takes a ProvenGrant, which only session/prove.ts makes; what goes on needs the receipt of what was
// recorded (Recorded), and towards a client bytes that were masked, or that no rule touches (ForClient).

import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import type { ProtocolFact } from '../core/recording/facts/fact.ts';
import type { EndReason } from '../core/recording/facts/session.ts';
import type { Direction } from '../core/recording/frame.ts';
import type { Refusal } from '../core/refusal.ts';
import type { Replacement } from '../core/recording/originals/original-object.ts';
import type { Result } from '../core/result.ts';
import type { Secret } from '../core/secret.ts';
import type { ScramFault, ScramMechanism } from './sasl/scram.ts';
import type { SessionGuard } from './action.ts';

/** A socket, TLS over one, a channel of SSH, a tunnelled WebSocket, an in-process console. Half-open where its kind can be. */
export type ByteStream = Duplex;

export interface Peer {
  /** Where the client is, as far as this connector sees. */
  readonly address: string;
  readonly via: 'listener' | 'tunnel' | 'console';
}

/** Who the client says it is, before anything is proven. */
export interface Claim {
  readonly email: string;
  readonly resource: string;
}

declare const proven: unique symbol;
/** Somebody holds this grant. Only session/prove.ts makes one. */
export interface ProvenGrant {
  readonly [proven]: true;
  readonly claim: Claim;
  readonly how: 'scram' | 'secret' | 'certificate' | 'key' | 'browser';
}

/** The grants that a claim may be about, as far as a protocol may know them; alike for claims that cannot be true. */
export interface GrantLookup {
  /** The secret itself, which the client sent in confidence. Undefined: it is none of theirs. Takes as long either way. */
  proveSecret(secret: Secret<string>): Promise<ProvenGrant | undefined>;
  /** One SCRAM exchange (RFC 5802), the server's half. */
  scram(mechanism: ScramMechanism, binding: Uint8Array | undefined): ScramProof;
}

interface ScramProof {
  /** Takes client-first, gives server-first. */
  first(message: Buffer): Result<string, ScramFault>;
  /** Takes client-final, gives server-final with the proof. */
  final(message: Buffer): Result<{ readonly proof: ProvenGrant; readonly reply: string }, ScramFault>;
}

/** A key that stands for a grant. Anybody may show its public half: it proves nothing yet. */
export interface KeyOfGrant {
  /** The client signed `data` by the key, by this very algorithm. Undefined: it did not. */
  prove(algorithm: string, data: Uint8Array, signature: Uint8Array): Promise<ProvenGrant | undefined>;
}

/** By a certificate of the edge's authority, which holds here and now. */
export interface CertifiedGrant extends KeyOfGrant {
  /** By what the audit log names it. */
  readonly serial: string;
}

/** As its person registered it. */
export interface RegisteredKeyOfGrant extends KeyOfGrant {
  readonly fingerprint: string;
}

/** A client that can show nothing: its person says in their browser that it is theirs. */
export interface BrowserSignIn {
  /** Where they type `userCode`, for the client to show. */
  readonly link: string;
  readonly userCode: string;
  /** Waits, minutes at most, until `signal` aborts. `told`: words for the client meanwhile. Called once. */
  outcome(signal: AbortSignal, told: (words: string) => void): Promise<Result<ProvenGrant, Refusal>>;
}

/** What a connection says of itself beside its claim. */
export interface ArrivalFacts {
  /**
   * What the client is spoken to over: the connection itself, or TLS within it. Until `carry` it is kept flowing: a client
   * that ends or closes it has hung up.
   */
  readonly client: ByteStream;
  /** `TLSv1.3 TLS_AES_256_GCM_SHA384`; undefined: plain text. */
  readonly tls?: string | undefined;
  readonly application?: string | undefined;
  /** In the protocol's words, for the recording: `{ database: "shop" }`. */
  readonly details: Readonly<Record<string, string>>;
}

export interface EnterOptions {
  /**
   * Connections of one grant from one address that say the same are one session (HTTP, kubectl): the first opens it,
   * others join it while it lasts.
   */
  readonly join: string;
  /** How long it stays open after the last connection left. */
  readonly idleMs: number;
}

/** One a connection, made by session/door.ts. `Upstream`: what the protocol's module opens for a session. */
export interface Door<Upstream> {
  readonly peer: Peer;
  /** The listener's certificate; undefined: plain text only, which the listener allows on loopback alone. */
  readonly tls: SecureContext | undefined;
  /** Whether a client may go on without TLS. */
  readonly allowPlainText: boolean;
  /** Until `enter`: aborts at the login deadline, at shutdown, and to make room for others; its reason is the Refusal to tell the client. */
  readonly signal: AbortSignal;
  /** The client got further: it keeps its place before those who did not. */
  progressed(to: 'securing' | 'named'): void;
  /** Asks the edge. Refused with `edge_unreachable` while it is away (law 4), and as soon as `signal` aborts. */
  lookUp(claim: Claim): Promise<Result<GrantLookup, Refusal>>;
  /**
   * For a client that shows a secret and does not say who it is. Undefined: it is none of a grant for this resource. Refused
   * as `lookUp` is.
   */
  proveSecret(resource: string, secret: Secret<string>): Promise<Result<ProvenGrant | undefined, Refusal>>;
  /**
   * For a client that shows a certificate instead of a secret, as it is on the wire. Undefined: it is none of the edge's
   * authority. Refused with `credentials_wrong` where it is one and does not hold for this resource, from there, now: the client may
   * try another proof. Otherwise refused as `lookUp` is.
   */
  certified(resource: string, certificate: Uint8Array): Promise<Result<CertifiedGrant | undefined, Refusal>>;
  /**
   * For a client that shows a public key, as it is on the wire. Undefined: nobody has registered it, or its person holds no grant for
   * this resource. Each asks the edge. Refused as `lookUp` is.
   */
  registered(resource: string, publicKey: Uint8Array): Promise<Result<RegisteredKeyOfGrant | undefined, Refusal>>;
  /**
   * For a client with nothing to show. Refused as `lookUp` is, and with `too_many_logins` while too many wait so. Its deadline is that of the
   * sign-in from then on.
   */
  signIn(resource: string): Promise<Result<BrowserSignIn, Refusal>>;
  /**
   * Admits the client: the edge opens the session, the log takes its first frame, the target's credential is fetched. Once.
   * Refused as soon as the client hangs up, the grant is revoked or the connector stops, whatever is still waited for.
   */
  enter(proof: ProvenGrant, arrival: ArrivalFacts, options?: EnterOptions): Promise<Result<Session<Upstream>, Refusal>>;
  /**
   * Turned away before it proved anything; it is being told. `claim` as far as it got. Resolves with `told`; until then
   * the connection stays counted, and makes room before anybody else does.
   */
  refused(refusal: Refusal, told: Promise<void>, claim?: Claim): Promise<void>;
}

export interface TargetRefusal extends Refusal {
  /** It stands between the gateway and its target, whoever asks and whatever for; the message holds nothing of the client's. */
  readonly ofTarget?: boolean;
}

/** One connection's part in a session. Its protocol ends by `carry` or `failed`, one of them, once. */
export interface Session<Upstream> {
  /**
   * Aborts when the session is ended from outside (revoked, by a person, out of its time, its log failed), until `carry` also
   * when this client hangs up, and when its part is over. For all that is dialled or waited for: it is closed at once then,
   * and `failed` says what the client is to be told.
   */
  readonly signal: AbortSignal;
  /** Where the target is and how to log in there, as the protocol's module opened it for this session (laws 8 and 9). */
  readonly upstream: Upstream;
  /** What it holds, and who listens to its rules, is of this connection; rules and counts are the session's. */
  readonly guard: SessionGuard;
  /** Receipt of the session's first frame, which says that this client was let in: for words of welcome. */
  readonly opened: Recorded;
  /** Lane 0: all there is of a protocol without channels. In a session that others may join it takes facts and no bytes. */
  readonly lane: Lane;
  /** A channel, an exchange. Numbers are given out here, from 1. It is closed when this connection's part is over. */
  openLane(spec: LaneSpec): Lane;
  /** The number of the session's next action (facts), from 1, over all its connections and lanes. */
  nextAction(): number;
  /**
   * It could not begin: the target was not reached, or the rules do not have it. Gives what the protocol tells the client:
   * `refusal`, or why `signal` aborted.
   */
  failed<R extends TargetRefusal>(refusal: R): R | Refusal;
  /** The target was reached, and the conversation has begun; it is ended at once if `signal` has aborted. Resolves at its end. */
  carry(conversation: Conversation): Promise<void>;
}

export interface ConversationEnd {
  readonly reason: EndReason;
  readonly message: string;
  /** What was thrown in carrying it, to be told to whoever can mend it. */
  readonly bug?: unknown;
}

/** A connection's session under way. What throws in it ends it and nothing else. */
export interface Conversation {
  /** Resolves when both sides are closed and all that was received has been recorded. Never rejects. */
  readonly ended: Promise<ConversationEnd>;
  /** Tells the client in the protocol's own words and closes both sides. Idempotent. */
  end(reason: EndReason, message: string): void;
  /** The log takes no more: not one byte goes on (law 1). Called once, instead of deliveries. */
  logFailed(fault: LogFault): void;
  /** When bytes last went either way, or now while the target works on what it was asked; milliseconds, monotonic. */
  lastActivityMs(): number;
}

// --- what is recorded ---

declare const recorded: unique symbol;
/** Receipt: what is to go on was given to the log, in this turn or before. Only a lane makes one (law 1). */
export interface Recorded {
  readonly [recorded]: true;
}

export interface LaneSpec {
  /** `shell`, `direct-tcpip`, `exchange`: the protocol's own word. */
  readonly of: string;
  /** For people: `shell`, `exec: ls`, `GET /orders`. As recorded, so masked. */
  readonly label: string;
}

/** One ordered flow of bytes and facts of a session, recorded apart from others. The only way bytes move. */
export interface Lane {
  readonly number: number;
  /**
   * Appends wire bytes. `chunk` must stay unchanged until the commit. Cheap: no copy, no promise. `hid`: what stood in it
   * before it was masked, ascending; never what the client itself must keep secret (ADR 8).
   */
  record(from: Direction, chunk: Uint8Array, hid?: readonly Replacement[]): Recorded;
  /** Whether `hid` is kept. Where it is not, nobody need gather it. */
  readonly keepsOriginals: boolean;
  /** Appends a fact of what the protocol understood; it takes its place between the bytes appended before and after it. */
  fact(fact: ProtocolFact): Recorded;
  /** Runs `delivery` after this turn's commit; never, when the log fails. Registering twice in a turn runs it once. */
  afterCommit(delivery: Delivery): void;
  /** Resolves after this turn's commit; false: the log failed. */
  committed(): Promise<boolean>;
  /** More is appended and not committed than a session may have: no more is to be read. */
  readonly behind: boolean;
  /** Microseconds since the session was opened. */
  elapsedUs(): number;
  /** No more comes on this lane; once. What the session's end closes need not be. `note`: why not all of it is recorded. */
  close(how?: { readonly recorded: 'full' | 'partial' | 'none'; readonly note?: string }): void;
}

export interface LogFault {
  readonly reason: 'log_unavailable';
  /** What an operator needs: `ENOSPC on /var/lib/gatehouse/wal`. Holds no data of a session. */
  readonly message: string;
}

/** Somebody with bytes to hand on once the turn's frames are in the log. */
export interface Delivery {
  /** Called once for each `afterCommit`, after the write succeeded, in order of registration. */
  deliver(): void;
}
