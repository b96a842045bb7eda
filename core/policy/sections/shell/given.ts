// What a simple command is given to run, beside itself: by sudo a command, by `sh -c` a text, by perl code.

import type { SimpleCommand } from './command-line.ts';
import { isFromInput, isGivenCode, isInterpreter, isName } from './interpreters.ts';
import { codeWordsOf, isRunVariable, type Launcher, launcherOf } from './launchers.ts';
import { ANYTHING, certain, knownText, type Word } from './words.ts';

export type RunByIt =
  | { readonly kind: 'command'; readonly words: readonly Word[]; readonly input?: Word | undefined }
  /** For a shell to take apart. */
  | { readonly kind: 'line'; readonly text: Word }
  /** A shell that takes what comes. */
  | { readonly kind: 'shell' }
  /** `why`: a clause. */
  | { readonly kind: 'unseen'; readonly why: string };

const SHELLS = new Set(['sh', 'bash', 'dash', 'zsh', 'ksh', 'mksh', 'ash', 'rbash', 'rksh', 'hush']);
const CODE = { kind: 'unseen', why: 'it has code of another language in it' } as const;
const OPEN = { kind: 'unseen', why: 'what it runs is known only when it runs' } as const;

/** Of what is run in a directory of its own, by a version: `/usr/bin/python3.11` is python. */
export const nameOf = (program: string): string => program.slice(program.lastIndexOf('/') + 1);

/** Undefined: it is known only when it runs. Of `"$HOME/bin/x"` it is known what lies in what directory. */
export function programOf(word: Word): string | undefined {
  const last = word.parts.at(-1) ?? '';
  return word.parts.length > 1 && !word.splits && !word.globs && last.includes('/') ? last : knownText(word);
}

const familyOf = (name: string): string => name.replace(/(?:\.(?:tiny|basic|nox|gtk3)|-?\d[\d.]*)$/, '') || name;

export function givenTo({ words, sets, input }: SimpleCommand): readonly RunByIt[] {
  const given: RunByIt[] = sets.some(isRunVariable)
    ? [{ kind: 'unseen', why: 'it sets a variable that shells run' }]
    : [];
  const [program, ...rest] = words;
  const path = program && programOf(program);
  if (path === undefined || path === '') return given;
  const full = nameOf(path);
  const name = launcherOf(full) || SHELLS.has(full) ? full : familyOf(full);
  const code = codeWordsOf(name);
  if (code && rest.some((word) => code.test(knownText(word) ?? ''))) given.push(CODE);
  const launcher = launcherOf(name);
  if (SHELLS.has(name)) given.push(...givenToShell(rest, input));
  else if (name === 'find') given.push(...givenToFind(rest));
  else if (name === '.' || name === 'source') given.push(...script(rest[0], input));
  else if (name === 'trap') given.push(...givenToTrap(rest));
  else if (isInterpreter(name)) given.push(...(isGivenCode(name, rest) ? [CODE] : []));
  else if (launcher) given.push(...givenToLauncher(name, launcher, rest, input));
  return given;
}

function givenToShell(words: readonly Word[], input: Word | undefined): readonly RunByIt[] {
  let at = 0;
  let isText = false;
  let isInput = false;
  for (; at < words.length; at++) {
    const word = words[at];
    const text = word && knownText(word);
    if (word && text === undefined) return isName(word) && !isText ? [] : [OPEN];
    if (text === '--' || text === '-') {
      at++;
      break;
    }
    if (text?.startsWith('--')) {
      if (/^--(?:rcfile|init-file)$/.test(text)) at++;
      else if (/^--(?:version|help)$/.test(text)) return [];
      else if (!/^--(?:norc|noprofile|login|posix|restricted|verbose|noediting|debugger)$/.test(text)) return [OPEN];
    } else if (/^[-+]./.test(text ?? '')) {
      const letters = text ?? '';
      isText ||= letters.startsWith('-') && letters.includes('c');
      isInput ||= letters.startsWith('-') && letters.includes('s');
      if (/[oO]$/.test(letters)) at++;
      else if (/[oO]/.test(letters.slice(0, -1))) return [OPEN];
    } else break;
  }
  const next = words[at];
  if (isText) return next ? [{ kind: 'line', text: next }] : [];
  if (next && !isInput) return script(next, input);
  return [input ? { kind: 'line', text: input } : { kind: 'shell' }];
}

/** A file of commands is a program like any other; one that the line itself fills is not. */
function script(file: Word | undefined, input: Word | undefined): readonly RunByIt[] {
  const text = file && knownText(file);
  if (!file || (text === undefined ? isName(file) : !isFromInput(text))) return [];
  return [text !== undefined && input ? { kind: 'line', text: input } : OPEN];
}

