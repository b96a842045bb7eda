// Groups as a directory keeps them here, and who is in them.

import { ok, type Result } from '../../../core/result.ts';
import { type ScimFault, scimFault } from '../../scim/fault.ts';
import type { ScimGroup } from '../../scim/group.ts';
import type { ScimPage, ScimQuery, StoredGroup } from '../../ports/provisioning.ts';
import { foldedName } from './users.ts';

export const SCIM_GROUPS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS scim_groups (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    external_id TEXT,
    version INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS scim_groups_external ON scim_groups (external_id);
  CREATE TABLE IF NOT EXISTS scim_members (
    scim_group TEXT NOT NULL,
    user TEXT NOT NULL,
    PRIMARY KEY (scim_group, user)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS scim_members_user ON scim_members (user);
`;

const MAX_GROUPS = 10_000;
/** An identity has room for 1,000, of the provider's groups too. */
const MAX_GROUPS_OF_A_PERSON = 400;

export class ScimGroups {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  find(id: string, withMembers: boolean): StoredGroup | undefined {
    const row = this.#sql.exec('SELECT * FROM scim_groups WHERE id = ?', id).toArray()[0];
    return row && this.#read(row, withMembers);
  }

  list({ filter, startIndex, count }: ScimQuery, withMembers: boolean): Result<ScimPage<StoredGroup>, ScimFault> {
    const clauses: string[] = [];
    const values: string[] = [];
    for (const { attribute, value } of filter) {
      const clause = CLAUSES[attribute];
      if (clause === undefined || typeof value !== 'string')
        return scimFault(
          400,
          `Groups are found by displayName, externalId, id or members; not by ${attribute}.`,
          'invalidFilter',
        );
      clauses.push(clause);
      values.push(attribute === 'displayname' ? foldedName(value) : value);
    }
    const where = clauses.length === 0 ? '' : `WHERE ${clauses.join(' AND ')}`;
    const { total } = this.#sql.exec(`SELECT count(*) AS total FROM scim_groups ${where}`, ...values).one();
    const rows = this.#sql
      .exec(
        `SELECT * FROM scim_groups ${where} ORDER BY number LIMIT ? OFFSET ?`,
        ...values,
        count,
        Math.max(0, startIndex - 1),
      )
      .toArray();
    return ok({ total: Number(total), found: rows.map((row) => this.#read(row, withMembers)) });
  }

  names(): string[] {
    return this.#sql
      .exec('SELECT name FROM scim_groups')
      .toArray()
      .map(({ name }) => String(name));
  }

  count(): number {
    return Number(this.#sql.exec('SELECT count(*) AS n FROM scim_groups').one().n);
  }

  namesOf(user: string): string[] {
    return this.#sql
      .exec(
        'SELECT name FROM scim_groups WHERE id IN (SELECT scim_group FROM scim_members WHERE user = ?) ORDER BY name',
        user,
      )
      .toArray()
      .map(({ name }) => String(name));
  }

  conflict({ displayName }: ScimGroup, id: string | undefined): ScimFault | undefined {
    const holder = this.#sql
      .exec('SELECT id FROM scim_groups WHERE name_key = ?', foldedName(displayName))
      .toArray()[0];
    if (holder && holder.id !== id)
      return scimFault(409, 'displayName is another group already, and policies know groups by it.', 'uniqueness')
        .error;
    if (id === undefined && this.count() >= MAX_GROUPS)
      return scimFault(403, `There are ${MAX_GROUPS} groups, as many as there may be. Push fewer.`).error;
    return undefined;
  }

  /** Whether these may be members: users that there are, and none of them in too many groups with it. */
  mayJoin(ids: readonly string[]): Result<undefined, ScimFault> {
    for (const id of ids) {
      if (this.#sql.exec('SELECT 1 FROM scim_users WHERE id = ?', id).toArray().length === 0)
        return scimFault(
          400,
          'members: there is no user of that id. Provision users before their groups.',
          'invalidValue',
        );
      const { n } = this.#sql.exec('SELECT count(*) AS n FROM scim_members WHERE user = ?', id).one();
      if (Number(n) >= MAX_GROUPS_OF_A_PERSON)
        return scimFault(400, `members: somebody is in ${MAX_GROUPS_OF_A_PERSON} groups already.`, 'tooMany');
    }
    return ok(undefined);
  }

  members(id: string): string[] {
    return this.#sql
      .exec('SELECT user FROM scim_members WHERE scim_group = ?', id)
      .toArray()
      .map(({ user }) => String(user));
  }

  put(id: string, { displayName, externalId }: ScimGroup, now: number): void {
    this.#sql.exec(
      `INSERT INTO scim_groups (id, name, name_key, external_id, version, created_ms, changed_ms)
         VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5)
         ON CONFLICT (id) DO UPDATE SET name = ?2, name_key = ?3, external_id = ?4, version = version + 1, changed_ms = ?5`,
      id,
      displayName,
      foldedName(displayName),
      externalId ?? null,
      now,
    );
  }

  join(id: string, users: readonly string[]): void {
    for (const user of users)
      this.#sql.exec('INSERT OR IGNORE INTO scim_members (scim_group, user) VALUES (?, ?)', id, user);
  }

  leave(id: string, users: readonly string[]): void {
    for (const user of users) this.#sql.exec('DELETE FROM scim_members WHERE scim_group = ? AND user = ?', id, user);
  }

  delete(id: string): void {
    this.#sql.exec('DELETE FROM scim_groups WHERE id = ?', id);
    this.#sql.exec('DELETE FROM scim_members WHERE scim_group = ?', id);
  }

  #read(row: Record<string, SqlStorageValue>, withMembers: boolean): StoredGroup {
    const id = String(row.id);
    const members = withMembers
      ? this.#sql
          .exec(
            `SELECT u.id, json_extract(u.document, '$.userName') AS user_name FROM scim_members m
               JOIN scim_users u ON u.id = m.user WHERE m.scim_group = ? ORDER BY u.number`,
            id,
          )
          .toArray()
          .map((member) => ({ id: String(member.id), userName: String(member.user_name) }))
      : undefined;
    return {
      id,
      displayName: String(row.name),
      ...(row.external_id !== null && { externalId: String(row.external_id) }),
      version: Number(row.version),
      createdMs: Number(row.created_ms),
      changedMs: Number(row.changed_ms),
      ...(members && { members }),
    };
  }
}

const HAS_MEMBER = 'id IN (SELECT scim_group FROM scim_members WHERE user = ?)';
const CLAUSES: Readonly<Record<string, string | undefined>> = {
  displayname: 'name_key = ?',
  externalid: 'external_id = ?',
  id: 'id = ?',
  members: HAS_MEMBER,
  'members.value': HAS_MEMBER,
};
