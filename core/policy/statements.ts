// Judging statements: a rule's entries against what a statement does. Pure; parsing is given in, so
// that no protocol is known here. The strictest verdict over all acts of all statements of one text
// wins, and whatever could not be read follows the rule's `unparsable`.

import { z } from 'zod';
import type { Result } from '../result.ts';
import { type Act, everyStatement, type Opacity, type StatementSummary, type Unparsable } from '../sql/statement.ts';
import { Duration } from './duration.ts';
import { asksForSchema, letsPass, type Pattern, parsePattern, type SearchPath, stops } from './statement-patterns.ts';

export const PatternText = z.string().superRefine((text, context) => {
  const parsed = parsePattern(text);
  if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.error });
});

const Patterns = z.array(PatternText).min(1).max(200);

export const StatementApproval = z.strictObject({
  /** Groups, `user:EMAIL`. */
  from: z.array(z.string().min(1)).min(1),
  count: z.number().int().min(1).max(10).default(1),
  /** How long the statement waits. */
  within: Duration.default(5 * 60_000),
});
export type StatementApproval = z.infer<typeof StatementApproval>;

const EFFECTS = ['allow', 'block', 'hold', 'warn'] as const;
type Effect = (typeof EFFECTS)[number];

/** One entry of a rule's `statements`. Exactly one of the four effects. */
export const StatementEntry = z
  .strictObject({
    allow: Patterns.optional(),
    block: Patterns.optional(),
    hold: Patterns.optional(),
    warn: Patterns.optional(),
    /** Shown to the person, with the way out. */
    hint: z.string().min(1).max(500).optional(),
    approval: StatementApproval.optional(),
  })
  .superRefine((entry, context) => {
    const effects = EFFECTS.filter((effect) => entry[effect] !== undefined);
    if (effects.length !== 1)
      context.addIssue({ code: 'custom', message: 'expected exactly one of allow, block, hold, warn' });
    if (entry.hold && !entry.approval)
      context.addIssue({ code: 'custom', message: 'hold needs an approval, such as { from: [dba], within: 5m }' });
    if (!entry.hold && entry.approval)
      context.addIssue({ code: 'custom', path: ['approval'], message: 'only hold takes an approval' });
  });
export type StatementEntry = z.infer<typeof StatementEntry>;

export const UnparsableVerdict = z.enum(['block', 'allow', 'hold']);
export type UnparsableVerdict = z.infer<typeof UnparsableVerdict>;

export type Verdict = 'allow' | 'warn' | 'hold' | 'block';
const STRICTNESS: Readonly<Record<Verdict, number>> = { allow: 0, warn: 1, hold: 2, block: 3 };

export interface StatementRules {
  readonly entries: readonly {
    readonly effect: Effect;
    readonly patterns: readonly Pattern[];
    readonly hint: string | undefined;
    readonly approval: StatementApproval | undefined;
  }[];
  readonly allowList: readonly Pattern[] | undefined;
  readonly unparsable: UnparsableVerdict;
  /** A pattern names a schema, so that names without one hang on the search path. */
  readonly asksForSchemas: boolean;
  /** Who decides on what is held for being unreadable: whom the first hold entry names. */
  readonly approval: StatementApproval | undefined;
}

export interface StatementDecision {
  readonly verdict: Verdict;
  /** Index in `statements`; undefined: nothing matched, an allow list left it out, or it could not be read. */
  readonly entry?: number;
  readonly pattern?: string;
  /** Plain words, without any of the statement's text but its names. */
  readonly why: string;
  readonly hint?: string;
  readonly approval?: StatementApproval;
  /** It followed `unparsable`. */
  readonly unreadable?: true;
}

/** What is wrong with a rule's statements as a whole, for parsePolicy; undefined when nothing is. */
export function statementContradiction(
  entries: readonly StatementEntry[] | undefined,
  unparsable: UnparsableVerdict | undefined,
): string | undefined {
  if (unparsable === 'hold' && !entries?.some((entry) => entry.hold))
    return 'hold needs an entry with hold in statements, whose approval it takes';
  if (unparsable !== undefined && !entries) return 'says nothing without statements';
  return undefined;
}

