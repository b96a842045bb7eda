// What the target's catalogue says of names: which columns the rules hide, which are computed of those, and which views
// and functions may show them. Read over a connection of the gateway's own.

import { type ColumnRule, fitsTable, ruleOf } from '../../../../core/masking/columns.ts';
import type { HiddenNames } from '../../../../core/sql/mysql/hidden/hidden-names.ts';
import type { RelationName } from '../../../../core/sql/statement.ts';
import { readProcedureBody } from '../../../../core/sql/mysql/hidden/procedure-bodies.ts';
import { READ_BY_DEFAULT, readSqlMode } from '../../../../core/sql/mysql/settings.ts';
import type { Masks } from '../../../../core/masking/masks.ts';
import type { UpstreamTarget } from '../../../net/dial.ts';
import { askTarget } from '../login/upstream.ts';
import { MalformedPacket, PayloadReader } from '../wire/values.ts';

const OWN = "('information_schema', 'performance_schema', 'mysql', 'sys')";
/** Names hold no tab and no line's end that HEX would not hide. */
const QUESTIONS = [
  `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, IFNULL(GENERATION_EXPRESSION, '') FROM information_schema.COLUMNS WHERE TABLE_SCHEMA NOT IN ${OWN}`,
  `SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION, '' FROM information_schema.VIEWS WHERE TABLE_SCHEMA NOT IN ${OWN}`,
  `SELECT ROUTINE_SCHEMA, ROUTINE_NAME, '', '' FROM information_schema.ROUTINES WHERE ROUTINE_TYPE <> 'PROCEDURE' AND ROUTINE_SCHEMA NOT IN ${OWN}`,
  `SELECT ROUTINE_SCHEMA, ROUTINE_NAME, IFNULL(ROUTINE_DEFINITION, ''), SQL_MODE FROM information_schema.ROUTINES WHERE ROUTINE_TYPE = 'PROCEDURE' AND ROUTINE_SCHEMA NOT IN ${OWN}`,
] as const;

/** How long what was read holds: others may change their definitions meanwhile. */
const VALID_MS = 10_000;
/** Behind a failure. Until then every name may be a hidden one. */
const AGAIN_MS = 1_000;

interface Contents {
  /** In lower case. */
  readonly columns: ReadonlySet<string>;
  readonly code: ReadonlySet<string>;
  /** Procedures whose bodies show nothing hidden, by their last names; none of another database shows something. */
  readonly clearProcedures: ReadonlySet<string>;
  /** Generated columns that are computed of hidden ones: JSON of schema, table, column in lower case. */
  readonly computed: ReadonlySet<string>;
}

export class HiddenCatalogue implements HiddenNames {
  readonly #target: UpstreamTarget;
  readonly #masks: () => Masks;
  #contents: Contents | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;
  /** Goes up with each reading. */
  version = 0;
  inServersOwn = true;

  constructor(target: UpstreamTarget, masks: () => Masks) {
    this.#target = target;
    this.#masks = masks;
  }

