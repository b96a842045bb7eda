// What Gatehouse does for somebody who is signed in: the use cases behind both the portal and the
// JSON API, so that each is authorised and audited in one place. Implemented in edge/deps.ts from
// the services; routes/ and portal/ know only this.
//
// Every method that reads a recording or the audit log writes its audit entry before it answers
// (law 7), and refuses whoever may not.

import type { z } from 'zod';
import type {
  AccessAnswer,
  AccessRequest,
  ApprovalDecision,
  AuditPiecePage,
  EndedSession,
  IssuedGrant,
  IssuedSshCertificate,
  ListedApproval,
  ListedConnector,
  ListedGrant,
  ListedResource,
  Me,
  NewKey,
  ObjectList,
  PendingRequest,
  PolicyEffect,
  RuleGone,
  RecordingAsk,
  RecordingTerms,
  RegisteredKey,
  RevokedConnector,
  RotationAsked,
  LogContinues,
  LogEntries,
  LogHead,
  WitnessPage,
  Witnessed,
} from '../core/api.ts';
import type { AuditExportStanding, AuditPage } from '../core/audit/audit-page.ts';
import type { EndedPerson } from '../core/people/ended-person.ts';
import type { ListedScimToken, MadeScimToken, ScimStanding } from '../core/people/scim-tokens.ts';
import type { OpenedTunnel } from '../core/tunnel/opened-tunnel.ts';
import type { JoinToken, JoinTokenUse } from '../core/connectors/join.ts';
import type { ExportQuery } from '../core/replay/exports.ts';
import type { DecidedVia, RecordingKind } from '../core/approval/approval.ts';
import type { ActionPage, SessionDetail, SessionPage, SessionQuery } from '../core/catalogue.ts';
import type { ConnectorSite } from '../core/fleet/fleet-member.ts';
import type { SiteName } from '../core/fleet/site.ts';
import type {
  ConnectorId,
  GrantId,
  HoldId,
  HoldSearchId,
  RequestId,
  ScimTokenId,
  SessionId,
  ShareId,
} from '../core/ids.ts';
import type { ReplayQuery } from '../core/replay/terminal.ts';
import type { HoldSearch, LegalHold, PlacedHold, PlacedScope } from '../core/retention/hold.ts';
import type { RetentionOverview } from '../core/retention/overview.ts';
import type {
  EarlyPurge,
  ErasedPerson,
  HoldList,
  LeftSessions,
  OrderedPurges,
  PurgePage,
  PurgeReport,
  SessionRetention,
  WitnessedPurge,
} from '../core/retention/purge.ts';
import type { Identity } from '../core/identity.ts';
import type { ResourceName } from '../core/resource.ts';
import type { Result } from '../core/result.ts';
import type { ReindexStanding } from '../core/search/reindex.ts';
import type { ExportAnswer } from './archive.ts';
import type { SearchPage, SearchQuery } from '../core/search/page.ts';
import type { Secret } from '../core/secret.ts';
import type { ListedShare, MadeShare, MakeShare, SharePage } from '../core/sharing/share.ts';

export interface UseCaseFault {
  readonly reason:
    | 'not_found'
    | 'forbidden'
    | 'denied'
    /** To watch it, somebody has to agree first. */
    | 'approval_needed'
    /** They have to sign in again, as the rule asks: see `signInAgain`. */
    | 'step_up_needed'
    | 'bad_request'
    | 'unavailable'
    | 'conflict'
    | 'rate_limited';
  /** For the person, with the way out. */
  readonly message: string;
  /** What was asked for was a session, and was purged. */
  readonly purged?: WitnessedPurge;
  /** Where to sign in as the rule asks. */
  readonly signInAgain?: { readonly rule: string; readonly link: string };
}
export type Answer<T> = Promise<Result<T, UseCaseFault>>;

/** A device login (RFC 8628), or a connection of a client to a gateway, that waits for somebody to say that it is theirs. */
export interface WaitingDevice {
  /** As shown by the device, `BCDF-GHJK`. */
  readonly userCode: string;
  /** Where the device asked from, for the person to recognise. */
  readonly address: string;
  readonly userAgent: string;
  readonly requestedAt: string;
  readonly expiresAt: string;
  /** What a client asks to be let in to; missing: a terminal asks for a token. */
  readonly resource?: ResourceName;
}

/** The policy as it stands. */
export interface StoredPolicy {
  readonly version: number;
  /** The YAML as it was written. */
  readonly text: string;
  readonly appliedAt: string;
  readonly appliedBy: string;
}