/** Entries are those of a parsed policy: a pattern that does not parse here is a bug. */
export function compileStatementRules(
  entries: readonly StatementEntry[],
  unparsable?: UnparsableVerdict,
): StatementRules {
  const compiled = entries.map((entry) => {
    const effect = EFFECTS.find((one) => entry[one] !== undefined) ?? 'block';
    const patterns = (entry[effect] ?? []).map((text) => {
      const parsed = parsePattern(text);
      if (!parsed.ok) throw new Error(`pattern "${text}" ${parsed.error}`);
      return parsed.value;
    });
    return { effect, patterns, hint: entry.hint, approval: entry.approval };
  });
  const allowing = compiled.filter(({ effect }) => effect === 'allow');
  const restricts = compiled.some(({ effect }) => effect !== 'warn');
  return {
    entries: compiled,
    allowList: allowing.length > 0 ? allowing.flatMap(({ patterns }) => patterns) : undefined,
    asksForSchemas: compiled.some(({ patterns }) => patterns.some(asksForSchema)),
    unparsable: unparsable ?? (restricts ? 'block' : 'allow'),
    approval: compiled.find(({ effect }) => effect === 'hold')?.approval,
  };
}

const ALLOWED: StatementDecision = { verdict: 'allow', why: 'no entry names what it does' };

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

/** The verdict on one text. */
export function judge(
  rules: StatementRules,
  read: Result<readonly StatementSummary[], Unparsable>,
  session: SessionNames = NOTHING_KNOWN,
): StatementDecision {
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
): StatementDecision {
  const { rules, session } = question;
  let worst = ALLOWED;
  const consider = (decision: StatementDecision) => {
    if (STRICTNESS[decision.verdict] > STRICTNESS[worst.verdict]) worst = decision;
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

function judgeAct({ rules, path }: Question, act: Act): StatementDecision {
  const stopped = strictestEntry(rules, (pattern) => stops(pattern, act, path));
  if (stopped?.verdict === 'block' || !rules.allowList || act.free) return stopped ?? ALLOWED;
  if (rules.allowList.some((pattern) => letsPass(pattern, act, path))) return stopped ?? ALLOWED;
  // A hold that names the very kind has said what shall happen to it; `* on t` has not.
  if (stopped?.verdict === 'hold' && namedByHold(rules, act, path)) return stopped;
  return { verdict: 'block', why: `${describeAct(act)} is not in the allow list` };
}

function judgeRole(rules: StatementRules, role: string): StatementDecision {
  const act: Act = { verbs: [], class: 'privilege', role };
  return strictestEntry(rules, (pattern) => pattern.by === 'role' && stops(pattern, act)) ?? ALLOWED;
}

function judgeOpacity(rules: StatementRules, opacity: Opacity): StatementDecision {
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

function strictestEntry(rules: StatementRules, fits: (pattern: Pattern) => boolean): StatementDecision | undefined {
  let found: StatementDecision | undefined;
  rules.entries.forEach(({ effect, patterns, hint, approval }, entry) => {
    if (effect === 'allow' || (found && STRICTNESS[effect] <= STRICTNESS[found.verdict])) return;
    const pattern = patterns.find(fits);
    if (!pattern) return;
    found = {
      verdict: effect,
      entry,
      pattern: pattern.text,
      why: `it is what "${pattern.text}" names`,
      ...(hint !== undefined && { hint }),
      ...(approval && { approval }),
    };
  });
  return found;
}

function unreadable(rules: StatementRules, why: string): StatementDecision {
  return {
    verdict: rules.unparsable,
    why,
    unreadable: true,
    ...(rules.unparsable === 'hold' && rules.approval && { approval: rules.approval }),
  };
}

/** In the words of a pattern, more or less. */
export function describeAct(act: Act): string {
  const verb = act.verbs.at(-1) ?? 'this';
  if (act.function) return `function ${[act.function.schema, act.function.name].filter(Boolean).join('.')}`;
  if (!act.relation) return verb;
  const { schema, name } = act.relation;
  return `${act.verbs[0]} on ${[schema, name ?? '*'].filter((part) => part !== undefined).join('.')}`;
}
