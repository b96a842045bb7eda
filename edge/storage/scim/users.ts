// People as a directory keeps them here. Every address is one person's, since it is what they are known by.

import { err, ok, type Result } from '../../../core/result.ts';
import { type ScimFault, scimFault } from '../../scim/fault.ts';
import type { Comparison } from '../../scim/filter.ts';
import { addressesOf, type ScimUser } from '../../scim/user.ts';
import type { ScimPage, ScimQuery, StoredUser } from '../../ports/provisioning.ts';

export const SCIM_USERS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS scim_users (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    user_name TEXT NOT NULL UNIQUE,
    external_id TEXT,
    active INTEGER NOT NULL,
    document TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS scim_users_external ON scim_users (external_id);
  CREATE TABLE IF NOT EXISTS scim_addresses (address TEXT PRIMARY KEY, user TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS scim_addresses_user ON scim_addresses (user);
`;

/** Some 100 MB, of the 10 GB that an object has. */
const MAX_USERS = 100_000;

type Row = Record<string, SqlStorageValue>;

export class ScimUsers {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  find(id: string): StoredUser | undefined {
    const row = this.#sql.exec('SELECT * FROM scim_users WHERE id = ?', id).toArray()[0];
    return row && this.#read(row);
  }

  byAddress(address: string): StoredUser | undefined {
    const row = this.#sql
      .exec('SELECT * FROM scim_users WHERE id = (SELECT user FROM scim_addresses WHERE address = ?)', address)
      .toArray()[0];
    return row && this.#read(row);
  }

  list({ filter, startIndex, count }: ScimQuery): Result<ScimPage<StoredUser>, ScimFault> {
    const where = whereOf(filter);
    if (!where.ok) return where;
    const { clause, values } = where.value;
    const { total } = this.#sql.exec(`SELECT count(*) AS total FROM scim_users ${clause}`, ...values).one();
    const rows = this.#sql
      .exec(
        `SELECT * FROM scim_users ${clause} ORDER BY number LIMIT ? OFFSET ?`,
        ...values,
        count,
        Math.max(0, startIndex - 1),
      )
      .toArray();
    return ok({ total: Number(total), found: rows.map((row) => this.#read(row)) });
  }

  counts(): { users: number; inactive: number } {
    const row = this.#sql.exec('SELECT count(*) AS n, coalesce(sum(active = 0), 0) AS inactive FROM scim_users').one();
    return { users: Number(row.n), inactive: Number(row.inactive) };
  }

  /** What stands against storing it; `id`: of whom it is to be, if they are there. */
  conflict(user: ScimUser, id: string | undefined): ScimFault | undefined {
    const holder = this.#sql
      .exec('SELECT id FROM scim_users WHERE user_name = ?', foldedName(user.userName))
      .toArray()[0];
    const taken = (what: string) => fault(409, `${what} is another user's already.`, 'uniqueness');
    if (holder && holder.id !== id) return taken('userName');
    const addresses = addressesOf(user);
    for (const address of addresses) {
      const row = this.#sql.exec('SELECT user FROM scim_addresses WHERE address = ?', address).toArray()[0];
      if (row && row.user !== id) return taken('An e-mail address of this user');
    }
    if (id === undefined && this.counts().users >= MAX_USERS)
      return fault(403, `There are ${MAX_USERS} users, as many as there may be. Assign fewer people.`);
    return undefined;
  }

  put(id: string, user: ScimUser, now: number): void {
    this.#sql.exec(
      `INSERT INTO scim_users (id, user_name, external_id, active, document, version, created_ms, changed_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6)
         ON CONFLICT (id) DO UPDATE SET user_name = ?2, external_id = ?3, active = ?4, document = ?5,
           version = version + 1, changed_ms = ?6`,
      id,
      foldedName(user.userName),
      user.externalId ?? null,
      user.active ? 1 : 0,
      JSON.stringify(user),
      now,
    );
    this.#sql.exec('DELETE FROM scim_addresses WHERE user = ?', id);
    for (const address of addressesOf(user))
      this.#sql.exec('INSERT INTO scim_addresses (address, user) VALUES (?, ?)', address, id);
  }

  delete(id: string): void {
    this.#sql.exec('DELETE FROM scim_users WHERE id = ?', id);
    this.#sql.exec('DELETE FROM scim_addresses WHERE user = ?', id);
    this.#sql.exec('DELETE FROM scim_members WHERE user = ?', id);
  }

  #read(row: Row): StoredUser {
    const user: ScimUser = JSON.parse(String(row.document));
    const id = String(row.id);
    const groups = this.#sql
      .exec(
        'SELECT g.id, g.name FROM scim_members m JOIN scim_groups g ON g.id = m.scim_group WHERE m.user = ? ORDER BY g.name',
        id,
      )
      .toArray()
      .map((group) => ({ id: String(group.id), displayName: String(group.name) }));
    return {
      ...user,
      id,
      version: Number(row.version),
      createdMs: Number(row.created_ms),
      changedMs: Number(row.changed_ms),
      groups,
    };
  }
}

const fault = (status: ScimFault['status'], detail: string, scimType?: ScimFault['scimType']): ScimFault =>
  scimFault(status, detail, scimType).error;

/** userName is the same in any case (RFC 7643, section 4.1.1). */
export const foldedName = (name: string): string => name.toLowerCase();

function whereOf(filter: readonly Comparison[]) {
  const clauses: string[] = [];
  const values: (string | number)[] = [];
  for (const { attribute, value } of filter) {
    const clause = CLAUSES[attribute];
    const isFlag = attribute === 'active';
    if (clause === undefined || (typeof value === 'boolean') !== isFlag)
      return err(
        fault(
          400,
          `Users are found by userName, externalId, id, emails.value or active; not by ${attribute}.`,
          'invalidFilter',
        ),
      );
    clauses.push(clause);
    values.push(
      typeof value === 'boolean'
        ? Number(value)
        : attribute === 'externalid' || attribute === 'id'
          ? value
          : foldedName(value),
    );
  }
  return ok({ clause: clauses.length === 0 ? '' : `WHERE ${clauses.join(' AND ')}`, values });
}

const BY_ADDRESS = 'id IN (SELECT user FROM scim_addresses WHERE address = ?)';
const CLAUSES: Readonly<Record<string, string | undefined>> = {
  username: 'user_name = ?',
  externalid: 'external_id = ?',
  id: 'id = ?',
  emails: BY_ADDRESS,
  'emails.value': BY_ADDRESS,
  active: 'active = ?',
};
