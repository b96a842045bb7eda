// What a statement can get at: tables, through views, triggers and functions too, and what code of the database's own
// that runs may do. Such code is followed by the words of its text: whatever table or function a body in SQL or
// PL/pgSQL uses, it names. What may run a string as a statement, or cannot be read, may do anything.
//
// Errs on one side: a table may be listed that nothing comes from.

import { COMPUTATIONS, READS_NO_TABLE } from '../../../../core/sql/postgres/computations.ts';
import { CONFORMING, type PgParser, summarizePostgres } from '../../../../core/sql/postgres/postgres.ts';
import { everyStatement, type FunctionName, type StatementSummary } from '../../../../core/sql/statement.ts';
import { type Code, bodyCodeOf, isWord, setsColumn, WHOLE_ROW, inQuotes } from './body-code.ts';
import { EVENT_WORDS, OPERATOR_WORDS } from './body-words.ts';
import type { Definitions, OwnCode, OwnFunction, Relation } from './catalogue-contents.ts';
import { readsLargeObjects, runsUnseen, SETTINGS } from './statement-reading.ts';

/** Views over views, functions in functions. A deeper stack is unknown. */
const MAX_DEPTH = 200;

type Access = 'read' | 'write';

export interface Reached {
  readonly relations: ReadonlySet<Relation> | 'unknown';
  /** Those that code of the database's own names; all, when `relations` are unknown. */
  readonly ofCode: ReadonlySet<Relation>;
  /** Those of code that nothing leads to by name: checks of domains; what TRUNCATE and ANALYZE come to on their way. It gives no result, and may say something. */
  readonly unnamed: ReadonlySet<Relation> | 'unknown';
  /** Code of the database's own that may run: `own` changes rows and nothing else, `dynamic` also definitions, names and settings. */
  readonly code: 'no' | 'own' | 'dynamic';
  /** It gives what a setting holds, unseen. */
  readonly readsSettings: boolean;
  /** It gives what stands in large objects. */
  readonly readsLargeObjects: boolean;
  /** The first thing that could not be followed, in words. Names it, and says nothing of what is in it. */
  readonly lostAt: string | undefined;
}

/** `read`, `sets`: columns of the row; undefined: any. */
type RowReach =
  | {
      readonly relations: ReadonlySet<Relation>;
      readonly read: ReadonlySet<string> | undefined;
      readonly sets: ReadonlySet<string> | undefined;
    }
  | 'unknown';

/** Where the names of a catalogue lead. */
interface Names {
  relation(oid: number): Relation | undefined;
  /** In any schema, when none is given. */
  named(table: { readonly schema?: string | undefined; readonly table: string }): readonly Relation[];
  /** In lower case. */
  spelt(word: string): readonly Relation[];
  /** Relations whose names are no words. */
  readonly odd: readonly Relation[];
  family(relation: Relation): readonly Relation[];
  /** The server's own, of definitions and of statistics. */
  isServers(relation: Relation): boolean;
  /** Holds samples of other tables' data. */
  holdsSamples(relation: Relation): boolean;
}

export class Reach {
  readonly #names: Names;
  readonly #own: OwnCode;
  readonly #definitions: Definitions;
  readonly #parse: PgParser;
  readonly #byOid = new Map<number, OwnFunction>();
  readonly #byName = new Map<string, OwnFunction[]>();
  /** Whose names are no words. */
  readonly #odd: OwnFunction[] = [];
  readonly #bodies = new Map<number, Code | undefined>();
  readonly #found = new Map<string, Found>();
  readonly #ofStatements = new WeakMap<StatementSummary, Reached>();
  /** Its statements are asked about one by one. */
  #lastText: { readonly text: string; readonly code: Code | undefined } | undefined;

  /** Whether there is anything that a statement's text could run of the database's own. */
  readonly #textRuns: boolean;

  constructor(names: Names, own: OwnCode, definitions: Definitions, parse: PgParser) {
    this.#names = names;
    this.#own = own;
    this.#textRuns = own.functions.length > 0 || own.casts.length > 0 || own.operators.size > 0;
    this.#definitions = definitions;
    this.#parse = parse;
    for (const one of own.functions) {
      this.#byOid.set(one.oid, one);
      const name = one.name.toLowerCase();
      this.#byName.set(name, [...(this.#byName.get(name) ?? []), one]);
      if (!isWord(name)) this.#odd.push(one);
    }
  }

