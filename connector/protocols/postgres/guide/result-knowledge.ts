// What is known of a statement's result, once its reading meets the catalogue and the rules in force.
// Whatever is not certain is unknown, and then `touched` is too: the column is withheld, literals are
// written over in the recording, and words of the target that quote anything are cut.

import {
  type BaseColumn,
  type ColumnRule,
  decideColumn,
  fitsBase,
  type Lineage,
} from '../../../../core/masking/columns.ts';
import type { Masks } from '../../../../core/masking/masks.ts';
import type { ResultColumn, ResultLineage, Sources } from '../../../../core/sql/lineage.ts';
import { everyStatement, type StatementSummary } from '../../../../core/sql/statement.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { Relation } from '../catalogue/catalogue-contents.ts';
import type { CopyPlan } from '../results/copy-plan.ts';
import { ALL_HIDDEN, ALL_STAY, type Fates, fatesOf, fatesOfArguments } from '../requests/literal-fates.ts';
import {
  catalogueMissing,
  CellRefused,
  noMaskedForm,
  ownCode,
  REASONS,
  type Reason,
  type ResultRefusal,
} from '../values/refused-result.ts';
import { type ColumnPlan, constantOf, isSearched } from '../values/result-plan.ts';
import { RowFlows } from '../catalogue/row-flows.ts';
import { SETTINGS, type StatementReading } from '../catalogue/statement-reading.ts';

/** What the session did before that counts for this statement. */
export interface SessionState {
  /** Definitions may be others than the catalogue has, in a transaction that nobody else sees into. */
  readonly dirty: boolean;
  /** Why the catalogue could not be read, when it could not. */
  readonly fault: string | undefined;
  /** Settings may hold what a table held. */
  readonly settingsFilled: boolean;
  /** A time may be written with the time zone's name, which is a setting. */
  readonly datesNameZone: boolean;
  /** What DECLARE or PREPARE made under a name. Undefined: not known, or more than one thing. */
  defined(kind: 'cursor' | 'prepared', name: string): StatementReading | undefined;
}

type Touched = readonly { readonly schema?: string | undefined; readonly table: string }[] | 'unknown';

export interface ResultKnowledge {
  /** Tables with masked columns that it may touch. */
  readonly touched: Touched;
  /** Code that no name leads to may read such a table, and say what it read. */
  readonly otherCode: boolean;
  /** What becomes of its literals and parameters in the recording. */
  readonly fates: Fates;
  /** The target's own description counts: what it says of a column's table is so. */
  readonly originsCount: boolean;
  /** Why nothing is known of it, where nothing is. */
  readonly why: Reason | undefined;
  /** A plan: what the statement compares with is not to be in the recording. */
  readonly explained: boolean;
  /** Keys of JSON and lengths of arrays may be data. */
  readonly shaped: boolean;
  /** Times in text come with the time zone's name, which may be data. */
  readonly namesZone?: true;
  lineage(count: number): readonly Lineage[] | undefined;
  /** Of columns that are a table's own, unchanged. */
  types(count: number): readonly (number | undefined)[] | undefined;
  /** Undefined: nothing of it can be masked. Throws CellRefused. */
  copy(binary: boolean, count: number): CopyPlan | undefined;
}

const withheld = (why: Reason): ResultKnowledge => ({
  touched: 'unknown',
  otherCode: true,
  fates: ALL_HIDDEN,
  originsCount: true,
  explained: false,
  shaped: true,
  why,
  lineage: () => undefined,
  types: () => undefined,
  copy: () => refuseCopy(why),
});
const UNREAD = withheld(REASONS.unread);
const DEFINITIONS = withheld(REASONS.definitions);
const FROM_SETTINGS = withheld(REASONS.settings);
/** What it writes, and RETURNING gives, may be a setting too. */
const SETTINGS_WRITTEN: ResultKnowledge = { ...FROM_SETTINGS, originsCount: false };
const LARGE_OBJECTS = withheld(REASONS.largeObjects);
const EARLIER_NAME = withheld(REASONS.earlierName);

