// The JSON API under /api/v1: the shapes that edge, CLI and scripts agree on. The OpenAPI document
// is generated from these.

import { z } from 'zod';
import {
  ApprovalState,
  DecidedVia,
  HeldSubject,
  MAX_COMMENT_CHARACTERS,
  RecordingKind,
  RecordingSubject,
} from './approval/approval.ts';

import { CatalogueWord, type SessionEntry } from './catalogue.ts';
import { ConnectorKey } from './connectors/connector-keys.ts';
import { GrantLabels } from './grant.ts';
import { HeldKind, HeldStatement } from './approval/held-action.ts';
import { FleetMember, ServingReplica } from './fleet/fleet-member.ts';
import { ConnectorId, GrantId, RequestId, SessionId } from './ids.ts';
import { AccessTerms } from './policy/access-terms.ts';
import { Identity } from './identity.ts';
import { Digest } from './recording/segment.ts';
import { Resource, ResourceName, TargetSeen } from './resource.ts';
import { WitnessedPurge } from './retention/purge.ts';
import { saysSomething } from './text/written-text.ts';

export const ApiError = z.object({
  error: z.object({
    reason: z.string(),
    message: z.string(),
    /** What was asked for was a session, and was purged: told to whoever may know of it. */
    purged: WitnessedPurge.optional(),
    /** Of `step_up_needed`: where to sign in as the rule asks. */
    signInAgain: z.object({ rule: z.string(), link: z.string() }).optional(),
  }),
});
export type ApiError = z.infer<typeof ApiError>;

export const Me = z.object({ identity: Identity, administrator: z.boolean(), auditor: z.boolean() });
export type Me = z.infer<typeof Me>;

export const ListedResource = Resource.extend({
  connector: z.object({ id: ConnectorId, name: z.string(), online: z.boolean(), ...ServingReplica.shape }),
  /** As the last session that wanted its target found it, while its connector was linked; missing: none yet. */
  target: TargetSeen.omit({ resource: true }).optional(),
  /** Whether this person may ask for it. */
  mayAsk: z.boolean(),
  /** Somebody has to agree first. `breakGlass`: this person may go in at once, loudly. */
  approval: z
    .object({ count: z.number().int(), decideWithinSeconds: z.number().int(), breakGlass: z.boolean() })
    .optional(),
  /** What access would mean for this person; missing where no rule gives any. */
  terms: AccessTerms.optional(),
});
export type ListedResource = z.infer<typeof ListedResource>;
export const ResourceList = z.object({ resources: z.array(ListedResource) });
export type ResourceList = z.infer<typeof ResourceList>;

/** Bodies refuse keys that they do not know: one that is misspelt would be left out without a word. */
export const AccessRequest = z.strictObject({
  resource: ResourceName,
  reason: z.string().max(1000).default(''),
  /** Seconds asked for; the rule's longest when missing. */
  seconds: z.number().int().min(60).max(31_536_000).optional(),
  task: GrantLabels.shape.task,
  trace: GrantLabels.shape.trace,
  /** At once, without the approval that the rule asks for, where it allows that. Tells everybody. */
  breakGlass: z.boolean().optional(),
});
export type AccessRequest = z.infer<typeof AccessRequest>;

/** A program's token of its own provider, for a grant: in terms of RFC 8693, in JSON. */
export const WorkloadExchange = AccessRequest.omit({ trace: true, breakGlass: true }).extend({
  /** Only looked at when it is verified, and good once. */
  subject_token: z
    .string()
    .min(1)
    .max(16 * 1024),
  subject_token_type: z
    .enum(['urn:ietf:params:oauth:token-type:id_token', 'urn:ietf:params:oauth:token-type:jwt'])
    .optional(),
});
export type WorkloadExchange = z.infer<typeof WorkloadExchange>;

export const IssuedGrant = z.object({
  grant: z.object({
    id: GrantId,
    /** Shown this once. */
    secret: z.string(),
    /** A program's: it opens tunnels for this grant, as long as it is live, and nothing else. */
    tunnelToken: z.string().optional(),
    resource: ResourceName,
    until: z.iso.datetime(),
    breakGlass: z.boolean().optional(),
    /** Columns, fields and detectors that are masked in its sessions as the policy is now; a dump has them masked too. */
    masks: z.array(z.string()).optional(),
  }),
  /** Lines to paste, by client: `{ "psql": "PGPASSWORD=... psql \"host=... \"" }`. */
  connect: z.record(z.string(), z.string()),
});
export type IssuedGrant = z.infer<typeof IssuedGrant>;

export const PendingRequest = z.object({
  request: z.object({ id: RequestId, state: ApprovalState, link: z.string() }),
});
export type PendingRequest = z.infer<typeof PendingRequest>;

