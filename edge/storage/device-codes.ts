// Device logins under way (RFC 8628) and the API tokens they end in, both stored hashed; and sign-ins by the browser, which
// are asked for by a connector for one resource, end in no token, and are of no use to anybody else.

import { Identity } from '../../core/identity.ts';
import type { ConnectorId } from '../../core/ids.ts';
import { ResourceName } from '../../core/resource.ts';
import type { WaitingDevice } from '../gatehouse.ts';
import type { DevicePoll, StartedDevice } from '../ports/directory.ts';
import { renewSignIns } from './people/regroup.ts';
import { signedInUntilMs } from './browser-sessions.ts';

export const DEVICE_CODE_MS = 10 * 60_000;
/** Somebody sits before both screens. */
const SIGN_IN_MS = 2 * 60_000;
/** From when it was confirmed: a grant may take somebody else's approval. */
const GRANT_WITHIN_MS = 10 * 60_000;
export const DEVICE_INTERVAL_SECONDS = 2;
export const API_TOKEN_MS = 12 * 3_600_000;

export const DEVICE_CODES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS device_codes (
    hash TEXT PRIMARY KEY,
    user_code TEXT NOT NULL UNIQUE,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    requested_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    interval_ms INTEGER NOT NULL,
    polled_ms INTEGER,
    state TEXT NOT NULL,
    identity TEXT,
    connector TEXT,
    resource TEXT
  );
  CREATE TABLE IF NOT EXISTS api_tokens (
    hash TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    expires_ms INTEGER NOT NULL
  );
