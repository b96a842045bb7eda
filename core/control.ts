// What connector and edge say to each other over the control link (one WebSocket, JSON text
// messages of at most 256 KiB, a hello of at most 1 MB). The connector dials; the edge never does.
//
// Calls carry `call` and are answered once with the same number. Reports carry `seq`, are kept by
// the connector until acknowledged, and may arrive twice: the edge treats them as idempotent.

import { z } from 'zod';
import { ApprovalState } from './approval/approval.ts';
import { EndingReason, KeyFingerprint } from './api.ts';
import { ScramVerifier, SecretDigest } from './grant.ts';
import { actionOf, HeldAction, HeldStatement } from './approval/held-action.ts';
import { ConnectorStatus } from './fleet/connector-status.ts';
import { SiteName } from './fleet/site.ts';
import { ConnectorId, GrantId, RequestId, SessionId, TunnelId } from './ids.ts';
import { SessionRules } from './policy/session-rules.ts';
import { ProtocolName } from './protocols.ts';
import { EndReason, SessionOpened } from './recording/facts/session.ts';
import { SessionCounts } from './recording/manifest.ts';
import { Digest } from './recording/segment.ts';
import { RefusalReason } from './refusal.ts';
import { Resource, ResourceName, TargetSeen } from './resource.ts';

export const MAX_CONTROL_MESSAGE_BYTES = 256 * 1024;
/** A hello alone may be longer, since it lists every live session: about 30,000. Below what a Worker takes as one message. */
export const MAX_HELLO_BYTES = 1_000_000;
/** The connector pings (text `ping`, answered `pong` without waking the edge) and drops a link silent for three of these. */
export const CONTROL_PING_INTERVAL_MS = 10_000;

/**
 * Of these messages and of what they mean; goes up when a side could not go on with the former meaning. 1: builds that name none.
 * What is only new stands in `understands`, and leaves it as it is (docs/adr/0063).
 */
export const CONTROL_PROTOCOL = 2;
/** A side that speaks an earlier one is refused: the former release's, so that a fleet may be of two releases. */
export const OLDEST_CONTROL_PROTOCOL = 1;
/** A WebSocket is closed with this where the connector is not what the edge can take: its build is too old, its site another. It says why. */
export const CLOSE_REFUSED = 4403;
/** Missing: 1. */
const protocol = z.number().int().min(0).optional();

const call = z.number().int().min(1);
const seq = z.number().int().min(1);
/**
 * Kinds of messages that whoever says this takes, of those that came after the first release. Missing, or not named: it is of
 * an earlier build, to which such a message is not sent, since what a build does not understand ends its link (law 3).
 */
const understands = z.array(z.string().max(50)).max(50).default([]);
export const CONNECTOR_UNDERSTANDS: readonly FromEdge['kind'][] = [
  'session.end',
  'tunnel.open',
  'replicas.differ',
  'connector.revoked',
  'key.rotate',
];
export const EDGE_UNDERSTANDS: readonly FromConnector['kind'][] = [
  'targets.seen',
  'hold.action',
  'grants.find',
  'grants.of_key',
  'sign_in.ask',
  'connector.status',
];

// --- connector to edge ---

const Hello = z.object({
  kind: z.literal('hello'),
  connector: ConnectorId,
  build: z.string().max(100),
  protocol,
  /** As its file has it; missing: it does not say. The edge knows it by what it joined with, and refuses another. */
  site: SiteName.optional(),
  /** Which key `with: hash` masks by, and nothing of it: equal where the keys are. */
  maskingKey: z.string().max(64).optional(),
  /** It was told to stop: nothing new is to come to it. */
  draining: z.literal(true).optional(),
  resources: z.array(Resource).max(10_000),
  /** Sessions running now: the edge closes its rows for any other of this connector. */
  live: z.array(SessionId).max(100_000),
  understands,
});

/** A client has named itself and a resource; nothing has been proven yet. */
const LookUpGrants = z.object({
  kind: z.literal('grants.look_up'),
  call,
  email: z.string().max(254),
  resource: ResourceName,
  protocol: ProtocolName,
});

/** The same of a client that showed a secret, named a resource, and did not say who it is. Answered as `grants.look_up` is. */
const FindGrant = z.object({
  kind: z.literal('grants.find'),
  call,
  digest: SecretDigest,
  resource: ResourceName,
  protocol: ProtocolName,
});

/** The same of a client that offered or showed a public key. The grants are of whoever registered it; their verifiers are empty. */
const FindGrantOfKey = z.object({
  kind: z.literal('grants.of_key'),
  call,
  /** `SHA256:...`. */
  key: KeyFingerprint,
  resource: ResourceName,
  protocol: ProtocolName,
});

/** A client can show nothing, and its person is to say in the browser who they are. */
const AskSignIn = z.object({
  kind: z.literal('sign_in.ask'),
  call,
  resource: ResourceName,
  protocol: ProtocolName,
  /** The client's, as the connector sees it: shown to whoever is asked. */
  address: z.string().max(64),
});

