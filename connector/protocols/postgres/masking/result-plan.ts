// What is done with each column of a result, decided once from its description.

import { type ColumnDecision, decideColumn, type Lineage, type Origin } from '../../../../core/masking/columns.ts';
import type { Masks } from '../../../../core/masking/masks.ts';
import { maskText } from '../../../../core/masking/ways.ts';
import type { Way } from '../../../../core/policy/masks.ts';
import { arrayOfOne } from './array-values.ts';
import type { ResultField } from './row-description.ts';
import { maskedValue } from './typed-values.ts';
import { type CellKind, ELEMENTS, type Format, kindOf, TEXT } from './types.ts';

/** Table and attribute of the target's catalogue; undefined: not known (yet). Must say `bases` for what is no ordinary table. */
export type ResolveOrigin = (table: number, attribute: number) => Origin | undefined;

/** What the parse tree says about a statement's result. */
export interface ResultFacts {
  /** By position; missing ones are unknown. Views must have been expanded to their tables' columns. */
  readonly lineage?: readonly Lineage[] | undefined;
  /** Tables that the statement may read, through views and functions too. */
  readonly touched?:
    | readonly { readonly schema?: string | undefined; readonly table: string }[]
    | 'unknown'
    | undefined;
  /** Keys of JSON and lengths of arrays may be data, but for what is stored so. */
  readonly shaped?: boolean | undefined;
  /** Lines of a plan. */
  readonly explained?: boolean | undefined;
  /** Result formats of the Bind, where the description was that of a prepared statement: none, one for all, or each. */
  readonly formats?: readonly Format[] | undefined;
}

export type ColumnPlan =
  /** As it came. */
  | { readonly kind: 'pass' }
  /** A line of a plan, or all of one in JSON: without values. */
  | { readonly kind: 'explained'; readonly type: number; readonly format: Format }
  /** Searched by detectors. */
  | { readonly kind: 'detect'; readonly type: number; readonly format: Format }
  | (Extract<ColumnDecision, { kind: 'mask' }> & {
      readonly type: number;
      readonly format: Format;
      /** What stands for every value of the column, where that does not hang on the value. */
      readonly constant?: Buffer | undefined;
    })
  /** NULL, since nobody knows what is in it. */
  | { readonly kind: 'withhold'; readonly type: number; readonly format: Format };

export interface ResultPlan {
  readonly columns: readonly ColumnPlan[];
  /** For columns beyond those: a row that does not fit its description. */
  readonly beyond: ColumnPlan;
}

const PASS: ColumnPlan = { kind: 'pass' };

/** Of a result that nobody described. */
export const WITHHOLD_ALL: ResultPlan = { columns: [], beyond: { kind: 'withhold', type: 0, format: 'text' } };

/** Undefined: no rule can touch this result, so its rows need not be looked at. */
export function planFields(
  masks: Masks,
  fields: readonly ResultField[],
  facts: ResultFacts,
  resolve: ResolveOrigin,
): ResultPlan | undefined {
  if (!masks.any) return undefined;
  const mayTouch = masks.mayTouch(facts.touched ?? 'unknown');
  const columns = fields.map((field, index): ColumnPlan => {
    const origin = field.table !== 0 && field.attribute > 0 ? resolve(field.table, field.attribute) : undefined;
    const format = formatOf(facts.formats, index) ?? field.format;
    const decision = decideColumn(masks.columnRules, origin, facts.lineage?.[index] ?? 'unknown', mayTouch);
    if (decision.kind === 'mask') {
      const shaped = facts.shaped === true && origin?.stored !== true;
      const constant = constantOf(field.type, format, decision.way, masks, shaped);
      return { ...decision, type: field.type, format, constant };
    }
    // System columns (ctid, tableoid...) have no attribute of their own and no data of the row.
    if (decision.kind === 'withhold' && !(field.table !== 0 && field.attribute < 0)) {
      masks.report({ kind: 'mask.withheld', reason: 'lineage_unknown', column: index + 1 });
      return { kind: 'withhold', type: field.type, format };
    }
    // Its other forms are XML.
    if (facts.explained)
      return [25, 114].includes(field.type) ? { kind: 'explained', type: field.type, format } : WITHHOLD_ALL.beyond;
    return masks.finder && isSearched(field.type, format, masks) ? { kind: 'detect', type: field.type, format } : PASS;
  });
  return columns.every(({ kind }) => kind === 'pass') ? undefined : { columns, beyond: WITHHOLD_ALL.beyond };
}

/** What stands for every value of such a column, where that does not hang on the value. `shaped`: nor may keys and lengths be seen. */
export function constantOf(type: number, format: Format, way: Way, masks: Masks, shaped: boolean): Buffer | undefined {
  if (shaped && way !== 'null' && SHAPED.has(kindOf(type))) return shapeless(type, format, way, masks);
  if (way === 'hash' || way === 'partial' || ['json', 'jsonb', 'text-array'].includes(kindOf(type))) return undefined;
  return maskedValue(type, format, Buffer.alloc(0), 0, 0, way, masks) ?? undefined;
}

const SHAPED: ReadonlySet<CellKind> = new Set(['json', 'jsonb', 'text-array']);

/** One string, or an array of one element. */
function shapeless(type: number, format: Format, way: Way, masks: Masks): Buffer {
  const kind = kindOf(type);
  const text = maskText(way, 'masked', undefined, masks.keyedHash) ?? '';
  if (kind === 'text-array') return arrayOfOne(ELEMENTS.get(type) ?? TEXT, format, text);
  const json = Buffer.from(JSON.stringify(text));
  return kind === 'jsonb' && format === 'binary' ? Buffer.concat([Buffer.from([1]), json]) : json;
}

function formatOf(formats: readonly Format[] | undefined, index: number): Format | undefined {
  if (!formats) return undefined;
  return formats.length === 0 ? 'text' : formats.length === 1 ? formats[0] : formats[index];
}

/** Types whose values cannot hold what detectors find are passed over, in both formats alike. */
export function isSearched(type: number, _format: Format, masks: Masks): boolean {
  switch (kindOf(type)) {
    case 'bool':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'interval':
    case 'macaddr':
    case 'float':
      return false;
    case 'integer':
      // Only int8 has room for a card number; a pattern may fit anything.
      return type === 20 || masks.finder?.hasPatterns === true;
    case 'uuid':
    case 'inet':
      return masks.finder?.hasPatterns === true;
    default:
      return true;
  }
}

/** Of several columns that the text may mean (`*` of a join) the target says which one it is. */
export function withOrigin(
  lineage: Lineage,
  field: ResultField | undefined,
  resolve: (table: number, attribute: number) => Origin | undefined,
): Lineage {
  if (lineage === 'unknown' || lineage.length < 2 || !field || field.table === 0 || field.attribute <= 0)
    return lineage;
  const origin = resolve(field.table, field.attribute);
  if (!origin?.bases || origin.bases === 'unknown') return lineage;
  const { schema, table, column } = origin;
  const meant = lineage.some((one) => one.schema === schema && one.table === table && one.column === column);
  return meant ? origin.bases : lineage;
}
