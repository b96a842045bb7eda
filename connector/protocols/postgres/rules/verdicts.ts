// The verdict on what a client sends, by the rules in force and by what the session knows: the settings
// that the target reads texts under, its search path, and what names were prepared as.
//
// The target reports settings (ParameterStatus) when it is done with what changed them. Until then a
// text that could be read in two ways is not read at all, and follows the rules' `unparsable`.

import {
  createJudge,
  type Judge,
  type JudgedText,
  type SessionView,
  type Summaries,
} from '../../../../core/policy/sections/judge.ts';
import {
  compileStatementRules,
  judge as judgeSummaries,
  NOTHING_KNOWN,
  type StatementRules,
} from '../../../../core/policy/sections/statements.ts';
import type { Decision, Verdict } from '../../../../core/policy/sections/entries.ts';
import { CONFORMING, type PgTextSettings } from '../../../../core/sql/postgres/postgres.ts';
import { everyStatement, type StatementSummary } from '../../../../core/sql/statement.ts';
import type { SessionGuard } from '../../../action.ts';
import { LARGE_CHARACTERS, LargeTexts } from './large-texts.ts';
import { readStatements } from './parser.ts';
import { SearchPaths } from './search-path.ts';
import type { Statements } from '../pipeline/statements.ts';
import type { Prepared, StatementSource } from '../pipeline/statement.ts';

/** Decisions and summaries of a process, all sessions and rules together. */
const MAX_JUDGE_BYTES = 64 * 1024 * 1024;

/** A process has one. */
export interface PostgresJudge {
  readonly texts: Judge<PgTextSettings>;
  readonly large: LargeTexts;
  readonly paths: SearchPaths;
}

export function createPostgresJudge(): PostgresJudge {
  const large = new LargeTexts();
  return {
    large,
    texts: createJudge({
      summarize: (text, settings) => large.get(text, settings) ?? readStatements(text, settings),
      usual: CONFORMING,
      maxBytes: MAX_JUDGE_BYTES,
    }),
    paths: new SearchPaths(),
  };
}

const NOT_CONFORMING: PgTextSettings = { standardConformingStrings: false };
const UNCERTAIN: PgTextSettings = { standardConformingStrings: undefined };
/** For sessions that only mask: texts are read, and nothing is stopped. */
const NO_RULES = compileStatementRules([]);

const STRICTNESS: Readonly<Record<Verdict, number>> = { allow: 0, warn: 1, hold: 2, block: 3 };
/** Settings that say what a text means. Anything of `role` changes what "$user" in the path stands for. */
const TELLING = new Set([
  'standard_conforming_strings',
  'client_encoding',
  'search_path',
  'role',
  'session_authorization',
]);
const ENDS_TRANSACTION = /^(?:commit|rollback|prepare transaction)/;

