// What a simple command is given to run, beside itself: by sudo a command, by `sh -c` a text, by perl code.

import type { SimpleCommand } from '../line/simple-command.ts';
import { type VariableSet, Variables } from '../line/variables.ts';
import { ANYTHING, certain, knownText, type Word } from '../line/words.ts';
import { hasCodeRow, hasCodeWords } from './code-words.ts';
import { givenAtPlace, givenSomewhere } from './by-place.ts';
import { runElsewhere } from './containers.ts';
import { runByGit } from './git.ts';
import { isGivenCode, isInterpreter, readsProgram } from './interpreters.ts';
import { type Launcher, launcherOf, runsSomewhere } from './launchers.ts';
import { CODE, OPEN, type RunByIt, startOf, type Surroundings } from './run-by-it.ts';
import { hasRunOptions, runByInput, runByOptions } from './run-options.ts';
import { runByVariable } from './run-variables.ts';
import { givenScript, givenToShell, givenToTrap, isShell, readsFrom } from './shells.ts';

/** Of what is run in a directory of its own, by a version: `/usr/bin/python3.11` is python. */
export const nameOf = (program: string): string => program.slice(program.lastIndexOf('/') + 1);

/** Undefined: it is known only when it runs. Of `"$HOME/bin/x"` it is known what lies in what directory. */
export function programOf(word: Word): string | undefined {
  const last = word.parts.at(-1) ?? '';
  return word.parts.length > 1 && !word.splits && !word.globs && last.includes('/') ? last : knownText(word);
}

const familyOf = (name: string): string => name.replace(/(?:\.(?:tiny|basic|nox|gtk3)|-?\d[\d.]*)$/, '') || name;

export function givenTo(command: SimpleCommand): readonly RunByIt[] {
  const { words, sets, hides } = command;
  const given: RunByIt[] = sets.flatMap((set) => runByVariable(set, command.variables));
  if (hides !== undefined) given.push({ kind: 'unseen', why: hides });
  const [program, ...rest] = words;
  const path = program && programOf(program);
  if (path === undefined || path === '') return given;
  const full = nameOf(path);
  const isKnown =
    launcherOf(full) ||
    isShell(full) ||
    runsSomewhere(full) ||
    isInterpreter(full) ||
    hasRunOptions(full) ||
    hasCodeRow(full);
  const name = isKnown ? full : familyOf(full);
  if (hasCodeWords(name, rest)) given.push(CODE);
  given.push(
    ...runByInput(name, command),
    ...runByOptions(name, rest),
    ...runElsewhere(name, rest),
    ...givenAtPlace(name, rest),
    ...givenByName(name, rest, aroundOf(command)),
  );
  return given;
}

/** A program sees the variables of its line, and those in front of it. */
function aroundOf({ input, isFed, variables, sets }: SimpleCommand): Surroundings {
  return { input, isFed, variables, sets };
}

function givenByName(name: string, words: readonly Word[], around: Surroundings): readonly RunByIt[] {
  if (isShell(name)) return givenToShell(words, around);
  if (name === 'git') return runByGit(words);
  if (name === 'find') return givenToFind(words, around);
  if (name === '.' || name === 'source') return givenScript(words[0], around);
  if (name === 'trap') return givenToTrap(words, around);
  if (name === 'gdb') return debugged(words, around);
  if (isInterpreter(name)) {
    if (readsProgram(name, words)) return around.input ? [CODE] : [{ kind: 'shell', isFed: around.isFed }];
    return isGivenCode(name, words, around.variables) ? [CODE] : [];
  }
  if (runsSomewhere(name)) return givenSomewhere(name, words, around);
  const launcher = launcherOf(name);
  return launcher ? givenToLauncher(name, launcher, words, around) : [];
}

/** The debugger's own options are read by `runByOptions`. */
function debugged(words: readonly Word[], { variables }: Surroundings): readonly RunByIt[] {
  const at = words.findIndex((word) => /^-{1,2}args$/.test(knownText(word) ?? ''));
  return at < 0 ? [] : [{ kind: 'command', words: words.slice(at + 1), variables }];
}

function givenToFind(words: readonly Word[], { isFed, variables }: Surroundings): readonly RunByIt[] {
  const given: RunByIt[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ANYTHING;
    const text = knownText(word);
    // In quotes it is one word: a directory, or a test that lacks its argument.
    if (word.splits && (!/^[^-]/.test(startOf(word)) || !variables.areOfMachine(word.sources, 'word')))
      given.push(OPEN);
    if (text === undefined) {
      if (couldExecute(word, variables)) given.push(OPEN);
      continue;
    }
    if (/^-(?:exec|ok)(?:dir)?$/.test(text)) {
      const from = at + 1;
      while (at + 1 < words.length && !/^[;+]$/.test(knownText(words[at + 1] ?? ANYTHING) ?? '')) at++;
      const command = words.slice(from, at + 1).map((one) => openAt(one, '{}'));
      given.push({ kind: 'command', words: command, isFed, variables });
    }
  }
  return given;
}

