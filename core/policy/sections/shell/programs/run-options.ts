// Programs that run others by an option: `tar -I PROGRAM`, `rsync -e COMMAND`, `ssh -o ProxyCommand=...`. The value is
// judged as a line. Options that are not listed run nothing, or it is not known here.

import type { SimpleCommand } from '../line/simple-command.ts';
import { ANYTHING, certain, knownText, type Word } from '../line/words.ts';
import { type Make, nothing, OPTIONS_BY_NAME, type OptionRow, TAR, WORDS_BY_NAME } from './option-rows.ts';
import { asLine, behind, isOpen, OPEN, type RunByIt, startOf } from './run-by-it.ts';

/** Their input has lines for a shell: `\\! rm`, `!rm`, `.shell rm`. */
const ESCAPING =
  /^(?:psql|mysql|mariadb|sqlite3?|duckdb|sftp|ftp|lftp|smbclient|telnet|gdb|mailx?|s-nail|Mail|sqlplus)$/;

export function runByInput(name: string, command: SimpleCommand): readonly RunByIt[] {
  if (!ESCAPING.test(name)) return [];
  return inputOf(command)
    .split('\n')
    .flatMap((line) => {
      const found = /(?:\\!|^\s*(?:~?!|(?:\.?(?:shell|system)|pager|host)\s))\s*(.*)$/.exec(line)?.[1];
      return found === undefined ? [] : asLine(certain(found));
    });
}

/** As far as it stands in the line: of here-documents, and of what `echo` and `printf` put into the pipe. */
function inputOf({ input, fedBy }: SimpleCommand): string {
  if (input) return input.parts.join(' ');
  if (!fedBy) return '';
  const [program, ...words] = fedBy.words;
  switch (program && knownText(program)) {
    case 'echo':
    case 'printf':
      return words
        .map(({ parts }) => parts.join(' '))
        .join(' ')
        .replaceAll('\\n', '\n');
    case 'cat':
    case 'tee':
      return inputOf(fedBy);
    default:
      return '';
  }
}

export const hasRunOptions = (name: string): boolean => OPTIONS_BY_NAME.has(name) || WORDS_BY_NAME.has(name);

export function runByOptions(name: string, words: readonly Word[]): readonly RunByIt[] {
  const given = runByWords(name, words);
  const found = OPTIONS_BY_NAME.get(name);
  if (!found || (name === 'rsync' && words.some((word) => knownText(word) === '--server'))) return given;
  if (
    found === TAR &&
    /^[A-Za-z]*[IF]/.test(startOf(words[0] ?? ANYTHING)) &&
    !/\W/.test(startOf(words[0] ?? ANYTHING))
  )
    return [OPEN];
  let operands = 0;
  for (let at = 0; at < words.length && operands <= found.operands; at++) {
    const word = words[at] ?? ANYTHING;
    const start = startOf(word);
    // Behind an option it may be that one's argument.
    if (start === '--' && !startOf(words[at - 1] ?? certain('')).startsWith('-')) break;
    if (!/^-./.test(start)) {
      operands++;
      continue;
    }
    const slot = slotOf(found, word);
    if (slot === 'argument') at++;
    if (typeof slot === 'string') continue;
    const value = slot.value ?? words[++at];
    if (value) given.push(...slot.make(value));
  }
  return given;
}

function runByWords(name: string, words: readonly Word[]): RunByIt[] {
  const make = WORDS_BY_NAME.get(name);
  return make ? words.flatMap((word) => (isOpen(word) ? [] : make(word))) : [];
}

/** What an option's word is: of none of these, one whose argument follows, or one of these and its value, if attached. */
function slotOf(
  { takes, makes }: OptionRow,
  word: Word,
): 'none' | 'argument' | { readonly make: Make; readonly value: Word | undefined } {
  const start = startOf(word);
  const name = /^[^=]*/.exec(start)?.[0] ?? '';
  const attached = name.length < start.length ? behind(word, name.length + 1) : undefined;
  const exact = makes.get(name);
  if (exact === nothing && name.startsWith('--')) return 'none';
  if (exact && (name.length > 2 || start.length === 2))
    return { make: exact, value: attached ?? rest(word, name.length) };
  if (name.startsWith('--')) {
    // Long options may be cut short.
    const full = name.length > 3 ? [...makes.keys()].find((one) => one.startsWith(name)) : undefined;
    const make = full === undefined ? undefined : makes.get(full);
    return make ? { make, value: attached } : 'none';
  }
  for (let index = 1; index < start.length; index++) {
    const letter = start[index] ?? '';
    const make = makes.get(`-${letter}`);
    if (make) return { make, value: rest(word, index + 1) };
    if (takes.includes(letter)) return rest(word, index + 1) ? 'none' : 'argument';
  }
  return 'none';
}

/** What is attached to a letter. */
const rest = (word: Word, from: number): Word | undefined =>
  startOf(word).length > from || word.parts.length > 1 ? behind(word, from) : undefined;