/** There is a grant already, so none was asked for. Its secret was shown once and is not shown again. */
export const LiveGrant = z.object({
  live: z.object({
    id: GrantId,
    resource: ResourceName,
    until: z.iso.datetime(),
    breakGlass: z.boolean().optional(),
  }),
  message: z.string(),
});
export type LiveGrant = z.infer<typeof LiveGrant>;
export const AccessAnswer = z.union([IssuedGrant, PendingRequest, LiveGrant]);
export type AccessAnswer = z.infer<typeof AccessAnswer>;

/** What a policy does to a live grant that it touches. */
export const PolicyEffect = z.object({
  grant: GrantId,
  email: z.string(),
  resource: ResourceName,
  /** Whether it still opens anything. */
  opens: z.boolean(),
  /** Sessions that end, and those that go on under other rules. */
  ends: z.array(SessionId),
  changes: z.array(SessionId),
  /** It opens sessions under other rules from then on. */
  otherRules: z.boolean().default(false),
  /** The rule that decides on access from now on; the grant stays under `under`, which stands behind it. */
  passedBy: z.object({ rule: z.string(), under: z.string() }).optional(),
});
export type PolicyEffect = z.infer<typeof PolicyEffect>;

/** A rule that a policy removes or renames, whose word about its past sessions stays: nobody passes them on. */
export const RuleGone = z.object({
  rule: z.string(),
  /** Auditors still need an approval before they watch them, of another auditor now. */
  auditorsAsk: z.boolean(),
});
export type RuleGone = z.infer<typeof RuleGone>;

const ByMail = z.object({ email: z.string(), at: z.iso.datetime(), comment: z.string() });

/** A request as people see it who may. The last three are about whoever looks. */
export const ListedApproval = z.object({
  id: RequestId,
  kind: z.enum(['access', ...RecordingKind.options, ...HeldKind.options]),
  state: ApprovalState,
  requester: z.object({ email: z.string(), name: z.string() }),
  resource: ResourceName,
  reason: z.string(),
  labels: GrantLabels,
  rule: z.string(),
  askedAt: z.iso.datetime(),
  /** Undecided by then, it expires. */
  decideBy: z.iso.datetime(),
  /** How long access lasts, from the approval on. */
  workSeconds: z.number().int(),
  workUntil: z.iso.datetime().optional(),
  needed: z.number().int(),
  votes: z.array(ByMail.extend({ via: DecidedVia })),
  ended: z.object({ at: z.iso.datetime(), by: z.string(), reason: z.string() }).optional(),
  claim: z.object({ at: z.iso.datetime(), grant: GrantId }).optional(),
  breakGlass: z.object({ review: ByMail.optional() }).optional(),
  /** What waits, where it is no access. */
  held: HeldSubject.omit({ resource: true, reason: true, labels: true }).optional(),
  /** Which recording is asked for. */
  recording: RecordingSubject.pick({ session: true, owner: true }).optional(),
  /** The same as `held`, as the first release says it of statements. */
  statement: HeldStatement.extend({ session: SessionId }).optional(),
  link: z.string(),
  yours: z.boolean(),
  mayDecide: z.boolean(),
  mayReview: z.boolean(),
});
export type ListedApproval = z.infer<typeof ListedApproval>;
export const ApprovalList = z.object({ approvals: z.array(ListedApproval) });
export type ApprovalList = z.infer<typeof ApprovalList>;

/** To watch a recording, or to be handed its originals. */
export const RecordingAsk = z.strictObject({
  reason: z.string().max(1000),
  /** For how long; missing: as long as the rule gives. */
  seconds: z.number().int().min(60).max(31_536_000).optional(),
});
export type RecordingAsk = z.infer<typeof RecordingAsk>;

/** What asking would mean, for somebody who may ask. */
export interface RecordingTerms {
  /** Its row; nothing of what was done in it. */
  readonly session: SessionEntry;
  /** Who decides, as the policy names them. */
  readonly from: readonly string[];
  /** Distinct people it takes. */
  readonly count: number;
  readonly longestSeconds: number;
  readonly decideWithinSeconds: number;
  /** One's own request that nobody has decided yet. */
  readonly waiting?: { readonly id: RequestId; readonly link: string };
  /** Somebody agreed, and it lasts. */
  readonly approved?: { readonly id: RequestId; readonly until: string };
}

export const RequestDetail = PendingRequest.extend({ approval: ListedApproval });
export type RequestDetail = z.infer<typeof RequestDetail>;

export const ApprovalDecision = z.strictObject({
  decision: z.enum(['approve', 'deny']),
  /** Needed to deny: it is what the requester reads. */
  comment: z.string().max(MAX_COMMENT_CHARACTERS).default(''),
});
export type ApprovalDecision = z.infer<typeof ApprovalDecision>;

