// The certificate authorities' keys, wrapped: they are of no use without EDGE_SECRET.

import type { SshAuthorityUse, StoredAuthority, StoredSshAuthority } from '../ports/directory.ts';

export const AUTHORITIES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS authority (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    certificate TEXT NOT NULL,
    wrapped_key TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS ssh_authorities (
    use TEXT PRIMARY KEY,
    public_key TEXT NOT NULL,
    wrapped_key TEXT NOT NULL
  );
`;

export class Authorities {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  ofCertificates(): StoredAuthority | undefined {
    const row = this.#sql.exec('SELECT certificate, wrapped_key FROM authority').toArray()[0];
    return row && { certificate: String(row.certificate), wrappedKey: String(row.wrapped_key) };
  }

  keep(made: StoredAuthority): StoredAuthority {
    this.#sql.exec(
      'INSERT OR IGNORE INTO authority (only_one, certificate, wrapped_key) VALUES (1, ?, ?)',
      made.certificate,
      made.wrappedKey,
    );
    return this.ofCertificates() ?? made;
  }

  ofSsh(use: SshAuthorityUse): StoredSshAuthority | undefined {
    const row = this.#sql.exec('SELECT public_key, wrapped_key FROM ssh_authorities WHERE use = ?', use).toArray()[0];
    return row && { publicKey: String(row.public_key), wrappedKey: String(row.wrapped_key) };
  }

  keepSsh(use: SshAuthorityUse, { publicKey, wrappedKey }: StoredSshAuthority): StoredSshAuthority {
    this.#sql.exec(
      'INSERT OR IGNORE INTO ssh_authorities (use, public_key, wrapped_key) VALUES (?, ?, ?)',
      use,
      publicKey,
      wrappedKey,
    );
    return this.ofSsh(use) ?? { publicKey, wrappedKey };
  }
}
