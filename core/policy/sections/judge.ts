// Decisions at the speed of a lookup: a text that was judged under some rules is judged once.
//
// The cache has two generations. What is looked up lives in the young one; when that is full the old
// one is forgotten and the young one becomes it. So a hit in the young generation costs one lookup
// and nothing else, and what is in use survives.

import type { Result } from '../../result.ts';
import { everyStatement, type StatementSummary, type Unparsable } from '../../sql/statement.ts';
import type { Decision } from './entries.ts';
import { judge, type SessionNames, type StatementRules } from './statements.ts';

export type Summaries = Result<readonly StatementSummary[], Unparsable>;

export interface JudgedText {
  readonly decision: Decision;
  readonly read: Summaries;
}

export interface SessionView<Settings> extends SessionNames {
  /** One array per path and not one per call: decisions are kept by its identity. */
  readonly searchPath?: readonly string[] | undefined;
  /** The settings that texts are read under now. Anything but the judge's `usual` is read anew each time. */
  readonly settings: Settings;
}

interface RuleJudge<Settings> {
  /** Never throws: what cannot be read follows the rules' `unparsable`. */
  decide(text: string, session: SessionView<Settings>): JudgedText;
}

interface JudgeOptions<Settings> {
  /** Reads a text: summarizePostgres with its parser. */
  readonly summarize: (text: string, settings: Settings) => Summaries;
  /** The one settings object whose readings are kept. Compared by identity. */
  readonly usual: Settings;
  /** Memory for all rules together; a rough count, never exceeded by much. */
  readonly maxBytes: number;
}

export interface Judge<Settings> {
  /** One for each compiled rule set; the same for the same one. Compile anew for a new policy version. */
  under(rules: StatementRules): RuleJudge<Settings>;
  /** For metrics and tests. */
  readonly bytes: number;
}

interface Kept extends JudgedText {
  /** EXECUTE: the decision hangs on what the session prepared. */
  readonly executes: boolean;
  /** A name that the search path leads somewhere: it hangs on that, and stands for one path at a time. */
  readonly pathMatters: boolean;
  readonly bytes: number;
  path: readonly string[] | undefined;
  /** Under `path`. */
  underPath: JudgedText;
}

export function createJudge<Settings>(options: JudgeOptions<Settings>): Judge<Settings> {
  const caches = new Map<StatementRules, RuleCache<Settings>>();
  let young = 0;
  let old = 0;
  const kept = (bytes: number) => {
    young += bytes;
    if (young <= options.maxBytes / 2) return;
    for (const [rules, cache] of caches) if (!cache.age()) caches.delete(rules);
    old = young;
    young = 0;
  };
  return {
    under(rules) {
      const known = caches.get(rules);
      if (known) return known;
      const cache: RuleCache<Settings> = new RuleCache(rules, options, (bytes) => {
        caches.set(rules, cache);
        kept(bytes);
      });
      caches.set(rules, cache);
      return cache;
    },
    get bytes() {
      return young + old;
    },
  };
}

class RuleCache<Settings> implements RuleJudge<Settings> {
  readonly #rules: StatementRules;
  readonly #options: JudgeOptions<Settings>;
  readonly #onKept: (bytes: number) => void;
  #young = new Map<string, Kept>();
  #old = new Map<string, Kept>();

  constructor(rules: StatementRules, options: JudgeOptions<Settings>, onKept: (bytes: number) => void) {
    this.#rules = rules;
    this.#options = options;
    this.#onKept = onKept;
  }

  decide(text: string, session: SessionView<Settings>): JudgedText {
    if (session.settings !== this.#options.usual) return this.#judge(text, session);
    const found = this.#young.get(text) ?? this.#lookFurther(text, session);
    if (found.executes) return { decision: judge(this.#rules, found.read, session), read: found.read };
    if (!found.pathMatters) return found;
    if (found.path !== session.searchPath) {
      found.path = session.searchPath;
      found.underPath = { decision: judge(this.#rules, found.read, session), read: found.read };
    }
    return found.underPath;
  }

  /** Forgets what was not looked up for a while; false when nothing is left. */
  age(): boolean {
    this.#old = this.#young;
    this.#young = new Map();
    return this.#old.size > 0;
  }

  #lookFurther(text: string, session: SessionView<Settings>): Kept {
    const found = this.#old.get(text) ?? this.#judge(text, session);
    this.#old.delete(text);
    // One text must not push out all others.
    if (found.bytes > this.#options.maxBytes / 16) return found;
    this.#young.set(text, found);
    this.#onKept(found.bytes);
    return found;
  }

  #judge(text: string, session: SessionView<Settings>): Kept {
    const read = this.#options.summarize(text, session.settings);
    const statements = read.ok ? read.value.flatMap((summary) => [...everyStatement(summary)]) : [];
    const judged: JudgedText = { decision: judge(this.#rules, read, session), read };
    return {
      ...judged,
      executes: statements.some(({ executes }) => executes !== undefined),
      pathMatters:
        this.#rules.asksForSchemas &&
        statements.some(({ acts }) =>
          acts.some(({ relation }) => relation !== undefined && relation.schema === undefined),
        ),
      // Two bytes a character, and what objects of these shapes take in V8, rounded up.
      bytes: text.length * 2 + statements.reduce((sum, { acts }) => sum + 400 + acts.length * 250, 500),
      path: session.searchPath,
      underPath: judged,
    };
  }
}