/** How it stands; by the answer to `sign_in.ask`, every two seconds at most. */
const LookAtSignIn = z.object({ kind: z.literal('sign_in.look'), call, signIn: z.string().max(100) });

/** A client proved that it holds `grant`. Answered before anything is dialled (law 2). */
const OpenSession = z.object({
  kind: z.literal('session.open'),
  call,
  session: SessionId,
  grant: GrantId,
  client: SessionOpened.shape.client,
});

const AnyHold = z.object({
  call,
  request: RequestId,
  session: SessionId,
  /** The rule and policy version that held it. */
  rule: z.string(),
  policyVersion: z.number().int(),
});

/**
 * An action waits for approvers. The connector made the request's id; asked again after a reconnect,
 * the edge answers with how it stands now.
 */
const HoldAction = AnyHold.extend({ kind: z.literal('hold.action'), action: HeldAction });
type HoldAction = z.infer<typeof HoldAction>;

/** The same of a statement, as the first release asks, and is asked. */
const AskHold = AnyHold.extend({ kind: z.literal('hold.ask'), statement: HeldStatement });
type AskHold = z.infer<typeof AskHold>;

export const holdActionOf = ({ kind: _, statement, ...ask }: AskHold): HoldAction => ({
  ...ask,
  kind: 'hold.action',
  action: actionOf(statement),
});

/**
 * It was approved and is about to go on. Answered with `hold.claimed` for this digest and this session only; claimed
 * again there, because the answer was lost, it is answered alike.
 */
const ClaimHold = z.object({
  kind: z.literal('hold.claim'),
  call,
  request: RequestId,
  session: SessionId,
  digest: Digest,
});

const Report = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('session.ended'),
    session: SessionId,
    reason: EndReason,
    message: z.string(),
    at: z.iso.datetime(),
    /** Admitted, and refused before anything of it was in the log: nothing went either way, and no recording comes. */
    neverBegan: z.literal(true).optional(),
  }),
  z.object({
    kind: z.literal('attempt.refused'),
    email: z.string().max(254),
    resource: z.string().max(253),
    protocol: ProtocolName,
    reason: RefusalReason,
    clientAddress: z.string().max(64),
    at: z.iso.datetime(),
  }),
  /** The client cancelled a held action, or hung up. */
  z.object({
    kind: z.literal('hold.withdrawn'),
    session: SessionId,
    request: RequestId,
    reason: z.string().max(200),
    at: z.iso.datetime(),
  }),
  /** A segment was stored; goes to the witness. */
  z.object({
    kind: z.literal('segment.stored'),
    session: SessionId,
    number: z.number().int().min(0),
    digest: Digest,
    frames: z.number().int(),
  }),
  z.object({
    kind: z.literal('manifest.stored'),
    session: SessionId,
    digest: Digest,
    segments: z.number().int(),
    counts: SessionCounts,
  }),
  /** Something a person must see: an upload failing, a full disk, a crash recovered (law 6). */
  z.object({
    kind: z.literal('connector.fault'),
    reason: z.string().max(100),
    message: z.string().max(1000),
    session: SessionId.optional(),
    at: z.iso.datetime(),
  }),
]);
export type Report = z.infer<typeof Report>;

export const Reported = z.object({ kind: z.literal('report'), seq, report: Report });

export const MAX_TARGETS_A_MESSAGE = 200;
/**
 * What sessions lately found out about their targets. Not kept until acknowledged, as reports are: it is told anew on every
 * link. Believed of the connector's own resources only.
 */
const TargetsSeen = z.object({
  kind: z.literal('targets.seen'),
  targets: z.array(TargetSeen).max(MAX_TARGETS_A_MESSAGE),
});

/** How it stands: after each welcome, when it begins to drain or cannot record, and every half minute where something changed. Not kept. */
const StatusTold = z.object({ kind: z.literal('connector.status'), status: ConnectorStatus });

export const FromConnector = z.discriminatedUnion('kind', [
  Hello,
  LookUpGrants,
  FindGrant,
  FindGrantOfKey,
  AskSignIn,
  LookAtSignIn,
  OpenSession,
  AskHold,
  HoldAction,
  ClaimHold,
  Reported,
  TargetsSeen,
  StatusTold,
]);
export type FromConnector = z.infer<typeof FromConnector>;

// --- edge to connector ---

export const GrantCandidate = z.object({
  id: GrantId,
  verifier: ScramVerifier,
  until: z.iso.datetime(),
  revoked: z.boolean(),
});
export type GrantCandidate = z.infer<typeof GrantCandidate>;

/** How a held action stands. */
const HoldStanding = {
  request: RequestId,
  state: ApprovalState,
  /** Undecided by then, it expires. */
  decideBy: z.iso.datetime(),
  /** E-mails of who approved, or who denied. */
  by: z.array(z.string()),
  /** The approvers' comments, or why it was denied. */
  comment: z.string(),
};

