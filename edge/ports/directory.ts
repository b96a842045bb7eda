// The directory: people, device logins, connectors and what they announced, policy versions,
// requests as lists need them, limits, and the certificate authority's key.

import type { JoinTokenUse } from '../../core/connectors/join.ts';
import type { RegisteredKey } from '../../core/api.ts';
import type { Approval, RecordingKind } from '../../core/approval/approval.ts';
import type { ConnectorKey } from '../../core/connectors/connector-keys.ts';
import type { SiteName } from '../../core/fleet/site.ts';
import type { ConnectorId, RequestId, SessionId, ShareId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import type { PolicyDocument } from '../../core/policy/document.ts';
import type { Resource, ResourceName, TargetSeen } from '../../core/resource.ts';
import type { Result } from '../../core/result.ts';
import type { ListedShare } from '../../core/sharing/share.ts';
import type { StoredPolicy, WaitingDevice } from '../gatehouse.ts';
import type { ConnectorKeysPort, ConnectorStanding } from './connector-keys.ts';
import type { PeoplePort } from './people.ts';

export interface DirectoryPort extends ConnectorKeysPort, PeoplePort {
  // --- people; tokens are known by their hashes ---

  /** false: they are barred, and nothing began. */
  startBrowserSession(hash: string, identity: Identity): Promise<boolean>;
  /** Who a browser's session or an API token is of, and the policy in force: what every request begins with, in one call. */
  visit(by: AsksBy, hash: string, known: PolicyTag | undefined): Promise<WhoAsks>;
  browserSession(hash: string): Promise<Identity | undefined>;
  endBrowserSession(hash: string): Promise<void>;
  apiToken(hash: string): Promise<Identity | undefined>;
  revokeApiToken(hash: string): Promise<void>;
  /** As they last signed in, whatever they do now; undefined: not for a long time. */
  personByEmail(email: string): Promise<Identity | undefined>;
  /** Whether anybody who signed in lately would be among `names` under these groups. */
  knowsAnyAmong(policy: Pick<PolicyDocument, 'groups'>, names: readonly string[]): Promise<boolean>;
  /** The providers' groups of everybody who signed in lately. */
  knownGroups(): Promise<Set<string>>;

  /** Signs them out everywhere, and forgets that they were here, with their keys, the links that they made, and what names them in others'. */
  forgetPerson(email: string): Promise<void>;

  // --- their public keys ---

  addKey(email: string, key: AddedKey): Promise<Result<RegisteredKey, 'taken' | 'too_many'>>;
  /** Newest first. */
  keysOf(email: string): Promise<RegisteredKey[]>;
  /** Whose it is; undefined: nobody's, or not any more. */
  keyHolder(fingerprint: string): Promise<string | undefined>;
  /** false: it is not theirs. */
  removeKey(email: string, fingerprint: string): Promise<boolean>;

  // --- requests that wait ---

  /** The open request for the same that this person has already, or undefined when this one has taken the place. */
  reserveRequest(approval: Approval): Promise<Approval | undefined>;
  listRequest(approval: Approval): Promise<void>;
  dropRequest(id: RequestId): Promise<void>;
  /** What this person asked of a recording, and is neither decided against nor over. */
  openRequestsOf(email: string, kind: RecordingKind, resource: ResourceName, session: SessionId): Promise<Approval[]>;
  /** Statements of these sessions that still wait, or are approved and not claimed. */
  openHoldsOf(sessions: readonly SessionId[]): Promise<Approval[]>;
  /** Newest first. */
  requests(which: 'open' | 'all' | 'both'): Promise<Approval[]>;

  // --- links that pass sessions on; tokens are known by their hashes ---

  /** undefined: this person has too many that are open. */
  addShare(share: NewShare): Promise<StoredShare | undefined>;
  share(id: ShareId): Promise<StoredShare | undefined>;
  shareByHash(hash: string): Promise<StoredShare | undefined>;
  /** Newest first, a page of them, from behind `before` on; `email`: who made them. */
  shares(filter: ShareFilter): Promise<StoredShare[]>;
  /** Once: who came first stays. */
  revokeShare(id: ShareId, by: string): Promise<StoredShare | undefined>;
  shareOpened(id: ShareId, subject: string): Promise<void>;
  /** Of this session, those that this person opened and that are neither over nor revoked. */
  sharesOpenFor(subject: string, session: SessionId): Promise<StoredShare[]>;

  // --- device logins ---

  /** false: the user code is in use; make another. */
  startDeviceLogin(code: StartedDevice): Promise<boolean>;
  pollDeviceLogin(hash: string): Promise<DevicePoll>;
  /** Trades an approved code for a token, once. */
  redeemDeviceLogin(hash: string, tokenHash: string): Promise<boolean>;
  /** One that a connector asked for; `resource`: what for. */
  signIn(hash: string, connector: ConnectorId): Promise<DevicePoll & { readonly resource?: ResourceName }>;
  /** true the first time: it is of no use to anybody from now on. */
  endSignIn(hash: string, connector: ConnectorId): Promise<boolean>;
  describeDeviceLogin(userCode: string): Promise<WaitingDevice | undefined>;
  /** `identity` undefined: denied. false: nothing of that code waits. */
  decideDeviceLogin(userCode: string, identity: Identity | undefined): Promise<boolean>;

  // --- connectors and resources ---

  /**
   * `expires` undefined: does not (the token from the settings). `site`: of the connector that it joins. Inviting twice with one
   * token changes nothing.
   */
  invite(hash: string, by: string, expires: number | undefined, site?: SiteName): Promise<void>;
  /** Undefined: there is no such token, or it expired unused. */
  joinTokenUse(hash: string): Promise<JoinTokenUse | undefined>;
  /** While the token can be used: unused and not expired, or used by this very key (an answer was lost). */
  invitation(hash: string, key: string): Promise<Invitation | undefined>;
  join(input: {
    hash: string;
    id: ConnectorId;
    name: string;
    key: string;
    site?: SiteName | undefined;
  }): Promise<Result<ConnectorId, 'token_wrong' | 'key_known'>>;
  /** undefined: of none. What it announced counts as the new one's from its next hello on. */
  setSite(id: ConnectorId, site: SiteName | undefined): Promise<void>;
  connector(id: ConnectorId): Promise<StoredConnector | undefined>;
  connectors(): Promise<StoredConnector[]>;
  /** `hello`: what it said of itself; undefined: it is there, or was until now. */
  connectorSeen(id: ConnectorId, hello: ConnectorHello | undefined): Promise<void>;
  /** Other connectors that announce any of these names, of its site or not. */
  holders(id: ConnectorId, names: readonly string[]): Promise<ConnectorId[]>;
  /**
   * Replaces what the connector announced before. `heardMs`: when the links of the others heard from them last; one that is
   * linked is not away, however long ago it said hello.
   */
  announce(
    id: ConnectorId,
    resources: readonly Resource[],
    heardMs: Readonly<Record<string, number | undefined>>,
  ): Promise<Announced>;
  /** Of resources that are the connector's own; others are left out. */
  targetsSeen(id: ConnectorId, targets: readonly TargetSeen[]): Promise<void>;
  resource(name: string): Promise<AnnouncedResource | undefined>;
  resources(): Promise<AnnouncedResource[]>;
  resourcesOf(id: ConnectorId): Promise<Resource[]>;
  /** As this connector announced it; undefined: it did not, or its name is held elsewhere. */
  served(id: ConnectorId, name: string): Promise<Resource | undefined>;

  // --- policy ---

  policy(): Promise<PolicyInForce | undefined>;
  /** `same` when the one in force is that of `known`: a policy is large, and asked for at every request. */
  policyUnless(known: PolicyTag | undefined): Promise<PolicyInForce | 'same' | undefined>;
  /** Whether the rule of this name let people view their own sessions in that version. undefined: there is none, or it no longer parses. */
  viewedOwn(rule: string, version: number): Promise<boolean | undefined>;
  /** `after`: the version it was written against; undefined when another came first. The text has been parsed by the caller. */
  applyPolicy(text: string, by: string, after: number): Promise<PolicyInForce | undefined>;

  // --- limits ---

  /** Counts a try; false when there were too many. */
  allow(name: ThrottleName, who: string): Promise<boolean>;
  isBurned(key: string, now: number): Promise<boolean>;
  /** true the first time, false for ever after (until `expires`, when the thing itself is no longer good). */
  burn(key: string, expires: number): Promise<boolean>;

  // --- certificate authorities ---

  authority(): Promise<StoredAuthority | undefined>;
  /** Whoever comes first wins; everybody gets the one that stays. */
  keepAuthority(made: StoredAuthority): Promise<StoredAuthority>;
  sshAuthority(use: SshAuthorityUse): Promise<StoredSshAuthority | undefined>;
  /** As `keepAuthority`. */
  keepSshAuthority(use: SshAuthorityUse, made: StoredSshAuthority): Promise<StoredSshAuthority>;
}

export type AddedKey = Pick<RegisteredKey, 'fingerprint' | 'type' | 'name'>;

export interface NewShare {
  readonly id: ShareId;
  readonly hash: string;
  readonly session: SessionId;
  readonly by: { readonly email: string; readonly subject: string };
  readonly with?: readonly string[];
  readonly moment?: number;
  readonly untilMs: number;
}

export interface StoredShare extends ListedShare {
  /** Of who made it. */
  readonly subject: string;
}

export interface ShareFilter {
  readonly email?: string | undefined;
  readonly session?: SessionId | undefined;
  readonly before?: ShareId | undefined;
}

export interface StartedDevice {
  readonly hash: string;
  readonly userCode: string;
  readonly address: string;
  readonly userAgent: string;
  /** A connector's client waits for it, and no device for a token. */
  readonly signIn?: { readonly connector: ConnectorId; readonly resource: ResourceName };
}

export type DevicePoll =
  | { readonly kind: 'approved'; readonly identity: Identity }
  | { readonly kind: 'pending' | 'slow_down' | 'denied' | 'expired' };

export interface NamedConnector {
  readonly id: ConnectorId;
  readonly name: string;
  readonly site?: SiteName;
}

export interface Invitation {
  /** Who invited. */
  readonly by: string;
  readonly site?: SiteName;
}

/** What a connector says of itself when it links. */
export interface ConnectorHello {
  readonly build: string;
  readonly protocol: number;
  readonly maskingKey: string | undefined;
}

export interface StoredConnector extends NamedConnector, ConnectorStanding {
  readonly key: string;
  readonly joinedAt: string;
  readonly lastSeenAt?: string;
  readonly build?: string;
  /** Of the control link, as it said last. */
  readonly protocol?: number;
  /** What it announces, and serves. */
  readonly resources: ResourceName[];
  /** All that it has and had; in lists alone. */
  readonly keys?: ConnectorKey[];
  /** Names that it announces and another holds. */
  readonly contested?: Contest[];
}

export interface Contest {
  readonly resource: ResourceName;
  /** Who has it, or had it. */
  readonly holder: NamedConnector;
}

/** Between a connector and another replica of its site, which is there. */
export interface Difference {
  readonly what: 'masking_key' | 'resource';
  readonly resource?: ResourceName;
  readonly other: NamedConnector;
}

export interface Announced {
  readonly refused: Contest[];
  readonly takenOver: Contest[];
  readonly differ: Difference[];
}

export interface AnnouncedResource {
  /** As whoever of them announced it last says. */
  readonly resource: Resource;
  readonly connector: NamedConnector;
  /** All who announce it, that one first: more than one where they are of a site. */
  readonly replicas: readonly (NamedConnector & Pick<Resource, 'endpoint'>)[];
  /** As its connector's sessions last found its target. */
  readonly target?: Pick<TargetSeen, 'at' | 'fault'>;
}

export interface PolicyInForce extends StoredPolicy {
  readonly document: PolicyDocument;
  /** Rules that it does not have any more, and that had auditors ask before they watch: they still do. */
  readonly boundWhenGone: readonly string[];
}

/** By what somebody shows who they are. */
export type AsksBy = 'browser' | 'token';

export interface WhoAsks {
  /** undefined: nobody, or no longer. */
  readonly identity: Identity | undefined;
  /** As `policyUnless`. */
  readonly policy: PolicyInForce | 'same' | undefined;
}

/** Of one stored version: the same for as long as the same policy is in force. */
export type PolicyTag = string;

/** What is limited (storage/throttles.ts has the numbers). */
export type ThrottleName =
  | 'sign-in'
  | 'device-code'
  | 'sign-in-link'
  | 'sign-in-links'
  | 'exchange'
  | 'device-token'
  | 'user-code'
  | 'request'
  | 'hold'
  | 'certificate'
  | 'share'
  | 'tunnel'
  | 'join'
  | 'iam-join'
  | 'iam-joins'
  | 'scim'
  | 'scim-refused'
  | 'connector-login'
  | 'connector-tunnel';

export interface StoredAuthority {
  /** PEM. */
  readonly certificate: string;
  /** See authority/wrapped-key.ts. */
  readonly wrappedKey: string;
}

/** Whose keys it certifies. */
export type SshAuthorityUse = 'user' | 'host';

export interface StoredSshAuthority {
  /** 32 bytes of Ed25519, base64. */
  readonly publicKey: string;
  /** See authority/wrapped-key.ts. */
  readonly wrappedKey: string;
}
