// Values that reach a column of a returned row beside its own: what the statement assigns to it, and what a BEFORE
// trigger or a default of the database's own puts there. RETURNING would give them out under the column's name.

import type { BaseColumn, Lineage } from '../../../../core/masking/columns.ts';
import type { Assignment } from '../../../../core/sql/lineage.ts';
import type { Catalogue } from './catalogue.ts';
import type { Relation } from './catalogue-contents.ts';

export class RowFlows {
  readonly #catalogue: Catalogue;
  readonly #assigned: readonly Assignment[];
  readonly #relations: readonly Relation[];
  readonly #known = new Map<string, Lineage>();

  /** `relations`: those that the statement may write. */
  constructor(catalogue: Catalogue, assigned: readonly Assignment[], relations: readonly Relation[]) {
    this.#catalogue = catalogue;
    this.#assigned = assigned;
    this.#relations = relations.filter(({ codeOfRows }) => codeOfRows.length > 0);
  }

  /** No column holds anything but what it held. */
  get none(): boolean {
    return this.#assigned.length === 0 && this.#relations.length === 0;
  }

  /** With all that may have come into its columns on the way. */
  into(lineage: Lineage): Lineage {
    if (this.none || lineage === 'unknown') return lineage;
    const found = new Map(lineage.map((base) => [keyOf(base), base]));
    for (const base of found.values()) {
      const more = this.#intoColumn(base);
      if (more === 'unknown') return 'unknown';
      for (const one of more) if (!found.has(keyOf(one))) found.set(keyOf(one), one);
    }
    return found.size === lineage.length ? lineage : [...found.values()];
  }

  #intoColumn(base: BaseColumn): Lineage {
    const known = this.#known.get(keyOf(base));
    if (known) return known;
    const sets: Lineage[] = [];
    for (const one of this.#assigned) if (this.#isFor(one, base)) sets.push(this.#catalogue.expand(one.sources));
    for (const relation of this.#relations) {
      if (relation.name !== base.table || (base.schema !== undefined && relation.schema !== base.schema)) continue;
      const { sets: columns, from } = this.#catalogue.rowCode(relation);
      if (columns === undefined || columns.has(base.column.toLowerCase())) sets.push(from);
    }
    const all: Lineage = sets.includes('unknown') ? 'unknown' : sets.flatMap((one) => (one === 'unknown' ? [] : one));
    this.#known.set(keyOf(base), all);
    return all;
  }

  #isFor({ schema, table, column }: Assignment, base: BaseColumn): boolean {
    if (table !== base.table || (schema !== undefined && base.schema !== undefined && schema !== base.schema))
      return false;
    if (column === undefined || column === base.column) return true;
    if (typeof column === 'string') return false;
    // By place: where the name means several tables that differ, any.
    const names = this.#catalogue.columnsOf({ schema, table });
    return names === undefined || names[column] === base.column;
  }
}

const keyOf = ({ schema, table, column }: BaseColumn): string => `${schema}\0${table}\0${column}`;
