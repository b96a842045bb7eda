// Names that the catalogue did not have: each is asked for once in a while, not with every result.

import type { Catalogue } from '../catalogue/catalogue.ts';
import { unknownNames } from './result-knowledge.ts';
import type { ResultField } from '../wire/row-description.ts';
import type { StatementReading } from '../catalogue/statement-reading.ts';

/** A name that was not there is asked for again after this. */
const ASK_AGAIN_MS = 1_000;
const MAX_ASKED = 1_000;

export class AskedNames {
  readonly #asked = new Map<string, number>();
  /** Descriptions that nothing is missing for, with what that was asked of. */
  readonly #complete = new WeakMap<
    readonly ResultField[],
    { readonly catalogue: Catalogue; readonly statement: StatementReading | undefined }
  >();

  /** Whether a catalogue that is read anew may know more of a result. `now`: milliseconds. */
  isWorthIt(
    described: readonly ResultField[],
    statement: StatementReading | undefined,
    catalogue: Catalogue,
    now: number,
  ): boolean {
    const complete = this.#complete.get(described);
    if (complete?.catalogue === catalogue && complete.statement === statement) return false;
    const missing = [
      ...described.flatMap(({ table, attribute }) =>
        table !== 0 && attribute > 0 && !catalogue.origin(table, attribute) ? [`${table}.${attribute}`] : [],
      ),
      ...(statement ? unknownNames(statement, catalogue) : []),
    ];
    if (missing.length === 0) this.#complete.set(described, { catalogue, statement });
    const again = missing.filter((name) => now - (this.#asked.get(name) ?? Number.NEGATIVE_INFINITY) > ASK_AGAIN_MS);
    if (again.length === 0) return false;
    if (this.#asked.size > MAX_ASKED) this.#asked.clear();
    for (const name of again) this.#asked.set(name, now);
    return true;
  }
}
