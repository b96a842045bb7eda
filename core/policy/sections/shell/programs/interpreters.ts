// Programs that are given code in a language of their own, which can run anything: perl -e, python -c, awk, sed.
// What the code does is not seen. Of awk and sed it is seen whether their program can run a command at all.

import type { Variables } from '../line/variables.ts';
import { knownText, type Word } from '../line/words.ts';
import { isHarmlessAwk } from './awk.ts';
import { isHarmlessSed } from './sed.ts';

/** Options that neither are code nor lead to any. Anything else in front of the script's name may be. */
const PLAIN_OPTIONS: Readonly<Record<string, RegExp>> = {
  perl: /^-[wWtTv]+$/,
  python: /^(?:-[bBdEhIOPqRsSuvVx]+|-m)$/,
  ruby: /^-[wWv]+$/,
  node: /^--(?:no|trace)-warnings$|^--max-old-space-size=\d+$/,
  nodejs: /^$/,
  php: /^(?:-[nq]+|-f)$/,
  lua: /^-[E]+$/,
  tclsh: /^$/,
  expect: /^$/,
  osascript: /^$/,
  csh: /^-[fv]+$/,
  tcsh: /^-[fv]+$/,
  fish: /^(?:-N|--no-config)$/,
  pwsh: /^(?:-NoProfile|-File)$/i,
  ed: /^-s?$/,
  ex: /^-[sv]*$/,
};
const ENDS_THERE = /^(?:-v|-V|-version|--version|--help|-h)$/;
/** `php -i` and `-m` print and end. */
const PHP_ENDS = /^-[imw]$/;

const PROGRAMMED: Readonly<Record<string, (given: readonly Word[], variables: Variables) => boolean>> = {
  awk: isHarmlessAwk,
  gawk: isHarmlessAwk,
  mawk: isHarmlessAwk,
  nawk: isHarmlessAwk,
  sed: isHarmlessSed,
  gsed: isHarmlessSed,
};

export const isInterpreter = (name: string): boolean =>
  Object.hasOwn(PLAIN_OPTIONS, name) || Object.hasOwn(PROGRAMMED, name);

/** Whether what it reads is its program: no code is given to it and no script named. `given`: behind its name. */
export const readsProgram = (name: string, given: readonly Word[]): boolean =>
  !Object.hasOwn(PROGRAMMED, name) && programOf(name, given) === 'input';

/** Whether code is given to it. */
export const isGivenCode = (name: string, given: readonly Word[], variables: Variables): boolean => {
  const programmed = Object.hasOwn(PROGRAMMED, name) ? PROGRAMMED[name] : undefined;
  return programmed ? !programmed(given, variables) : programOf(name, given) === 'code';
};

/** `file`: of a script on disk, which is a program like any other; or nothing is run. */
function programOf(name: string, given: readonly Word[]): 'code' | 'file' | 'input' {
  // Editors of lines take commands from their input.
  if (name === 'ed' || name === 'ex')
    return given.some((word) => /^-[^sv]|^\+/.test(word.parts[0] ?? '')) ? 'code' : 'input';
  for (const word of given) {
    const text = knownText(word);
    if (text === undefined) return isName(word) ? 'file' : 'code';
    if (text === '-') return 'input';
    if (ENDS_THERE.test(text) || (name === 'php' && PHP_ENDS.test(text))) return 'file';
    if (text !== '' && !text.startsWith('-')) return isFromInput(text) ? 'code' : 'file';
    if (!PLAIN_OPTIONS[name]?.test(text)) return 'code';
  }
  return 'input';
}

/** A word that is partly open, and a path for certain: of a script on disk. */
export const isName = ({ parts: [first = ''], splits }: Word): boolean =>
  !splits && /^[./\w]/.test(first) && !isFromInput(first);

export const isFromInput = (path: string): boolean => /^\/(?:dev|proc)(?:\/|$)/.test(path);