  /** `text`: all of it that the statements stand in, always the same for a statement. */
  of(text: string, summaries: readonly StatementSummary[], block?: string): Reached {
    const [only] = summaries;
    const known = only && summaries.length === 1 ? this.#ofStatements.get(only) : undefined;
    if (known) return known;
    const found = new Found();
    this.#text(text, summaries, found, 0, block !== undefined);
    if (block !== undefined) this.#block(block, found);
    // What domains check is no result, and may do something all the same.
    if (this.#own.domains.length > 0) {
      const checks = this.#once('domains', (checked) => this.#functions(this.#own.domains, checked, 0));
      found.runs(checks.code);
      found.unnamed = found.unnamed === 'unknown' ? 'unknown' : checks.relations;
    }
    if (only && summaries.length === 1) this.#ofStatements.set(only, found);
    return found;
  }

  /** Whether something may stand in settings before a session's first statement. */
  get fillsAtLogin(): boolean {
    return this.#once('login', (found) => this.#functions(this.#own.logins, found, 0)).code === 'dynamic';
  }

  /** Of all functions of a name, the server's too. */
  ofFunction(name: string): Reached {
    return this.#once(`call ${name}`, (found) => this.#called({ name }, found, 0));
  }

  /**
   * Whether code of the database's own may run in a text where nothing is to be seen but a computation, and give more
   * than is made of its arguments: functions of its own under names of the server's, operators, casts.
   */
  hidesCode(text: string, summaries: readonly StatementSummary[]): boolean {
    if (!this.#textRuns) return false;
    const code = this.#codeOf(text);
    if (!code) return this.#own.functions.length > 0;
    const found = new Found();
    this.#operators(code.text, found, 0);
    const named = summaries
      .flatMap((summary) => [...everyStatement(summary)])
      .flatMap(({ acts }) => acts.flatMap((act) => act.function?.name.toLowerCase() ?? []))
      .filter(isHarmless);
    for (const name of [...named, ...NOT_NOTED.filter((word) => code.words.has(word))])
      for (const one of this.#byName.get(name) ?? []) this.#function(one, found, 0);
    return found.relations === 'unknown' || found.relations.size > 0;
  }

  /** What code of its own may put into a row of this table. */
  ofRows(relation: Relation): RowReach {
    const found = this.#once(`rows ${relation.oid}`, (one) => this.#functions(relation.codeOfRows, one, 0));
    const bodies = relation.codeOfRows.map((oid) => this.#byOid.get(oid)).map((one) => one && this.#bodyOf(one));
    if (found.relations === 'unknown' || bodies.includes(undefined)) return 'unknown';
    const read = new Set<string>();
    const sets = new Set<string>();
    let whole = false;
    for (const code of bodies) {
      if (!code) continue;
      // The row as such, or none: of a default nobody knows here which column it is of.
      whole ||= !code.words.has('new') || WHOLE_ROW.test(code.text);
      for (const { name } of relation.columns) {
        const column = name.toLowerCase();
        const named = isWord(column) ? code.words.has(column) : code.text.includes(inQuotes(name));
        if (!named) continue;
        read.add(name);
        if (setsColumn(code.text, column)) sets.add(column);
      }
    }
    return { relations: found.ofCode, read: whole ? undefined : read, sets: whole ? undefined : sets };
  }

  #once(key: string, find: (found: Found) => void): Found {
    const known = this.#found.get(key);
    if (known) return known;
    const found = new Found();
    find(found);
    this.#found.set(key, found);
    return found;
  }

  /** Of a statement that was read, so that it is known which of its strings escape; or of a view. */
  #codeOf(text: string): Code | undefined {
    if (this.#lastText?.text !== text) this.#lastText = { text, code: bodyCodeOf(text, true) };
    return this.#lastText.code;
  }

  /** A DO block: followed as a body of a function is. */
  #block(block: string, found: Found): void {
    const code = bodyCodeOf(block);
    if (!code || code.dynamic) found.lost('the block runs SQL made of strings, or what else cannot be followed');
    else this.#code(code, 'the block', found, 0);
  }

  /** `followed`: what it runs beside is looked at elsewhere. */
  #text(text: string, summaries: readonly StatementSummary[], found: Found, depth: number, followed = false): void {
    const code = this.#textRuns ? this.#codeOf(text) : undefined;
    if (code) {
      this.#operators(code.text, found, depth);
      this.#functionsIn(code, found, depth);
    } else if (this.#own.functions.length > 0) {
      // A server may read it in two ways, or its names are written in numbers.
      found.lost('the statement is written in a way that a server may read in two');
      return;
    }
    for (const { acts, opaque } of summaries.flatMap((summary) => [...everyStatement(summary)])) {
      const unseen = followed ? undefined : opaque.find(runsUnseen);
      if (opaque.some(readsLargeObjects)) found.readsLargeObjects = true;
      if (unseen) {
        found.lost(unseen.why);
        return;
      }
      for (const act of acts) {
        if (act.class === 'schema' || act.class === 'privilege' || act.verbs[0] === 'refresh')
          this.#functions(this.#own.events, found, depth);
        // It looks at all columns of the domain's, in whatever table.
        if (act.verbs.includes('alter domain')) found.anything('a domain is that of columns that nothing names');
        // Triggers of tables that others refer to; functions of indexes.
        if (UNNAMED.has(act.verbs[0] ?? '')) found.unnamed = 'unknown';
        if (act.function) this.#called(act.function, found, depth);
        if (act.relation) {
          const { schema, name } = act.relation;
          // Which relations it goes over hangs on no code: what it runs for them can change definitions and no more.
          if (name === undefined && MAINTAINS.has(act.verbs[0] ?? '')) continue;
          const relations = name === undefined ? [] : this.#names.named({ schema, table: name });
          // What is made is not there yet.
          if (relations.length === 0 && act.class === 'schema' && act.verbs[0] === 'create') continue;
          if (relations.length === 0) {
            found.lost(`table ${name ?? ''} is not known`);
            return;
          }
          const access = act.class === 'read' ? 'read' : 'write';
          for (const relation of relations) this.#relation(relation, access, found, depth);
        }
        if (found.isLost) return;
      }
    }
  }

