// Grants that ended: what is left of them, for how long, and how many at most. What was done under one stays in the audit log, and whose a
// session was in the witness.

const DAY_MS = 86_400_000;
/** Nothing is left to check a secret against. */
const KEYS_KEPT_MS = 2 * DAY_MS;
/** A session that a connector reports late is checked against its grant. */
const KEPT_MS = 400 * DAY_MS;
/** Some 0.7 KB each, with indexes; beyond it those that ended first go first. */
const MOST_ENDED = 3_000_000;
/** In one run; what is left goes in the next, so that sessions are opened meanwhile. */
const FREED_AT_ONCE = 5_000;

/** true: there is more to free. `most`: of those whose keys are gone already. */
export function freeEndedGrants(sql: SqlStorage, now: number, most = MOST_ENDED): boolean {
  const blanked = sql.exec(
    `UPDATE grants SET stored_key = '', server_key = '' WHERE id IN (
       SELECT id FROM grants WHERE until_ms < ? AND stored_key <> '' LIMIT ?)`,
    now - KEYS_KEPT_MS,
    FREED_AT_ONCE,
  );
  const row = sql
    .exec(
      'SELECT until_ms FROM grants WHERE until_ms < ? ORDER BY until_ms DESC LIMIT 1 OFFSET ?',
      now - KEYS_KEPT_MS,
      most,
    )
    .toArray()[0];
  const until = Math.max(now - KEPT_MS, row === undefined ? 0 : Number(row.until_ms) + 1);
  const freed = sql.exec(
    // A session is closed an hour after its grant's end: none is left without its own.
    `DELETE FROM grants WHERE id IN (
       SELECT id FROM grants WHERE until_ms < ? AND id NOT IN (SELECT grant_id FROM sessions) ORDER BY until_ms LIMIT ?)
       RETURNING 1`,
    until,
    FREED_AT_ONCE,
  );
  return freed.toArray().length === FREED_AT_ONCE || blanked.rowsWritten >= FREED_AT_ONCE;
}
