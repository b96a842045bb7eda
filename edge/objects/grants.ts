// Grants and the sessions that run on them. One object, so that "is it still good", "how many run"
// and "revoked now" are answered in one order. The contract of each call: ports/grants.ts.

import { DurableObject } from 'cloudflare:workers';
import type { ListedGrant } from '../../core/api.ts';
import type { GrantCandidate } from '../../core/control.ts';
import { Grant, type GrantLabels, type ScramVerifier } from '../../core/grant.ts';
import { ConnectorId, GrantId, type RequestId, SessionId } from '../../core/ids.ts';
import type { RefusalReason } from '../../core/refusal.ts';
import type { ResourceName } from '../../core/resource.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { withdrawHoldsOf } from '../connectors/holds.ts';
import type { Env } from '../env.ts';
import type {
  CountedSessions,
  GrantIdentity,
  GrantsPort,
  GrantSession,
  StoredGrant,
  WantedSession,
} from '../ports/grants.ts';
import type { Serves } from '../ports/object.ts';
import { HOLDS_NAME_MS } from '../storage/connectors.ts';
import { freeEndedGrants } from '../storage/ended-grants.ts';
import { remote } from './rpc.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS grants (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    resource TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    document TEXT NOT NULL,
    identity TEXT NOT NULL,
    stored_key TEXT NOT NULL,
    server_key TEXT NOT NULL,
    digest TEXT
  );
  CREATE INDEX IF NOT EXISTS grants_claim ON grants (email, resource, until_ms);
  CREATE INDEX IF NOT EXISTS grants_until ON grants (until_ms);
  CREATE TABLE IF NOT EXISTS sessions (
    session TEXT PRIMARY KEY,
    grant_id TEXT NOT NULL,
    connector TEXT NOT NULL,
    opened_ms INTEGER NOT NULL,
    lost_ms INTEGER,
    address TEXT NOT NULL DEFAULT ''
  );
  CREATE INDEX IF NOT EXISTS sessions_grant ON sessions (grant_id);
  CREATE INDEX IF NOT EXISTS sessions_connector ON sessions (connector);
  CREATE TABLE IF NOT EXISTS links (connector TEXT PRIMARY KEY, link TEXT NOT NULL, gone_ms INTEGER);
