// Whose the pseudonyms of the audit log are. Beside the log and no part of its chain, so that a name can be erased and nothing of the
// log changes.

import { mayBeAddress } from '../../../core/audit/addresses.ts';
import { newId } from '../../../core/ids.ts';

export const PERSON_NAMES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS names (
    pseudonym TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    address TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS names_address ON names (address);
`;

/** A page has up to 500 entries of a few names. */
const A_QUERY = 100;

export class PersonNames {
  readonly #sql: SqlStorage;
  /** Given out, and stored with the entries that have them. */
  readonly #fresh = new Map<string, { readonly pseudonym: string; readonly address: string }>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The same at every time, until it is erased. A new one is random: nothing of the name is in it. */
  pseudonymOf(name: string, address: string): string {
    const known = this.#row(name) ?? this.#fresh.get(name);
    const pseudonym = known?.pseudonym ?? newId('per');
    // A subject's address may be another than when it came first.
    if (known?.address !== address) this.#fresh.set(name, { pseudonym, address });
    return pseudonym;
  }

  /** In the transaction that writes the entries. */
  keep(): void {
    for (const [name, { pseudonym, address }] of this.#fresh)
      this.#sql.exec(
        'INSERT INTO names (pseudonym, name, address) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET address = excluded.address',
        pseudonym,
        name,
        address,
      );
    this.#fresh.clear();
  }

  isKnown(name: string): boolean {
    return this.#fresh.has(name) || this.#row(name) !== undefined;
  }

  find(name: string): string | undefined {
    return this.#row(name)?.pseudonym;
  }

  of(pseudonyms: readonly string[]): Record<string, string> {
    const wanted = [...new Set(pseudonyms)];
    const names: Record<string, string> = {};
    for (let at = 0; at < wanted.length; at += A_QUERY) {
      const some = wanted.slice(at, at + A_QUERY);
      const rows = this.#sql.exec(
        `SELECT pseudonym, name FROM names WHERE pseudonym IN (${some.map(() => '?').join(', ')})`,
        ...some,
      );
      for (const { pseudonym, name } of rows) names[String(pseudonym)] = String(name);
    }
    return names;
  }

  #row(name: string): { pseudonym: string; address: string } | undefined {
    const row = this.#sql.exec('SELECT pseudonym, address FROM names WHERE name = ?', name).toArray()[0];
    return row && { pseudonym: String(row.pseudonym), address: String(row.address) };
  }

  /**
   * All that belong to the address, and what may name the same person: what was taken for an address and has theirs in it. Not the name
   * of somebody who acted: that is a person of their own.
   */
  erase(address: string, hasActed: (pseudonym: string) => boolean): void {
    this.#sql.exec('DELETE FROM names WHERE address = ?', address);
    const domain = address.slice(address.lastIndexOf('@'));
    const rows = this.#sql.exec('SELECT pseudonym, name FROM names WHERE instr(name, ?) > 0', domain).toArray();
    for (const { pseudonym, name } of rows)
      if (mayBeAddress(String(name), address) && !hasActed(String(pseudonym)))
        this.#sql.exec('DELETE FROM names WHERE pseudonym = ?', pseudonym);
  }
}
