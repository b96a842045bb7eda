// Connectors that joined, the tokens they joined with, and the resources they announced. Replicas of a site announce the same.

import type { JoinTokenUse } from '../../core/connectors/join.ts';
import { SiteName } from '../../core/fleet/site.ts';
import { ConnectorId } from '../../core/ids.ts';
import { Resource, ResourceName, TargetSeen } from '../../core/resource.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { ConnectorStanding, RotationRefused } from '../ports/connector-keys.ts';
import type {
  Announced,
  AnnouncedResource,
  ConnectorHello,
  Contest,
  Difference,
  Invitation,
  NamedConnector,
  StoredConnector,
} from '../ports/directory.ts';
import { ConnectorKeyRing } from './connector-keys.ts';

export const JOIN_TOKEN_MS = 3_600_000;
/** A resource's name passes to another connector only when its holder has been away for this long. */
export const HOLDS_NAME_MS = 10 * 60_000;
/** What a replica announced is forgotten so long after it was there last, where others of its site announce it too. */
const REPLICA_FORGOTTEN_MS = 86_400_000;

export const CONNECTORS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS join_tokens (
    hash TEXT PRIMARY KEY,
    invited_by TEXT NOT NULL,
    expires_ms INTEGER,
    used_by TEXT
  );
  CREATE TABLE IF NOT EXISTS connectors (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    joined_ms INTEGER NOT NULL,
    seen_ms INTEGER,
    build TEXT
  );
  CREATE TABLE IF NOT EXISTS resources (
    name TEXT PRIMARY KEY,
    connector TEXT NOT NULL,
    resource TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS announced (
    name TEXT NOT NULL,
    connector TEXT NOT NULL,
    resource TEXT NOT NULL,
    announced_ms INTEGER NOT NULL,
    PRIMARY KEY (name, connector)
  );
  CREATE INDEX IF NOT EXISTS announced_connector ON announced (connector);
  INSERT OR IGNORE INTO announced SELECT name, connector, resource, 0 FROM resources;
  DELETE FROM resources;
  CREATE TABLE IF NOT EXISTS targets_seen (name TEXT PRIMARY KEY, connector TEXT NOT NULL, seen TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS contested (name TEXT NOT NULL, connector TEXT NOT NULL, PRIMARY KEY (name, connector));
`;

/** The column `seen`. */
const Seen = TargetSeen.omit({ resource: true });

export class Connectors {
  readonly #sql: SqlStorage;
  readonly keys: ConnectorKeyRing;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#addMissingColumns();
    this.keys = new ConnectorKeyRing(sql);
  }

  /**
   * `expires` undefined: does not (the token from the settings). `site`: of the connector that it joins. Inviting twice with one
   * token changes nothing.
   */
  invite(hash: string, by: string, expires: number | undefined, site?: SiteName): void {
    this.#sql.exec(
      'INSERT OR IGNORE INTO join_tokens (hash, invited_by, expires_ms, site) VALUES (?, ?, ?, ?)',
      hash,
      by,
      expires ?? null,
      site ?? null,
    );
  }

  /** While the token can be used: unused and not expired, or used by this very key (an answer was lost). */
  invitation(hash: string, key: string, now: number): Invitation | undefined {
    const row = this.#sql.exec('SELECT * FROM join_tokens WHERE hash = ?', hash).toArray()[0];
    if (!row) return undefined;
    const usable =
      row.used_by !== null ? this.#byKey(key) === row.used_by : row.expires_ms === null || Number(row.expires_ms) > now;
    return usable ? { by: String(row.invited_by), ...siteIn(row) } : undefined;
  }

  /** Undefined: there is no such token, or it expired unused. */
  joinTokenUse(hash: string, now: number): JoinTokenUse | undefined {
    const row = this.#sql.exec('SELECT used_by, expires_ms FROM join_tokens WHERE hash = ?', hash).toArray()[0];
    if (!row) return undefined;
    if (row.used_by !== null) return { connector: ConnectorId.parse(row.used_by) };
    if (row.expires_ms === null) return {};
    return Number(row.expires_ms) > now ? { expiresAt: new Date(Number(row.expires_ms)).toISOString() } : undefined;
  }

  join(input: Joining & { readonly hash: string }, now: number): Result<ConnectorId, 'token_wrong' | 'key_known'> {
    if (this.invitation(input.hash, input.key, now) === undefined) return err('token_wrong');
    const used = this.#sql.exec('SELECT used_by FROM join_tokens WHERE hash = ?', input.hash).one().used_by;
    if (used !== null) return ok(ConnectorId.parse(used));
    if (this.keys.isKnown(input.key)) return err('key_known');
    this.#add(input, now);
    this.#sql.exec('UPDATE join_tokens SET used_by = ? WHERE hash = ?', input.id, input.hash);
    return ok(input.id);
  }

  /**
   * Of the same principal as before it is the same connector, with a new key. Others of its role and name stay beside it. Without
   * a site it stays in the one that it was put in since.
   */
  joinByPrincipal(input: Joining & { readonly principal: string }, now: number): Result<ConnectorId, RotationRefused> {
    const before = this.keys.ofPrincipal(input.principal);
    if (before) {
      const rejoined = this.keys.rejoin(before, input.key, now);
      if (!rejoined.ok) return rejoined;
      if (input.site !== undefined) this.setSite(before, input.site);
      return ok(before);
    }
    if (this.keys.isKnown(input.key)) return err('key_known');
    this.#add(input, now);
    return ok(input.id);
  }

  /** What it announced is nobody's any more. */
  forgetResources(id: ConnectorId): void {
    this.#sql.exec('DELETE FROM announced WHERE connector = ?', id);
    this.#sql.exec('DELETE FROM contested WHERE connector = ?', id);
    this.#sql.exec('DELETE FROM targets_seen WHERE connector = ?', id);
  }

  find(id: ConnectorId): StoredConnector | undefined {
    const row = this.#sql.exec('SELECT * FROM connectors WHERE id = ?', id).toArray()[0];
    return row && readConnector(row, this.keys.standingOf(id));
  }

  /** What it announced counts as the new one's from its next hello on. */
  setSite(id: ConnectorId, site: SiteName | undefined): void {
    this.#sql.exec('UPDATE connectors SET site = ? WHERE id = ?', site ?? null, id);
  }

  list(): StoredConnector[] {
    const contested = Map.groupBy(this.#contested(), ({ connector }) => connector);
    const announced = Map.groupBy(
      this.#sql.exec('SELECT connector, name FROM announced ORDER BY name').toArray(),
      ({ connector }) => connector,
    );
    return this.#sql
      .exec('SELECT * FROM connectors ORDER BY id')
      .toArray()
      .map((row) => {
        const id = ConnectorId.parse(row.id);
        const { keys = [] } = this.keys.keysOf(id) ?? {};
        const connector = { ...readConnector(row, this.keys.standingOf(id)), keys };
        const lost = contested.get(connector.id);
        const resources = (announced.get(connector.id) ?? []).map(({ name }) => ResourceName.parse(name));
        return {
          ...connector,
          resources,
          ...(lost && { contested: lost.map(({ resource, holder }) => ({ resource, holder })) }),
        };
      });
  }

  seen(id: ConnectorId, hello: ConnectorHello | undefined, now: number): void {
    this.#sql.exec('UPDATE connectors SET seen_ms = ? WHERE id = ?', now, id);
    if (!hello) return;
    const { build, protocol, maskingKey } = hello;
    this.#sql.exec(
      'UPDATE connectors SET build = ?, protocol = ?, masking_key = ? WHERE id = ?',
      build,
      protocol,
      maskingKey ?? null,
      id,
    );
  }

  /** Other connectors that announce any of these names, of its site or not. */
  holders(id: ConnectorId, names: readonly string[]): ConnectorId[] {
    const found = names.flatMap((name) => this.#others(id, name).map((other) => other.id));
    return [...new Set(found)];
  }

  /**
   * Replaces what the connector announced before. Replicas of a site share a name, as long as they mean one protocol by it. A name
   * that another connector holds stays with it and with its site: sessions of one connector must not turn up at another. `heardMs`:
   * when the links of the others heard from them last; one that is linked is not away, however long ago it said hello.
   */
  announce(
    id: ConnectorId,
    resources: readonly Resource[],
    heardMs: Readonly<Record<string, number | undefined>>,
    now: number,
  ): Announced {
    const refused: Contest[] = [];
    const takenOver: Contest[] = [];
    const differ: Difference[] = [];
    const own = this.find(id);
    // Its hello was under way when it was revoked.
    const isGone = own?.revoked !== undefined;
    const mates = new Map<ConnectorId, Other>();
    this.#sql.exec('DELETE FROM announced WHERE connector = ?', id);
    this.#sql.exec('DELETE FROM contested WHERE connector = ?', id);
    for (const resource of isGone ? [] : resources) {
      const { name } = resource;
      const others = this.#others(id, name);
      const isThere = (other: Other) => Math.max(other.seenMs, heardMs[other.id] ?? 0) + HOLDS_NAME_MS > now;
      const isReplica = (other: Other) =>
        own?.site !== undefined && other.site === own.site && other.resource.protocol === resource.protocol;
      const rivals = others.filter((other) => !isReplica(other));
      const holder = rivals.find(isThere);
      if (holder) {
        refused.push({ resource: name, holder: named(holder) });
        this.#sql.exec('INSERT INTO contested (name, connector) VALUES (?, ?)', name, id);
        continue;
      }
      for (const rival of rivals) {
        takenOver.push({ resource: name, holder: named(rival) });
        this.#sql.exec('DELETE FROM announced WHERE name = ? AND connector = ?', name, rival.id);
      }
      for (const mate of others.filter((other) => isReplica(other) && isThere(other))) {
        mates.set(mate.id, mate);
        if (meaning(mate.resource) !== meaning(resource))
          differ.push({ what: 'resource', resource: name, other: named(mate) });
      }
      this.#sql.exec(
        'INSERT INTO announced (name, connector, resource, announced_ms) VALUES (?, ?, ?, ?)',
        name,
        id,
        JSON.stringify(resource),
        now,
      );
    }
    const key = this.#maskingKey(id);
    for (const mate of mates.values()) {
      const other = this.#maskingKey(mate.id);
      if (key !== undefined && other !== undefined && key !== other)
        differ.push({ what: 'masking_key', other: named(mate) });
    }
    this.#sql.exec(
      'DELETE FROM targets_seen WHERE connector = ?1 AND name NOT IN (SELECT name FROM announced WHERE connector = ?1)',
      id,
    );
    return { refused, takenOver, differ };
  }

  /** Of resources that are the connector's own; others are left out. */
  targetsSeen(id: ConnectorId, targets: readonly TargetSeen[]): void {
    for (const { resource, ...seen } of targets)
      this.#sql.exec(
        `INSERT OR REPLACE INTO targets_seen (name, connector, seen)
           SELECT name, connector, ? FROM announced WHERE name = ? AND connector = ?`,
        JSON.stringify(seen),
        resource,
        id,
      );
  }

  resource(name: string, now: number): AnnouncedResource | undefined {
    return this.#resources('WHERE announced.name = ?', now, name)[0];
  }

  resources(now: number): AnnouncedResource[] {
    return this.#resources('', now);
  }

  resourcesOf(id: ConnectorId): Resource[] {
    return this.#sql
      .exec('SELECT resource FROM announced WHERE connector = ? ORDER BY name', id)
      .toArray()
      .map((row) => readResource(row));
  }

  served(id: ConnectorId, name: string): Resource | undefined {
    const row = this.#sql
      .exec('SELECT resource FROM announced WHERE name = ? AND connector = ?', name, id)
      .toArray()[0];
    return row && readResource(row);
  }

  cleanUp(now: number): void {
    this.#sql.exec('DELETE FROM join_tokens WHERE used_by IS NULL AND expires_ms <= ?', now);
    this.#sql.exec('DELETE FROM targets_seen WHERE name NOT IN (SELECT name FROM announced)');
    this.#sql.exec(
      `DELETE FROM announced WHERE EXISTS (
         SELECT 1 FROM connectors AS gone, announced AS also, connectors AS there
          WHERE gone.id = announced.connector AND gone.seen_ms < ?1 AND also.name = announced.name
            AND there.id = also.connector AND there.site = gone.site AND there.seen_ms > ?2)`,
      now - REPLICA_FORGOTTEN_MS,
      now - HOLDS_NAME_MS,
    );
  }

  /** By name. Of replicas those that were there lately come first, and of these who announced it last: that is what it is. */
  #resources(where: string, now: number, ...values: string[]): AnnouncedResource[] {
    const rows = this.#sql
      .exec(
        `SELECT announced.name AS resource_name, announced.resource, connectors.id, connectors.name, connectors.site, targets_seen.seen
           FROM announced
           JOIN connectors ON connectors.id = announced.connector
           LEFT JOIN targets_seen ON targets_seen.name = announced.name AND targets_seen.connector = announced.connector
           ${where}
          ORDER BY announced.name, coalesce(connectors.seen_ms, 0) > ${Math.floor(now - HOLDS_NAME_MS)} DESC,
            announced.announced_ms DESC, announced.connector DESC`,
        ...values,
      )
      .toArray();
    return [...Map.groupBy(rows, (row) => String(row.resource_name)).values()].flatMap((group) => {
      const replicas = group.map((row) => ({ ...readNamed(row), resource: readResource(row) }));
      const [first] = replicas;
      const seen = group.find((row) => row.seen !== null)?.seen;
      if (!first) return [];
      const { resource, ...connector } = first;
      return {
        resource,
        connector,
        replicas: replicas.map(({ resource: { endpoint }, ...replica }) => ({ ...replica, endpoint })),
        ...(seen !== undefined && { target: Seen.parse(JSON.parse(String(seen))) }),
      };
    });
  }

  /** Who else announces the name. */
  #others(id: ConnectorId, name: string): Other[] {
    return this.#sql
      .exec(
        `SELECT connectors.id, connectors.name, connectors.site, connectors.seen_ms, announced.resource FROM announced
           JOIN connectors ON connectors.id = announced.connector WHERE announced.name = ? AND announced.connector <> ?`,
        name,
        id,
      )
      .toArray()
      .map((row) => ({ ...readNamed(row), seenMs: Number(row.seen_ms ?? 0), resource: readResource(row) }));
  }

  #maskingKey(id: ConnectorId): string | undefined {
    const row = this.#sql.exec('SELECT masking_key FROM connectors WHERE id = ?', id).toArray()[0];
    return typeof row?.masking_key === 'string' ? row.masking_key : undefined;
  }

  #contested(): (Contest & { connector: string })[] {
    return this.#sql
      .exec(
        `SELECT contested.connector AS loser, contested.name AS resource, connectors.id, connectors.name, connectors.site
           FROM contested
           JOIN announced ON announced.name = contested.name AND announced.connector <> contested.connector
           JOIN connectors ON connectors.id = announced.connector
          GROUP BY contested.connector, contested.name ORDER BY contested.name`,
      )
      .toArray()
      .map((row) => ({
        connector: String(row.loser),
        resource: ResourceName.parse(row.resource),
        holder: readNamed(row),
      }));
  }

  /** Of tables that an earlier release made. */
  #addMissingColumns(): void {
    const columns = { connectors: ['site', 'masking_key', 'protocol'], join_tokens: ['site'] };
    for (const [table, wanted] of Object.entries(columns)) {
      const there = this.#sql.exec(`PRAGMA table_info(${table})`).toArray();
      for (const column of wanted.filter((one) => !there.some(({ name }) => name === one)))
        this.#sql.exec(`ALTER TABLE ${table} ADD COLUMN ${column}`);
    }
  }

  #add(input: Joining & { readonly principal?: string }, now: number): void {
    const { id, name, key, site, principal } = input;
    this.#sql.exec(
      'INSERT INTO connectors (id, name, key, joined_ms, site) VALUES (?, ?, ?, ?, ?)',
      ...[id, name, key, now, site ?? null],
    );
    this.keys.add(id, key, now, principal);
  }

  /** Whose first key it was, or is. */
  #byKey(key: string): ConnectorId | undefined {
    const row = this.#sql.exec('SELECT connector FROM connector_keys WHERE key = ?', key).toArray()[0];
    return row && ConnectorId.parse(row.connector);
  }
}

type Row = Record<string, SqlStorageValue>;
type Other = NamedConnector & { readonly seenMs: number; readonly resource: Resource };

interface Joining {
  readonly id: ConnectorId;
  readonly name: string;
  readonly key: string;
  readonly site?: SiteName | undefined;
}

const named = ({ id, name, site }: NamedConnector): NamedConnector => ({
  id,
  name,
  ...(site !== undefined && { site }),
});
/** What its policies and its clients go by, whoever of a site they meet. */
const meaning = ({ labels, defaultDatabase, login }: Resource): string =>
  JSON.stringify([Object.entries(labels).sort(), defaultDatabase, login]);

const siteIn = (row: Row): { site?: SiteName } =>
  typeof row.site === 'string' ? { site: SiteName.parse(row.site) } : {};
const readNamed = (row: Row): NamedConnector => ({
  id: ConnectorId.parse(row.id),
  name: String(row.name),
  ...siteIn(row),
});
const readResource = (row: Row): Resource => Resource.parse(JSON.parse(String(row.resource)));

function readConnector(row: Row, standing: ConnectorStanding): StoredConnector {
  return {
    ...standing,
    ...readNamed(row),
    key: String(row.key),
    joinedAt: new Date(Number(row.joined_ms)).toISOString(),
    resources: [],
    ...(row.seen_ms !== null && { lastSeenAt: new Date(Number(row.seen_ms)).toISOString() }),
    ...(row.build !== null && { build: String(row.build) }),
    ...(typeof row.protocol === 'number' && { protocol: row.protocol }),
  };
}