/** A grant as listed: never its secret. */
export const ListedGrant = z.object({
  id: GrantId,
  email: z.string(),
  resource: ResourceName,
  reason: z.string(),
  labels: GrantLabels,
  from: z.iso.datetime(),
  until: z.iso.datetime(),
  rule: z.string(),
  state: z.enum(['active', 'expired', 'revoked']),
  liveSessions: z.number().int(),
  breakGlass: z.boolean().optional(),
});
export type ListedGrant = z.infer<typeof ListedGrant>;
export const GrantList = z.object({ grants: z.array(ListedGrant) });
export type GrantList = z.infer<typeof GrantList>;

/** For a live grant of one's own: the key signs in over SSH in place of the secret. */
export const SshCertificateRequest = z.strictObject({
  /** `ssh-ed25519 AAAA... comment`, as in a file that ends in `.pub`. */
  publicKey: z.string().max(16_384),
});
export const IssuedSshCertificate = z.object({
  grant: GrantId,
  resource: ResourceName,
  /** What a file that ends in `-cert.pub` holds. */
  certificate: z.string(),
  /** A number, in decimal: audit log and recordings name it. */
  serial: z.string(),
  /** For signing in. Sessions go on until the grant's end. */
  until: z.iso.datetime(),
  host: z.string(),
  port: z.number().int(),
  /** `LOGIN@RESOURCE`. */
  user: z.string(),
  /** Lines of known_hosts for the gateway. */
  knownHosts: z.array(z.string()),
});
export type IssuedSshCertificate = z.infer<typeof IssuedSshCertificate>;

/** `SHA256:...`, as `ssh-keygen -l` shows it. */
export const KeyFingerprint = z.string().regex(/^SHA256:[A-Za-z0-9+/]{43}$/, 'expected SHA256:...');
export const NewKey = z.strictObject({
  publicKey: SshCertificateRequest.shape.publicKey,
  /** For its person to tell it from others. */
  name: z
    .string()
    .trim()
    .max(100)
    .regex(/^\P{Cc}*$/u, 'one line, without control characters')
    .default(''),
  /**
   * That its holder wants it: of `ssh-keygen -Y sign -n gatehouse-key` over `This key signs in EMAIL at ORIGIN` and a line feed
   * (core/ssh/key-registration.ts).
   */
  signature: z.string().max(8_192),
});
export type NewKey = z.infer<typeof NewKey>;
export const RegisteredKey = z.object({
  fingerprint: KeyFingerprint,
  /** `ssh-ed25519`. */
  type: z.string(),
  name: z.string(),
  addedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
});
export type RegisteredKey = z.infer<typeof RegisteredKey>;
export const KeyList = z.object({ keys: z.array(RegisteredKey) });

/** Why a person ends a session. Its client reads it, so it is one line and not empty. */
export const EndingReason = z
  .string()
  .trim()
  .refine(saysSomething, 'say why: whoever is in the session reads it')
  .max(500)
  .regex(/^\P{Cc}*$/u, 'one line, without control characters');
export const EndSession = z.strictObject({ reason: EndingReason });
/** `over`: it had ended before, and nothing was done. */
export const EndedSession = z.object({
  session: SessionId,
  email: z.string(),
  resource: ResourceName,
  state: z.enum(['ending', 'over']),
});
export type EndedSession = z.infer<typeof EndedSession>;

export const ListedConnector = z.object({
  id: ConnectorId,
  name: z.string(),
  /** Raw Ed25519 public key, base64url. */
  key: z.string(),
  /** That and those before it, oldest first. Missing: an edge of an earlier release, which knows one. */
  keys: z.array(ConnectorKey).optional(),
  /** None of its keys is taken any more. By whom and why: for administrators and auditors. */
  revoked: z.object({ at: z.iso.datetime(), by: z.string().optional(), reason: z.string().optional() }).optional(),
  /** It joined by an AWS identity and has been away since. */
  retired: z.iso.datetime().optional(),
  /** Who asked it for a new key, which it has not made yet. */
  rotationBy: z.string().optional(),
  /** By which AWS identity it joined, for administrators and auditors; missing: by a token. */
  principal: z.string().optional(),
  online: z.boolean(),
  build: z.string().optional(),
  ...FleetMember.shape,
  joinedAt: z.iso.datetime(),
  lastSeenAt: z.iso.datetime().optional(),
  /** Resources that it announces and another connector holds. */
  contested: z
    .array(z.object({ resource: ResourceName, holder: z.object({ id: ConnectorId, name: z.string() }) }))
    .optional(),
});
export type ListedConnector = z.infer<typeof ListedConnector>;
export const ConnectorList = z.object({ connectors: z.array(ListedConnector) });
export type ConnectorList = z.infer<typeof ConnectorList>;

