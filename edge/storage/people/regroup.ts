// What changes of somebody while they are signed in: in every sign-in of theirs, so that the next thing they ask is judged by it.

import { Identity } from '../../../core/identity.ts';

const TABLES = ['browser_sessions', 'api_tokens', 'device_codes', 'people'] as const;

/** `groups`: by address, each beginning with `prefix`; they take the place of all others that do. */
export function regroup(sql: SqlStorage, prefix: string, groups: Readonly<Record<string, readonly string[]>>): void {
  for (const table of TABLES) {
    // One pass, whoever changed: there are fewer sign-ins than people.
    const rows = sql.exec(`SELECT rowid AS row, identity FROM ${table} WHERE identity IS NOT NULL`).toArray();
    for (const { row, identity: text } of rows) {
      const identity = Identity.parse(JSON.parse(String(text)));
      const now = Object.hasOwn(groups, identity.email) ? groups[identity.email] : undefined;
      if (!now) continue;
      const kept = identity.groups.filter((group) => !group.startsWith(prefix));
      const changed = JSON.stringify({ ...identity, groups: [...kept, ...now] });
      sql.exec(`UPDATE ${table} SET identity = ? WHERE rowid = ?`, changed, row ?? null);
    }
  }
}

/**
 * What the provider says now of somebody. How and when they signed in stays each sign-in's own: nobody else who holds one of them showed
 * those credentials.
 */
export function renewSignIns(sql: SqlStorage, table: (typeof TABLES)[number], identity: Identity): void {
  const rows = sql
    .exec(`SELECT rowid AS row, identity FROM ${table} WHERE identity ->> 'subject' = ?`, identity.subject)
    .toArray();
  const { authenticatedAt: _at, authTimeAssumed: _assumed, acr: _acr, amr: _amr, ...renewed } = identity;
  for (const { row, identity: text } of rows) {
    const { authenticatedAt, authTimeAssumed, acr, amr } = Identity.parse(JSON.parse(String(text)));
    const own = {
      authenticatedAt,
      ...(authTimeAssumed && { authTimeAssumed }),
      ...(acr && { acr }),
      ...(amr && { amr }),
    };
    sql.exec(`UPDATE ${table} SET identity = ? WHERE rowid = ?`, JSON.stringify({ ...renewed, ...own }), row ?? null);
  }
}