export class Verdicts {
  readonly #judge: PostgresJudge;
  readonly #guard: SessionGuard;
  readonly #statements: Statements;
  /** Something that may change a telling setting was sent, and the target is not done with it. */
  #changing = false;
  /** The same since the transaction began: its end may change it back. */
  #changed = false;
  #roleKnown: boolean;
  readonly #role: string | undefined;
  /** Something was sent that may run code that nobody reads, which may change any setting unseen. */
  #running = false;
  /** A prepared statement is judged when it is bound and when it is executed, mostly alike. */
  #last: {
    readonly source: StatementSource | undefined;
    readonly rules: StatementRules;
    readonly path: readonly string[] | undefined;
    readonly sequence: number;
    readonly judged: JudgedText;
  } = { source: undefined, rules: NO_RULES, path: undefined, sequence: -1, judged: unknown(NO_RULES) };
  readonly #view: SessionView<PgTextSettings> & { settings: PgTextSettings; searchPath: readonly string[] | undefined };

  /** `roleKnown`: the session began as who its user is, or as `role`. */
  constructor(
    judge: PostgresJudge,
    guard: SessionGuard,
    statements: Statements,
    { roleKnown, role }: { readonly roleKnown: boolean; readonly role: string | undefined },
  ) {
    this.#judge = judge;
    this.#roleKnown = roleKnown;
    this.#role = role;
    this.#guard = guard;
    this.#statements = statements;
    this.#view = {
      prepared: (name) => this.#prepared(name),
      settings: CONFORMING,
      searchPath: undefined,
    };
    statements.onReported = () => this.#reported();
    statements.names.readsLetters = () => statements.readsLetters && !this.#uncertain && !this.#running;
  }

  /** How the target will read a text that is sent now: for this decision, and for every later one on what was prepared from it. */
  source(text: string | undefined): StatementSource {
    if (text === undefined) return { text, settings: UNCERTAIN };
    const uncertain = this.#uncertain;
    if (uncertain && hasOtherLetters(text)) return { text: '\uFFFD', settings: UNCERTAIN };
    if (!text.includes('\\')) return { text, settings: CONFORMING };
    // Encodings in which a letter's second byte may be that of a backslash: it could be the letter's, and no escape.
    if (this.#running && OTHER_LETTER_THEN_BACKSLASH.test(text)) return { text: '\uFFFD', settings: UNCERTAIN };
    if (uncertain || this.#running) return { text, settings: UNCERTAIN };
    const reported = this.#statements.settings.get('standard_conforming_strings');
    return { text, settings: reported === 'on' ? CONFORMING : reported === 'off' ? NOT_CONFORMING : UNCERTAIN };
  }

  /** It is long, and is read elsewhere: ask again when this resolves. Undefined: `on` answers at once. */
  reading(source: StatementSource | undefined): Promise<void> | undefined {
    if (source?.text === undefined || source.text.length < LARGE_CHARACTERS) return undefined;
    return this.#judge.large.read(source.text, source.settings);
  }

  /** Undefined source: nobody knows what it is. */
  on(source: StatementSource | undefined): JudgedText {
    const rules = this.#rules;
    if (!source || (source.text === undefined && !source.read)) return unknown(rules);
    const { sequence } = this.#statements.names;
    const searchPath = rules.asksForSchemas ? this.#searchPath() : undefined;
    const last = this.#last;
    if (last.source === source && last.rules === rules && last.path === searchPath && last.sequence === sequence)
      return last.judged;
    const view = this.#view;
    view.settings = source.settings;
    view.searchPath = searchPath;
    const judged = source.read
      ? { decision: judgeSummaries(rules, source.read, view), read: source.read }
      : this.#judge.texts.under(rules).decide(source.text ?? '', view);
    this.#last = { source, rules, path: searchPath, sequence, judged };
    return judged;
  }

  /**
   * On what was prepared: the strictest, where a name may stand for several. None: nobody knows what is run, unless
   * `complete`: all names are known, so the target will find none under this one, and say so.
   */
  onPrepared(meanings: readonly Prepared[], complete: boolean): Decision {
    if (meanings.length === 0 && complete) return NOTHING_THERE;
    let worst: Decision | undefined;
    for (const { source } of meanings) {
      const { decision } = this.on(source);
      if (!worst || STRICTNESS[decision.verdict] > STRICTNESS[worst.verdict]) worst = decision;
    }
    return worst ?? this.on(undefined).decision;
  }

  /** On a function that is called by its number. */
  onFunctionCall(): Decision {
    return judgeSummaries(this.#rules, { ok: true, value: [FUNCTION_CALL] }, NOTHING_KNOWN);
  }

  /** What was judged goes on to the target. */
  sent(read: Summaries): void {
    const { names } = this.#statements;
    if (!read.ok || read.value.some(mayRunCode)) this.#running = true;
    if (!read.ok) {
      names.preparedComplete = false;
      names.portalsComplete = false;
    }
    let changes = !read.ok;
    // Each is looked at: they are noted for more than this.
    if (read.ok) for (const summary of read.value) changes = this.#mayChange(summary) || changes;
    if (!changes) return;
    this.#changing = true;
    this.#changed = true;
  }

  /** Something goes on that nobody can see into. */
  sentUnknown(): void {
    this.sent(NOT_KNOWN);
  }

  /** A portal that somebody made in SQL goes on. */
  sentUnread(): void {
    this.#running = true;
  }

  #mayChange(top: StatementSummary): boolean {
    const { names } = this.#statements;
    let changes = false;
    for (const { kind, opaque, executes, acts } of everyStatement(top)) {
      if (kind === 'declare' || opaque.length > 0) names.portalsComplete = false;
      if (opaque.length > 0) names.preparedComplete = false;
      if (opaque.length > 0 || executes !== undefined || kind === 'discard') changes = true;
      if (this.#changed && ENDS_TRANSACTION.test(kind)) changes = true;
      for (const { setting, role } of acts) {
        if (role !== undefined) this.#roleKnown = false;
        if (setting === null || (setting !== undefined && TELLING.has(setting))) changes = true;
      }
    }
    return changes;
  }

  get #rules(): StatementRules {
    return this.#guard.rules.sections.statements ?? NO_RULES;
  }

  /** A failing statement takes back what its transaction changed. */
  get #uncertain(): boolean {
    return this.#changing || (this.#changed && this.#statements.busy);
  }

  #searchPath(): readonly string[] | undefined {
    if (this.#changing || this.#running) return undefined;
    const { settings } = this.#statements;
    const user = this.#roleKnown ? (this.#role ?? settings.get('session_authorization')) : undefined;
    return this.#judge.paths.read(settings.get('search_path'), user);
  }

  /** Of EXECUTE in SQL. */
  #prepared(name: string): readonly StatementSummary[] | undefined {
    const { names } = this.#statements;
    const meanings = names.meanings(name, this.#statements.pipeline.segment);
    if (meanings.length === 0) return names.knowsPrepared(name) ? [] : undefined;
    const all: StatementSummary[] = [];
    for (const { source } of meanings) {
      const read = this.#readAgain(source);
      if (!read?.ok) return undefined;
      all.push(...read.value);
    }
    return all;
  }

  #readAgain(source: Prepared['source']): Summaries | undefined {
    if (source?.read) return source.read;
    if (source?.text === undefined) return undefined;
    return this.#judge.texts
      .under(NO_RULES)
      .decide(source.text, { prepared: () => undefined, settings: source.settings }).read;
  }

  /** The target is done with something: a setting is what it last said, once nothing that may change it is under way. */
  #reported(): void {
    if (this.#statements.busy) return;
    this.#running = false;
    if (!this.#changed) return;
    this.#changing = false;
    if (this.#statements.pipeline.transaction === 'I') this.#changed = false;
  }
}

const NOTHING_THERE: Decision = { section: 'statements', verdict: 'allow', why: 'nothing stands under this name' };

const FUNCTION_CALL: StatementSummary = {
  kind: 'function call',
  acts: [],
  opaque: [{ why: 'a function that is called by its number is not seen', verbs: ['call'] }],
  roles: [],
  nested: [],
  at: { offset: 0, length: 0 },
};

const NOT_KNOWN: Summaries = {
  ok: false,
  error: { reason: 'too_long', message: 'is not known any more, or is too long' },
};

const unknown = (rules: StatementRules): JudgedText => ({
  decision: judgeSummaries(rules, NOT_KNOWN, NOTHING_KNOWN),
  read: NOT_KNOWN,
});

// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what all encodings share
const OTHER_LETTER_THEN_BACKSLASH = /[^\x00-\x7f]\\/;

/** These run nothing of anybody's. COMMIT may: deferred triggers, cursors WITH HOLD. */
const RUNS_NOTHING = new Set(['begin', 'savepoint', 'release', 'rollback', 'deallocate', 'close']);
const mayRunCode = ({ kind }: StatementSummary): boolean => !RUNS_NOTHING.has(kind);

// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what all encodings share
const hasOtherLetters = (text: string): boolean => /[^\x00-\x7f]/.test(text);

/** Of both, by PostgreSQL's grammar. */
const GOES_ON = new Set(['fetch']);

/** Whether a backslash may escape in every string of it. */
export const escapes = ({ settings }: StatementSource): boolean => settings.standardConformingStrings !== true;

/**
 * How many statements a text runs, against the limit. Of one that could not be read, at most. One that does not parse
 * runs nothing. FETCH and MOVE go on with what DECLARE began, and was counted.
 */
export function countOf({ read }: JudgedText, { text }: StatementSource): number {
  if (read.ok) return read.value.length === 0 ? 1 : read.value.filter(({ kind }) => !GOES_ON.has(kind)).length;
  if (read.error.reason === 'syntax' || text === undefined) return 1;
  return text.split(';').length;
}