function refuseCopy(refusal: ResultRefusal): never {
  throw new CellRefused(refusal);
}

/** Names of the server's own relations that show settings. */
const holdsSettings = ({ name }: Relation): boolean => SETTINGS.test(name);

/** `text`: the whole text that the statement stands in. */
export function knowledgeOf(
  reading: StatementReading | undefined,
  text: string,
  catalogue: Catalogue | undefined,
  masks: Masks,
  session: SessionState,
): ResultKnowledge {
  const facts = foundFacts(reading, text, catalogue, masks, session);
  const filled = session.settingsFilled || catalogue?.fillsAtLogin === true;
  if (masks.columnRules.length === 0 || !filled || !session.datesNameZone) return facts;
  // In binary format no zone is named.
  const copy = (binary: boolean, count: number) => (binary ? facts.copy(binary, count) : refuseCopy(REASONS.settings));
  return { ...facts, namesZone: true, copy };
}

function foundFacts(
  reading: StatementReading | undefined,
  text: string,
  catalogue: Catalogue | undefined,
  masks: Masks,
  session: SessionState,
): ResultKnowledge {
  if (!reading) return masks.columnRules.length > 0 ? UNREAD : withoutColumns(undefined, masks);
  if (masks.columnRules.length === 0) return withoutColumns(reading, masks);
  if (session.dirty) return DEFINITIONS;
  if (!catalogue) return withheld(catalogueMissing(session.fault));
  const known = catalogue;
  const filled = session.settingsFilled || catalogue.fillsAtLogin;
  const behind = definedBy(reading, session);
  if (behind === 'unknown') return filled && reading.readsSettings ? FROM_SETTINGS : EARLIER_NAME;
  const writes = [...reading.writes, ...(behind?.writes ?? [])];
  const fromSettings = writes.length > 0 ? SETTINGS_WRITTEN : FROM_SETTINGS;
  if (filled && (reading.readsSettings || behind?.readsSettings)) return fromSettings;
  const all = behind ? [reading.summary, behind.summary] : [reading.summary];
  const texts = behind ? `${text}\n${behind.text}` : text;
  const {
    relations,
    readsSettings,
    readsLargeObjects,
    ofCode: namedByCode,
    unnamed,
    lostAt,
  } = catalogue.reach(texts, all, reading.block);
  if (masks.strict && readsLargeObjects) return LARGE_OBJECTS;
  const reach = relations === 'unknown' ? relations : [...relations];
  if (filled && (readsSettings || (reach !== 'unknown' && reach.some(holdsSettings)))) return fromSettings;
  const touched = touchedOf(reach, catalogue, masks.columnRules);
  const ofCode = touchedOf([...namedByCode], catalogue, masks.columnRules);
  const beside = unnamed === 'unknown' ? unnamed : touchedOf([...unnamed], catalogue, masks.columnRules);
  // Rules and INSTEAD OF triggers, of a view that a written view stands on too, put values in the columns themselves.
  const rewritten =
    (writes.length > 0 && reach !== 'unknown' && reach.some((one) => one.rewritten)) ||
    writes.some((relation) =>
      relation.name === undefined
        ? true
        : catalogue
            .named({ ...relation, table: relation.name })
            .some((one) => one.rewritten || (one.kind === 'v' && reach === 'unknown')),
    );
  const result = behind ? behind.result : reading.result;
  const assigned = (result.kind === 'columns' && result.assigned) || [];
  const flows = new RowFlows(catalogue, assigned, writes.length > 0 ? written(writes, reach, catalogue) : []);
  const own = catalogue.hidesCode(texts, all);
  const before = (count: number, copied: boolean): readonly Lineage[] | undefined =>
    rewritten || own
      ? undefined
      : catalogue
          .align(planned(result, reading, touched, ofCode), count, copied)
          .map((sources) => catalogue.expand(sources));
  const aligned = (count: number, copied: boolean): readonly Lineage[] | undefined =>
    before(count, copied)?.map((one) => flows.into(one));
  /** What came into a column on the way is no value of its own. */
  const unchanged = (count: number): readonly (number | undefined)[] | undefined => {
    const lineage = before(count, false);
    const types = lineage && typesOf(result, catalogue, count, false);
    return types?.map((type, index) =>
      lineage?.[index] && flows.into(lineage[index]) === lineage[index] ? type : undefined,
    );
  };
  let fates: Fates | undefined;
  /** A body that is made now, and runs later. */
  function touchesNothing(body: string | undefined): boolean {
    const reached = body === undefined ? 'unknown' : known.reach('', [], body).relations;
    const found = reached === 'unknown' ? reached : touchedOf([...reached], known, masks.columnRules);
    return found !== 'unknown' && found.length === 0;
  }
  function fatesUnder(one: StatementReading, prepared: StatementReading | undefined): Fates {
    if (one.makes && !touchesNothing(one.makes.body)) return ALL_HIDDEN;
    if (touched !== 'unknown' && touched.length === 0) return ALL_STAY;
    if (prepared) return fatesOfArguments(one.passes, fatesUnder(prepared, undefined));
    if (rewritten || own || !one.meetings) return ALL_HIDDEN;
    return fatesOf({
      meetings: one.meetings,
      catalogue: known,
      rules: masks.columnRules,
      codeWrites: reach === 'unknown' || ofCode === 'unknown' || ofCode.length > 0,
      comments: mayMeanMasked(one, reach, touched, known, masks.columnRules) ? 'not_certain' : undefined,
      copiesInto: one.copiesInto,
      optionsFrom: one.optionsFrom,
    });
  }
  let shaped: boolean | undefined;
  const isShaped = (): boolean => {
    shaped ??=
      reach === 'unknown' ||
      reading.makesShapes ||
      behind?.makesShapes === true ||
      reach.some((relation) => catalogue.makesShapes(relation));
    return shaped;
  };
  const why = rewritten ? REASONS.rewritten : lostAt === undefined ? undefined : ownCode(lostAt);
  return {
    get shaped() {
      return isShaped();
    },
    touched: rewritten ? 'unknown' : touched,
    otherCode: beside === 'unknown' || beside.length > 0,
    get fates() {
      fates ??= fatesUnder(reading, behind);
      return fates;
    },
    originsCount: !rewritten && flows.none,
    explained: reading.summary.kind === 'explain' && touched !== 'unknown' && touched.length > 0,
    why,
    lineage: (count) => aligned(count, false),
    types: unchanged,
    copy(binary, count) {
      const lineage = aligned(count, reading.copiesTable);
      if (!lineage || !reading.copy || (reading.copy.kind === 'binary') !== binary)
        return refuseCopy(why ?? REASONS.copyForm);
      const types = typesOf(result, catalogue, count, reading.copiesTable);
      const may = masks.mayTouch(touched);
      const columns = lineage.map((one, index) =>
        copiedColumn(one, types[index], { may, binary, masks, shaped: isShaped(), column: index + 1, why }),
      );
      if (columns.every(({ kind }) => kind === 'pass')) return undefined;
      return binary ? { kind: 'binary', columns } : ({ ...reading.copy, columns } as CopyPlan);
    },
  };
}

