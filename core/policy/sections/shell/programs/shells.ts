// What a shell is given to run: a text, a file, or what it reads.

import { knownText, type Word } from '../line/words.ts';
import { isFromInput, isName } from './interpreters.ts';
import { type Surroundings, asLine, OPEN, type RunByIt } from './run-by-it.ts';

const SHELLS = new Set([
  'sh',
  'bash',
  'dash',
  'zsh',
  'ksh',
  'mksh',
  'ash',
  'rbash',
  'rksh',
  'hush',
  'posh',
  'yash',
  'sash',
]);
export const isShell = (name: string): boolean => SHELLS.has(name);

/** Whether it is certain that the program is a shell of these. */
export function isShellPath(program: Word): boolean {
  const text = knownText(program);
  return text !== undefined && isShell(text.slice(text.lastIndexOf('/') + 1));
}

/** A line that starts a shell with some text to run. */
export const withText = (shell: Word): Word => ({
  ...shell,
  parts: [...shell.parts.slice(0, -1), `${shell.parts.at(-1)} -c text`],
});

export function givenToShell(words: readonly Word[], around: Surroundings): readonly RunByIt[] {
  let at = 0;
  let isText = false;
  let isInput = false;
  const given: RunByIt[] = [];
  for (; at < words.length; at++) {
    const word = words[at];
    const text = word && knownText(word);
    if (word && text === undefined) return isName(word) && !isText ? given : [OPEN];
    if (text === '--' || text === '-') {
      at++;
      break;
    }
    if (text?.startsWith('--')) {
      if (/^--(?:rcfile|init-file)$/.test(text)) given.push(...givenScript(words[++at], around));
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
  if (isText && !next) return given;
  if (isText && next) given.push({ kind: 'line', text: next, isFed: around.isFed, variables: around.variables });
  else given.push(...(next && !isInput ? givenScript(next, around) : readsFrom(around)));
  return given;
}

/** A text that stands in the line, or whatever comes. */
export const readsFrom = ({ input, isFed }: Surroundings): readonly RunByIt[] =>
  input ? asLine(input) : [{ kind: 'shell', isFed }];

/** A file of commands is a program like any other; one that the line itself fills is not. */
export function givenScript(file: Word | undefined, { input }: Surroundings): readonly RunByIt[] {
  const text = file && knownText(file);
  if (!file || (text === undefined ? isName(file) : !isFromInput(text))) return [];
  return text !== undefined && input ? asLine(input) : [OPEN];
}

export function givenToTrap(words: readonly Word[], { isFed, variables }: Surroundings): readonly RunByIt[] {
  const at = words.findIndex((word) => knownText(word) !== '--');
  const text = words[at];
  if (!text || /^-[lp]?$/.test(knownText(text) ?? '') || words.length - at < 2) return [];
  return [{ kind: 'line', text, isFed, variables }];
}