export interface CheckedPolicy extends StoredPolicy {
  /** What would be refused if it were applied now, with line and column. It is in force all the same. */
  readonly mistakes: readonly string[];
  /** What it names and nobody has seen yet: labels, groups. */
  readonly warnings: readonly string[];
}

interface AppliedPolicy extends CheckedPolicy {
  readonly effects: readonly PolicyEffect[];
  readonly rulesGone: readonly RuleGone[];
}

/** What is wanted beside the session itself. */
interface SessionParts {
  readonly statements?: { readonly cursor: string | undefined; readonly limit: number };
  readonly witnessed?: boolean;
}

export interface ViewedSession {
  readonly detail: SessionDetail;
  /** Missing as well when the catalogue does not answer with them just now. */
  readonly statements?: ActionPage;
  readonly witnessed?: Witnessed;
  /** Until when it may be watched, where that ends by itself; `by`: who passed it on. */
  readonly lent?: { readonly until: string; readonly by?: string } | undefined;
}

export interface Inbox {
  /** As `approvals` has it. */
  readonly open: readonly ListedApproval[];
  /** All others that one may see, newest first. */
  readonly past: readonly ListedApproval[];
}

export interface SessionToEnd {
  readonly session: SessionId;
  readonly email: string;
  readonly resource: ResourceName;
  readonly grant: GrantId;
  /** false: it is over. */
  readonly running: boolean;
}

export interface OpenedShare {
  readonly session: SessionId;
  /** Where the replay begins: seconds since the session's start. */
  readonly moment?: number;
}

interface ApplyOptions {
  /** The version that the policy was written against. */
  readonly after?: number;
  /** Also where one is not an administrator under it any more. */
  readonly stepDown?: boolean;
}

