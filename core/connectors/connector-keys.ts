// The keys of a connector over time, as the edge knows them: the one that it has, those that it had before, and since when none
// of them is good any more. The edge signs the list as a note (c2sp.org/signed-note), so that whoever keeps it, a table that more
// than the edge can write to, cannot change it.
//
//   gatehouse connector keys v1
//   con_01...                                the connector
//   3                                        counts up with each change
//   2026-11-30T10:00:00.000Z                 when it was revoked, or -
//   KEY FROM REPLACED                        a key in base64url, since when, until when or -; oldest first

import { z } from 'zod';
import { ConnectorId } from '../ids.ts';

/** The note's first line. */
export const KEYS_TITLE = 'gatehouse connector keys v1';
/** Some 110 bytes each, in a note of at most 64 KiB. */
export const MAX_KEYS_OF_A_CONNECTOR = 400;
/** Clocks of connectors are off by a little, and a manifest may be on its way to its signature while the key changes. */
const REPLACED_MARGIN_MS = 10 * 60_000;

/** Raw Ed25519 public key, base64url. */
export const ConnectorPublicKey = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'expected 32 bytes in base64url');

export const ConnectorKey = z.object({
  key: ConnectorPublicKey,
  from: z.iso.datetime(),
  /** When another took its place: what was sealed before is still proven by it. Missing: it is the connector's own. */
  replaced: z.iso.datetime().optional(),
});
export type ConnectorKey = z.infer<typeof ConnectorKey>;

export const ConnectorKeys = z.object({
  connector: ConnectorId,
  version: z.number().int().min(1),
  /** None of the keys is good for anything that was sealed after. */
  revoked: z.iso.datetime().optional(),
  keys: z.array(ConnectorKey).min(1).max(MAX_KEYS_OF_A_CONNECTOR),
});
export type ConnectorKeys = z.infer<typeof ConnectorKeys>;

export function keysText({ connector, version, revoked, keys }: ConnectorKeys): string {
  const lines = keys.map(({ key, from, replaced }) => `${key} ${from} ${replaced ?? '-'}`);
  return [KEYS_TITLE, connector, version, revoked ?? '-', ...lines, ''].join('\n');
}

/** What a signature is judged by. */
interface SealedWith {
  /** Base64url. */
  readonly key: string;
  /** As the connector says. */
  readonly endedAt: string;
  /** As somebody says who is not the connector: the edge's witness, the object store. undefined: nobody knows. */
  readonly sealedAt: string | undefined;
}

type KeyVerdict =
  | { readonly kind: 'good'; readonly words: string }
  | { readonly kind: 'key_unknown' | 'key_replaced' | 'key_revoked'; readonly words: string };

/** What a manifest that this key signed is worth, as the end of a sentence about it. */
export function judgeKey(
  { revoked, keys }: Pick<ConnectorKeys, 'revoked' | 'keys'>,
  { key, endedAt, sealedAt }: SealedWith,
): KeyVerdict {
  const known = keys.find((one) => one.key === key);
  if (!known) return { kind: 'key_unknown', words: 'is signed with a key that is not the connector’s registered key' };
  if (revoked !== undefined && (sealedAt === undefined || Date.parse(sealedAt) > Date.parse(revoked))) {
    const when = sealedAt === undefined ? 'nobody witnessed it before' : `it was sealed at ${sealedAt}`;
    return { kind: 'key_revoked', words: `is signed with a key that was revoked at ${revoked}, and ${when}` };
  }
  if (known.replaced !== undefined && Date.parse(endedAt) > Date.parse(known.replaced) + REPLACED_MARGIN_MS)
    return {
      kind: 'key_replaced',
      words: `is signed with a key that was replaced at ${known.replaced}, and its session ended at ${endedAt}`,
    };
  if (revoked !== undefined)
    return {
      kind: 'good',
      words: `is signed with a key of the connector, which was revoked at ${revoked}: it was sealed before, at ${sealedAt}`,
    };
  return known.replaced === undefined
    ? { kind: 'good', words: 'is signed with the connector’s registered key' }
    : {
        kind: 'good',
        words: `is signed with a registered key of the connector, which was replaced at ${known.replaced}`,
      };
}
