// Rules on commands: what is run over SSH or in a container. A pattern is words; the first names the program.
//
//   git *              git with anything behind it, or nothing
//   rm -rf *           these words, then anything
//   git status         exactly this
//   systemctl * nginx  a * between others is one word; within a word it stands for any text
//   "my tool" *        quotes keep blanks and stars as they are
//   interactive shell  a shell that is asked for without a command, in which anything can be typed
//
// Stopping errs on the safe side: a word that only the shell knows could be what the pattern names, `rm` is also
// /bin/rm, and what sudo, env, xargs or sh -c are given counts. Letting pass takes what is certain, as it is written.

import { z } from 'zod';
import { err, ok, type Result } from '../../result.ts';
import {
  compileEntries,
  type Decision,
  type EntryRules,
  entryOf,
  judgeOne,
  type SectionEntry,
  strictestEntry,
  stricter,
  unreadable,
  UnparsableVerdict,
} from './entries.ts';
import { fits } from './glob.ts';
import { isWholeText, readCommandLine } from './shell/line/command-line.ts';
import type { SimpleCommand } from './shell/line/simple-command.ts';
import { Variables } from './shell/line/variables.ts';
import { certain, knownText, type Word } from './shell/line/words.ts';
import { givenTo, nameOf, programOf } from './shell/programs/given.ts';
import type { RunByIt } from './shell/programs/run-by-it.ts';

interface CommandPattern {
  readonly text: string;
  /** What stands between the stars of each word. */
  readonly words: readonly (readonly string[])[];
  /** It ends in a `*` of its own. */
  readonly more: boolean;
  readonly shell: boolean;
}

