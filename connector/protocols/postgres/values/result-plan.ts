// What is done with each column of a result, decided once from its description.

import { type ColumnDecision, decideColumn, type Lineage, type Origin } from '../../../../core/masking/columns.ts';
import type { Masks } from '../../../../core/masking/masks.ts';
import { maskText } from '../../../../core/masking/ways.ts';
import type { Way } from '../../../../core/masking/ways.ts';
import { arrayOfOne } from './array-values.ts';
import { noMaskedForm, REASONS, type Reason, type ResultRefusal } from './refused-result.ts';
import type { ResultField } from '../wire/row-description.ts';
import { maskedValue } from './typed-values.ts';
import { type CellKind, elementOf, type Format, kindOf, looksMasked, TEXT } from '../wire/types.ts';

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
  /** Times in text come with the time zone's name, which may be data. */
  readonly namesZone?: true | undefined;
  /** Why the lineage is not known, where that is more than a column's matter. */
  readonly why?: Reason | undefined;
  /** Of columns that are a table's own, unchanged: their types by position. */
  readonly types?: readonly (number | undefined)[] | undefined;
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
  /** Nobody knows what is in it: the result is refused. */
  | { readonly kind: 'withhold'; readonly type: number; readonly format: Format };

export interface ResultPlan {
  readonly columns: readonly ColumnPlan[];
  /** For columns beyond those: a row that does not fit its description. */
  readonly beyond: ColumnPlan;
  /** Its first row is refused: an error stands in for the result. */
  readonly refused?: ResultRefusal | undefined;
}

const PASS: ColumnPlan = { kind: 'pass' };
/** Has one value, which is none. */
const VOID = 2278;
/** Of samples of other columns alone: no other column and no function gives it (pg_statistic, pg_attribute). */
const ANYARRAY = 2277;

const BEYOND: ColumnPlan = { kind: 'withhold', type: 0, format: 'text' };

/** Of a result that nobody described. */
export const WITHHOLD_RESULT: ResultPlan = { columns: [], beyond: BEYOND, refused: REASONS.undescribed };

/** Undefined: no rule can touch this result, so its rows need not be looked at. */
export function planFields(
  masks: Masks,
  fields: readonly ResultField[],
  facts: ResultFacts,
  resolve: ResolveOrigin,
): ResultPlan | undefined {
  if (!masks.any) return undefined;
  const mayTouch = masks.mayTouch(facts.touched ?? 'unknown');
  let refused: ResultRefusal | undefined;
  const columns = fields.map((field, index): ColumnPlan => {
    const origin = field.table !== 0 && field.attribute > 0 ? resolve(field.table, field.attribute) : undefined;
    const format = formatOf(facts.formats, index) ?? field.format;
    if (field.type === VOID) return PASS;
    const decision = decideColumn(masks.columnRules, origin, facts.lineage?.[index] ?? 'unknown', mayTouch);
    const masked = (by: Extract<ColumnDecision, { kind: 'mask' }>): ColumnPlan => {
      const shaped = facts.shaped === true && origin?.stored !== true;
      return { ...by, type: field.type, format, constant: constantOf(field.type, format, by.way, masks, shaped) };
    };
    if (decision.kind === 'mask') {
      const exact = facts.types?.[index] === field.type || (origin !== undefined && origin.computed !== true);
      if (!exact && typeof decision.way !== 'object' && decision.way !== 'null' && !looksMasked(field.type, format))
        refused ??= { ...noMaskedForm(masks.nameOf(decision.rule)), column: index + 1, name: field.name };
      return masked(decision);
    }
    const [first] = masks.columnRules;
    if (
      decision.kind === 'withhold' &&
      (origin?.sample || field.type === ANYARRAY) &&
      first &&
      looksMasked(field.type, format)
    )
      return masked({ kind: 'mask', rule: first.rule, way: 'placeholder' });
    // System columns (ctid, tableoid...) have no attribute of their own and no data of the row.
    if (decision.kind === 'withhold' && !(field.table !== 0 && field.attribute < 0)) {
      masks.report({ kind: 'mask.withheld', reason: 'lineage_unknown', column: index + 1 });
      refused ??= { ...(facts.why ?? REASONS.lineage), column: index + 1, name: field.name };
      return { kind: 'withhold', type: field.type, format };
    }
    if (facts.namesZone && format === 'text' && maySayZone(field.type, origin?.stored === true)) {
      refused ??= { ...REASONS.settings, column: index + 1, name: field.name };
      return BEYOND;
    }
    // Its other forms are XML.
    if (facts.explained) {
      if ([25, 114].includes(field.type)) return { kind: 'explained', type: field.type, format };
      refused ??= { ...REASONS.planForm, column: index + 1, name: field.name };
      return BEYOND;
    }
    return masks.finder && isSearched(field.type, format, masks) ? { kind: 'detect', type: field.type, format } : PASS;
  });
  return columns.every(({ kind }) => kind === 'pass') ? undefined : { columns, beyond: BEYOND, refused };
}

const TIMESTAMPTZ = 1184;
/** Whether there may be a time with its zone in a value. A text that lies in a table is as it was written. */
function maySayZone(type: number, stored: boolean): boolean {
  const kind = kindOf(type);
  if (kind === 'other') return [undefined, TIMESTAMPTZ].includes(elementOf(type));
  return type === TIMESTAMPTZ || (!stored && ['text', 'json', 'jsonb', 'text-array', 'bytea'].includes(kind));
}

/** What stands for every value of such a column, where that does not hang on the value. `shaped`: nor may keys and lengths be seen. */
export function constantOf(type: number, format: Format, way: Way, masks: Masks, shaped: boolean): Buffer | undefined {
  if (shaped && way !== 'null' && SHAPED.has(kindOf(type))) return shapeless(type, format, way, masks);
  if (way === 'hash' || way === 'partial' || HANGS_ON_VALUE.has(kindOf(type))) return undefined;
  return maskedValue(type, format, Buffer.alloc(0), 0, 0, way, masks) ?? undefined;
}

const SHAPED: ReadonlySet<CellKind> = new Set(['json', 'jsonb', 'text-array']);
const HANGS_ON_VALUE: ReadonlySet<CellKind> = new Set([...SHAPED, 'other']);

/** One string, or an array of one element. */
function shapeless(type: number, format: Format, way: Way, masks: Masks): Buffer {
  const kind = kindOf(type);
  const text = maskText(way, 'masked', undefined, masks.keyedHash) ?? '';
  if (kind === 'text-array') return arrayOfOne(elementOf(type) ?? TEXT, format, Buffer.from(text));
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
