// Policy versions. Each stays; the highest is in force.

import type { PolicyDocument } from '../../core/policy/document.ts';
import { readPolicy } from '../../core/policy/parse.ts';
import type { StoredPolicy } from '../gatehouse.ts';
import type { PolicyInForce, PolicyTag } from '../ports/directory.ts';

export const POLICIES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS policies (
    version INTEGER PRIMARY KEY,
    text TEXT NOT NULL,
    applied_at TEXT NOT NULL,
    applied_by TEXT NOT NULL
  );
`;

export const tagOf = ({ version, appliedAt }: Pick<StoredPolicy, 'version' | 'appliedAt'>): PolicyTag =>
  `${version} ${appliedAt}`;

export class Policies {
  readonly #sql: SqlStorage;
  #inForce: PolicyInForce | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  current(): PolicyInForce | undefined {
    if (this.#inForce) return this.#inForce;
    const row = this.#sql.exec('SELECT * FROM policies ORDER BY version DESC LIMIT 1').toArray()[0];
    if (!row) return undefined;
    // It was checked when it was written. What a newer release finds wrong in it does not put it out of force, and
    // one that this release cannot read must not pass for "no rules" (law 4).
    const read = readPolicy(String(row.text));
    if (!read.ok) throw new Error(`stored policy ${String(row.version)} no longer parses`);
    this.#inForce = {
      version: Number(row.version),
      text: String(row.text),
      appliedAt: String(row.applied_at),
      appliedBy: String(row.applied_by),
      document: read.value.document,
    };
    return this.#inForce;
  }

  /** As an earlier version had it. */
  ruleOf(version: number, name: string): PolicyDocument['rules'][number] | undefined {
    const row = this.#sql.exec('SELECT text FROM policies WHERE version = ?', version).toArray()[0];
    const read = row && readPolicy(String(row.text));
    return read?.ok ? read.value.document.rules.find((rule) => rule.name === name) : undefined;
  }

  /** `after`: the version it was written against; undefined when another came first. The text has been parsed by the caller. */
  apply(text: string, by: string, after: number, now: number): PolicyInForce | undefined {
    if ((this.current()?.version ?? 0) !== after) return undefined;
    this.#sql.exec(
      'INSERT INTO policies (version, text, applied_at, applied_by) VALUES (?, ?, ?, ?)',
      after + 1,
      text,
      new Date(now).toISOString(),
      by,
    );
    this.#inForce = undefined;
    return this.current();
  }
}