const MAX_PATTERN_CHARACTERS = 300;
const SHELL = 'interactive shell';
const PATTERN_WORD = /\s*((?:"[^"]*"|'[^']*'|[^\s"'])+)/y;

export function parseCommandPattern(text: string): Result<CommandPattern, string> {
  if (text.trim() === '') return err('is empty');
  if (text.length > MAX_PATTERN_CHARACTERS) return err(`is longer than ${MAX_PATTERN_CHARACTERS} characters`);
  const words: string[][] = [];
  PATTERN_WORD.lastIndex = 0;
  const line = text.trimEnd();
  for (let at = 0; at < line.length; at = PATTERN_WORD.lastIndex) {
    const found = PATTERN_WORD.exec(line);
    if (!found) return err('has a quote that is not closed');
    words.push(partsOf(found[1] ?? ''));
  }
  const operator = /[;&|<>`]|\$\(/.exec(line.replace(/"[^"]*"|'[^']*'/g, ''));
  if (operator)
    return err(`has ${operator[0]} outside of quotes: expected the words of one command, such as "rm -rf *"`);
  const more = words.at(-1)?.join('*') === '*' && line.endsWith('*');
  return ok({ text, words: more ? words.slice(0, -1) : words, more, shell: text.trim() === SHELL });
}

/** `re"*"d*` has one star. */
function partsOf(word: string): string[] {
  const parts = [''];
  for (const [piece] of word.matchAll(/"[^"]*"|'[^']*'|\*|[^"'*]+/g)) {
    if (piece === '*') parts.push('');
    else parts.push((parts.pop() ?? '') + (/^["']/.test(piece) ? piece.slice(1, -1) : piece));
  }
  return parts;
}

/** Whether a pattern says something about interactive shells. */
export function namesShells(text: string): boolean {
  const parsed = parseCommandPattern(text);
  return parsed.ok && (parsed.value.shell || isAll(parsed.value));
}

export const CommandEntry = entryOf(parseCommandPattern);

export interface CommandRules extends EntryRules<CommandPattern> {
  /** What happens to a shell in which anything can be typed, where no entry says it. */
  readonly interactiveShell: UnparsableVerdict;
  /** Lines that are typed at a terminal are compared with the entries. */
  readonly followsLines: boolean;
}

/** `follow`: as `allow`, and lines that are typed at a terminal are compared with the entries: an aid. */
export const ShellVerdict = z.enum([...UnparsableVerdict.options, 'follow']);
type ShellVerdict = z.infer<typeof ShellVerdict>;

/** `interactiveShell`: missing, it is as `unparsable`. */
export function compileCommandRules(
  entries: readonly SectionEntry[],
  unparsable?: UnparsableVerdict,
  interactiveShell?: ShellVerdict,
): CommandRules {
  const rules = compileEntries('commands', entries, parseCommandPattern, unparsable);
  const followsLines = interactiveShell === 'follow';
  return { ...rules, followsLines, interactiveShell: followsLines ? 'allow' : (interactiveShell ?? rules.unparsable) };
}

/** `line`: for a shell to take apart. `words`: run as they are. */
export type AskedCommand = { readonly line: string } | { readonly words: readonly string[] } | typeof SHELL;

/** As an author writes one that is asked for. */
export const parseAskedCommand = (text: string): AskedCommand => (text.trim() === SHELL ? SHELL : { line: text });

/** A line within a line, a command that another runs: no deeper. */
const MAX_DEPTH = 12;
/** Of one line, with all that they run: what could be several commands is judged as each. Long ones count as several. */
const MAX_JUDGED = 4_000;

/** `depth`: how many commands run this one; 0: it stands in the line itself. */
interface Place {
  readonly depth: number;
  readonly judged: { now: number };
}
const inLine = (): Place => ({ depth: 0, judged: { now: 0 } });
const NOTHING: Decision = { section: 'commands', verdict: 'allow', why: 'no entry names it' };

export function judgeCommand(rules: CommandRules, asked: AskedCommand): Decision {
  if (asked === SHELL) return judgeShell(rules, false);
  if ('line' in asked) return judgeLine(rules, asked.line);
  if (asked.words.length === 0) return judgeShell(rules, false);
  if (!asked.words.every(isWholeText)) return unread(rules, 'it has bytes that are no text');
  return judgeSimple(rules, simple(asked.words.map(certain)), inLine());
}

/**
 * A line as it stands on a terminal, before Enter goes on. Undefined: no entry names what is in it. An aid, never a guard:
 * what runs it need be no shell of this grammar, and what a script, an alias or an editor runs stands on no line. So only what a
 * pattern names counts, and nothing is stopped for being unread.
 */
export function judgeTypedLine(rules: CommandRules, line: string): Decision | undefined {
  if (!rules.followsLines) return undefined;
  const decision = judgeLine({ ...rules, allowList: undefined, unparsable: 'allow', interactiveShell: 'allow' }, line);
  return decision.verdict === 'allow' ? undefined : decision;
}

function judgeLine(rules: CommandRules, line: string): Decision {
  const read = readCommandLine(line);
  if (!read.ok) return unread(rules, read.error);
  if (read.value.length === 0) return judgeOne(rules, { stops: isAll, letsPass: isAll }, 'an empty command');
  const place = inLine();
  return strictest(read.value.map((command) => judgeSimple(rules, command, place)));
}

const simple = (words: readonly Word[], given?: Extract<RunByIt, { kind: 'command' }>): SimpleCommand => ({
  words,
  ...{ does: false, sets: [], isFed: given?.isFed === true, input: given?.input },
  variables: given?.variables ?? new Variables(),
});
const strictest = (decisions: readonly Decision[]): Decision => decisions.reduce(stricter, NOTHING);
const isAll = ({ words, more }: CommandPattern): boolean => more && words.length === 0;

/** A list of what may run lets nothing pass that nobody has read. */
function unread(rules: CommandRules, why: string): Decision {
  const decision = unreadable(rules, why);
  return rules.allowList && decision.verdict === 'allow' ? { ...decision, verdict: 'block' } : decision;
}

/** `isFed`: what it reads comes out of a pipe or a file, and is in no recording. */
function judgeShell(rules: CommandRules, isFed: boolean): Decision {
  const names = (pattern: CommandPattern) => pattern.shell || isAll(pattern);
  const decided = judgeOne(rules, { stops: names, letsPass: names }, 'an interactive shell');
  if (isNamed(decided) || decided.verdict === 'block' || rules.allowList) return decided;
  const typed = unreadable(
    { ...rules, unparsable: rules.interactiveShell },
    'what is typed in an interactive shell is not seen command by command',
  );
  if (rules.followsLines && !isFed && decided.verdict === 'allow') return { ...decided, why: FOLLOWED };
  const followed = isFed ? stricter(unreadable(rules, 'what a shell in it reads is not seen'), typed) : typed;
  return stricter(decided, followed);
}

const FOLLOWED =
  'lines that are typed at its terminal are compared with the entries, an aid and no guard: scripts, aliases and editors are not seen';

// A warning is shown beside a decision and is none.
const isNamed = ({ pattern, verdict }: Decision): boolean => pattern !== undefined && verdict !== 'warn';

function judgeSimple(rules: CommandRules, command: SimpleCommand, place: Place): Decision {
  const { words, does } = command;
  place.judged.now += 1 + words.length / 20;
  if (place.judged.now > MAX_JUDGED) return unread(rules, `it may run more than ${MAX_JUDGED} commands`);
  if (words.length === 0) {
    const setting = judgeOne(rules, { stops: () => false, letsPass: isAll }, 'setting variables or files');
    return stricter(setting, judgeGiven(rules, command, place, false));
  }
  const name = words[0] && nameIn(words[0]);
  const stops = (pattern: CommandPattern) => (name === undefined ? isAll(pattern) : stopsAt(pattern, words));
  if (place.depth > 0) {
    const decision = strictestEntry(rules, stops) ?? NOTHING;
    return stricter(decision, judgeGiven(rules, command, place, false));
  }
  const letsPass = (pattern: CommandPattern) => isAll(pattern) || (!does && passes(pattern, words));
  const what = name === undefined ? 'a program whose name is known only when it runs' : `the command ${shown(name)}`;
  const decision = judgeOne(rules, { stops, letsPass }, what);
  if (decision.verdict === 'block') return decision;
  // What an entry names for certain, its author has decided about, whatever it hides.
  const isDecided = rules.entries.some(
    ({ effect, patterns }) => effect !== 'warn' && patterns.some((one) => !isAll(one) && letsPass(one)),
  );
  return stricter(decision, judgeGiven(rules, command, place, isDecided));
}

/** Undefined: it is known only when it runs. `=rm` is a path to zsh; `~`, `~+` and `~1` are what variables say. */
function nameIn(word: Word): string | undefined {
  const text = programOf(word);
  return text !== undefined && /^(?:=|~[^/]*$)/.test(text) ? undefined : text;
}

/**
 * What a command runs beside itself. Only stops count: an allow list has said yes to the command that runs it.
 * `isDecided`: so has an entry, and what cannot be seen is part of that.
 */
function judgeGiven(rules: CommandRules, command: SimpleCommand, place: Place, isDecided: boolean): Decision {
  const stopping: CommandRules = {
    ...rules,
    allowList: undefined,
    ...(isDecided && { unparsable: 'allow', interactiveShell: 'allow' }),
  };
  if (nameIn(command.words[0] ?? certain('')) === undefined)
    return unread(isDecided ? stopping : rules, 'the name of a program in it is known only when it runs');
  const given = givenTo(command);
  if (given.length > 0 && place.depth >= MAX_DEPTH)
    return unreadable(stopping, `its commands run each other more than ${MAX_DEPTH} deep`);
  return strictest(given.map((one) => judgeOneGiven(stopping, one, { ...place, depth: place.depth + 1 })));
}

function judgeOneGiven(rules: CommandRules, given: RunByIt, place: Place): Decision {
  switch (given.kind) {
    case 'command':
      return judgeSimple(rules, simple(given.words, given), place);
    case 'shell':
      return judgeShell(rules, given.isFed);
    case 'unseen':
      return unreadable(rules, given.why);
    case 'line': {
      const text = knownText(given.text);
      if (text === undefined) return unreadable(rules, 'what a shell in it is given is known only when it runs');
      const read = readCommandLine(text, given.variables);
      if (!read.ok) return unreadable(rules, read.error);
      const isFed = given.isFed === true;
      return strictest(read.value.map((one) => judgeSimple(rules, isFed ? { ...one, isFed } : one, place)));
    }
  }
}

const shown = (program: string): string => (program.length > 60 ? `${program.slice(0, 60)}...` : program);

/** Whether it could be what the pattern names. */
function stopsAt(pattern: CommandPattern, words: readonly Word[]): boolean {
  if (pattern.shell) return false;
  for (const [index, wanted] of pattern.words.entries()) {
    const word = words[index];
    if (!word) return false;
    // From here on it may be any words.
    if (word.splits && index > 0) return true;
    const name = index === 0 && !wanted.some((part) => part.includes('/'));
    if (!couldBe(wanted, word, name)) return false;
    // It may be several, so what follows stands anywhere.
    if (word.globs) return true;
  }
  return mayGoOn(pattern) || words.slice(pattern.words.length).every(({ splits }) => splits);
}

/** Whoever writes `shutdown*` means it with arguments too. */
const mayGoOn = ({ words: [first = [], ...others], more }: CommandPattern): boolean =>
  more || (others.length === 0 && first.length > 1 && first.at(-1) === '');

function couldBe(wanted: readonly string[], { parts }: Word, name: boolean): boolean {
  const [text = ''] = parts;
  if (parts.length === 1) return fits(wanted, text) || (name && fits(wanted, nameOf(text)));
  if (name) return fits(wanted, nameOf(parts.at(-1) ?? ''));
  // Two texts with gaps: as far as what is certain at both ends goes.
  if (wanted.length === 1) return fits(parts, wanted[0] ?? '');
  return meet(wanted[0], parts[0], 'startsWith') && meet(wanted.at(-1), parts.at(-1), 'endsWith');
}

const meet = (a = '', b = '', at: 'startsWith' | 'endsWith'): boolean => a[at](b) || b[at](a);

function passes({ words: wanted, more, shell }: CommandPattern, words: readonly Word[]): boolean {
  if (shell || (more ? words.length < wanted.length : words.length !== wanted.length)) return false;
  return wanted.every((parts, index) => {
    const word = words[index];
    const text = word && !word.ofBash ? knownText(word) : undefined;
    return text !== undefined && fits(parts, text);
  });
}