/** Where it is not known what is reached, the tables themselves. */
const written = (writes: StatementReading['writes'], reach: readonly Relation[] | 'unknown', catalogue: Catalogue) =>
  reach === 'unknown'
    ? writes.flatMap(({ schema, name }) => (name === undefined ? [] : catalogue.named({ schema, table: name })))
    : reach;

/** What the database's own code gave may be anywhere in a plan or a setting, and look like anything. */
function planned(
  result: ResultLineage,
  { summary }: StatementReading,
  touched: Touched,
  ofCode: Touched,
): ResultLineage {
  const hidden =
    (summary.kind === 'show' && touched === 'unknown') ||
    (summary.kind === 'explain' && (touched === 'unknown' || ofCode === 'unknown' || ofCode.length > 0));
  return hidden ? { kind: 'unknown', why: 'own code' } : result;
}

/** Only detectors: every column is searched, whatever it is. */
function withoutColumns(reading: StatementReading | undefined, masks: Masks): ResultKnowledge {
  return {
    touched: [],
    otherCode: false,
    fates: ALL_STAY,
    originsCount: true,
    explained: false,
    shaped: false,
    why: undefined,
    lineage: () => undefined,
    types: () => undefined,
    copy(binary, count) {
      if (!masks.finder) return undefined;
      if (!reading?.copy || (reading.copy.kind === 'binary') !== binary) return refuseCopy(REASONS.copyForm);
      const columns = Array.from({ length: count }, (): ColumnPlan => detected(0, binary));
      return binary ? { kind: 'binary', columns } : ({ ...reading.copy, columns } as CopyPlan);
    },
  };
}