/** `-e"$x"xec`; of `-mmin "-$N"` the number is the machine's, or a number for certain. */
const couldExecute = ({ parts, sources }: Word, variables: Variables): boolean =>
  ['-exec', '-execdir', '-ok', '-okdir'].some(
    (one) =>
      parts.join('') === one ||
      ((parts[0] ?? '') !== '' &&
        one.startsWith(parts[0] ?? '') &&
        one.endsWith(parts.at(-1) ?? '') &&
        !variables.areOfMachine(sources, 'number')),
  );

function givenToLauncher(
  name: string,
  launcher: Launcher,
  words: readonly Word[],
  around: Surroundings,
): readonly RunByIt[] {
  const bare = name === 'setarch' && ARCHITECTURE.test(knownText(words[0] ?? ANYTHING) ?? '') ? words.slice(1) : words;
  const read = readOptions(launcher, bare, ASSIGNING.has(name));
  if (!read) return [OPEN];
  const { given, rest, values, nothing, user, sets } = read;
  given.push(...sets.flatMap((set) => runByVariable(set, around.variables)));
  if (nothing || launcher.runs === 'nothing') return given;
  const { isFed } = around;
  const variables = sets.length > 0 ? settingAlso(around.variables, sets) : around.variables;
  if (name === 'su' || name === 'runuser') {
    const shell = values.get('-s') ?? values.get('--shell');
    if (shell !== undefined && !isShell(nameOf(shell))) return givenToOtherShell(shell, read);
    return given.concat(given.length > 0 ? [] : givenToSu(rest, user, around));
  }
  const wanted = rest.length > 0 ? commandOf(name, rest, values) : undefined;
  if (!wanted) return isShellOpened(launcher, read, name) && given.length === 0 ? readsFrom(around) : given;
  if (launcher.runs === 'line') return given.concat({ kind: 'line', text: joined(wanted), isFed, variables });
  const input = name === 'xargs' ? undefined : around.input;
  return given.concat({ kind: 'command', words: wanted, input, isFed: isFed || name === 'xargs', variables });
}

const ASSIGNING = new Set(['env', 'sudo', 'doas']);
const ARCHITECTURE =
  /^(?:linux(?:32|64)|x86_64|i[3-6]86|uname26|arm\w*|aarch64|ppc\w*|s390\w*|mips\w*|sparc\w*|ia64|riscv\w*)$/;

/** ssh with -N opens a connection alone. */
const isShellOpened = (launcher: Launcher, { shell, flags }: OptionsRead, name: string): boolean =>
  (launcher.shell || shell) && !(name === 'ssh' && (flags.has('-N') || flags.has('-O') || flags.has('-W')));

function settingAlso(around: Variables, sets: readonly VariableSet[]): Variables {
  const variables = new Variables(around);
  for (const { name, value } of sets) variables.set(name, value);
  return variables;
}

function givenToSu(rest: readonly Word[], user: boolean, around: Surroundings): readonly RunByIt[] {
  const named = user ? rest : rest.slice(knownText(rest[0] ?? ANYTHING) === '-' ? 2 : 1);
  if (named.length === 0) return readsFrom(around);
  return [{ kind: 'command', words: user ? named : [certain('sh'), ...named], ...around }];
}

/** `su -s /bin/rm -c TEXT USER WORD...`: they are arguments of what runs in a shell's place. */
function givenToOtherShell(shell: string, { given, rest }: OptionsRead): readonly RunByIt[] {
  // Which one is known only when it runs.
  if (shell === '') return [OPEN];
  const texts = given.flatMap((one) => (one.kind === 'line' ? [certain('-c'), one.text] : []));
  // With the user's name or without it: a user may be named by an option.
  return [rest, rest.slice(1)].map((words) => ({ kind: 'command', words: [certain(shell), ...texts, ...words] }));
}

/** xargs puts words of its input behind those it was given, or in the place of `-I`'s. */
function commandOf(name: string, rest: readonly Word[], values: ReadonlyMap<string, string>): readonly Word[] {
  if (name !== 'xargs') return rest;
  const place = values.get('-I') ?? values.get('-J') ?? values.get('-i') ?? values.get('--replace');
  if (place === undefined) return [...rest, ANYTHING];
  return rest.map((word) => openAt(word, place || '{}'));
}

/** Something else will stand in the place of `place`. */
function openAt(word: Word, place: string): Word {
  return { ...word, parts: word.parts.flatMap((part) => part.split(place)) };
}

function joined(words: readonly Word[]): Word {
  const texts = words.map(knownText);
  return texts.includes(undefined) ? ANYTHING : certain(texts.join(' '));
}

interface OptionsRead {
  readonly given: RunByIt[];
  /** From the command on. */
  readonly rest: readonly Word[];
  readonly values: ReadonlyMap<string, string>;
  readonly nothing: boolean;
  readonly shell: boolean;
  /** A user was named by an option. */
  readonly user: boolean;
  readonly flags: ReadonlySet<string>;
  /** Variables in front of the command. */
  readonly sets: readonly VariableSet[];
}

