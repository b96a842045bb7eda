// Answers that no rule touches, recognised before they are taken apart: one whole answer to one statement,
// described as it was when it was found that nothing of it is masked. It passes as it came.

import type { Masks } from '../../../../core/masking/masks.ts';
import { HEADER_BYTES } from '../wire/framing.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { StatementReading } from '../catalogue/statement-reading.ts';

const ROW_DESCRIPTION = 0x54;
const DATA_ROW = 0x44;
const READY = 0x5a;
/** ParseComplete, BindComplete, NoData, CommandComplete, EmptyQueryResponse: they hold nothing of the data. */
const HARMLESS = new Set([...'12nCI'].map((letter) => letter.charCodeAt(0)));

export class UntouchedAnswers {
  readonly #known = new WeakMap<
    StatementReading,
    { readonly masks: Masks; readonly catalogue: Catalogue | undefined; readonly description: Buffer }
  >();

  /** `description`: body of the RowDescription under which no column is touched. Kept. */
  learn(statement: StatementReading, masks: Masks, catalogue: Catalogue | undefined, description: Buffer): void {
    this.#known.set(statement, { masks, catalogue, description });
  }

  /** Whether the chunk is the whole answer, and none of it can be touched. */
  covers(chunk: Buffer, statement: StatementReading, masks: Masks, catalogue: Catalogue | undefined): boolean {
    const known = this.#known.get(statement);
    const holds = known?.masks === masks && known.catalogue === catalogue;
    let described = false;
    const size = chunk.length;
    for (let at = 0; at + HEADER_BYTES <= size; ) {
      const type = chunk[at];
      const end = at + 1 + chunk.readInt32BE(at + 1);
      if (end < at + HEADER_BYTES || end > size) return false;
      if (type === DATA_ROW) {
        if (!described) return false;
      } else if (type === ROW_DESCRIPTION) {
        if (!holds || described || known.description.compare(chunk, at + HEADER_BYTES, end) !== 0) return false;
        described = true;
      } else if (type === READY) return end === size;
      else if (!HARMLESS.has(type as number)) return false;
      at = end;
    }
    return false;
  }
}
