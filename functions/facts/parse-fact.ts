// A frame of kind `fact`, read as the fact that it is.

import { FACT_KINDS, Fact } from '../../core/recording/facts/fact.ts';
import type { Frame } from '../../core/recording/frame.ts';

/** A fact is none, or stands where it cannot: what its segment says is not to be believed. */
export class FactDamage extends Error {}

/** undefined for a kind that this reader does not know: a newer connector's, and its bytes are recorded all the same. Throws FactDamage. */
export function parseFact(frame: Frame): Fact | undefined {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(frame.body));
  } catch {
    throw new FactDamage(`frame ${frame.sequence} is not JSON`);
  }
  const parsed = Fact.safeParse(json);
  if (parsed.success) return parsed.data;
  const kind = typeof json === 'object' && json !== null && 'kind' in json ? json.kind : undefined;
  if (typeof kind === 'string' && !FACT_KINDS.has(kind)) return undefined;
  throw new FactDamage(`frame ${frame.sequence} is not a sound fact`);
}
