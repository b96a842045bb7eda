// Identifiers: a prefix that says what it names, and 26 characters of Crockford base32 (48 bits of
// milliseconds, 80 random bits), so that ids of one kind sort by the time they were made.
// Ids are always ours: none is ever taken from a client.

import { z } from 'zod';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

const idSchema = <const P extends string, const B extends string>(prefix: P, _brand: B) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}_[0-9a-hjkmnp-tv-z]{26}$`), `expected an id that begins with ${prefix}_`)
    .brand<B>();

export const SessionId = idSchema('ses', 'SessionId');
export type SessionId = z.infer<typeof SessionId>;
export const GrantId = idSchema('grt', 'GrantId');
export type GrantId = z.infer<typeof GrantId>;
export const RequestId = idSchema('req', 'RequestId');
export type RequestId = z.infer<typeof RequestId>;
export const ConnectorId = idSchema('con', 'ConnectorId');
export type ConnectorId = z.infer<typeof ConnectorId>;
export const HoldId = idSchema('hld', 'HoldId');
export type HoldId = z.infer<typeof HoldId>;
export const HoldSearchId = idSchema('hsr', 'HoldSearchId');
export type HoldSearchId = z.infer<typeof HoldSearchId>;
/** A person in the audit log, whose name stands elsewhere. */
export const PersonId = idSchema('per', 'PersonId');
export type PersonId = z.infer<typeof PersonId>;
export const ShareId = idSchema('shr', 'ShareId');
export type ShareId = z.infer<typeof ShareId>;
export const ScimTokenId = idSchema('sct', 'ScimTokenId');
export type ScimTokenId = z.infer<typeof ScimTokenId>;
export const TunnelId = idSchema('tun', 'TunnelId');
export type TunnelId = z.infer<typeof TunnelId>;

type IdOf = {
  ses: SessionId;
  grt: GrantId;
  req: RequestId;
  con: ConnectorId;
  hld: HoldId;
  hsr: HoldSearchId;
  per: PersonId;
  shr: ShareId;
  tun: TunnelId;
  sct: ScimTokenId;
};

/** Clock and randomness, passed in wherever they matter so that tests can hold them still. */
export interface IdSource {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** `count` fresh random bytes. */
  random(count: number): Uint8Array;
}

export const systemIdSource: IdSource = {
  now: () => Date.now(),
  random: (count) => crypto.getRandomValues(new Uint8Array(count)),
};

/** When it was made, as its maker's clock had it: milliseconds since the Unix epoch. */
export function madeAtMs(id: string): number {
  let time = 0;
  for (const letter of id.slice(4, 14)) time = time * 32 + ALPHABET.indexOf(letter);
  return time;
}

export function newId<P extends keyof IdOf>(prefix: P, source: IdSource = systemIdSource): IdOf[P] {
  let time = source.now();
  const text: string[] = [];
  for (let i = 9; i >= 0; i--) {
    text[i] = ALPHABET.charAt(time % 32);
    time = Math.floor(time / 32);
  }
  // 5 of each byte's 8 bits are used: 16 characters, 80 bits.
  for (const byte of source.random(16)) text.push(ALPHABET.charAt(byte & 31));
  return `${prefix}_${text.join('')}` as IdOf[P];
}
