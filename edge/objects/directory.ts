// The directory: who is signed in, which tokens and device logins there are, which connectors
// joined and what they announced, the policy's versions, and the certificate authorities' keys
// (wrapped: they are of no use without EDGE_SECRET), and a list of the requests. Tables are in storage/,
// the contract of each call in ports/directory.ts.

import { DurableObject } from 'cloudflare:workers';
import type { Approval, RecordingKind } from '../../core/approval/approval.ts';
import type { SiteName } from '../../core/fleet/site.ts';
import type { ConnectorId, RequestId, SessionId, ShareId, TunnelId } from '../../core/ids.ts';
import type { Identity } from '../../core/identity.ts';
import type { PolicyDocument } from '../../core/policy/document.ts';
import { isAmong } from '../../core/policy/evaluate.ts';
import type { Resource, ResourceName, TargetSeen } from '../../core/resource.ts';
import { createPutKeys, tellKeys } from '../connector-keys/tell-keys.ts';
import type { Env } from '../env.ts';
import type {
  AddedKey,
  ConnectorHello,
  DirectoryPort,
  NewShare,
  PolicyInForce,
  PolicyTag,
  ShareFilter,
  SshAuthorityUse,
  StartedDevice,
  StoredAuthority,
  StoredSshAuthority,
  ThrottleName,
  WhoAsks,
  AsksBy,
} from '../ports/directory.ts';
import type { Serves } from '../ports/object.ts';
import { parseSettings } from '../settings.ts';
import { AUTHORITIES_SCHEMA, Authorities } from '../storage/authorities.ts';
import { BROWSER_SESSIONS_SCHEMA, BrowserSessions } from '../storage/browser-sessions.ts';
import { CONNECTOR_KEYS_SCHEMA } from '../storage/connector-keys.ts';
import { CUT_OFFS_SCHEMA, CutOffs } from '../storage/people/cut-offs.ts';
import { Connectors, CONNECTORS_SCHEMA } from '../storage/connectors.ts';
import { DEVICE_CODES_SCHEMA, DeviceCodes } from '../storage/device-codes.ts';
import { regroup } from '../storage/people/regroup.ts';
import { People, PEOPLE_SCHEMA } from '../storage/people/people.ts';
import { PERSON_KEYS_SCHEMA, PersonKeys } from '../storage/people/person-keys.ts';
import { Policies, POLICIES_SCHEMA, tagOf } from '../storage/policies.ts';
import { Requests, REQUESTS_SCHEMA } from '../storage/requests.ts';
import { Shares, SHARES_SCHEMA } from '../storage/shares.ts';
import { Throttles, THROTTLES_SCHEMA } from '../storage/throttles.ts';
import { remote } from './rpc.ts';

const CLEAN_UP_EVERY_MS = 10 * 60_000;
/** Of connectors whose keys changed, in one look. */
const TOLD_AT_ONCE = 500;

