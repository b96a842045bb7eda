// What the entries of all sections of a rule share, as their author writes them and as a session asks them.
//
//    - { block: [PATTERN, ...], hint: "Use the runbook." }
//    - { hold: [PATTERN, ...], approval: { from: [dba], within: 5m } }
//
// What a pattern says is each section's own. The strictest verdict wins; the order of entries decides only which
// of two equally strict ones is named.

import { z } from 'zod';
import type { SectionName } from '../../protocols.ts';
import type { Result } from '../../result.ts';
import { LACKS } from '../../text/every-issue.ts';
import { Duration } from '../duration.ts';

export const HoldApproval = z.strictObject({
  /** Groups, `user:EMAIL`. */
  from: z.array(z.string().min(1)).min(1),
  count: z.number().int().min(1).max(10).default(1),
  /** How long the action waits. */
  within: Duration.default(5 * 60_000),
});
export type HoldApproval = z.infer<typeof HoldApproval>;

const EFFECTS = ['allow', 'block', 'hold', 'warn'] as const;
type Effect = (typeof EFFECTS)[number];

/** The schema of a section's entries: exactly one of the four effects. `parse`: says what is wrong with a pattern. */
export function entryOf(parse: (text: string) => Result<unknown, string>) {
  const PatternText = z.string().superRefine((text, context) => {
    const parsed = parse(text);
    if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.error });
  });
  const patterns = z.array(PatternText).min(1).max(200);
  return z
    .strictObject({
      allow: patterns.optional(),
      block: patterns.optional(),
      hold: patterns.optional(),
      warn: patterns.optional(),
      /** Shown to the person, with the way out. */
      hint: z.string().min(1).max(500).optional(),
      approval: HoldApproval.optional(),
    })
    .superRefine((entry, context) => {
      const effects = EFFECTS.filter((effect) => entry[effect] !== undefined);
      if (effects.length !== 1)
        context.addIssue({
          ...{ code: 'custom', message: 'expected exactly one of allow, block, hold, warn' },
          ...(effects.length === 0 && { params: LACKS }),
        });
      if (entry.hold && !entry.approval)
        context.addIssue({
          ...{ code: 'custom', params: LACKS },
          message: 'hold needs an approval, such as { from: [dba], within: 5m }',
        });
      if (!entry.hold && entry.approval)
        context.addIssue({ code: 'custom', path: ['approval'], message: 'only hold takes an approval' });
    });
}
export type SectionEntry = z.infer<ReturnType<typeof entryOf>>;

export const UnparsableVerdict = z.enum(['block', 'allow', 'hold']);
export type UnparsableVerdict = z.infer<typeof UnparsableVerdict>;

export type Verdict = 'allow' | 'warn' | 'hold' | 'block';
const STRICTNESS: Readonly<Record<Verdict, number>> = { allow: 0, warn: 1, hold: 2, block: 3 };

/** What a rule says about one action. */
export interface Decision {
  readonly section: SectionName;
  readonly verdict: Verdict;
  /** Index in the section; undefined: nothing matched, an allow list left it out, or it could not be read. */
  readonly entry?: number;
  readonly pattern?: string;
  /** Plain words, without any of the action's text but its names. */
  readonly why: string;
  readonly hint?: string;
  readonly approval?: HoldApproval;
  /** It followed `unparsable`. */
  readonly unreadable?: true;
}

/** The stricter of the two; the first of two that are alike. */
export const stricter = (a: Decision, b: Decision): Decision => (STRICTNESS[b.verdict] > STRICTNESS[a.verdict] ? b : a);

/** Entries of one section, compiled. */
export interface EntryRules<Pattern> {
  readonly section: SectionName;
  readonly entries: readonly {
    readonly effect: Effect;
    readonly patterns: readonly Pattern[];
    readonly hint: string | undefined;
    readonly approval: HoldApproval | undefined;
  }[];
  readonly allowList: readonly Pattern[] | undefined;
  /** What happens to what cannot be read. */
  readonly unparsable: UnparsableVerdict;
  /** Who decides on what is held for being unreadable: whom the first hold entry names. */
  readonly approval: HoldApproval | undefined;
}

interface Written {
  /** As its author wrote it. */
  readonly text: string;
}

/** Entries are those of a parsed policy: a pattern that does not parse here is a bug. */
export function compileEntries<Pattern extends Written>(
  section: SectionName,
  entries: readonly SectionEntry[],
  parse: (text: string) => Result<Pattern, string>,
  unparsable?: UnparsableVerdict,
): EntryRules<Pattern> {
  const compiled = entries.map((entry) => {
    const effect = EFFECTS.find((one) => entry[one] !== undefined) ?? 'block';
    const patterns = (entry[effect] ?? []).map((text) => {
      const parsed = parse(text);
      if (!parsed.ok) throw new Error(`pattern "${text}" ${parsed.error}`);
      return parsed.value;
    });
    return { effect, patterns, hint: entry.hint, approval: entry.approval };
  });
  const allowing = compiled.filter(({ effect }) => effect === 'allow');
  const restricts = compiled.some(({ effect }) => effect !== 'warn');
  return {
    section,
    entries: compiled,
    allowList: allowing.length > 0 ? allowing.flatMap(({ patterns }) => patterns) : undefined,
    unparsable: unparsable ?? (restricts ? 'block' : 'allow'),
    approval: compiled.find(({ effect }) => effect === 'hold')?.approval,
  };
}

/** The decision of the strictest entry that is no `allow` and has a pattern which fits; undefined when none has. */
export function strictestEntry<Pattern extends Written>(
  { section, entries }: EntryRules<Pattern>,
  fits: (pattern: Pattern) => boolean,
): Decision | undefined {
  let found: Decision | undefined;
  entries.forEach(({ effect, patterns, hint, approval }, entry) => {
    if (effect === 'allow' || (found && STRICTNESS[effect] <= STRICTNESS[found.verdict])) return;
    const pattern = patterns.find(fits);
    if (!pattern) return;
    found = {
      section,
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

/** What happens to what cannot be read. `why`: a clause. */
export const unreadable = (
  { section, unparsable, approval }: Pick<EntryRules<never>, 'section' | 'unparsable' | 'approval'>,
  why: string,
): Decision => ({
  section,
  verdict: unparsable,
  why,
  unreadable: true,
  ...(unparsable === 'hold' && approval && { approval }),
});

/** How an action stands to a pattern: `stops` when it could be what the pattern names, `letsPass` when it is for certain. */
interface Fitting<Pattern> {
  readonly stops: (pattern: Pattern) => boolean;
  readonly letsPass: (pattern: Pattern) => boolean;
}

/** For sections whose actions are one thing each. `what`: names the action, beside "is not in the allow list". */
export function judgeOne<Pattern extends Written>(
  rules: EntryRules<Pattern>,
  { stops, letsPass }: Fitting<Pattern>,
  what: string,
): Decision {
  const stopped = strictestEntry(rules, stops);
  const decision = stopped ?? { section: rules.section, verdict: 'allow', why: 'no entry names it' };
  if (decision.verdict === 'block' || !rules.allowList || rules.allowList.some(letsPass)) return decision;
  // A hold that names it for certain has said what shall happen to it.
  const heldFor = ({ effect, patterns }: EntryRules<Pattern>['entries'][number]) =>
    effect === 'hold' && patterns.some(letsPass);
  if (decision.verdict === 'hold' && rules.entries.some(heldFor)) return decision;
  return { section: rules.section, verdict: 'block', why: `${what} is not in the allow list` };
}
