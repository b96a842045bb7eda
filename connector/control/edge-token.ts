// How the connector shows the edge who it is: a JWT signed with its own key, good for a minute, made
// anew for every request (RFC 7519; EdDSA as in RFC 8037).

import { SignJWT } from 'jose';
import type { KeyObject } from 'node:crypto';
import { randomUUID } from 'node:crypto';
import type { ConnectorId } from '../../core/ids.ts';

/** The edge refuses tokens that live longer. */
const LIFETIME_SECONDS = 60;

/** Makes the value of an `Authorization` header. It goes nowhere else: not into a URL, not into a log. */
export type AuthorizeRequest = () => Promise<string>;

export function createAuthorizer(input: {
  readonly connector: ConnectorId;
  /** As it is when something is asked: it may change. */
  readonly privateKey: KeyObject | (() => KeyObject);
  /** The edge's origin. */
  readonly edge: string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}): AuthorizeRequest {
  const now = input.now ?? Date.now;
  const { privateKey } = input;
  const keyNow = () => (typeof privateKey === 'function' ? privateKey() : privateKey);
  return async () => {
    const issuedAt = Math.floor(now() / 1000);
    const token = await new SignJWT()
      .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT' })
      .setIssuer(input.connector)
      .setSubject(input.connector)
      .setAudience(input.edge)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + LIFETIME_SECONDS)
      .setJti(randomUUID())
      .sign(keyNow());
    return `Bearer ${token}`;
  };
}
