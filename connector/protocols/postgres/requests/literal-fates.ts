// What becomes of each literal and parameter of a statement in the recording: it stays where every column that it
// meets is known and falls under no rule. core/sql/postgres/meetings.ts says which columns those are, by name; here the
// catalogue says what stands behind the names.
//
// Whatever nobody followed is hidden, for `not_certain`, and counted as that.

import { type ColumnRule, type Lineage, ruleOf } from '../../../../core/masking/columns.ts';
import type { Hider } from '../../../../core/masking/masks.ts';
import type { Meeting, Place } from '../../../../core/sql/meetings.ts';
import type { Source } from '../../../../core/sql/lineage.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { CopyInto } from '../catalogue/copy-form.ts';

export interface Fates {
  /** Of the literal at this offset of the text's UTF-8 bytes. Undefined: it stays. */
  literal(offset: number): Hider | undefined;
  /** `$1` is 1. */
  parameter(number: number): Hider | undefined;
  /** A comment can hold anything: it goes with a statement that means masked columns. */
  readonly comments: Hider | undefined;
  /** No value of its text is hidden. */
  readonly allStay: boolean;
  /** COPY FROM STDIN: what becomes of its rows' fields, in their order. */
  readonly fields: readonly CopiedField[] | 'stay' | 'hidden';
}

export interface CopiedField {
  readonly column: string;
  readonly hider: Hider | undefined;
}

const always = (hider: Hider | undefined): Fates => ({
  fields: hider === undefined ? 'stay' : 'hidden',
  literal: () => hider,
  parameter: () => hider,
  comments: hider,
  allStay: hider === undefined,
});
export const ALL_STAY = always(undefined);
export const ALL_HIDDEN = always('not_certain');
/** Of a text that is too long to be read. */
export const TOO_LONG = always('too_long');

interface FateParts {
  readonly meetings: readonly Meeting[];
  readonly catalogue: Catalogue;
  readonly rules: readonly ColumnRule[];
  /** Code of the database's own that may write to masked columns what is written to others. */
  readonly codeWrites: boolean;
  readonly comments: Hider | undefined;
  readonly copiesInto: CopyInto | undefined;
  /** Literals from here on meet nothing. */
  readonly optionsFrom: number | undefined;
}

export function fatesOf(parts: FateParts): Fates {
  const { meetings, catalogue, rules, codeWrites, comments, optionsFrom = Number.POSITIVE_INFINITY } = parts;
  const literals = new Map<number, Hider | undefined>();
  const parameters = new Map<number, Hider | undefined>();
  for (const meeting of meetings) {
    const hider = hiderOf(meeting, catalogue, rules, codeWrites);
    for (const offset of meeting.literals) meet(literals, offset, hider);
    for (const number of meeting.parameters) meet(parameters, number, hider);
  }
  const fate = (of: ReadonlyMap<number, Hider | undefined>, key: number) => (of.has(key) ? of.get(key) : 'not_certain');
  return {
    literal: (offset) => (offset >= optionsFrom ? undefined : fate(literals, offset)),
    parameter: (number) => fate(parameters, number),
    comments,
    allStay: comments === undefined && [...literals.values(), ...parameters.values()].every((one) => one === undefined),
    get fields() {
      return fieldsOf(parts);
    },
  };
}

/** As if each were written by an INSERT. */
function fieldsOf({ copiesInto, catalogue, rules, codeWrites }: FateParts): Fates['fields'] {
  if (!copiesInto) return 'hidden';
  const { columns = catalogue.copiedColumnsOf(copiesInto), table, schema } = copiesInto;
  if (!columns) return 'hidden';
  return columns.map((column): CopiedField => {
    const written: Source = {
      kind: 'column',
      ...(schema !== undefined && { schema }),
      table,
      column,
      otherwise: 'row',
    };
    const into = { columns: [written], anything: false, written: true, literals: [], parameters: [] };
    return { column, hider: hiderOf(into, catalogue, rules, codeWrites) };
  });
}

/** EXECUTE: each argument has the fate of the parameter that it is the value of. */
export function fatesOfArguments(passes: readonly Meeting[], prepared: Fates): Fates {
  const literals = new Map<number, Hider | undefined>();
  const parameters = new Map<number, Hider | undefined>();
  passes.forEach((argument, index) => {
    const hider = prepared.parameter(index + 1);
    for (const offset of argument.literals) meet(literals, offset, hider);
    for (const number of argument.parameters) meet(parameters, number, hider);
  });
  return {
    literal: (offset) => literals.get(offset),
    parameter: (number) => parameters.get(number),
    comments: prepared.comments,
    allStay: prepared.allStay,
    fields: 'hidden',
  };
}

/** Hidden once is hidden. */
function meet(fates: Map<number, Hider | undefined>, key: number, hider: Hider | undefined): void {
  const known = fates.get(key);
  if (known === undefined || (known === 'not_certain' && hider !== undefined)) fates.set(key, hider);
}

function hiderOf(
  { columns, anything, written }: Meeting,
  catalogue: Catalogue,
  rules: readonly ColumnRule[],
  codeWrites: boolean,
): Hider | undefined {
  const lineages = [
    ...columns.flatMap((column) => (column.kind === 'place' ? placed(column, catalogue) : [])),
    ...byName(columns, catalogue),
  ];
  for (const lineage of lineages) {
    if (lineage === 'unknown') continue;
    for (const base of lineage) {
      const rule = ruleOf(rules, base);
      if (rule !== undefined) return rule;
    }
  }
  return anything || (written && codeWrites) || lineages.includes('unknown') ? 'not_certain' : undefined;
}

/**
 * Each by itself, so that one that is not known does not hide which rule another falls under. A name that only may be a
 * column's of this table (`other`) counts where it is one.
 */
function byName(columns: Meeting['columns'], catalogue: Catalogue): readonly Lineage[] {
  const sources = columns.filter((column): column is Source => column.kind !== 'place');
  const maybe = sources.filter((source) => source.kind === 'column' && source.otherwise === 'other');
  const sure = sources.filter((source) => !maybe.includes(source));
  return [
    ...sure.map((source) => catalogue.expand([source])),
    ...maybe.map((source) => mayBeColumn(source, catalogue)),
  ];
}

/** A bare name that no table at hand has is that of a column that the statement makes itself, whose sources are met too. */
function mayBeColumn(source: Source, catalogue: Catalogue): Lineage {
  if (source.kind !== 'column') return 'unknown';
  const relations = catalogue.named(source);
  if (relations.length === 0) return 'unknown';
  const has = relations.some(({ columns }) => columns.some(({ name }) => name === source.column));
  // By its name a rule may hide it all the same, if somebody made it just now.
  return has ? catalogue.expand([source]) : [{ schema: source.schema, table: source.table, column: source.column }];
}

function placed({ schema, table, index }: Place, catalogue: Catalogue): readonly Lineage[] {
  const relations = catalogue.named({ schema, table });
  if (relations.length === 0) return ['unknown'];
  return relations.map((relation) => {
    const column = relation.columns[index];
    return column ? catalogue.basesOf(relation, column) : 'unknown';
  });
}