const detected = (type: number, binary: boolean): ColumnPlan => ({
  kind: 'detect',
  // Fields of text are read and written by their own rules, so nothing of the type's syntax is at stake.
  type: binary ? type : 25,
  format: binary ? 'binary' : 'text',
});

interface CopiedFrom {
  readonly may: boolean;
  readonly binary: boolean;
  readonly masks: Masks;
  readonly shaped: boolean;
  readonly column: number;
  readonly why: Reason | undefined;
}

function copiedColumn(
  lineage: Lineage,
  type: number | undefined,
  { may, binary, masks, shaped, column, why }: CopiedFrom,
): ColumnPlan {
  const format = binary ? 'binary' : 'text';
  const decision = decideColumn(masks.columnRules, undefined, lineage, may);
  if (decision.kind === 'mask') {
    if (type !== undefined) {
      const constant = binary && !shaped ? undefined : constantOf(type, format, decision.way, masks, shaped);
      return { ...decision, type, format, constant };
    }
    if (decision.way === 'null') return { ...decision, type: 0, format };
    if (binary) return refuseCopy({ ...noMaskedForm(masks.nameOf(decision.rule)), column });
    // In text a field may say anything.
    const way = typeof decision.way === 'object' ? decision.way : 'placeholder';
    return { ...decision, way, type: 25, format, constant: constantOf(25, format, way, masks, shaped) };
  }
  if (decision.kind === 'withhold') {
    masks.report({ kind: 'mask.withheld', reason: 'lineage_unknown', column });
    return refuseCopy({ ...(why ?? REASONS.lineage), column });
  }
  const searched = masks.finder !== undefined && (type === undefined || isSearched(type, format, masks));
  return searched ? detected(type ?? 0, binary) : { kind: 'pass' };
}

export function definedBy(
  reading: StatementReading,
  session: Pick<SessionState, 'defined'>,
): StatementReading | 'unknown' | undefined {
  const { result, summary } = reading;
  if (result.kind === 'cursor' || result.kind === 'prepared')
    return session.defined(result.kind, result.name) ?? 'unknown';
  const executes = [...everyStatement(summary)].find((one) => one.executes !== undefined)?.executes;
  return executes === undefined ? undefined : (session.defined('prepared', executes) ?? 'unknown');
}

/** By rules and catalogue: which tables have a masked column. */
const masked = new WeakMap<readonly ColumnRule[], WeakMap<Catalogue, Map<number, readonly BaseColumn[] | 'unknown'>>>();

