// Judging statements: a rule's entries against what a statement does. Pure; parsing is given in, so
// that no protocol is known here. The strictest verdict over all acts of all statements of one text
// wins, and whatever could not be read follows the rule's `unparsable`.

import type { Result } from '../../result.ts';
import { type Act, everyStatement, type Opacity, type StatementSummary, type Unparsable } from '../../sql/statement.ts';
import {
  compileEntries,
  type Decision,
  type EntryRules,
  entryOf,
  type SectionEntry,
  stricter,
  strictestEntry,
  unreadable,
  type UnparsableVerdict,
} from './entries.ts';
import { asksForSchema, letsPass, type Pattern, parsePattern, type SearchPath, stops } from './statement-patterns.ts';

/** One entry of a rule's `statements`. */
export const StatementEntry = entryOf(parsePattern);
export type StatementEntry = SectionEntry;

export interface StatementRules extends EntryRules<Pattern> {
  /** A pattern names a schema, so that names without one hang on the search path. */
  readonly asksForSchemas: boolean;
}

/** Entries are those of a parsed policy: a pattern that does not parse here is a bug. */
export function compileStatementRules(
  entries: readonly StatementEntry[],
  unparsable?: UnparsableVerdict,
): StatementRules {
  const rules = compileEntries('statements', entries, parsePattern, unparsable);
  return { ...rules, asksForSchemas: rules.entries.some(({ patterns }) => patterns.some(asksForSchema)) };
}

const ALLOWED: Decision = { section: 'statements', verdict: 'allow', why: 'no entry names what it does' };

/** What only the session knows, by its own account. */
export interface SessionNames {
  /** What a name was prepared as, in SQL or in the protocol; undefined: not known, and EXECUTE is then as opaque as DO. */
  prepared(name: string): readonly StatementSummary[] | undefined;
  /**
   * The schemas of `search_path` as they are when the text runs, `$user` resolved. undefined: not
   * certain, and a name without a schema may be in any.
   */
  readonly searchPath?: readonly string[] | undefined;
}

export const NOTHING_KNOWN: SessionNames = { prepared: () => undefined };

/** Of a rule without statements. */
const NO_ENTRIES = compileStatementRules([]);

/** The verdict on one text; undefined: the rule says nothing about statements. */
export function judgeUnder(
  rules: StatementRules | undefined,
  read: Result<readonly StatementSummary[], Unparsable>,
  session: SessionNames = NOTHING_KNOWN,
): Decision {
  if (rules) return judge(rules, read, session);
  const decision = judge(NO_ENTRIES, read, session);
  return decision.verdict === 'allow' ? { ...ALLOWED, why: 'the rule says nothing about statements' } : decision;
}

/** The verdict on one text. */
export function judge(
  rules: StatementRules,
  read: Result<readonly StatementSummary[], Unparsable>,
  session: SessionNames = NOTHING_KNOWN,
): Decision {
  if (!read.ok) return unreadable(rules, `it ${read.error.message}`);
  // Names are resolved statement by statement: an earlier one, or a function in it, may have changed the path.
  const resolving = read.value.filter(({ acts, nested }) => nested.length > 0 || !acts.every((act) => act.free));
  const path = resolving.length > 1 ? undefined : session.searchPath;
  return judgeAll({ rules, session, path }, read.value, new Set());
}

interface Question {
  readonly rules: StatementRules;
  readonly session: SessionNames;
  readonly path: SearchPath;
}

