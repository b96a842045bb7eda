// The plans of results, each made once for what it hangs on.

import type { Origin } from '../../../../core/masking/columns.ts';
import type { Masks } from '../../../../core/masking/masks.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { ResultKnowledge } from './result-knowledge.ts';
import { planFields, type ResultPlan, withOrigin } from '../values/result-plan.ts';
import type { ResultField } from '../wire/row-description.ts';
import type { Format } from '../wire/types.ts';

export class ResultPlans {
  readonly #masks: () => Masks;
  /** For the result at hand. */
  readonly #catalogue: () => Catalogue | undefined;
  readonly #known = new WeakMap<
    readonly ResultField[],
    { facts: ResultKnowledge; masks: Masks; formats: string; plan: ResultPlan | undefined }
  >();

  constructor(masks: () => Masks, catalogue: () => Catalogue | undefined) {
    this.#masks = masks;
    this.#catalogue = catalogue;
  }

  /** `exact`: the fields were described for this very result, and not for an earlier one of the same text. */
  of(
    fields: readonly ResultField[],
    facts: ResultKnowledge,
    formats: readonly Format[] | undefined,
    exact: boolean,
  ): ResultPlan | undefined {
    const masks = this.#masks();
    // One description serves many statements: what it proves, and in which formats, is part of the question.
    const asked = `${exact} ${formats?.join() ?? 'as described'}`;
    const known = this.#known.get(fields);
    if (known && known.facts === facts && known.masks === masks && known.formats === asked) return known.plan;
    const lineage = facts.lineage(fields.length);
    // An earlier description may be of another table of that name: it proves nothing by itself.
    const counted = exact
      ? fields
      : fields.map((field, index) => ((lineage?.[index] ?? 'unknown') === 'unknown' ? { ...field, table: 0 } : field));
    const resolve = (table: number, attribute: number) => this.#origin(table, attribute, facts, lineage !== undefined);
    const surest = exact ? lineage?.map((one, index) => withOrigin(one, fields[index], resolve)) : lineage;
    const { touched, explained, why, namesZone } = facts;
    const types = facts.types(fields.length);
    const about = {
      lineage: surest,
      touched,
      explained,
      why,
      types,
      formats,
      namesZone,
      // Asked for where a column is masked.
      get shaped() {
        return facts.shaped;
      },
    };
    const plan = planFields(masks, counted, about, resolve);
    // What is withheld is told each time.
    if (!plan?.refused) this.#known.set(fields, { facts, masks, formats: asked, plan });
    return plan;
  }

  #origin(table: number, attribute: number, facts: ResultKnowledge, followed: boolean): Origin | undefined {
    if (!facts.originsCount) return undefined;
    const catalogue = this.#catalogue();
    const origin = catalogue?.origin(table, attribute);
    // Of what cannot be followed, a view may have been made anew within the transaction.
    const view = 'vm'.includes(catalogue?.relation(table)?.kind ?? 'v');
    return origin && view && !followed ? { ...origin, bases: 'unknown' } : origin;
  }
}