/** Undefined: it is not certain where they end. `assigns`: variables may stand in front of the command. */
function readOptions(launcher: Launcher, words: readonly Word[], assigns: boolean): OptionsRead | undefined {
  const given: RunByIt[] = [];
  const values = new Map<string, string>();
  const operands: Word[] = [];
  const flags = new Set<string>();
  const sets: VariableSet[] = [];
  let [nothing, shell, ended, at] = [false, false, false, 0];
  /** False: it is not known. */
  const take = (option: string, attached: string | undefined): boolean => {
    const mark = launcher.options.get(option);
    if (mark === undefined || mark === '?') return false;
    flags.add(option);
    nothing ||= mark === '.';
    shell ||= mark === '>';
    if (mark === '~') values.set(option, attached ?? '');
    if (mark !== ':' && mark !== '!') return true;
    const value = attached === undefined ? words[++at] : certain(attached);
    if (!value || value.splits) return false;
    values.set(option, knownText(value) ?? '');
    if (SPLIT.has(option) && assigns) {
      given.push(splitByEnv(value, words.slice(at + 1)));
      [nothing, at] = [true, words.length];
    } else if (mark === '!') given.push({ kind: 'line', text: value });
    return true;
  };
  for (; at < words.length; at++) {
    const word = words[at] ?? ANYTHING;
    const text = knownText(word);
    if (text === '--' && !ended) {
      ended = true;
      // Behind it stand operands, variables and the command; or operands alone.
      if (!launcher.permutes) continue;
      at++;
      break;
    }
    if (ended) {
      // It is no option.
    } else if (text === undefined ? /^-/.test(word.parts[0] ?? '') : text.startsWith('-') && text !== '-') {
      if (text === undefined) return undefined;
      if (!takeWord(text, launcher, take)) return undefined;
      continue;
    }
    if (assigns && !word.splits && word.parts.some((part) => part.includes('='))) {
      const set = settingIn(word);
      // It may be the command as well.
      if (!set) return undefined;
      sets.push(set);
      continue;
    }
    if (assigns && text === '-') continue;
    if (launcher.operand && operands.length < launcher.operands && !launcher.operand.test(text ?? '0')) break;
    if (operands.length >= launcher.operands && !launcher.permutes) break;
    // In the place of an operand stands what could be an option.
    if (text === undefined && (word.splits || word.parts[0] === '')) {
      if (!launcher.permutes || operands.length < launcher.operands) return undefined;
    }
    operands.push(word);
    const next = knownText(words[at + 1] ?? ANYTHING) ?? '';
    // `flock FILE -c TEXT`, `ssh HOST -p 22 ...`
    const goesOn = launcher.options.get(next) === '!' || (launcher.runs === 'line' && next.startsWith('-'));
    ended &&= !goesOn;
    if (operands.length === launcher.operands && !launcher.permutes && !goesOn) {
      at++;
      break;
    }
  }
  const rest = [...(launcher.permutes ? operands : []), ...words.slice(at)];
  const user = values.has('-u') || values.has('--user');
  const isSu = launcher.options.has('--session-command');
  return {
    given,
    rest: launcher.permutes && !isSu ? rest.slice(launcher.operands) : rest,
    values,
    nothing,
    shell,
    user,
    flags,
    sets,
  };
}

const SPLIT: ReadonlySet<string> = new Set(['-S', '--split-string']);

/** `env -S TEXT WORD...`: TEXT's words are env's own arguments, options too, and the others follow. */
function splitByEnv(text: Word, others: readonly Word[]): RunByIt {
  const known = [knownText(text), ...others.map(knownText)];
  const [split = '\\', ...rest] = known;
  // Escapes, comments and signs are not a shell's.
  const isOfEnv = /[\\#$`\n]/.test(split) || /[;&|<>()]/.test(split.replace(/'[^']*'|"[^"]*"/g, ''));
  if (isOfEnv || known.includes(undefined)) return OPEN;
  const quoted = rest.map((word = '') => ` '${word.replaceAll("'", "'\\''")}'`);
  return { kind: 'line', text: certain(`env ${split}${quoted.join('')}`) };
}

/** Programs take any text in front of `=` for a variable's name, which shells do not. */
function settingIn(word: Word): VariableSet | undefined {
  const [first = '', ...others] = word.parts;
  const equals = first.indexOf('=');
  if (equals < 1) return undefined;
  return { name: first.slice(0, equals), value: { ...word, parts: [first.slice(equals + 1), ...others] } };
}

/** One word of options: `--user=root`, `-u`, `-uroot`, `-nE`. */
function takeWord(
  text: string,
  { options }: Launcher,
  take: (option: string, attached: string | undefined) => boolean,
): boolean {
  if (text.startsWith('--')) {
    const equals = text.indexOf('=');
    return equals < 0 ? take(text, undefined) : take(text.slice(0, equals), text.slice(equals + 1));
  }
  // `nice -5`
  if (/^-\d+$/.test(text) && options.has('--adjustment')) return true;
  for (let index = 1; index < text.length; index++) {
    const option = `-${text[index]}`;
    const mark = options.get(option);
    const takes = mark === ':' || mark === '!' || mark === '~';
    if (!take(option, takes && index + 1 < text.length ? text.slice(index + 1) : undefined)) return false;
    if (takes) return true;
  }
  return true;
}
