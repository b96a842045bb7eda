// Connectors that joined, the tokens they joined with, and the resources they announced.

import { ConnectorId } from '../../core/ids.ts';
import { Resource, type ResourceName } from '../../core/resource.ts';
import { err, ok, type Result } from '../../core/result.ts';

export const JOIN_TOKEN_MS = 3_600_000;
/** A resource's name passes to another connector only when its holder has not been seen for this long. */
const HOLDS_NAME_MS = 10 * 60_000;

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
`;

export interface StoredConnector {
  readonly id: ConnectorId;
  readonly name: string;
  readonly key: string;
  readonly joinedAt: string;
  readonly lastSeenAt?: string;
  readonly build?: string;
}

export interface AnnouncedResource {
  readonly resource: Resource;
  readonly connector: { readonly id: ConnectorId; readonly name: string };
}

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
    return this.#sql.exec('SELECT * FROM connectors ORDER BY id').toArray().map(readConnector);
  }

  seen(id: ConnectorId, build: string | undefined, now: number): void {
    this.#sql.exec(
      'UPDATE connectors SET seen_ms = ?, build = coalesce(?, build) WHERE id = ?',
      now,
      build ?? null,
      id,
    );
  }

  /**
   * Replaces what the connector announced before. A name that another connector holds stays with
   * it: sessions of one connector must not turn up at another.
   */
  announce(
    id: ConnectorId,
    resources: readonly Resource[],
    now: number,
  ): { refused: ResourceName[]; takenOver: ResourceName[] } {
    const refused: ResourceName[] = [];
    const takenOver: ResourceName[] = [];
    this.#sql.exec('DELETE FROM resources WHERE connector = ?', id);
    for (const resource of resources) {
      const holder = this.#sql
        .exec(
          `SELECT connectors.seen_ms FROM resources JOIN connectors ON connectors.id = resources.connector
             WHERE resources.name = ? AND resources.connector <> ?`,
          resource.name,
          id,
        )
        .toArray()[0];
      if (holder && Number(holder.seen_ms ?? 0) + HOLDS_NAME_MS > now) {
        refused.push(resource.name);
        continue;
      }
      if (holder) takenOver.push(resource.name);
      this.#sql.exec(
        'INSERT OR REPLACE INTO resources (name, connector, resource) VALUES (?, ?, ?)',
        resource.name,
        id,
        JSON.stringify(resource),
      );
    }
    return { refused, takenOver };
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
        `SELECT resources.resource, connectors.id, connectors.name FROM resources
           JOIN connectors ON connectors.id = resources.connector ${where} ORDER BY resources.name`,
        ...values,
      )
      .toArray()
      .map((row) => ({
        resource: Resource.parse(JSON.parse(String(row.resource))),
        connector: { id: ConnectorId.parse(row.id), name: String(row.name) },
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
