// Policy versions. The highest is in force; the newest of the others stay.

import type { PolicyDocument, Rule } from '../../core/policy/document.ts';
import { readPolicy } from '../../core/policy/parse.ts';
import { bindsAuditors, goneOf } from '../../core/policy/viewing-terms.ts';
import type { StoredPolicy } from '../gatehouse.ts';
import type { PolicyInForce, PolicyTag } from '../ports/directory.ts';

export const POLICIES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS policies (
    version INTEGER PRIMARY KEY,
    text TEXT NOT NULL,
    applied_at TEXT NOT NULL,
    applied_by TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS bound_when_gone (rule TEXT PRIMARY KEY);
`;

export const tagOf = ({ version, appliedAt }: Pick<StoredPolicy, 'version' | 'appliedAt'>): PolicyTag =>
  `${version} ${appliedAt}`;

/** Of up to 256 KB each. What was applied before is in the audit log by its version, and with whoever keeps policies in files. */
const MOST_KEPT = 1_000;

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
      boundWhenGone: this.#sql
        .exec('SELECT rule FROM bound_when_gone ORDER BY rule')
        .toArray()
        .map(({ rule }) => String(rule)),
    };
    return this.#inForce;
  }

  /** To remove or rename a rule does not lift what it says of its sessions. One of the same name speaks for them again. */
  #keepBound(before: readonly Rule[], after: readonly Rule[]): void {
    for (const { name } of goneOf(before, after).filter(bindsAuditors))
      this.#sql.exec('INSERT OR IGNORE INTO bound_when_gone (rule) VALUES (?)', name);
    for (const { name } of after) this.#sql.exec('DELETE FROM bound_when_gone WHERE rule = ?', name);
  }

  cleanUp(most = MOST_KEPT): void {
    this.#sql.exec('DELETE FROM policies WHERE version <= (SELECT max(version) FROM policies) - ?', most);
  }

  /** As an earlier version had it; undefined also where that is not kept any more. */
  ruleOf(version: number, name: string): PolicyDocument['rules'][number] | undefined {
    const row = this.#sql.exec('SELECT text FROM policies WHERE version = ?', version).toArray()[0];
    const read = row && readPolicy(String(row.text));
    return read?.ok ? read.value.document.rules.find((rule) => rule.name === name) : undefined;
  }

  /** `after`: the version it was written against; undefined when another came first. The text has been parsed by the caller. */
  apply(text: string, by: string, after: number, now: number): PolicyInForce | undefined {
    if ((this.current()?.version ?? 0) !== after) return undefined;
    const before = this.current()?.document.rules ?? [];
    this.#sql.exec(
      'INSERT INTO policies (version, text, applied_at, applied_by) VALUES (?, ?, ?, ?)',
      after + 1,
      text,
      new Date(now).toISOString(),
      by,
    );
    const read = readPolicy(text);
    if (read.ok) this.#keepBound(before, read.value.document.rules);
    this.#inForce = undefined;
    return this.current();
  }
}