export interface Gatehouse {
  me(who: Identity): Answer<Me>;
  resources(who: Identity): Answer<readonly ListedResource[]>;
  requestAccess(who: Identity, request: AccessRequest): Answer<AccessAnswer>;
  /**
   * `open`: what waits for this person's decision or review, and their own that still wait. `all`:
   * also what is over, newest first, of all that they may see.
   */
  approvals(who: Identity, which: 'open' | 'all'): Answer<readonly ListedApproval[]>;
  /** What the page of approvals shows, together: one look. It asks again without what is `past` to keep itself fresh. */
  inbox(who: Identity, parts: { readonly past: boolean }): Answer<Inbox>;
  /** For the requester, approvers, administrators and auditors. */
  approval(who: Identity, request: RequestId): Answer<ListedApproval>;
  decideApproval(
    who: Identity,
    request: RequestId,
    decision: ApprovalDecision,
    via: DecidedVia,
  ): Answer<ListedApproval>;
  /** Says of a break-glass that somebody looked at it. */
  reviewBreakGlass(who: Identity, request: RequestId, comment: string): Answer<ListedApproval>;
  withdrawRequest(who: Identity, request: RequestId): Answer<ListedApproval>;
  /** The requester's alone. Shows the grant's secret, the first time and never again. */
  claimRequest(who: Identity, request: RequestId): Answer<IssuedGrant>;
  /** The person's own; administrators and auditors see all. */
  grants(who: Identity): Answer<readonly ListedGrant[]>;
  /** One's own, or anybody's for administrators. Ends the grant's live sessions within a second. */
  revokeGrant(who: Identity, grant: GrantId, reason: string): Answer<ListedGrant>;
  /** The holder's alone: has a key of theirs stand for the grant's secret, for minutes. `publicKey`: a line of OpenSSH's form. */
  certifyGrant(who: Identity, grant: GrantId, publicKey: string): Answer<IssuedSshCertificate>;
  /** One's own registered public keys, newest first. */
  keys(who: Identity): Answer<readonly RegisteredKey[]>;
  addKey(who: Identity, key: NewKey): Answer<RegisteredKey>;
  removeKey(who: Identity, fingerprint: string): Answer<RegisteredKey>;
  /** Whose it is, for whoever may end it: its own person, administrators and auditors. */
  sessionToEnd(who: Identity, session: SessionId): Answer<SessionToEnd>;
  /** Ends this one within a second; its grant stays. `unavailable` and `conflict`: it goes on, and the message says what to do. */
  endSession(who: Identity, session: SessionId, reason: string): Answer<EndedSession>;
  /** Administrators only: signs them out everywhere and ends grants, sessions, tunnels, requests and links of theirs. They may sign in again. */
  endPerson(who: Identity, email: string, reason: string): Answer<EndedPerson>;
  /** Administrators: the tokens by which directories keep people here, and how many people there are. */
  scimStanding(who: Identity): Answer<ScimStanding>;
  /** Administrators. The token is shown this once. */
  makeScimToken(who: Identity, name: string): Answer<MadeScimToken>;
  /** Administrators. */
  revokeScimToken(who: Identity, token: ScimTokenId): Answer<ListedScimToken>;
  /** For the holder of a live grant; `address`: the client's. */
  /** `only`: for whoever came by this grant's token. */
  openTunnel(who: Identity, resource: ResourceName, address: string, only?: GrantId): Answer<OpenedTunnel>;
  /** Auditors and administrators. */
  placeHold(who: Identity, scope: PlacedScope, reason: string): Answer<PlacedHold>;
  /** Auditors: looks for sessions to hold, and with `goOnWithHoldSearch` until it is done. Holds nothing. */
  searchForHold(who: Identity, query: string): Answer<HoldSearch>;
  goOnWithHoldSearch(who: Identity, search: HoldSearchId): Answer<HoldSearch>;
  /** With every session that it names. */
  hold(who: Identity, hold: HoldId): Answer<LegalHold>;
  /** The first who asks has it wait for another, whose call lifts it. */
  liftHold(who: Identity, hold: HoldId, reason: string): Answer<LegalHold>;
  holds(who: Identity): Answer<HoldList>;
  /** Classes by rule, holds, and what comes up: together, one look. */
  retentionOverview(who: Identity): Answer<RetentionOverview>;
  sessionRetention(who: Identity, session: SessionId): Answer<SessionRetention>;
  /** What the next run of the purge would do. */
  purgeReport(who: Identity, session: SessionId | undefined): Answer<PurgeReport>;
  purges(who: Identity, after: SessionId | undefined): Answer<PurgePage>;
  /** Has what is due ordered now and not with the next look. */
  orderDuePurges(who: Identity, session: SessionId | undefined): Answer<OrderedPurges>;
  /** Before its time: the first who asks has it wait for another, whose call orders it. */
  purgeEarly(who: Identity, session: SessionId, reason: string): Answer<EarlyPurge>;
  /** By the edge's own record; `email` in lower case. */
  sessionsLeft(who: Identity, email: string, after: SessionId | undefined): Answer<LeftSessions>;
  /** From the audit log, where pseudonyms stay: the first who asks has it wait for another. Refused while a hold or recordings name them. */
  erasePerson(who: Identity, email: string, reason: string): Answer<ErasedPerson>;
  connectors(who: Identity): Answer<readonly ListedConnector[]>;
  /** Administrators. undefined: of none. Its link is opened anew. */
  setConnectorSite(who: Identity, id: ConnectorId, site: SiteName | undefined): Answer<z.infer<typeof ConnectorSite>>;
  /** For the question before it: administrators. At most 1,000 sessions are counted. */
  connectorToRevoke(who: Identity, id: ConnectorId): Answer<{ connector: ListedConnector; sessions: number }>;
  /** Administrators only. Its link closes, none of its keys is taken any more, its sessions end; again, it finishes what was left. */
  revokeConnector(who: Identity, id: ConnectorId, reason: string): Answer<RevokedConnector>;
  /** Administrators only: asks it for a new key, now or when it is back. */
  rotateConnectorKey(who: Identity, id: ConnectorId): Answer<RotationAsked>;
  /** Sessions this person may view: one's own where the rule says so, all for auditors. */
  sessions(who: Identity, query: SessionQuery): Answer<SessionPage>;
  /** What was done in them, by what was written there: of sessions that this person may view. */
  search(who: Identity, query: SearchQuery): Answer<SearchPage>;
  /** How the making again of catalogue and index stands: administrators and auditors. */
  reindexing(who: Identity): Answer<ReindexStanding>;
  /** Administrators only. One that is under way goes on and is the answer. */
  reindex(who: Identity, drop: boolean): Answer<ReindexStanding>;
  /** To watch a session (`view`), or to be handed its originals (`unlock`); the same again is the same request. */
  askForRecording(who: Identity, session: SessionId, kind: RecordingKind, ask: RecordingAsk): Answer<PendingRequest>;
  /** A link that opens the session's page to others; it is in this answer and in no other. */
  makeShare(who: Identity, session: SessionId, wanted: MakeShare): Answer<MadeShare>;
  /** One's own; all for auditors. Newest first. */
  shares(who: Identity, filter: { session?: SessionId | undefined; cursor?: ShareId | undefined }): Answer<SharePage>;
  /** One's own; any for auditors and administrators. */
  revokeShare(who: Identity, share: ShareId): Answer<ListedShare>;
  /** From then on the session's page opens to this person, for as long as the link does. */
  openShare(who: Identity, token: Secret<string>): Answer<OpenedShare>;
  /** As they are kept, sealed, of what was masked in a session: while two people's agreement lasts. */
  originals(who: Identity, session: SessionId): Answer<ReadableStream<Uint8Array>>;
  recordingTerms(who: Identity, session: SessionId, kind: RecordingKind): Answer<RecordingTerms>;
  session(who: Identity, session: SessionId): Answer<SessionDetail>;
  /** What one page of a session shows, together: one look, and one entry in the audit log. */
  viewSession(who: Identity, session: SessionId, parts: SessionParts): Answer<ViewedSession>;
  actions(who: Identity, session: SessionId, cursor: string | undefined, limit: number): Answer<ActionPage>;
  /** What was done in this one, as `search` finds it. A look at the session, which is noted as one however often it is asked. */
  searchSession(who: Identity, session: SessionId, query: SearchQuery): Answer<SearchPage>;
  /** NDJSON of ReplayEvent, or of TerminalEvent. */
  replay(who: Identity, session: SessionId, query: ReplayQuery): Answer<ReadableStream<Uint8Array>>;
  export(
    who: Identity,
    session: SessionId,
    query: ExportQuery,
  ): Answer<Exclude<ExportAnswer, { readonly kind: 'refused' }>>;
  objects(who: Identity, session: SessionId): Answer<ObjectList>;
  object(who: Identity, session: SessionId, name: string): Answer<ReadableStream<Uint8Array>>;
  witnessed(who: Identity, session: SessionId): Answer<Witnessed>;
  witnessedSessions(who: Identity, cursor: string | undefined): Answer<WitnessPage>;
  /** The key and the newest checkpoint of the log of sessions. */
  logHead(who: Identity): Answer<LogHead>;
  /** That it continues the log as it was with `size` entries. */
  logContinues(who: Identity, size: number): Answer<LogContinues>;
  logEntries(who: Identity, from: number): Answer<LogEntries>;
  audit(
    who: Identity,
    query: { since?: string; actor?: string; kind?: string; cursor?: string; limit: number },
  ): Answer<AuditPage>;
  /** Walks the audit log's whole chain. */
  verifyAudit(who: Identity): Answer<{ readonly entries: number; readonly whole: boolean; readonly brokenAt?: number }>;
  /** How the log's export to the object store stands: for auditors and administrators. */
  auditExport(who: Identity): Answer<AuditExportStanding>;
  /** The exported pieces, by name, as the object store has them. */
  auditPieces(who: Identity, after: string | undefined): Answer<AuditPiecePage>;
  auditPiece(who: Identity, name: string): Answer<ReadableStream<Uint8Array>>;
  /** Administrators only. The token is shown this once and joins one connector. */
  /** `site`: of the connector that it joins. */
  createJoinToken(who: Identity, site?: SiteName): Answer<z.infer<typeof JoinToken>>;
  /** Administrators only: whether a connector joined by it. */
  joinTokenUse(who: Identity, id: string): Answer<JoinTokenUse>;
  /** What the person is about to approve; `userCode` as typed (case, spaces and dashes do not matter). */
  describeDevice(who: Identity, userCode: string): Answer<WaitingDevice>;
  /** Gives the device a token that acts as `who`. Call only for somebody signed in at the portal, never for a token. */
  approveDevice(who: Identity, userCode: string): Answer<WaitingDevice>;
  denyDevice(who: Identity, userCode: string): Answer<WaitingDevice>;
  /** Administrators and auditors. */
  policy(who: Identity): Answer<CheckedPolicy>;
  /**
   * Administrators only. `bad_request` names line and column of what is wrong; nothing is applied then. Nor where
   * `who` would not be an administrator any more, unless they step down and somebody else is left; `conflict`
   * when the version in force is not `after`.
   */
  applyPolicy(who: Identity, text: string, options?: ApplyOptions): Answer<AppliedPolicy>;
  /** Administrators only: what applying it now would do to live grants and sessions. Changes nothing. */
  policyEffects(who: Identity, text: string): Answer<Pick<AppliedPolicy, 'effects' | 'rulesGone'>>;
}
