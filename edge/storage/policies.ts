// Policy versions. Each stays; the highest is in force.

import type { PolicyDocument } from '../../core/policy/document.ts';
import { parsePolicy } from '../../core/policy/parse.ts';
import type { StoredPolicy } from '../gatehouse.ts';

export const POLICIES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS policies (
    version INTEGER PRIMARY KEY,
    text TEXT NOT NULL,
    applied_at TEXT NOT NULL,
    applied_by TEXT NOT NULL
  );
`;

export interface PolicyInForce extends StoredPolicy {
  readonly document: PolicyDocument;
}

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
    const parsed = parsePolicy(String(row.text));
    // It was checked when it was written; a schema that no longer takes it must not read as "no rules" (law 4).
    if (!parsed.ok) throw new Error(`stored policy ${String(row.version)} no longer parses`);
    this.#inForce = {
      version: Number(row.version),
      text: String(row.text),
      appliedAt: String(row.applied_at),
      appliedBy: String(row.applied_by),
      document: parsed.value,
    };
    return this.#inForce;
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