  #called(called: FunctionName, found: Found, depth: number): void {
    const own = this.#byName.get(called.name.toLowerCase()) ?? [];
    for (const one of own) this.#function(one, found, depth);
    if (!this.#isKnown(called.name, own)) found.lost(`what function ${called.name} does is not known`);
  }

  /** Neither the server's nor an extension's of this name does more than compute. */
  #isKnown(name: string, own: readonly OwnFunction[]): boolean {
    if (own.length > 0 && own.every(({ shares }) => !shares)) return true;
    return isHarmless(name) || this.#own.computations.has(name);
  }

  /** Whatever own function a text calls, in whatever notation, it names. */
  #functionsIn(code: Code, found: Found, depth: number): void {
    if (this.#byName.size === 0) return;
    for (const word of code.words) for (const one of this.#byName.get(word) ?? []) this.#function(one, found, depth);
    for (const one of this.#odd) if (code.text.includes(inQuotes(one.name))) this.#function(one, found, depth);
  }

  #functions(oids: readonly number[], found: Found, depth: number): void {
    for (const oid of oids) {
      const one = this.#byOid.get(oid);
      if (!one) {
        found.lost('a function that it runs is not known');
        return;
      }
      this.#function(one, found, depth);
    }
  }

  #function(one: OwnFunction, found: Found, depth: number): void {
    if (found.isLost || found.saw(`f${one.oid}`)) return;
    found.runs('own');
    if (depth > MAX_DEPTH) {
      found.lost('functions call each other too deeply');
      return;
    }
    const code = this.#bodyOf(one);
    if (!code || code.dynamic) {
      found.lost(`function ${one.name} runs SQL made of strings, or is in a language that cannot be followed`);
      return;
    }
    this.#code(code, `function ${one.name}`, found, depth);
  }

  /** What a body does, by its words. `what`: whose it is. */
  #code(code: Code, what: string, found: Found, depth: number): void {
    if (READS_SETTINGS.some((word) => code.words.has(word))) found.readsSettings = true;
    this.#operators(code.text, found, depth + 1);
    if (EVENT_WORDS.some((word) => code.words.has(word))) this.#functions(this.#own.events, found, depth + 1);
    for (const name of code.calls) {
      const own = this.#byName.get(name) ?? [];
      if (!this.#isKnown(name, own)) {
        found.lost(`${what} calls ${name}, of which it is not known what it does`);
        return;
      }
    }
    this.#functionsIn(code, found, depth + 1);
    const named = [...code.words].flatMap((word) => this.#names.spelt(word));
    named.push(...this.#names.odd.filter(({ name }) => code.text.includes(inQuotes(name))));
    for (const relation of named) {
      found.ofCode.add(relation);
      this.#relation(relation, 'write', found, depth + 1);
    }
  }

  #bodyOf({ oid }: OwnFunction): Code | undefined {
    if (this.#bodies.has(oid)) return this.#bodies.get(oid);
    const body = this.#definitions.functions.get(oid);
    const code = body === undefined ? undefined : bodyCodeOf(body);
    this.#bodies.set(oid, code);
    return code;
  }

  /** Operators and casts of its own: no name says that they are called. */
  #operators(code: string, found: Found, depth: number): void {
    this.#functions(this.#own.casts, found, depth);
    for (const [operator, oids] of this.#own.operators)
      if (code.includes(operator) || OPERATOR_WORDS.get(operator)?.test(code)) this.#functions(oids, found, depth);
  }

  #relation(relation: Relation, access: Access, found: Found, depth: number): void {
    if (found.isLost || found.saw(`${access}${relation.oid}`)) return;
    if (depth > MAX_DEPTH) {
      found.lost('what it reads is nested too deeply');
      return;
    }
    if (this.#names.holdsSamples(relation)) {
      found.anything(`${relation.name} holds samples of all tables, or texts of statements`);
      return;
    }
    found.add(relation);
    if (this.#names.isServers(relation)) {
      if (access === 'write' && SETTINGS.test(relation.name)) found.runs('dynamic');
      return;
    }
    const { codeOfReads, codeOfWrites } = relation;
    if (!codeOfReads) {
      found.lost(`what runs when ${relation.name} is read is not known`);
      return;
    }
    this.#functions(codeOfReads, found, depth + 1);
    if (access === 'write') {
      // Rules put statements of their own in its place.
      if (relation.rewritten) {
        found.lost(`table ${relation.name} has rules of its own`);
        return;
      }
      if (relation.defaultsReadSettings) found.readsSettings = true;
      this.#functions(codeOfWrites, found, depth + 1);
      for (const oid of relation.cascades) {
        const target = this.#names.relation(oid);
        if (target) this.#relation(target, access, found, depth + 1);
      }
    }
    for (const kin of this.#names.family(relation)) this.#relation(kin, access, found, depth + 1);
    if (relation.kind === 'v' || relation.kind === 'm') this.#view(relation, access, found, depth + 1);
  }

  #view(view: Relation, access: Access, found: Found, depth: number): void {
    const definition = this.#definitions.views.get(view.oid);
    const summaries = definition === undefined ? undefined : summarizePostgres(this.#parse, definition, CONFORMING);
    if (definition === undefined || !summaries?.ok) {
      found.lost(`view ${view.name} could not be read`);
      return;
    }
    const words = this.#codeOf(definition)?.words;
    if (!words || READS_SETTINGS.some((word) => words.has(word))) found.readsSettings = true;
    this.#text(definition, summaries.value, found, depth);
    // What is written to a view is written to what it stands on, which is among these.
    if (access === 'write' && found.relations !== 'unknown')
      for (const under of [...found.relations]) this.#relation(under, access, found, depth);
  }
}