`;

/** No vowels and nothing that is read as something else (RFC 8628, section 6.1). */
const USER_CODE_ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ';

/** 8 of 20 characters: 34 bits, which at the allowed rate of guesses within ten minutes is out of reach. */
export function newUserCode(random: (count: number) => Uint8Array): string {
  let code = '';
  while (code.length < 8) {
    // 240 is the largest multiple of 20 in a byte: above it some letters would come more often.
    for (const byte of random(16)) if (byte < 240 && code.length < 8) code += USER_CODE_ALPHABET.charAt(byte % 20);
  }
  return `${code.slice(0, 4)}-${code.slice(4)}`;
}

/** As people type it: any case, blanks or dashes anywhere. undefined: cannot be one. */
export function readUserCode(typed: string): string | undefined {
  const letters = typed
    .slice(0, 64)
    .toUpperCase()
    .replace(/[\s\p{Pd}]/gu, '');
  return new RegExp(`^[${USER_CODE_ALPHABET}]{8}$`).test(letters)
    ? `${letters.slice(0, 4)}-${letters.slice(4)}`
    : undefined;
}

export class DeviceCodes {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    const columns = sql.exec('PRAGMA table_info(device_codes)').toArray();
    for (const added of ['connector', 'resource'])
      if (!columns.some(({ name }) => name === added)) sql.exec(`ALTER TABLE device_codes ADD COLUMN ${added} TEXT`);
  }

  /** false: the user code is in use; make another. */
  start(code: StartedDevice, now: number): boolean {
    const taken = this.#sql.exec('SELECT 1 FROM device_codes WHERE user_code = ?', code.userCode).toArray().length > 0;
    if (taken) return false;
    this.#sql.exec(
      `INSERT INTO device_codes (hash, user_code, address, user_agent, requested_ms, expires_ms, interval_ms, state, connector, resource)
         VALUES (?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?)`,
      code.hash,
      code.userCode,
      code.address,
      code.userAgent,
      now,
      now + (code.signIn ? SIGN_IN_MS : DEVICE_CODE_MS),
      DEVICE_INTERVAL_SECONDS * 1000,
      code.signIn?.connector ?? null,
      code.signIn?.resource ?? null,
    );
    return true;
  }

  poll(hash: string, now: number): DevicePoll {
    const row = this.#sql.exec('SELECT * FROM device_codes WHERE hash = ? AND connector IS NULL', hash).toArray()[0];
    if (!row || Number(row.expires_ms) <= now) return { kind: 'expired' };
    if (row.state === 'denied') return { kind: 'denied' };
    if (row.state === 'approved')
      return { kind: 'approved', identity: Identity.parse(JSON.parse(String(row.identity))) };
    const tooSoon = row.polled_ms !== null && Number(row.polled_ms) + Number(row.interval_ms) > now + 100;
    this.#sql.exec(
      'UPDATE device_codes SET polled_ms = ?, interval_ms = interval_ms + ? WHERE hash = ?',
      now,
      tooSoon ? 5000 : 0,
      hash,
    );
    return { kind: tooSoon ? 'slow_down' : 'pending' };
  }

  /** Trades an approved code for a token, once. */
  redeem(hash: string, tokenHash: string, now: number): boolean {
    const row = this.#sql
      .exec(
        `DELETE FROM device_codes
           WHERE hash = ? AND connector IS NULL AND state = 'approved' AND expires_ms > ? RETURNING identity`,
        hash,
        now,
      )
      .toArray()[0];
    if (!row) return false;
    const until = signedInUntilMs(Identity.parse(JSON.parse(String(row.identity))));
    if (until <= now) return false;
    this.#sql.exec(
      'INSERT INTO api_tokens (hash, identity, expires_ms) VALUES (?, ?, ?)',
      tokenHash,
      row.identity ?? null,
      Math.min(now + API_TOKEN_MS, until),
    );
    return true;
  }

  /** By the connector that asked, and no other. */
  signIn(hash: string, connector: ConnectorId, now: number): DevicePoll & { readonly resource?: ResourceName } {
    const row = this.#sql
      .exec('SELECT * FROM device_codes WHERE hash = ? AND connector = ? AND expires_ms > ?', hash, connector, now)
      .toArray()[0];
    if (!row) return { kind: 'expired' };
    const resource = ResourceName.parse(row.resource);
    if (row.state === 'approved')
      return { kind: 'approved', identity: Identity.parse(JSON.parse(String(row.identity))), resource };
    return { kind: row.state === 'denied' ? 'denied' : 'pending', resource };
  }

  /** It is over: true for one caller alone. */
  endSignIn(hash: string, connector: ConnectorId): boolean {
    return (
      this.#sql
        .exec('DELETE FROM device_codes WHERE hash = ? AND connector = ? RETURNING hash', hash, connector)
        .toArray().length > 0
    );
  }

  describe(userCode: string, now: number): WaitingDevice | undefined {
    const row = this.#sql
      .exec(`SELECT * FROM device_codes WHERE user_code = ? AND expires_ms > ? AND state = 'pending'`, userCode, now)
      .toArray()[0];
    return (
      row && {
        userCode,
        address: String(row.address),
        userAgent: String(row.user_agent),
        requestedAt: new Date(Number(row.requested_ms)).toISOString(),
        expiresAt: new Date(Number(row.expires_ms)).toISOString(),
        ...(row.resource !== null && { resource: ResourceName.parse(row.resource) }),
      }
    );
  }

  /** `identity` undefined: denied. false: nothing of that code waits. */
  decide(userCode: string, identity: Identity | undefined, now: number): boolean {
    const changed = this.#sql.exec(
      `UPDATE device_codes SET state = ?, identity = ?,
           expires_ms = CASE WHEN connector IS NULL THEN expires_ms ELSE ? END
         WHERE user_code = ? AND expires_ms > ? AND state = 'pending'`,
      identity ? 'approved' : 'denied',
      identity ? JSON.stringify(identity) : null,
      now + GRANT_WITHIN_MS,
      userCode,
      now,
    );
    return changed.rowsWritten > 0;
  }

  token(hash: string, now: number): Identity | undefined {
    const row = this.#sql.exec('SELECT identity, expires_ms FROM api_tokens WHERE hash = ?', hash).toArray()[0];
    return row && Number(row.expires_ms) > now ? Identity.parse(JSON.parse(String(row.identity))) : undefined;
  }

  /** As in browser sessions: tokens act with the groups of their person's last sign-in. */
  renew(identity: Identity): void {
    for (const table of ['api_tokens', 'device_codes'] as const) renewSignIns(this.#sql, table, identity);
  }

  /** Answers with how many tokens there were. */
  forget(email: string): number {
    this.#sql.exec("DELETE FROM device_codes WHERE identity ->> 'email' = ?", email);
    const ended = this.#sql.exec("DELETE FROM api_tokens WHERE identity ->> 'email' = ? RETURNING hash", email);
    return ended.toArray().length;
  }

  revokeToken(hash: string): void {
    this.#sql.exec('DELETE FROM api_tokens WHERE hash = ?', hash);
  }

  cleanUp(now: number): void {
    this.#sql.exec('DELETE FROM device_codes WHERE expires_ms <= ?', now);
    this.#sql.exec('DELETE FROM api_tokens WHERE expires_ms <= ?', now);
  }
}
