// The keys of connectors: which one each has, which it had, whether it was revoked, and how far the functions have been told. Keys are
// never forgotten, since recordings are proven by them, and none is ever taken a second time.

import { type ConnectorKeys, MAX_KEYS_OF_A_CONNECTOR } from '../../core/connectors/connector-keys.ts';
import { ConnectorId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { ConnectorStanding, RotationRefused } from '../ports/connector-keys.ts';

export const CONNECTOR_KEYS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS connector_keys (
    key TEXT PRIMARY KEY,
    connector TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    replaced_ms INTEGER
  );
  CREATE INDEX IF NOT EXISTS connector_keys_connector ON connector_keys (connector, from_ms);
  CREATE TABLE IF NOT EXISTS connector_standing (
    connector TEXT PRIMARY KEY,
    version INTEGER NOT NULL DEFAULT 1,
    told INTEGER NOT NULL DEFAULT 0,
    revoked_ms INTEGER,
    revoked_by TEXT,
    reason TEXT,
    rotation_by TEXT,
    principal TEXT UNIQUE,
    retired_ms INTEGER
  );
`;

/** Whoever joined by IAM and was away for so long has no task any more: one that replaced it has a key of its own. */
const RETIRED_AFTER_MS = 24 * 3_600_000;

export class ConnectorKeyRing {
  readonly #sql: SqlStorage;

  /** After the table of connectors: those of an earlier release are taken over from it. */
  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#sql.exec(
      'INSERT INTO connector_standing (connector) SELECT id FROM connectors WHERE id NOT IN (SELECT connector FROM connector_standing)',
    );
    this.#sql.exec(
      'INSERT OR IGNORE INTO connector_keys (key, connector, from_ms) SELECT key, id, joined_ms FROM connectors WHERE id NOT IN (SELECT connector FROM connector_keys)',
    );
  }

  isKnown(key: string): boolean {
    return this.#sql.exec('SELECT 1 FROM connector_keys WHERE key = ?', key).toArray().length > 0;
  }

  /** The first of a connector that has just joined. */
  add(connector: ConnectorId, key: string, now: number, principal?: string): void {
    this.#sql.exec('INSERT INTO connector_keys (key, connector, from_ms) VALUES (?, ?, ?)', key, connector, now);
    this.#sql.exec('INSERT INTO connector_standing (connector, principal) VALUES (?, ?)', connector, principal ?? null);
  }

  keysOf(connector: ConnectorId): ConnectorKeys | undefined {
    const standing = this.#standing(connector);
    if (!standing) return undefined;
    const keys = this.#sql
      .exec('SELECT * FROM connector_keys WHERE connector = ? ORDER BY from_ms, rowid', connector)
      .toArray()
      .map((row) => ({
        key: String(row.key),
        from: iso(row.from_ms),
        ...(row.replaced_ms !== null && { replaced: iso(row.replaced_ms) }),
      }));
    const revoked = standing.revoked_ms === null ? {} : { revoked: iso(standing.revoked_ms) };
    return { connector, version: Number(standing.version), ...revoked, keys };
  }

  standingOf(connector: ConnectorId): ConnectorStanding {
    const row = this.#standing(connector);
    return {
      ...(row &&
        row.revoked_ms !== null && {
          revoked: { at: iso(row.revoked_ms), by: String(row.revoked_by), reason: String(row.reason) },
        }),
      ...(row && row.rotation_by !== null && { rotationBy: String(row.rotation_by) }),
      ...(row && row.principal !== null && { principal: String(row.principal) }),
      ...(row && row.retired_ms !== null && { retired: iso(row.retired_ms) }),
      keysTold: row === undefined || Number(row.told) >= Number(row.version),
    };
  }

  /** Once: who came first stays. */
  revoke(connector: ConnectorId, by: string, reason: string, now: number): void {
    this.#sql.exec(
      `UPDATE connector_standing SET revoked_ms = ?, revoked_by = ?, reason = ?, rotation_by = NULL, version = version + 1
         WHERE connector = ? AND revoked_ms IS NULL`,
      ...[now, by, reason, connector],
    );
  }

  wantRotation(connector: ConnectorId, by: string): void {
    this.#sql.exec('UPDATE connector_standing SET rotation_by = ? WHERE connector = ?', by, connector);
  }

  /** Asked again with the same pair, since an answer was lost, it is done already. Both signatures were checked by the caller. */
  rotate(
    connector: ConnectorId,
    from: string,
    to: string,
    now: number,
  ): Result<'rotated' | 'already', RotationRefused> {
    const standing = this.#standing(connector);
    const keys = this.keysOf(connector)?.keys ?? [];
    const current = keys.at(-1);
    if (!standing || !current) return err('old_key_wrong');
    if (standing.revoked_ms !== null) return err('revoked');
    if (current.key === to && keys.at(-2)?.key === from) return ok('already');
    if (current.key !== from || standing.retired_ms !== null) return err('old_key_wrong');
    if (this.isKnown(to)) return err('key_known');
    if (keys.length >= MAX_KEYS_OF_A_CONNECTOR) return err('too_many');
    this.#replace(connector, to, now);
    this.#sql.exec('UPDATE connector_standing SET rotation_by = NULL WHERE connector = ?', connector);
    return ok('rotated');
  }

  ofPrincipal(principal: string): ConnectorId | undefined {
    const row = this.#sql.exec('SELECT connector FROM connector_standing WHERE principal = ?', principal).toArray()[0];
    return row && ConnectorId.parse(row.connector);
  }

  /** Of a principal that proved itself again: a task that was started anew, with a new key. */
  rejoin(connector: ConnectorId, key: string, now: number): Result<undefined, RotationRefused> {
    const current = this.keysOf(connector)?.keys.at(-1);
    if (this.#standing(connector)?.revoked_ms !== null) return err('revoked');
    if (current?.key !== key) {
      if (this.isKnown(key)) return err('key_known');
      if ((this.keysOf(connector)?.keys.length ?? 0) >= MAX_KEYS_OF_A_CONNECTOR) return err('too_many');
      this.#replace(connector, key, now);
    }
    this.#sql.exec('UPDATE connector_standing SET retired_ms = NULL WHERE connector = ?', connector);
    return ok(undefined);
  }

  /** Of those that joined by IAM. `isLinked`: they are not away, however long ago they said hello. */
  away(now: number): ConnectorId[] {
    return this.#sql
      .exec(
        `SELECT id FROM connectors JOIN connector_standing ON connector = id
           WHERE principal IS NOT NULL AND retired_ms IS NULL AND revoked_ms IS NULL AND coalesce(seen_ms, joined_ms) < ?`,
        now - RETIRED_AFTER_MS,
      )
      .toArray()
      .map((row) => ConnectorId.parse(row.id));
  }

  retire(connector: ConnectorId, now: number): void {
    this.#sql.exec(
      'UPDATE connector_keys SET replaced_ms = ? WHERE connector = ? AND replaced_ms IS NULL',
      now,
      connector,
    );
    this.#sql.exec(
      'UPDATE connector_standing SET retired_ms = ?, version = version + 1 WHERE connector = ?',
      now,
      connector,
    );
  }

  untold(limit: number): ConnectorId[] {
    return this.#sql
      .exec('SELECT connector FROM connector_standing WHERE told < version LIMIT ?', limit)
      .toArray()
      .map((row) => ConnectorId.parse(row.connector));
  }

  forgetTold(): void {
    this.#sql.exec('UPDATE connector_standing SET told = 0');
  }

  told(connector: ConnectorId, version: number): void {
    this.#sql.exec('UPDATE connector_standing SET told = max(told, ?) WHERE connector = ?', version, connector);
  }

  #replace(connector: ConnectorId, key: string, now: number): void {
    this.#sql.exec(
      'UPDATE connector_keys SET replaced_ms = ? WHERE connector = ? AND replaced_ms IS NULL',
      now,
      connector,
    );
    this.#sql.exec('INSERT INTO connector_keys (key, connector, from_ms) VALUES (?, ?, ?)', key, connector, now);
    this.#sql.exec('UPDATE connectors SET key = ? WHERE id = ?', key, connector);
    this.#sql.exec('UPDATE connector_standing SET version = version + 1 WHERE connector = ?', connector);
  }

  #standing(connector: ConnectorId): Record<string, SqlStorageValue> | undefined {
    return this.#sql.exec('SELECT * FROM connector_standing WHERE connector = ?', connector).toArray()[0];
  }
}

const iso = (ms: SqlStorageValue | undefined): string => new Date(Number(ms)).toISOString();