const MAINTAINS: ReadonlySet<string> = new Set(['analyze', 'vacuum', 'reindex', 'cluster']);
const UNNAMED: ReadonlySet<string> = new Set([...MAINTAINS, 'truncate']);

class Found implements Reached {
  #relations: Set<Relation> | 'unknown' = new Set();
  #code: Reached['code'] = 'no';
  readonly #seen = new Set<string>();
  #lostAt: string | undefined;
  readonly ofCode = new Set<Relation>();
  unnamed: Reached['unnamed'] = new Set();
  readsSettings = false;
  readsLargeObjects = false;

  get relations(): ReadonlySet<Relation> | 'unknown' {
    return this.#relations;
  }

  get code(): Reached['code'] {
    return this.#code;
  }

  /** There is nothing more to find. */
  get isLost(): boolean {
    return this.#relations === 'unknown' && this.#code === 'dynamic';
  }

  saw(key: string): boolean {
    if (this.#seen.has(key)) return true;
    this.#seen.add(key);
    return false;
  }

  add(relation: Relation): void {
    if (this.#relations !== 'unknown') this.#relations.add(relation);
  }

  runs(code: Reached['code']): void {
    if (this.#code === 'no' || code === 'dynamic') this.#code = code;
  }

  get lostAt(): string | undefined {
    return this.#lostAt;
  }

  /** It may read anything. */
  anything(at: string): void {
    this.#lostAt ??= at;
    this.#relations = 'unknown';
  }

  /** It may do anything. */
  lost(at: string): void {
    this.#lostAt ??= at;
    this.#relations = 'unknown';
    this.#code = 'dynamic';
  }
}

/** Words of bodies and views that may give what a setting holds; `datestyle`: the time zone's name, with any time. */
const READS_SETTINGS = ['current_setting', 'timeofday', 'to_char', 'datestyle', 'explain'];

/** What the parser takes for syntax, and an older server for the call of a function; and what is noted as a setting. */
const NOT_NOTED =
  `set_config json json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar
  json_serialize json_table json_value merge_action`.split(/\s+/);

/** The server's own, and it reads no rows. */
const isHarmless = (name: string): boolean => COMPUTATIONS.has(name) || READS_NO_TABLE.has(name);
