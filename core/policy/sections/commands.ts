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

import { err, ok, type Result } from '../../result.ts';
import { certain, readCommandLine, type SimpleCommand, type Word } from './command-line.ts';
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
  type UnparsableVerdict,
} from './entries.ts';
import { fits } from './glob.ts';

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

export const CommandEntry = entryOf(parseCommandPattern);
export type CommandRules = EntryRules<CommandPattern>;

export const compileCommandRules = (entries: readonly SectionEntry[], unparsable?: UnparsableVerdict): CommandRules =>
  compileEntries('commands', entries, parseCommandPattern, unparsable);

/** `line`: for a shell to take apart. `words`: run as they are. */
export type AskedCommand = { readonly line: string } | { readonly words: readonly string[] } | typeof SHELL;

/** As an author writes one that is asked for. */
export const parseAskedCommand = (text: string): AskedCommand => (text.trim() === SHELL ? SHELL : { line: text });

export function judgeCommand(rules: CommandRules, asked: AskedCommand): Decision {
  if (asked === SHELL) return judgeShell(rules);
  if ('words' in asked)
    return asked.words.length === 0
      ? judgeShell(rules)
      : judgeSimple(rules, { words: asked.words.map(certain), does: false });
  const read = readCommandLine(asked.line);
  if (!read.ok) return unreadable(rules, read.error);
  if (read.value.length === 0) return judgeOne(rules, { stops: isAll, letsPass: isAll }, 'an empty command');
  return strictest(read.value.map((command) => judgeSimple(rules, command)));
}

const strictest = (decisions: readonly Decision[]): Decision => decisions.reduce(stricter);
const isAll = ({ words, more }: CommandPattern): boolean => more && words.length === 0;

function judgeShell(rules: CommandRules): Decision {
  const names = (pattern: CommandPattern) => pattern.shell || isAll(pattern);
  const decided = judgeOne(rules, { stops: names, letsPass: names }, 'an interactive shell');
  // A warning is shown beside a decision and is none.
  const isDecided = decided.pattern !== undefined && decided.verdict !== 'warn';
  if (isDecided || decided.verdict === 'block' || rules.allowList) return decided;
  return stricter(decided, unreadable(rules, 'what is typed in an interactive shell is not seen command by command'));
}

function judgeSimple(rules: CommandRules, command: SimpleCommand): Decision {
  const { words, does } = command;
  const [program = certain('')] = words;
  const name = program.parts.length === 1 && !program.splits ? baseOf(program.parts[0] ?? '') : undefined;
  const decision = judgeOne(
    rules,
    {
      stops: (pattern) =>
        name === undefined
          ? isAll(pattern)
          : stopsAt(pattern, words) || (LAUNCHERS.has(name) && within(pattern, words)),
      letsPass: (pattern) => isAll(pattern) || (!does && passes(pattern, words)),
    },
    name === undefined ? 'a program whose name is known only when it runs' : `the command ${shown(program.parts[0])}`,
  );
  if (name === undefined && !rules.allowList)
    return stricter(decision, unreadable(rules, 'the name of a program in it is known only when it runs'));
  if (name === undefined || !SHELLS.has(name)) return decision;
  const given = words.slice(1);
  if (name !== 'eval' && given.every(({ parts }) => parts.length === 1 && parts[0]?.startsWith('-')))
    return isNamed(decision) || rules.allowList ? decision : stricter(decision, judgeShell(rules));
  return stricter(decision, judgeGiven(rules, given));
}

const isNamed = ({ pattern, verdict }: Decision): boolean => pattern !== undefined && verdict !== 'warn';

/** What a shell is given to run. Only stops count: an allow list has said yes to the shell by its own name. */
function judgeGiven(rules: CommandRules, given: readonly Word[]): Decision {
  const stopping: CommandRules = {
    ...rules,
    allowList: undefined,
    unparsable: rules.allowList ? 'allow' : rules.unparsable,
  };
  return strictest([
    { section: 'commands', verdict: 'allow', why: 'no entry names it' },
    ...given.map(({ parts, splits }) => {
      const [text = ''] = parts;
      if (parts.length > 1 || splits)
        return unreadable(stopping, 'what a shell in it is given is known only when it runs');
      if (!/[\s;&|$`]/.test(text)) return strictestWord(stopping, text);
      return judgeCommand(stopping, { line: text });
    }),
  ]);
}

const strictestWord = (rules: CommandRules, text: string): Decision =>
  strictestEntry(rules, (pattern) => stopsAt(pattern, [certain(text)])) ?? {
    section: 'commands',
    verdict: 'allow',
    why: 'no entry names it',
  };

/** They run what follows somewhere behind their own options. */
const LAUNCHERS = new Set(
  [
    'sudo',
    'doas',
    'env',
    'nohup',
    'nice',
    'ionice',
    'time',
    'timeout',
    'exec',
    'command',
    'builtin',
    'xargs',
    'find',
  ].concat(['setsid', 'stdbuf', 'chroot', 'busybox', 'watch', 'parallel', 'unshare', 'nsenter', 'chrt', 'taskset']),
);
/** They run a text that they are given. */
const SHELLS = new Set(['sh', 'bash', 'dash', 'zsh', 'ksh', 'ash', 'fish', 'su', 'eval']);

const baseOf = (program: string): string => program.slice(program.lastIndexOf('/') + 1);
const shown = (program = ''): string => (program.length > 60 ? `${program.slice(0, 60)}...` : program);

const within = (pattern: CommandPattern, words: readonly Word[]): boolean =>
  words.some((_, at) => at > 0 && stopsAt(pattern, words, at));

/** Whether the words from `from` on could be what the pattern names. */
function stopsAt(pattern: CommandPattern, words: readonly Word[], from = 0): boolean {
  if (pattern.shell) return false;
  for (let index = 0; index < pattern.words.length; index++) {
    const word = words[from + index];
    if (!word) return false;
    // From here on it may be any words.
    if (word.splits && index > 0) return true;
    const wanted = pattern.words[index] ?? [];
    const name = index === 0 && !wanted.some((part) => part.includes('/'));
    if (!couldBe(wanted, word, name)) return false;
  }
  return pattern.more || words.length - from === pattern.words.length;
}

function couldBe(wanted: readonly string[], { parts }: Word, name: boolean): boolean {
  const [text = ''] = parts;
  if (parts.length === 1) return fits(wanted, text) || (name && fits(wanted, baseOf(text)));
  // Two texts with gaps: as far as what is certain at both ends goes.
  if (wanted.length === 1) return fits(parts, wanted[0] ?? '');
  return meet(wanted[0], parts[0], 'startsWith') && meet(wanted.at(-1), parts.at(-1), 'endsWith');
}

const meet = (a = '', b = '', at: 'startsWith' | 'endsWith'): boolean => a[at](b) || b[at](a);

function passes({ words: wanted, more, shell }: CommandPattern, words: readonly Word[]): boolean {
  if (shell || (more ? words.length < wanted.length : words.length !== wanted.length)) return false;
  return wanted.every((parts, index) => {
    const word = words[index];
    return word !== undefined && word.parts.length === 1 && !word.splits && fits(parts, word.parts[0] ?? '');
  });
}
