// Masks for tests: rules as an author writes them, a fixed key, incidents kept.

import { createKeyedHash } from '../../connector/masking/keyed-hash.ts';
import { secret } from '../../core/secret.ts';
import { Masks } from '../../core/masking/masks.ts';
import type { Incident } from '../../core/masking/masked.ts';
import type { KeyedHash } from '../../core/masking/ways.ts';
import { MaskEntry } from '../../core/masking/mask-entry.ts';

export const keyedHash: KeyedHash = createKeyedHash(secret(Buffer.from('a key of this test')));

export const throwingHash: KeyedHash = () => {
  throw new Error('the key is gone');
};

export function masksOf(
  entries: readonly unknown[],
  hash: KeyedHash = keyedHash,
): { masks: Masks; incidents: Incident[] } {
  const incidents: Incident[] = [];
  const masks = new Masks([{ name: 'r', mask: entries.map((entry) => MaskEntry.parse(entry)) }], {
    keyedHash: hash,
    incidents: (incident) => incidents.push(incident),
  });
  return { masks, incidents };
}