function judgeAll(
  question: Question,
  summaries: readonly StatementSummary[],
  executing: ReadonlySet<string>,
): Decision {
  const { rules, session } = question;
  let worst = ALLOWED;
  const consider = (decision: Decision) => {
    worst = stricter(worst, decision);
  };
  // A text may prepare what it executes further on.
  const here = new Map<string, readonly StatementSummary[]>();
  for (const top of summaries) {
    for (const statement of everyStatement(top)) {
      for (const act of statement.acts) consider(judgeAct(question, act));
      for (const role of statement.roles) consider(judgeRole(rules, role));
      for (const opacity of statement.opaque) consider(judgeOpacity(rules, opacity));
      if (statement.prepares !== undefined)
        here.set(statement.prepares, [...(here.get(statement.prepares) ?? []), ...statement.nested]);
      if (statement.executes === undefined) continue;
      const known = executing.has(statement.executes)
        ? undefined
        : (here.get(statement.executes) ?? session.prepared(statement.executes));
      // What was prepared counts as run here, PREPARE itself included.
      consider(
        known
          ? judgeAll(question, known, new Set([...executing, statement.executes]))
          : judgeOpacity(rules, { why: 'what was prepared under this name is not known', verbs: ['execute'] }),
      );
    }
  }
  return worst;
}

function judgeAct({ rules, path }: Question, act: Act): Decision {
  const stopped = strictestEntry(rules, (pattern) => stops(pattern, act, path));
  if (stopped?.verdict !== 'block' && act.askedFor !== undefined && !namesVerb(rules, act, path))
    return {
      section: rules.section,
      verdict: 'block',
      why: `${act.askedFor}, which an entry must name: allow ["*", "${act.verbs[0]}"]`,
    };
  if (stopped?.verdict === 'block' || !rules.allowList || act.free) return stopped ?? ALLOWED;
  if (rules.allowList.some((pattern) => letsPass(pattern, act, path))) return stopped ?? ALLOWED;
  // A hold that names the very kind has said what shall happen to it; `* on t` has not.
  if (stopped?.verdict === 'hold' && namedByHold(rules, act, path)) return stopped;
  return { section: rules.section, verdict: 'block', why: `${describeAct(act)} is not in the allow list` };
}

function judgeRole(rules: StatementRules, role: string): Decision {
  const act: Act = { verbs: [], class: 'privilege', role };
  return strictestEntry(rules, (pattern) => pattern.by === 'role' && stops(pattern, act)) ?? ALLOWED;
}

function judgeOpacity(rules: StatementRules, opacity: Opacity): Decision {
  // An author who names exactly this thing has decided about it, and no longer about "what cannot be read".
  const act: Act = {
    verbs: opacity.function ? [...opacity.verbs, 'function'] : opacity.verbs,
    class: 'opaque',
    ...(opacity.function && { function: opacity.function }),
  };
  const names = (pattern: Pattern, fits: (pattern: Pattern, act: Act) => boolean) =>
    (pattern.by === 'class' ? pattern.word === 'opaque' : pattern.by === 'verb') &&
    pattern.relation === undefined &&
    (pattern.word !== 'function' || pattern.function !== undefined) &&
    fits(pattern, act);
  const decided = strictestEntry(rules, (pattern) => names(pattern, stops));
  // A warning is shown beside a decision and is none.
  if (decided && decided.verdict !== 'warn') return decided;
  if (rules.allowList?.some((pattern) => names(pattern, letsPass))) return decided ?? ALLOWED;
  return unreadable(rules, opacity.why);
}

const namedByHold = (rules: StatementRules, act: Act, path: SearchPath): boolean =>
  rules.entries.some(
    ({ effect, patterns }) =>
      effect === 'hold' && patterns.some((pattern) => pattern.by !== 'any' && letsPass(pattern, act, path)),
  );

/** An entry that allows or holds does so by its very kind: neither by its class nor by everything. */
const namesVerb = (rules: StatementRules, act: Act, path: SearchPath): boolean =>
  rules.entries.some(
    ({ effect, patterns }) =>
      (effect === 'allow' || effect === 'hold') &&
      patterns.some((pattern) => pattern.by === 'verb' && letsPass(pattern, act, path)),
  );

/** In the words of a pattern, more or less. */
export function describeAct(act: Act): string {
  const verb = act.verbs.at(-1) ?? 'this';
  if (act.function) return `function ${[act.function.schema, act.function.name].filter(Boolean).join('.')}`;
  if (!act.relation) return verb;
  const { schema, name } = act.relation;
  return `${act.verbs[0]} on ${[schema, name ?? '*'].filter((part) => part !== undefined).join('.')}`;
}