export const RevokedConnector = z.object({
  connector: ListedConnector,
  /** Sessions that it carried, as far as the edge knows. */
  sessions: z.number().int(),
  /** `told`: it ends them now. `not_linked`: it did not hear it; it ends them when it comes back, and at their grants' end at the latest. */
  connectorWas: z.enum(['told', 'not_linked']),
});
export type RevokedConnector = z.infer<typeof RevokedConnector>;
/** `not_linked`: it is told when it comes back. `too_old`: it has to be updated first. */
export const RotationAsked = z.object({
  connector: ListedConnector,
  connectorWas: z.enum(['told', 'not_linked', 'too_old']),
});
export type RotationAsked = z.infer<typeof RotationAsked>;

/** Entries of the log of sessions (tlog/session-entry.ts), each with its proof (c2sp.org/tlog-proof). */
export const LogProofs = z.array(z.object({ entry: z.string(), proof: z.string() }));
export type LogProofs = z.infer<typeof LogProofs>;
/** That the tree of the checkpoint continues an earlier one: hashes in base64 (RFC 6962 section 2.1.2). */
export const LogContinues = z.object({ proof: z.array(z.string()), checkpoint: z.string() });
export type LogContinues = z.infer<typeof LogContinues>;
/** Entries in order; `next`: the index behind the last. */
export const LogEntries = z.object({ entries: z.array(z.string()), next: z.number().int() });
export type LogEntries = z.infer<typeof LogEntries>;
export const LogHead = z.object({ key: z.string(), checkpoint: z.string() });
export type LogHead = z.infer<typeof LogHead>;

/** What the edge witnessed of a session, for `gatehouse verify`. */
export const Witnessed = z.object({
  session: SessionId,
  connector: ConnectorId,
  heads: z.array(z.object({ number: z.number().int(), digest: Digest, at: z.iso.datetime() })),
  manifest: z.object({ digest: Digest, segments: z.number().int(), at: z.iso.datetime() }).optional(),
  /** It was admitted and never began, so there is no recording; `reason` is an EndReason. */
  neverBegan: z.object({ reason: z.string(), at: z.iso.datetime() }).optional(),
  /** In the log of sessions; an edge of an earlier release has none. */
  log: LogProofs.optional(),
  /** Its recording was purged; `audit` is the sequence of the audit log's entry that ordered it. */
  purged: WitnessedPurge.optional(),
  /** Its purge was ordered by that entry, and is not known to be done; an edge of an earlier release does not say so. */
  purgeOrdered: WitnessedPurge.optional(),
});
export type Witnessed = z.infer<typeof Witnessed>;
export const WitnessPage = z.object({
  sessions: z.array(z.object({ session: SessionId, connector: ConnectorId, heads: z.number().int() })),
  cursor: z.string().optional(),
});
export type WitnessPage = z.infer<typeof WitnessPage>;

export const ObjectList = z.object({
  connector: ConnectorId,
  objects: z.array(z.object({ name: z.string(), bytes: z.number().int() })),
  /** What the catalogue's row says, beside what outranks it. Missing: functions do not know it, nor an edge of an earlier release. */
  catalogue: CatalogueWord.optional(),
});
export type ObjectList = z.infer<typeof ObjectList>;

/** What the functions say of the archive. */
export const ArchiveLimits = z.object({
  /** The longest time for which an object may be locked; missing: the store has no lock, or the functions are not told. */
  maxRetainDays: z.number().int().min(1).optional(),
  /** The shortest `retain` that this deployment takes; missing: any. */
  minRetainDays: z.number().int().min(1).optional(),
});
export type ArchiveLimits = z.infer<typeof ArchiveLimits>;

export const AuditPiecePage = z.object({
  /** By name, ascending. */
  pieces: z.array(z.object({ name: z.string(), bytes: z.number().int() })),
  /** Ask for the rest with it. */
  after: z.string().optional(),
});
export type AuditPiecePage = z.infer<typeof AuditPiecePage>;

/** What the functions answer to a piece. `digest`: of the stored bytes, hex. */
export const StoredAuditPiece = z.object({ digest: Digest, already: z.boolean() });
export type StoredAuditPiece = z.infer<typeof StoredAuditPiece>;

/** RFC 8628. */
export const DeviceCode = z.object({
  device_code: z.string(),
  user_code: z.string(),
  verification_uri: z.string(),
  verification_uri_complete: z.string(),
  expires_in: z.number().int(),
  interval: z.number().int(),
});
export const AccessToken = z.object({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.number().int(),
});