/** Masked base columns of a relation. */
function maskedIn(
  relation: Relation,
  catalogue: Catalogue,
  rules: readonly ColumnRule[],
): readonly BaseColumn[] | 'unknown' {
  const ofRules = masked.get(rules) ?? new WeakMap<Catalogue, Map<number, readonly BaseColumn[] | 'unknown'>>();
  masked.set(rules, ofRules);
  const known = ofRules.get(catalogue) ?? new Map<number, readonly BaseColumn[] | 'unknown'>();
  ofRules.set(catalogue, known);
  const before = known.get(relation.oid);
  if (before) return before;
  let found: BaseColumn[] | 'unknown' = [];
  for (const column of relation.columns) {
    const bases = catalogue.basesOf(relation, column);
    if (bases === 'unknown') {
      found = 'unknown';
      break;
    }
    found.push(...bases.filter((base) => fitsBase(rules, base)));
  }
  known.set(relation.oid, found);
  return found;
}

function touchedOf(
  reach: readonly Relation[] | 'unknown',
  catalogue: Catalogue,
  rules: readonly ColumnRule[],
): Touched {
  if (reach === 'unknown') return 'unknown';
  const found: BaseColumn[] = [];
  for (const relation of reach) {
    const columns = maskedIn(relation, catalogue, rules);
    if (columns === 'unknown') return 'unknown';
    found.push(...columns);
  }
  return found;
}

function mayMeanMasked(
  { mentions, summary }: StatementReading,
  reach: readonly Relation[] | 'unknown',
  touched: Touched,
  catalogue: Catalogue,
  rules: readonly ColumnRule[],
): boolean {
  if (reach === 'unknown' || touched === 'unknown') return true;
  if (touched.length === 0) return false;
  if (!mentions || summary.kind === 'explain') return true;
  for (const name of mentions) {
    const meant = reach.flatMap((relation) =>
      relation.columns.filter((column) => column.name === name).map((column) => ({ relation, column })),
    );
    // An alias, or a row: which columns are behind it is not followed.
    if (meant.length === 0) return true;
    for (const { relation, column } of meant) {
      const bases = catalogue.basesOf(relation, column);
      if (bases === 'unknown' || bases.some((base) => fitsBase(rules, base))) return true;
    }
  }
  return false;
}

/** Types of columns that are a table's own, unchanged. */
function typesOf(
  result: ResultLineage,
  catalogue: Catalogue,
  count: number,
  copied: boolean,
): readonly (number | undefined)[] {
  if (result.kind !== 'columns') return [];
  const expanded = result.columns.flatMap((column): ResultColumn[] => {
    const table = column.kind === 'star' ? column.table : undefined;
    const names = table && (copied ? catalogue.copiedColumnsOf(table) : catalogue.columnsOf(table));
    if (!table || !names) return [column];
    return names.map((name) => ({
      kind: 'value',
      name,
      sources: [{ kind: 'column', ...table, column: name, otherwise: 'row' }],
      exact: true,
    }));
  });
  if (expanded.length !== count || expanded.some(({ kind }) => kind === 'star')) return [];
  return expanded.map((column) =>
    column.kind === 'value' && column.exact ? typeOf(column.sources, catalogue) : undefined,
  );
}

function typeOf(sources: Sources, catalogue: Catalogue): number | undefined {
  const [source, ...others] = sources === 'unknown' ? [] : sources;
  if (source?.kind !== 'column' || others.length > 0) return undefined;
  const types = catalogue
    .named(source)
    .map((relation) => relation.columns.find(({ name }) => name === source.column)?.type);
  const [type] = types;
  return types.every((one) => one === type) ? type : undefined;
}

/** Names that the catalogue does not have: somebody made them since, or only the session sees them. */
export function unknownNames(reading: StatementReading, catalogue: Catalogue): string[] {
  const summaries: StatementSummary[] = [...everyStatement(reading.summary)];
  return summaries
    .flatMap(({ acts }) => acts)
    .filter((act) => act.class !== 'schema')
    .flatMap(({ relation }) =>
      relation?.name !== undefined && catalogue.named({ ...relation, table: relation.name }).length === 0
        ? [`${relation.schema ?? ''}.${relation.name}`]
        : [],
    );
}
