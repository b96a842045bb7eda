// Connectors that joined, the tokens they joined with, and the resources they announced.

import { ConnectorId } from '../../core/ids.ts';
import { Resource, ResourceName, TargetSeen } from '../../core/resource.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { AnnouncedResource, Contest, NamedConnector, StoredConnector } from '../ports/directory.ts';

export const JOIN_TOKEN_MS = 3_600_000;
/** A resource's name passes to another connector only when its holder has been away for this long. */
export const HOLDS_NAME_MS = 10 * 60_000;

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
  CREATE TABLE IF NOT EXISTS targets_seen (name TEXT PRIMARY KEY, connector TEXT NOT NULL, seen TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS contested (name TEXT NOT NULL, connector TEXT NOT NULL, PRIMARY KEY (name, connector));
`;

/** The column `seen`. */
const Seen = TargetSeen.omit({ resource: true });

export class Connectors {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** `expires` undefined: does not (the token from the settings). Inviting twice with one token changes nothing. */
  invite(hash: string, by: string, expires: number | undefined): void {
    this.#sql.exec(
      'INSERT OR IGNORE INTO join_tokens (hash, invited_by, expires_ms) VALUES (?, ?, ?)',
      hash,
      by,
      expires ?? null,
    );
  }

  /** Who invited, while the token can be used: unused and not expired, or used by this very key (an answer was lost). */
  invitation(hash: string, key: string, now: number): string | undefined {
    const row = this.#sql.exec('SELECT * FROM join_tokens WHERE hash = ?', hash).toArray()[0];
    if (!row) return undefined;
    if (row.used_by !== null) return this.#byKey(key)?.id === row.used_by ? String(row.invited_by) : undefined;
    return row.expires_ms === null || Number(row.expires_ms) > now ? String(row.invited_by) : undefined;
  }

  join(
    input: { hash: string; id: ConnectorId; name: string; key: string },
    now: number,
  ): Result<ConnectorId, 'token_wrong' | 'key_known'> {
    if (this.invitation(input.hash, input.key, now) === undefined) return err('token_wrong');
    const used = this.#sql.exec('SELECT used_by FROM join_tokens WHERE hash = ?', input.hash).one().used_by;
    if (used !== null) return ok(ConnectorId.parse(used));
    if (this.#byKey(input.key)) return err('key_known');
    this.#sql.exec(
      'INSERT INTO connectors (id, name, key, joined_ms) VALUES (?, ?, ?, ?)',
      input.id,
      input.name,
      input.key,
      now,
    );
    this.#sql.exec('UPDATE join_tokens SET used_by = ? WHERE hash = ?', input.id, input.hash);
    return ok(input.id);
  }

  find(id: ConnectorId): StoredConnector | undefined {
    const row = this.#sql.exec('SELECT * FROM connectors WHERE id = ?', id).toArray()[0];
    return row && readConnector(row);
  }

  list(): StoredConnector[] {
    const contested = Map.groupBy(this.#contested(), ({ connector }) => connector);
    return this.#sql
      .exec('SELECT * FROM connectors ORDER BY id')
      .toArray()
      .map((row) => {
        const connector = readConnector(row);
        const lost = contested.get(connector.id);
        return lost
          ? { ...connector, contested: lost.map(({ resource, holder }) => ({ resource, holder })) }
          : connector;
      });
  }

  seen(id: ConnectorId, build: string | undefined, now: number): void {
    this.#sql.exec(
      'UPDATE connectors SET seen_ms = ?, build = coalesce(?, build) WHERE id = ?',
      now,
      build ?? null,
      id,
    );
  }

  /** Other connectors that hold any of these names. */
  holders(id: ConnectorId, names: readonly string[]): ConnectorId[] {
    const found = names.flatMap((name) => this.#holder(id, name)?.id ?? []);
    return [...new Set(found)];
  }

  /**
   * Replaces what the connector announced before. A name that another connector holds stays with
   * it: sessions of one connector must not turn up at another. `heardMs`: when the links of holders heard from
   * them last; a holder that is linked is not away, however long ago it said hello.
   */
  announce(
    id: ConnectorId,
    resources: readonly Resource[],
    heardMs: Readonly<Record<string, number | undefined>>,
    now: number,
  ): { refused: Contest[]; takenOver: Contest[] } {
    const refused: Contest[] = [];
    const takenOver: Contest[] = [];
    this.#sql.exec('DELETE FROM resources WHERE connector = ?', id);
    this.#sql.exec('DELETE FROM contested WHERE connector = ?', id);
    for (const resource of resources) {
      const holder = this.#holder(id, resource.name);
      const contest = holder && { resource: resource.name, holder: { id: holder.id, name: holder.name } };
      if (contest && Math.max(holder.seenMs, heardMs[holder.id] ?? 0) + HOLDS_NAME_MS > now) {
        refused.push(contest);
        this.#sql.exec('INSERT INTO contested (name, connector) VALUES (?, ?)', resource.name, id);
        continue;
      }
      if (contest) takenOver.push(contest);
      this.#sql.exec(
        'INSERT OR REPLACE INTO resources (name, connector, resource) VALUES (?, ?, ?)',
        resource.name,
        id,
        JSON.stringify(resource),
      );
    }
    this.#sql.exec(
      'DELETE FROM targets_seen WHERE connector = ?1 AND name NOT IN (SELECT name FROM resources WHERE connector = ?1)',
      id,
    );
    return { refused, takenOver };
  }

  /** Of resources that are the connector's own; others are left out. */
  targetsSeen(id: ConnectorId, targets: readonly TargetSeen[]): void {
    for (const { resource, ...seen } of targets)
      this.#sql.exec(
        `INSERT OR REPLACE INTO targets_seen (name, connector, seen)
           SELECT name, connector, ? FROM resources WHERE name = ? AND connector = ?`,
        JSON.stringify(seen),
        resource,
        id,
      );
  }

  resource(name: string): AnnouncedResource | undefined {
    return this.#resources('WHERE resources.name = ?', name)[0];
  }

  resources(): AnnouncedResource[] {
    return this.#resources('');
  }

  resourcesOf(id: ConnectorId): Resource[] {
    return this.#resources('WHERE resources.connector = ?', id).map((announced) => announced.resource);
  }

  cleanUp(now: number): void {
    this.#sql.exec('DELETE FROM join_tokens WHERE used_by IS NULL AND expires_ms <= ?', now);
  }

  #resources(where: string, ...values: string[]): AnnouncedResource[] {
    return this.#sql
      .exec(
        `SELECT resources.resource, connectors.id, connectors.name, targets_seen.seen FROM resources
           JOIN connectors ON connectors.id = resources.connector
           LEFT JOIN targets_seen ON targets_seen.name = resources.name AND targets_seen.connector = resources.connector
           ${where} ORDER BY resources.name`,
        ...values,
      )
      .toArray()
      .map((row) => ({
        resource: Resource.parse(JSON.parse(String(row.resource))),
        connector: { id: ConnectorId.parse(row.id), name: String(row.name) },
        ...(row.seen !== null && { target: Seen.parse(JSON.parse(String(row.seen))) }),
      }));
  }

  /** Who else has the name. */
  #holder(id: ConnectorId, name: string): (NamedConnector & { seenMs: number }) | undefined {
    const row = this.#sql
      .exec(
        `SELECT connectors.id, connectors.name, connectors.seen_ms FROM resources
           JOIN connectors ON connectors.id = resources.connector WHERE resources.name = ? AND resources.connector <> ?`,
        name,
        id,
      )
      .toArray()[0];
    return row && { id: ConnectorId.parse(row.id), name: String(row.name), seenMs: Number(row.seen_ms ?? 0) };
  }

  #contested(): (Contest & { connector: string })[] {
    return this.#sql
      .exec(
        `SELECT contested.connector AS loser, contested.name AS resource, connectors.id, connectors.name FROM contested
           JOIN resources ON resources.name = contested.name AND resources.connector <> contested.connector
           JOIN connectors ON connectors.id = resources.connector ORDER BY contested.name`,
      )
      .toArray()
      .map((row) => ({
        connector: String(row.loser),
        resource: ResourceName.parse(row.resource),
        holder: { id: ConnectorId.parse(row.id), name: String(row.name) },
      }));
  }

  #byKey(key: string): StoredConnector | undefined {
    const row = this.#sql.exec('SELECT * FROM connectors WHERE key = ?', key).toArray()[0];
    return row && readConnector(row);
  }
}

function readConnector(row: Record<string, SqlStorageValue>): StoredConnector {
  return {
    id: ConnectorId.parse(row.id),
    name: String(row.name),
    key: String(row.key),
    joinedAt: new Date(Number(row.joined_ms)).toISOString(),
    ...(row.seen_ms !== null && { lastSeenAt: new Date(Number(row.seen_ms)).toISOString() }),
    ...(row.build !== null && { build: String(row.build) }),
  };
}
