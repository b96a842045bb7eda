// A frame of kind `fact`, read as the fact that it is.

import { EarlierFact, FACT_KINDS, Fact, hasEarlierForm } from '../../core/recording/facts/fact.ts';
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
  const earlier = frame.format === 1;
  if (!earlier && hasEarlierForm(json))
    throw new FactDamage(`frame ${frame.sequence} has a fact of format version 1 in a segment of a later one`);
  const parsed = (earlier ? EarlierFact : Fact).safeParse(json);
  if (parsed.success) {
    const { data } = parsed;
    if ((data.kind === 'lane.opened' || data.kind === 'lane.closed') && data.lane !== frame.lane)
      throw new FactDamage(`frame ${frame.sequence} of lane ${frame.lane} tells of lane ${data.lane}`);
    return data;
  }
  const kind = typeof json === 'object' && json !== null && 'kind' in json ? json.kind : undefined;
  if (typeof kind === 'string' && !FACT_KINDS.has(kind)) return undefined;
  throw new FactDamage(`frame ${frame.sequence} is not a sound fact`);
}