function givenToTrap(words: readonly Word[]): readonly RunByIt[] {
  const at = words.findIndex((word) => knownText(word) !== '--');
  const text = words[at];
  if (!text || /^-[lp]?$/.test(knownText(text) ?? '') || words.length - at < 2) return [];
  return [{ kind: 'line', text }];
}

function givenToFind(words: readonly Word[]): readonly RunByIt[] {
  const given: RunByIt[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ANYTHING;
    const text = knownText(word);
    if (text === undefined && !/^[^-]/.test(word.parts[0] ?? '')) {
      // In quotes it is one word: a directory, or a test that lacks its argument.
      if (word.splits) given.push(OPEN);
    } else if (/^-(?:exec|ok)(?:dir)?$/.test(text ?? '')) {
      const from = at + 1;
      while (at + 1 < words.length && !/^[;+]$/.test(knownText(words[at + 1] ?? ANYTHING) ?? '')) at++;
      given.push({ kind: 'command', words: words.slice(from, at + 1).map((one) => openAt(one, '{}')) });
    }
  }
  return given;
}

function givenToLauncher(
  name: string,
  launcher: Launcher,
  words: readonly Word[],
  input: Word | undefined,
): readonly RunByIt[] {
  const read = readOptions(launcher, words, name === 'env' || name === 'sudo');
  if (!read) return [OPEN];
  const { given, rest, values, nothing, user } = read;
  if (nothing || launcher.runs === 'nothing') return given;
  if (name === 'su' || name === 'runuser') return given.concat(given.length > 0 ? [] : givenToSu(rest, user, input));
  const wanted = rest.length > 0 ? commandOf(name, rest, values) : undefined;
  if (!wanted) return (launcher.shell || read.shell) && given.length === 0 ? [{ kind: 'shell' }] : given;
  return given.concat(
    launcher.runs === 'line'
      ? { kind: 'line', text: joined(wanted) }
      : { kind: 'command', words: wanted, input: name === 'xargs' ? undefined : input },
  );
}

function givenToSu(rest: readonly Word[], user: boolean, input: Word | undefined): readonly RunByIt[] {
  const named = user ? rest : rest.slice(knownText(rest[0] ?? ANYTHING) === '-' ? 2 : 1);
  if (named.length === 0) return [input ? { kind: 'line', text: input } : { kind: 'shell' }];
  return [{ kind: 'command', words: user ? named : [certain('sh'), ...named], input }];
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
}

/** Undefined: it is not certain where they end. `assigns`: variables may stand in front of the command. */
function readOptions(launcher: Launcher, words: readonly Word[], assigns: boolean): OptionsRead | undefined {
  const given: RunByIt[] = [];
  const values = new Map<string, string>();
  const operands: Word[] = [];
  let [nothing, shell, at] = [false, false, 0];
  /** False: it is not known. */
  const take = (option: string, attached: string | undefined): boolean => {
    const mark = launcher.options.get(option);
    if (mark === undefined || mark === '?') return false;
    nothing ||= mark === '.';
    shell ||= mark === '>';
    if (mark === '~') values.set(option, attached ?? '');
    if (mark !== ':' && mark !== '!') return true;
    const value = attached === undefined ? words[++at] : certain(attached);
    if (!value || value.splits) return false;
    values.set(option, knownText(value) ?? '');
    if (mark === '!') given.push({ kind: 'line', text: value });
    return true;
  };
  for (; at < words.length; at++) {
    const word = words[at] ?? ANYTHING;
    const text = knownText(word);
    if (text === '--') {
      at++;
      break;
    }
    if (text === undefined ? /^-/.test(word.parts[0] ?? '') : text.startsWith('-') && text !== '-') {
      if (text === undefined) return undefined;
      if (!takeWord(text, launcher, take)) return undefined;
      continue;
    }
    const isAssigned = assigns && /^[A-Za-z_][\w%()]*=/.test(word.parts[0] ?? '') && !word.splits;
    if (isAssigned && isRunVariable(word.parts.join('$'))) return undefined;
    if (isAssigned || (assigns && text === '-')) continue;
    if (operands.length >= launcher.operands && !launcher.permutes) break;
    // In the place of an operand stands what could be an option.
    if (text === undefined && (word.splits || word.parts[0] === '')) {
      if (!launcher.permutes || operands.length < launcher.operands) return undefined;
    }
    operands.push(word);
    const next = knownText(words[at + 1] ?? ANYTHING) ?? '';
    // `flock FILE -c TEXT`, `ssh HOST -p 22 ...`
    const goesOn = launcher.options.get(next) === '!' || (launcher.runs === 'line' && next.startsWith('-'));
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
  };
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
