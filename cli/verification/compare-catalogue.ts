// What the catalogue's row says of a session that was proven from its objects. The row is an index, in a table that more
// than its writer may change: what it says wrongly sends people past a recording, so it is a fault of its own.

import type { CatalogueWord } from '../../core/catalogue.ts';
import type { VerifyFault } from '../../core/recording/verify-faults.ts';

/** The indexer seals within seconds of a manifest; a queue that is behind takes longer. */
const SEALED_WITHIN_MS = 15 * 60_000;

interface Standing {
  readonly purged: boolean;
  readonly ended: string | undefined;
  readonly proven: boolean;
  readonly now: number;
  /** As the recording tells it; undefined: not counted. */
  readonly failedCommands: number | undefined;
}

interface Compared {
  readonly faults: readonly VerifyFault[];
  readonly proofs: readonly string[];
  readonly notCompared: readonly string[];
}

/** `purged`: the edge witnessed that nothing of it is stored any more. `ended`: when the edge witnessed the manifest; undefined: it runs, or nothing of it is stored. `proven`: whether the recording is. */
export function compareCatalogue(
  word: CatalogueWord | undefined,
  { purged, ended, proven, now, failedCommands }: Standing,
): Compared {
  const found: Compared = { faults: [], proofs: [], notCompared: [] };
  if (!word)
    return { ...found, notCompared: ['the catalogue’s row: this edge does not tell, or the functions do not answer'] };
  const faulty = (message: string): Compared => ({
    ...found,
    faults: [{ object: 'catalogue', reason: 'catalogue_differs', message }],
  });
  if (purged) return word.listed ? faulty('its row lists a session that was purged') : found;
  if (word.contradicted.includes('row')) return faulty('its row is none that an indexer wrote');
  if (word.contradicted.length > 0)
    return faulty(`its row tells ${word.contradicted.join(', ')} otherwise than the recording and the edge`);
  if (ended === undefined) return found;
  const isLate = now - Date.parse(ended) > SEALED_WITHIN_MS;
  if (word.state === 'broken' && proven)
    return faulty(`its row says that the recording is broken, and it is not: ${word.fault ?? 'no reason'}`);
  // The row alone says it to lists. One of an earlier release, or that is not counted through, says nothing.
  if (proven && failedCommands !== undefined && (word.failedCommands ?? failedCommands) !== failedCommands)
    return faulty(`its row has ${word.failedCommands} failed commands, and the recording ${failedCommands}`);
  if (word.state === 'sealed' || word.state === 'broken')
    return { ...found, proofs: ['the catalogue’s row tells the same of it'] };
  if (!isLate) return { ...found, notCompared: ['the catalogue’s row: the indexer is not through with it yet'] };
  return faulty(
    word.listed ? `its row has it as ${word.state}, not as sealed` : 'it has no row: no list shows the session',
  );
}