  /** Undefined: it is known, or could not be read a moment ago. Else resolves when it was read, or could not be. */
  refresh(): Promise<void> | undefined {
    const now = performance.now();
    if (now - this.#askedAt < (this.#contents ? VALID_MS : AGAIN_MS)) return undefined;
    this.#askedAt = now;
    return this.#read().then((contents) => {
      this.#contents = contents;
      this.version++;
    });
  }

  table(schema: string | undefined, name: string): boolean {
    return this.#rules.some(({ pattern }) => fitsFolded(pattern, schema, name));
  }

  moves(from: RelationName, to: RelationName): boolean {
    const about = this.#rules.filter(({ pattern }) => fitsFolded(pattern, from.schema, from.name ?? ''));
    if (about.length === 0) return false;
    const folded = from.name?.toLowerCase();
    // They are known by the name of their table.
    const computed = [...(this.#contents?.computed ?? [])].some((key) => JSON.parse(key)[1] === folded);
    // A name without a database may be in any.
    const stays = ({ pattern }: ColumnRule) => fitsFolded(pattern, to.schema ?? '\u0001', to.name ?? '');
    return this.#contents === undefined || computed || !about.every(stays);
  }

  column(name: string): boolean {
    const folded = name.toLowerCase();
    return (
      this.#rules.some(({ pattern }) => !isOfAll(pattern) && (pattern.column(name) || pattern.column(folded))) ||
      this.#contents?.columns.has(folded) !== false
    );
  }

  code(name: string): boolean {
    return this.#contents?.code.has(name.toLowerCase()) !== false;
  }

  procedure(name: string): boolean {
    return this.#contents?.clearProcedures.has(name.toLowerCase()) !== true;
  }

  /** A column computed of hidden ones. */
  computed(schema: string, table: string, column: string): boolean {
    return this.#contents?.computed.has(keyOf(schema, table, column)) !== false;
  }

  get #rules(): readonly ColumnRule[] {
    return this.#masks().columnRules;
  }

  async #read(): Promise<Contents | undefined> {
    const rules = this.#rules;
    const answers = await askTarget(this.#target, QUESTIONS);
    const [columns, views, functions, procedures] = (answers ?? []).map((rows) => rows.map(cellsOf));
    if (!columns || !views || !functions || !procedures) return undefined;
    const hidden = new Set<string>();
    const computed = new Set<string>();
    for (const [schema, table, column] of columns)
      if (
        ruleOf(rules, { schema, table, column }) !== undefined ||
        ruleOf(rules, { schema: schema.toLowerCase(), table: table.toLowerCase(), column: column.toLowerCase() }) !==
          undefined
      )
        hidden.add(column.toLowerCase());
    const mentionsHidden = (text: string): boolean =>
      wordsOf(text).some((word) => hidden.has(word) || columnOf(rules, word));
    for (const [schema, table, column, expression] of columns)
      if (expression !== '' && mentionsHidden(expression)) {
        computed.add(keyOf(schema, table, column));
        hidden.add(column.toLowerCase());
      }
    const code = new Set(functions.map(([, name]) => name.toLowerCase()));
    // A view whose definition may not be seen has none.
    for (let size = -1; size !== code.size; ) {
      size = code.size;
      for (const [, name, definition] of views)
        if (definition === '' || mentionsHidden(definition) || wordsOf(definition).some((word) => code.has(word)))
          code.add(name.toLowerCase());
    }
    const clearProcedures = clearOf(procedures, {
      column: (name) => hidden.has(name.toLowerCase()) || columnOf(rules, name.toLowerCase()),
      code: (name) => code.has(name.toLowerCase()),
    });
    return { columns: hidden, code, clearProcedures, computed };
  }
}

/** Of procedures: schema, name, body, sql_mode. */
function clearOf(procedures: readonly Row[], names: Pick<HiddenNames, 'column' | 'code'>): ReadonlySet<string> {
  const bodies = procedures.map(([, name, body, sqlMode]) => ({
    name: name.toLowerCase(),
    ...readProcedureBody(body, { ...READ_BY_DEFAULT, ...readSqlMode(sqlMode) }, names),
  }));
  const clear = new Set(bodies.map(({ name }) => name));
  for (let size = -1; size !== clear.size; ) {
    size = clear.size;
    for (const body of bodies)
      if (!body.clear || body.calls.some((called) => !clear.has(called))) clear.delete(body.name);
  }
  return clear;
}

const columnOf = (rules: readonly ColumnRule[], word: string): boolean =>
  rules.some(({ pattern }) => !isOfAll(pattern) && pattern.column(word));

/** `people.*`: its columns are known by the catalogue alone, since any word would be one. */
const isOfAll = (pattern: ColumnRule['pattern']): boolean => pattern.column('\u0001');

/** Databases and tables may be told apart by case or not, by a setting of the server's: either is taken. */
const fitsFolded = (pattern: ColumnRule['pattern'], schema: string | undefined, table: string): boolean =>
  [(name: string) => name, (name: string) => name.toLowerCase()].some((fold) =>
    fitsTable(pattern, { ...(schema !== undefined && { schema: fold(schema) }), table: fold(table) }),
  );

/** Everything in a definition that may be a name. */
const wordsOf = (text: string): readonly string[] =>
  [...text.matchAll(/[\w$\u0080-\uffff]+/g)].map(([word]) => word.toLowerCase());

const keyOf = (...names: readonly string[]): string => JSON.stringify(names.map((name) => name.toLowerCase()));

type Row = readonly [string, string, string, string];

function cellsOf(payload: Buffer): Row {
  const r = new PayloadReader(payload);
  const cell = () => {
    if (payload[r.at] !== 0xfb) return r.lengthBytes().toString('utf8');
    r.take(1);
    return '';
  };
  const row: Row = [cell(), cell(), cell(), cell()];
  if (r.left > 0) throw new MalformedPacket();
  return row;
}