export const FromEdge = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('welcome'),
    policyVersion: z.number().int(),
    protocol,
    /** The edge's. Missing: an earlier one. */
    build: z.string().max(100).optional(),
    /** How many of the announced resources are reached by this connector: the others' names are held elsewhere. Missing: an earlier edge. */
    serving: z.number().int().min(0).optional(),
    understands,
    /** The public key that certificates for grants are signed by, `ssh-ed25519 AAAA...`. Missing: an earlier build, which signs none. */
    userAuthority: z.string().max(200).optional(),
  }),
  /**
   * Always answered alike, also for people and resources that do not exist: a salt that is the same
   * on every try, and the grants there are (often none). Includes grants that ended in the last
   * day, so that their holder can be told so after proving that they hold them.
   */
  z.object({
    kind: z.literal('grants.found'),
    call,
    /** Base64, 16 bytes. */
    salt: z.string(),
    iterations: z.number().int(),
    candidates: z.array(GrantCandidate).max(100),
    /** Of `grants.find` and `grants.of_key`: whose the candidates are. */
    email: z.string().max(254).optional(),
  }),
  z.object({
    kind: z.literal('sign_in.asked'),
    call,
    /** For the connector alone: what it looks by. */
    signIn: z.string().max(100),
    /** For the client's screen: what its person types at `link`, and nowhere else. */
    userCode: z.string().max(20),
    link: z.url(),
  }),
  z.object({ kind: z.literal('sign_in.refused'), call, reason: RefusalReason, message: z.string() }),
  /**
   * `confirmed`: somebody said that it is theirs, and holds no live grant for the resource yet; `message` says how to get one. It goes
   * on waiting. `granted`: told once, with whose grant it is.
   */
  z.object({
    kind: z.literal('sign_in.standing'),
    call,
    state: z.enum(['waiting', 'confirmed', 'granted', 'denied', 'expired']),
    message: z.string().max(1000).optional(),
    granted: z.object({ email: z.string().max(254), grant: GrantCandidate.omit({ verifier: true }) }).optional(),
  }),
  z.object({
    kind: z.literal('session.admitted'),
    call,
    opened: SessionOpened.omit({
      kind: true,
      startedAt: true,
      client: true,
      details: true,
      connector: true,
      originals: true,
    }),
    rules: SessionRules,
  }),
  z.object({ kind: z.literal('session.refused'), call, reason: RefusalReason, message: z.string() }),
  z.object({ kind: z.literal('acknowledged'), seq }),
  /** Ends the grant's live sessions at once. */
  z.object({ kind: z.literal('grant.revoked'), grant: GrantId, reason: z.string() }),
  /** Ends one live session at once. Its client and its recording are told by whom (e-mail) and why. */
  z.object({ kind: z.literal('session.end'), session: SessionId, by: z.string().max(254), reason: EndingReason }),
  /** The last that it hears: none of its keys is taken any more. It ends its sessions, whose clients are told by whom and why, and dials no more. */
  z.object({ kind: z.literal('connector.revoked'), by: z.string().max(254), reason: z.string().max(500) }),
  /** It makes a new key and proves that it has both (core/connectors/key-rotation.ts). */
  z.object({ kind: z.literal('key.rotate') }),
  /** Somebody who holds a grant here wants to come in by the relay: it dials its end of that tunnel (core/tunnel). */
  z.object({ kind: z.literal('tunnel.open'), tunnel: TunnelId, email: z.string().max(254) }),
  /**
   * A policy was applied, or the link came back: what is in force for these live sessions from their next statement on.
   * Without rules the policy gives no access any more, and the sessions end.
   */
  z.object({
    kind: z.literal('rules.in_force'),
    policyVersion: z.number().int(),
    sessions: z.array(SessionId).max(1_000),
    rules: SessionRules.optional(),
  }),
  /** Another connector (`other`: its name) announces the same resource. Told to both, for their logs; `yours`: it is this one's. */
  z.object({ kind: z.literal('resource.contested'), resource: ResourceName, yours: z.boolean(), other: z.string() }),
  /**
   * Of two replicas of a site, this one and `other` (its name): told to both, for their logs. `masking_key`: equal values are not equal
   * once masked by both with `hash`. `resource`: they announce it with other labels.
   */
  z.object({
    kind: z.literal('replicas.differ'),
    what: z.enum(['masking_key', 'resource']),
    resource: ResourceName.optional(),
    other: z.string(),
  }),
  z.object({ kind: z.literal('hold.asked'), call, ...HoldStanding, link: z.string() }),
  z.object({ kind: z.literal('hold.refused'), call, message: z.string() }),
  z.object({ kind: z.literal('hold.claimed'), call }),
  /** Pushed when it was decided, expired or withdrawn, anywhere. */
  z.object({ kind: z.literal('hold.decided'), ...HoldStanding }),
]);
export type FromEdge = z.infer<typeof FromEdge>;
