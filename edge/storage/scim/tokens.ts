// Tokens of directories: what is kept is their hashes.

import type { ScimTokenId } from '../../../core/ids.ts';
import { ListedScimToken } from '../../../core/people/scim-tokens.ts';
import { iso } from '../../clock.ts';

export const SCIM_TOKENS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS scim_tokens (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    used_ms INTEGER
  );
`;

/** Two of a directory while one takes the other's place, and a few directories. */
const MAX_TOKENS = 10;
const USED_EVERY_MS = 60_000;

export class ScimTokens {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  add(id: ScimTokenId, hash: string, name: string, by: string, now: number): ListedScimToken | undefined {
    if (this.list().length >= MAX_TOKENS) return undefined;
    this.#sql.exec(
      'INSERT INTO scim_tokens (id, hash, name, made_by, made_ms) VALUES (?, ?, ?, ?, ?)',
      id,
      hash,
      name,
      by,
      now,
    );
    return this.list().find((token) => token.id === id);
  }

  list(): ListedScimToken[] {
    return this.#sql.exec('SELECT * FROM scim_tokens ORDER BY id').toArray().map(listed);
  }

  revoke(id: ScimTokenId): ListedScimToken | undefined {
    return this.#sql.exec('DELETE FROM scim_tokens WHERE id = ? RETURNING *', id).toArray().map(listed)[0];
  }

  /**
   * By its hash alone: nobody can steer a SHA-256 towards one that is stored, so that how long the index takes to look says nothing of
   * the token.
   */
  find(hash: string, now: number): ScimTokenId | undefined {
    const row = this.#sql.exec('SELECT * FROM scim_tokens WHERE hash = ?', hash).toArray()[0];
    if (!row) return undefined;
    if (row.used_ms === null || Number(row.used_ms) + USED_EVERY_MS <= now)
      this.#sql.exec('UPDATE scim_tokens SET used_ms = ? WHERE hash = ?', now, hash);
    return listed(row).id;
  }
}

const listed = (row: Record<string, SqlStorageValue>): ListedScimToken =>
  ListedScimToken.parse({
    id: row.id,
    name: row.name,
    madeBy: row.made_by,
    madeAt: iso(Number(row.made_ms)),
    ...(row.used_ms !== null && { usedAt: iso(Number(row.used_ms)) }),
  });