export class Directory extends DurableObject<Env> implements Serves<DirectoryPort> {
  readonly #sql: SqlStorage;
  readonly #browsers: BrowserSessions;
  readonly #devices: DeviceCodes;
  readonly #connectors: Connectors;
  readonly #policies: Policies;
  readonly #throttles: Throttles;
  readonly #people: People;
  readonly #requests: Requests;
  readonly #keys: PersonKeys;
  readonly #shares: Shares;
  readonly #cutOffs: CutOffs;
  readonly #authorities: Authorities;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.#sql = context.storage.sql;
    this.#sql.exec(
      BROWSER_SESSIONS_SCHEMA +
        DEVICE_CODES_SCHEMA +
        CONNECTORS_SCHEMA +
        CONNECTOR_KEYS_SCHEMA +
        POLICIES_SCHEMA +
        THROTTLES_SCHEMA +
        PEOPLE_SCHEMA +
        REQUESTS_SCHEMA +
        PERSON_KEYS_SCHEMA +
        SHARES_SCHEMA +
        CUT_OFFS_SCHEMA +
        AUTHORITIES_SCHEMA,
    );
    this.#browsers = new BrowserSessions(this.#sql);
    this.#devices = new DeviceCodes(this.#sql);
    this.#connectors = new Connectors(this.#sql);
    this.#policies = new Policies(this.#sql);
    this.#throttles = new Throttles(this.#sql);
    this.#people = new People(this.#sql);
    this.#requests = new Requests(this.#sql);
    this.#keys = new PersonKeys(this.#sql);
    this.#shares = new Shares(this.#sql);
    this.#cutOffs = new CutOffs(this.#sql);
    this.#authorities = new Authorities(this.#sql);
  }

  // --- people ---

  async startBrowserSession(hash: string, identity: Identity) {
    if (this.#cutOffs.isBarred(identity.email)) return false;
    this.#browsers.start(hash, identity, Date.now());
    this.#browsers.renew(identity);
    this.#devices.renew(identity);
    this.#people.remember(identity, Date.now());
    await this.#scheduleCleanUp();
    return true;
  }
  visit(by: AsksBy, hash: string, known: PolicyTag | undefined): WhoAsks {
    const identity = by === 'browser' ? this.browserSession(hash) : this.apiToken(hash);
    return { identity, policy: identity && this.policyUnless(known) };
  }
  browserSession(hash: string) {
    return this.#browsers.find(hash, Date.now());
  }
  endBrowserSession(hash: string) {
    this.#browsers.end(hash);
  }
  apiToken(hash: string) {
    return this.#devices.token(hash, Date.now());
  }
  revokeApiToken(hash: string) {
    this.#devices.revokeToken(hash);
  }

  personByEmail(email: string) {
    return this.#people.find(email, Date.now());
  }

  knowsAnyAmong(policy: Pick<PolicyDocument, 'groups'>, names: readonly string[]) {
    return this.#people.any(Date.now(), (person) => isAmong(policy, names, person));
  }

  knownGroups() {
    return this.#people.groups(Date.now());
  }

  forgetPerson(email: string) {
    this.ctx.storage.transactionSync(() => {
      this.#browsers.forget(email);
      this.#devices.forget(email);
      const subject = this.#people.forget(email);
      this.#keys.forget(email);
      this.#shares.forget(email, subject);
      this.#cutOffs.forget(email);
      for (const who of [email, subject]) if (who !== undefined) this.#throttles.forget(who);
    });
  }

  async cutOff(email: string, barred: boolean) {
    const ended = this.ctx.storage.transactionSync(() => {
      this.#cutOffs.set(email, barred, Date.now());
      this.#people.forget(email);
      return { browsers: this.#browsers.forget(email), tokens: this.#devices.forget(email) };
    });
    await this.#scheduleCleanUp();
    return ended;
  }
  admit(email: string) {
    this.#cutOffs.lift(email);
  }
  isBarred(email: string) {
    return this.#cutOffs.isBarred(email);
  }
  isCutOff(email: string) {
    return this.#cutOffs.isCutOff(email, Date.now());
  }
  tunnelOpened(tunnel: TunnelId, email: string) {
    this.#cutOffs.tunnelOpened(tunnel, email, Date.now());
  }
  takeTunnels(email: string) {
    return this.#cutOffs.takeTunnels(email);
  }
  regroup(prefix: string, groups: Readonly<Record<string, readonly string[]>>) {
    this.ctx.storage.transactionSync(() => regroup(this.#sql, prefix, groups));
  }

  // --- their public keys ---

  async addKey(email: string, key: AddedKey) {
    const added = this.#keys.add(email, key, Date.now());
    await this.#scheduleCleanUp();
    return added;
  }
  keysOf(email: string) {
    return this.#keys.of(email, Date.now());
  }
  keyHolder(fingerprint: string) {
    return this.#keys.holder(fingerprint, Date.now());
  }
  removeKey(email: string, fingerprint: string) {
    return this.#keys.remove(email, fingerprint);
  }

  // --- requests that wait ---

  async reserveRequest(approval: Approval) {
    const before = this.#requests.reserve(approval, Date.now());
    await this.#scheduleCleanUp();
    return before;
  }
  listRequest(approval: Approval) {
    this.#requests.put(approval);
  }
  dropRequest(id: RequestId) {
    this.#requests.drop(id);
  }
  openRequestsOf(email: string, kind: RecordingKind, resource: ResourceName, session: SessionId) {
    return this.#requests.openOf(email, kind, resource, session, Date.now());
  }
  waitingRequestsOf(email: string) {
    return this.#requests.waitingOf(email);
  }
  openHoldsOf(sessions: readonly SessionId[]) {
    return this.#requests.openHoldsOf(sessions);
  }
  requests(which: 'open' | 'all' | 'both') {
    return this.#requests.list(which);
  }

  // --- links that pass sessions on ---

  async addShare(share: NewShare) {
    const added = this.#shares.add(share, Date.now());
    await this.#scheduleCleanUp();
    return added;
  }
  share(id: ShareId) {
    return this.#shares.find(id, Date.now());
  }
  shareByHash(hash: string) {
    return this.#shares.byHash(hash, Date.now());
  }
  shares(filter: ShareFilter) {
    return this.#shares.list(filter, Date.now());
  }
  revokeShare(id: ShareId, by: string) {
    return this.#shares.revoke(id, by, Date.now());
  }
  shareOpened(id: ShareId, subject: string) {
    this.#shares.opened(id, subject);
  }
  sharesOpenFor(subject: string, session: SessionId) {
    return this.#shares.openFor(subject, session, Date.now());
  }

  // --- device logins ---

  async startDeviceLogin(code: StartedDevice) {
    const started = this.#devices.start(code, Date.now());
    await this.#scheduleCleanUp();
    return started;
  }
  pollDeviceLogin(hash: string) {
    return this.#devices.poll(hash, Date.now());
  }
  redeemDeviceLogin(hash: string, tokenHash: string) {
    return this.#devices.redeem(hash, tokenHash, Date.now());
  }
  signIn(hash: string, connector: ConnectorId) {
    return this.#devices.signIn(hash, connector, Date.now());
  }
  endSignIn(hash: string, connector: ConnectorId) {
    return this.#devices.endSignIn(hash, connector);
  }
  describeDeviceLogin(userCode: string) {
    return this.#devices.describe(userCode, Date.now());
  }
  decideDeviceLogin(userCode: string, identity: Identity | undefined) {
    if (identity && this.#cutOffs.isCutOff(identity.email, Date.now())) return false;
    if (identity) this.#people.remember(identity, Date.now());
    return this.#devices.decide(userCode, identity, Date.now());
  }

  // --- connectors and resources ---

  invite(hash: string, by: string, expires: number | undefined, site?: SiteName) {
    this.#connectors.invite(hash, by, expires, site);
  }
  joinTokenUse(hash: string) {
    return this.#connectors.joinTokenUse(hash, Date.now());
  }
  invitation(hash: string, key: string) {
    return this.#connectors.invitation(hash, key, Date.now());
  }
  join(input: Parameters<DirectoryPort['join']>[0]) {
    return this.#connectors.join(input, Date.now());
  }
  setSite(id: ConnectorId, site: SiteName | undefined) {
    this.#connectors.setSite(id, site);
  }
  connector(id: ConnectorId) {
    return this.#connectors.find(id);
  }
  connectors() {
    return this.#connectors.list();
  }
  keysOfConnector(id: ConnectorId) {
    return this.#connectors.keys.keysOf(id);
  }
  revokeConnector(id: ConnectorId, by: string, reason: string) {
    this.ctx.storage.transactionSync(() => {
      this.#connectors.keys.revoke(id, by, reason, Date.now());
      this.#connectors.forgetResources(id);
    });
  }
  wantRotation(id: ConnectorId, by: string) {
    this.#connectors.keys.wantRotation(id, by);
  }
  rotateKey(id: ConnectorId, from: string, to: string) {
    return this.ctx.storage.transactionSync(() => this.#connectors.keys.rotate(id, from, to, Date.now()));
  }
  async joinByPrincipal(input: Parameters<Connectors['joinByPrincipal']>[0]) {
    const joined = this.ctx.storage.transactionSync(() => this.#connectors.joinByPrincipal(input, Date.now()));
    await this.#scheduleCleanUp();
    return joined;
  }
  untoldKeys(limit: number) {
    return this.#connectors.keys.untold(limit);
  }
  forgetKeysTold() {
    this.#connectors.keys.forgetTold();
  }
  keysTold(id: ConnectorId, version: number) {
    this.#connectors.keys.told(id, version);
  }
  connectorSeen(id: ConnectorId, hello: ConnectorHello | undefined) {
    this.#connectors.seen(id, hello, Date.now());
  }
  holders(id: ConnectorId, names: readonly string[]) {
    return this.#connectors.holders(id, names);
  }
  announce(id: ConnectorId, resources: readonly Resource[], heardMs: Readonly<Record<string, number | undefined>>) {
    return this.#connectors.announce(id, resources, heardMs, Date.now());
  }
  targetsSeen(id: ConnectorId, targets: readonly TargetSeen[]) {
    this.#connectors.targetsSeen(id, targets);
  }
  resource(name: string) {
    return this.#connectors.resource(name, Date.now());
  }
  resources() {
    return this.#connectors.resources(Date.now());
  }
  resourcesOf(id: ConnectorId) {
    return this.#connectors.resourcesOf(id);
  }
  served(id: ConnectorId, name: string) {
    return this.#connectors.served(id, name);
  }

  // --- policy ---

  policy() {
    return this.#policies.current();
  }
  policyUnless(known: PolicyTag | undefined): PolicyInForce | 'same' | undefined {
    const current = this.#policies.current();
    return current && tagOf(current) === known ? 'same' : current;
  }
  viewedOwn(rule: string, version: number) {
    return this.#policies.ruleOf(version, rule)?.record.viewOwn;
  }
  applyPolicy(text: string, by: string, after: number) {
    return this.#policies.apply(text, by, after, Date.now());
  }

  // --- limits ---

  allow(name: ThrottleName, who: string) {
    return this.#throttles.allow(name, who, Date.now());
  }
  isBurned(key: string, now: number) {
    return this.#throttles.isBurned(key, now);
  }
  async burn(key: string, expires: number) {
    const first = this.#throttles.burn(key, expires);
    await this.#scheduleCleanUp();
    return first;
  }

  // --- certificate authorities ---

  authority() {
    return this.#authorities.ofCertificates();
  }
  keepAuthority(made: StoredAuthority) {
    return this.#authorities.keep(made);
  }
  sshAuthority(use: SshAuthorityUse) {
    return this.#authorities.ofSsh(use);
  }
  keepSshAuthority(use: SshAuthorityUse, made: StoredSshAuthority) {
    return this.#authorities.keepSsh(use, made);
  }

  override async alarm(): Promise<void> {
    const now = Date.now();
    this.#browsers.cleanUp(now);
    this.#devices.cleanUp(now);
    this.#connectors.cleanUp(now);
    this.#throttles.cleanUp(now);
    this.#people.cleanUp(now);
    this.#requests.cleanUp(now);
    this.#keys.cleanUp(now);
    this.#shares.cleanUp(now);
    this.#cutOffs.cleanUp(now);
    this.#policies.cleanUp();
    await this.#tendConnectors(now).catch((error: unknown) => {
      console.error(`connectors: ${error instanceof Error ? error.message : 'unknown failure'}`);
    });
    await this.ctx.storage.setAlarm(now + CLEAN_UP_EVERY_MS);
  }

  /** Tells the functions of keys that they do not know, and takes the keys of those whose task is gone. */
  async #tendConnectors(now: number): Promise<void> {
    for (const id of this.#connectors.keys.away(now)) {
      if (await remote(this.env.CONNECTOR_LINK, id).isLinked()) continue;
      const { name = id, key = '' } = this.#connectors.find(id) ?? {};
      const details = { name, key, reason: 'away' };
      await remote(this.env.AUDIT_LOG).append({ kind: 'connector.retired', actor: 'gatehouse', object: id, details });
      this.ctx.storage.transactionSync(() => {
        this.#connectors.keys.retire(id, now);
        this.#connectors.forgetResources(id);
      });
    }
    const untold = this.#connectors.keys.untold(TOLD_AT_ONCE);
    if (untold.length === 0) return;
    const directory = {
      keysOfConnector: async (id: ConnectorId) => this.keysOfConnector(id),
      keysTold: async (id: ConnectorId, version: number) => this.keysTold(id, version),
    };
    const putKeys = createPutKeys(parseSettings(this.env));
    // Whoever does not take one takes none now.
    for (const id of untold) if (!(await tellKeys({ directory, putKeys }, id))) return;
  }

  async #scheduleCleanUp(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now() + CLEAN_UP_EVERY_MS);
  }
}
