// RowDescriptions by their bytes: the same statement is described the same way again and again. One object
// for equal ones, so that what was planned for it is found again.

import { readRowDescription, type ResultField } from './row-description.ts';

const MAX_KEPT = 100;
/** A longer one is read each time. */
const MAX_KEPT_BYTES = 4 * 1024;

export class Descriptions {
  readonly #kept = new Map<string, readonly ResultField[]>();
  readonly #bodies = new WeakMap<readonly ResultField[], Buffer>();

  /** Undefined: it is malformed. */
  read(body: Buffer): readonly ResultField[] | undefined {
    if (body.length > MAX_KEPT_BYTES) return readRowDescription(body);
    const key = body.toString('latin1');
    const known = this.#kept.get(key);
    if (known) return known;
    const fields = readRowDescription(body);
    if (!fields) return undefined;
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    this.#kept.set(key, fields);
    this.#bodies.set(fields, Buffer.from(body));
    return fields;
  }

  /** What `fields` were read from; undefined for a longer one. */
  bodyOf(fields: readonly ResultField[]): Buffer | undefined {
    return this.#bodies.get(fields);
  }
}