`;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Of a connector that is away: whatever it asked over its last link was answered long ago. */
const LINK_KEPT_MS = 30 * DAY_MS;
/** Where there was more than one run takes. */
const AGAIN_MS = 1_000;
/** What a connector may be told of ended grants: so that their holders hear why they are turned away. */
const TOLD_AFTER_END_MS = DAY_MS;
/**
 * A session that its connector no longer has and has not reported on is closed after this. So is one whose grant ended so long ago:
 * no connector goes on beyond that, also one that never comes back to say so.
 */
const LOST_AFTER_MS = HOUR_MS;
/** Sessions of a connector whose link is gone go on there (law 4), and count: until another may serve its resources. */
const COUNTED_AFTER_LINK_MS = HOLDS_NAME_MS;
/** As many candidates as one answer to a connector holds; more live grants of one claim could not be found. */
const MAX_LIVE_GRANTS_PER_CLAIM = 50;
const MAX_LISTED = 500;

export class Grants extends DurableObject<Env> implements Serves<GrantsPort> {
  readonly #sql: SqlStorage;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.#sql = context.storage.sql;
    this.#sql.exec(SCHEMA);
    this.#addMissingColumns();
  }

  async issue(
    grant: Grant,
    identity: GrantIdentity,
    verifier: ScramVerifier,
    digest: string,
  ): Promise<Result<undefined, 'too_many'>> {
    const live = this.#sql
      .exec(
        `SELECT count(*) AS n FROM grants WHERE email = ? AND resource = ? AND until_ms > ?
           AND json_extract(document, '$.revoked') IS NULL`,
        grant.email,
        grant.resource,
        Date.now(),
      )
      .one();
    if (Number(live.n) >= MAX_LIVE_GRANTS_PER_CLAIM) return err('too_many');
    this.#sql.exec(
      `INSERT INTO grants (id, email, resource, until_ms, document, identity, stored_key, server_key, digest)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      grant.id,
      grant.email,
      grant.resource,
      Date.parse(grant.until),
      JSON.stringify(grant),
      JSON.stringify(identity),
      verifier.storedKey,
      verifier.serverKey,
      digest,
    );
    await this.#scheduleCleanUp();
    return ok(undefined);
  }

  find(id: GrantId): StoredGrant | undefined {
    const row = this.#sql.exec('SELECT document, identity FROM grants WHERE id = ?', id).toArray()[0];
    if (!row) return undefined;
    return { grant: Grant.parse(JSON.parse(String(row.document))), identity: JSON.parse(String(row.identity)) };
  }

  candidates(email: string, resource: ResourceName): GrantCandidate[] {
    return this.#sql
      .exec(
        `SELECT id, document, stored_key, server_key FROM grants
          WHERE email = ? AND resource = ? AND until_ms > ?
          ORDER BY json_extract(document, '$.revoked') IS NULL AND until_ms > ? DESC, until_ms DESC LIMIT 100`,
        email,
        resource,
        Date.now() - TOLD_AFTER_END_MS,
        Date.now(),
      )
      .toArray()
      .map(candidateOf);
  }

  bySecret(digest: string, resource: ResourceName): { email: string; candidate: GrantCandidate } | undefined {
    const row = this.#sql
      .exec(
        `SELECT id, email, document, stored_key, server_key FROM grants
          WHERE digest = ? AND resource = ? AND until_ms > ?`,
        digest,
        resource,
        Date.now() - TOLD_AFTER_END_MS,
      )
      .toArray()[0];
    return row && { email: String(row.email), candidate: candidateOf(row) };
  }

  findAll(ids: readonly GrantId[]): (StoredGrant | undefined)[] {
    return ids.map((id) => this.find(id));
  }

  async openAll(
    wanted: readonly WantedSession[],
    connector: ConnectorId,
  ): Promise<Result<StoredGrant, RefusalReason>[]> {
    const opened = wanted.map((session) => this.#open(session, connector));
    await this.#scheduleCleanUp();
    return opened;
  }

  counted(id: GrantId): CountedSessions {
    const row = this.#sql
      .exec(
        `SELECT count(*) AS n, count(gone_ms) AS away, min(gone_ms) AS gone_ms
           FROM sessions LEFT JOIN links USING (connector)
          WHERE grant_id = ? AND lost_ms IS NULL AND (gone_ms IS NULL OR gone_ms > ?)`,
        id,
        Date.now() - COUNTED_AFTER_LINK_MS,
      )
      .one();
    return {
      sessions: Number(row.n),
      away: Number(row.away),
      awayUntilMs: row.gone_ms === null ? undefined : Number(row.gone_ms) + COUNTED_AFTER_LINK_MS,
    };
  }

  endSession(session: SessionId, connector: ConnectorId): { grant: GrantId; email: string } | undefined {
    const row = this.#sql
      .exec(
        `DELETE FROM sessions WHERE session = ? AND connector = ?
           RETURNING grant_id, (SELECT email FROM grants WHERE id = grant_id) AS email`,
        session,
        connector,
      )
      .toArray()[0];
    return row && { grant: GrantId.parse(row.grant_id), email: String(row.email) };
  }

  liveOf(connector: ConnectorId, after: string, limit: number): { sessions: GrantSession[]; grants: StoredGrant[] } {
    const sessions = this.#sql
      .exec(
        `SELECT session, grant_id, address FROM sessions
          WHERE connector = ? AND session > ? AND lost_ms IS NULL ORDER BY session LIMIT ?`,
        connector,
        after,
        limit,
      )
      .toArray()
      .map((row) => ({
        session: SessionId.parse(row.session),
        grant: GrantId.parse(row.grant_id),
        address: String(row.address),
      }));
    const grants = [...new Set(sessions.map(({ grant }) => grant))].map((id) => this.find(id));
    return { sessions, grants: grants.filter((stored) => stored !== undefined) };
  }

  liveSession(session: SessionId, connector: ConnectorId): (StoredGrant & { address: string }) | undefined {
    const row = this.#sql
      .exec('SELECT grant_id, address FROM sessions WHERE session = ? AND connector = ?', session, connector)
      .toArray()[0];
    const stored = row && this.find(GrantId.parse(row.grant_id));
    return stored && { ...stored, address: String(row.address) };
  }

  runningSession(session: SessionId): (StoredGrant & { connector: ConnectorId }) | undefined {
    const row = this.#sql
      .exec('SELECT grant_id, connector FROM sessions WHERE session = ? AND lost_ms IS NULL', session)
      .toArray()[0];
    const stored = row && this.find(GrantId.parse(row.grant_id));
    return stored && { ...stored, connector: ConnectorId.parse(row.connector) };
  }

  connectorOf(session: SessionId): ConnectorId | undefined {
    const row = this.#sql.exec('SELECT connector FROM sessions WHERE session = ?', session).toArray()[0];
    return row && ConnectorId.parse(row.connector);
  }

  revoke(
    id: GrantId,
    by: string,
    reason: string,
  ): { listed: ListedGrant; grant: Grant; connectors: ConnectorId[] } | undefined {
    const stored = this.find(id);
    if (!stored) return undefined;
    const grant: Grant = stored.grant.revoked
      ? stored.grant
      : { ...stored.grant, revoked: { at: new Date(Date.now()).toISOString(), by, reason } };
    this.#sql.exec('UPDATE grants SET document = ? WHERE id = ?', JSON.stringify(grant), id);
    const connectors = this.#sql
      .exec('SELECT DISTINCT connector FROM sessions WHERE grant_id = ?', id)
      .toArray()
      .map((row) => ConnectorId.parse(row.connector));
    return { listed: this.#listed(grant), grant, connectors };
  }

  liveOfPerson(email: string): Grant[] {
    return this.#sql
      .exec(
        `SELECT document FROM grants WHERE email = ? AND until_ms > ? AND json_extract(document, '$.revoked') IS NULL`,
        email,
        Date.now(),
      )
      .toArray()
      .map((row) => Grant.parse(JSON.parse(String(row.document))));
  }

  list(email: string | undefined): ListedGrant[] {
    const rows =
      email === undefined
        ? this.#sql.exec('SELECT document FROM grants ORDER BY id DESC LIMIT ?', MAX_LISTED)
        : this.#sql.exec('SELECT document FROM grants WHERE email = ? ORDER BY id DESC LIMIT ?', email, MAX_LISTED);
    return rows.toArray().map((row) => this.#listed(Grant.parse(JSON.parse(String(row.document)))));
  }

  linkGone(connector: ConnectorId, link: string): void {
    this.#sql.exec('UPDATE links SET gone_ms = ? WHERE connector = ? AND link = ?', Date.now(), connector, link);
  }

  async resume(
    connector: ConnectorId,
    live: readonly SessionId[],
    link: string,
  ): Promise<{ revoked: { grant: GrantId; reason: string }[]; unknown: SessionId[]; lost: SessionId[] }> {
    this.#sql.exec('INSERT OR REPLACE INTO links (connector, link, gone_ms) VALUES (?, ?, NULL)', connector, link);
    const alive = new Set<string>(live);
    const known = new Set<string>();
    const lost: SessionId[] = [];
    const revoked = new Map<GrantId, string>();
    for (const row of this.#sql
      .exec('SELECT session, grant_id FROM sessions WHERE connector = ?', connector)
      .toArray()) {
      const session = String(row.session);
      known.add(session);
      if (!alive.has(session)) {
        lost.push(SessionId.parse(session));
        this.#sql.exec('UPDATE sessions SET lost_ms = coalesce(lost_ms, ?) WHERE session = ?', Date.now(), session);
        continue;
      }
      this.#sql.exec('UPDATE sessions SET lost_ms = NULL WHERE session = ?', session);
      const grant = this.find(GrantId.parse(row.grant_id))?.grant;
      if (grant?.revoked) revoked.set(grant.id, grant.revoked.reason);
    }
    await this.#scheduleCleanUp();
    return {
      revoked: [...revoked].map(([grant, reason]) => ({ grant, reason })),
      unknown: live.filter((session) => !known.has(session)),
      lost,
    };
  }

  override async alarm(): Promise<void> {
    const audit = remote(this.env.AUDIT_LOG);
    const lost = this.#sql
      .exec(
        `SELECT session, grant_id, connector FROM sessions
          WHERE lost_ms < ?1 OR grant_id IN (SELECT id FROM grants WHERE until_ms < ?1) LIMIT 1000`,
        Date.now() - LOST_AFTER_MS,
      )
      .toArray();
    const holds = {
      directory: remote(this.env.DIRECTORY),
      approvals: (id: RequestId) => remote(this.env.APPROVAL, id),
    };
    for (const row of lost) {
      await withdrawHoldsOf(holds, [SessionId.parse(row.session)]);
      await audit.append({
        kind: 'session.ended',
        actor: 'gatehouse',
        object: String(row.session),
        details: { reason: 'connector_crashed', grant: String(row.grant_id), connector: String(row.connector) },
      });
      this.#sql.exec('DELETE FROM sessions WHERE session = ?', row.session ?? null);
    }
    this.#sql.exec('DELETE FROM links WHERE gone_ms < ?', Date.now() - LINK_KEPT_MS);
    const more = freeEndedGrants(this.#sql, Date.now());
    const left = this.#sql.exec('SELECT (SELECT count(*) FROM grants) + (SELECT count(*) FROM sessions) AS n').one();
    if (Number(left.n) > 0) await this.ctx.storage.setAlarm(Date.now() + (more ? AGAIN_MS : HOUR_MS));
  }

  #open(
    { session, grant: id, address, link }: WantedSession,
    connector: ConnectorId,
  ): Result<StoredGrant, RefusalReason> {
    // Asked for over a link that the connector has replaced: what it carries it has told since, and this is not in it.
    const now = this.#sql.exec('SELECT link FROM links WHERE connector = ?', connector).toArray()[0];
    if (now && now.link !== link) return err('edge_unreachable');
    const stored = this.find(id);
    if (!stored) return err('credentials_wrong');
    const { grant } = stored;
    if (grant.revoked) return err('grant_revoked');
    if (Date.parse(grant.until) <= Date.now()) return err('grant_expired');
    // An id seen before would put one session's rows under another's name.
    if (this.#sql.exec('SELECT 1 FROM sessions WHERE session = ?', session).toArray().length > 0)
      return err('bad_request');
    const most = grant.obligations.maxSessions;
    if (most !== undefined && this.#liveSessions(id) >= most) return err('too_many_sessions');
    this.#sql.exec(
      'INSERT INTO sessions (session, grant_id, connector, opened_ms, address) VALUES (?, ?, ?, ?, ?)',
      session,
      id,
      connector,
      Date.now(),
      address,
    );
    return ok(stored);
  }

  /** Tables of an earlier release have no addresses: such a session is in none of the networks that a rule may name. */
  /** Of tables that an earlier release made. Its grants are not found by their secrets: they end within days. */
  #addMissingColumns(): void {
    const has = (table: 'sessions' | 'grants', column: string) =>
      this.#sql
        .exec(`PRAGMA table_info(${table})`)
        .toArray()
        .some(({ name }) => name === column);
    if (!has('sessions', 'address')) this.#sql.exec(`ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT ''`);
    if (!has('grants', 'digest')) this.#sql.exec('ALTER TABLE grants ADD COLUMN digest TEXT');
    this.#sql.exec('CREATE INDEX IF NOT EXISTS grants_digest ON grants (digest)');
  }

  #liveSessions(id: GrantId): number {
    return this.counted(id).sessions;
  }

  #listed(grant: Grant): ListedGrant {
    const labels: GrantLabels = grant.labels;
    return {
      id: grant.id,
      email: grant.email,
      resource: grant.resource,
      reason: grant.reason,
      labels,
      from: grant.from,
      until: grant.until,
      rule: grant.rule,
      state: grant.revoked ? 'revoked' : Date.parse(grant.until) <= Date.now() ? 'expired' : 'active',
      liveSessions: this.#liveSessions(grant.id),
      ...(grant.breakGlass && { breakGlass: true }),
    };
  }

  async #scheduleCleanUp(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now() + HOUR_MS);
  }
}

function candidateOf(row: Record<string, SqlStorageValue>): GrantCandidate {
  const grant = Grant.parse(JSON.parse(String(row.document)));
  return {
    id: grant.id,
    verifier: { storedKey: String(row.stored_key), serverKey: String(row.server_key) },
    until: grant.until,
    revoked: grant.revoked !== undefined,
  };
}
