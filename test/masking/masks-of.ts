// Masks for tests: rules as an author writes them, a fixed key, incidents kept.

import { createHmac } from 'node:crypto';
import { Masks } from '../../core/masking/masks.ts';
import type { Incident } from '../../core/masking/masked.ts';
import type { KeyedHash } from '../../core/masking/ways.ts';
import { MaskEntry } from '../../core/policy/masks.ts';

export const keyedHash: KeyedHash = (value) => createHmac('sha256', 'a key of this test').update(value).digest();

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
