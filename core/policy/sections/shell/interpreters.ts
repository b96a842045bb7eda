// Programs that are given code in a language of their own, which can run anything: perl -e, python -c, awk, sed.
// What the code does is not seen. Of awk and sed it is seen whether their program can run a command at all.

import { knownText, type Word } from './words.ts';

/** Options that neither are code nor lead to any. Anything else in front of the script's name may be. */
const PLAIN_OPTIONS: Readonly<Record<string, RegExp>> = {
  perl: /^-(?:[wWtTv]+|V)$/,
  python: /^(?:-[bBdEhIOPqRsSuvVx]+|-m|--version|--help)$/,
  ruby: /^(?:-[wWv]+|--version)$/,
  node: /^(?:-v|--version|--no-warnings|--trace-warnings)$/,
  nodejs: /^(?:-v|--version)$/,
  php: /^(?:-[vmnq]+|-i|--version|-f)$/,
  lua: /^-[vE]+$/,
  tclsh: /^$/,
  expect: /^-(?:v|version)$/,
  osascript: /^$/,
  csh: /^-[fv]+$/,
  tcsh: /^-[fv]+$/,
  fish: /^(?:-v|--version|-N|--no-config)$/,
  pwsh: /^(?:-NoProfile|-File)$/i,
  gdb: /^-(?:q|-version|-batch)$/,
  ed: /^$/,
  ex: /^$/,
};
const ENDS_THERE = /^(?:-v|-V|-version|--version|--help|-h)$/;

export const isInterpreter = (name: string): boolean => Object.hasOwn(PLAIN_OPTIONS, name) || name in PROGRAMMED;

/** Whether code, or what is read as such from its input, is given to it. `given`: behind its name. */
export function isGivenCode(name: string, given: readonly Word[]): boolean {
  const programmed = PROGRAMMED[name];
  if (programmed) return !programmed(given);
  // Editors of lines take commands from their input.
  if (name === 'ed' || name === 'ex') return true;
  for (const word of given) {
    const text = knownText(word);
    if (text === undefined) return !isName(word);
    if (text === '-' || text === '') return true;
    if (ENDS_THERE.test(text)) return false;
    if (!text.startsWith('-')) return isFromInput(text);
    if (!PLAIN_OPTIONS[name]?.test(text)) return true;
  }
  return true;
}

/** A word that is partly open, and a path for certain: of a script on disk. */
export const isName = ({ parts: [first = ''], splits }: Word): boolean =>
  !splits && /^[./\w]/.test(first) && !isFromInput(first);

export const isFromInput = (path: string): boolean => /^\/(?:dev|proc)(?:\/|$)/.test(path);

/** Those whose program is read here; true: it runs nothing. */
const PROGRAMMED: Readonly<Record<string, (given: readonly Word[]) => boolean>> = {
  awk: isHarmlessAwk,
  gawk: isHarmlessAwk,
  mawk: isHarmlessAwk,
  nawk: isHarmlessAwk,
  sed: isHarmlessSed,
  gsed: isHarmlessSed,
};

function isHarmlessAwk(given: readonly Word[]): boolean {
  for (let at = 0; at < given.length; at++) {
    const word = given[at];
    const text = word && knownText(word);
    if (/^-[Fv]$/.test(text ?? '')) at++;
    else if (/^-[Fv]/.test(word?.parts[0] ?? '') && !word?.splits) continue;
    else if (text === undefined) return false;
    else if (/^--(?:version|posix|re-interval|traditional|lint)$/.test(text)) continue;
    else return !text.startsWith('-') && runsNothing(text);
  }
  return true;
}

/** A program runs something by system(), a pipe to or from a command, or what it loads or calls by `@`. */
function runsNothing(program: string): boolean {
  if (/system|getline|@/.test(program)) return false;
  const print = program.indexOf('print');
  return print < 0 || !program.replaceAll('||', '  ').includes('|', print);
}

function isHarmlessSed(given: readonly Word[]): boolean {
  const scripts: string[] = [];
  let named = false;
  for (let at = 0; at < given.length; at++) {
    const word = given[at];
    const text = word && knownText(word);
    const option = /^(?:-[nrEsuz]*e|--expression$)/.exec(text ?? '')?.[0];
    if (text === undefined) {
      // A file's name, behind the script.
      if (!named || !word || word.splits) return false;
    } else if (
      /^-[nrEsuz]+$|^-[nrEsuz]*i[^e]?\S*$|^--(?:quiet|silent|regexp-extended|in-place(?:=.*)?|null-data|version|sandbox|posix)$/.test(
        text,
      )
    )
      continue;
    else if (option !== undefined) {
      named = true;
      const attached = option === '--expression' ? '' : text.slice(option.length);
      const next = attached === '' ? given[++at] : undefined;
      const script = attached === '' ? next && knownText(next) : attached;
      if (script === undefined) return false;
      scripts.push(script);
    } else if (text.startsWith('--expression=')) {
      named = true;
      scripts.push(text.slice('--expression='.length));
    } else if (text.startsWith('-') && text !== '-') return false;
    else if (!named) {
      named = true;
      scripts.push(text);
    }
  }
  return scripts.every(isHarmlessScript);
}

const ADDRESS = String.raw`(?:\d+(?:~\d+)?|\$|/(?:\\.|\[\^?\]?[^\]]*\]|[^/\\[\n])*/[IM]*)`;
const ADDRESSES = new RegExp(`[\\s;]*(?:${ADDRESS}(?:,(?:${ADDRESS}|[+~]\\d+))?)?[ \\t]*!?[ \\t]*`, 'y');
const SIMPLE = /[{}=dDgGhHlnNpPqQxzF][ \t]*\d*|[aic][^\n]*(?:\\\n[^\n]*)*|[rRwW][^\n]*|[btT:][^\n;}]*/y;

/** GNU's sed runs a command by `e`, alone or as a flag of `s`. What is not known here may be that. */
function isHarmlessScript(script: string): boolean {
  for (let at = 0; at < script.length; ) {
    ADDRESSES.lastIndex = at;
    at += ADDRESSES.exec(script)?.[0].length ?? 0;
    if (at >= script.length) return true;
    if (script[at] === '#') {
      const end = script.indexOf('\n', at);
      if (end < 0) return true;
      at = end;
    } else if (script[at] === 's' || script[at] === 'y') {
      const end = endOfSubstitution(script, at + 1);
      if (end === undefined) return false;
      const flags = /^(?:[gpIiMm]|\d)*(?:w[^\n]*)?/.exec(script.slice(end, end + 300))?.[0] ?? '';
      at = end + flags.length;
      if (/[a-zA-Z]/.test(script[at] ?? '')) return false;
    } else {
      SIMPLE.lastIndex = at;
      const simple = SIMPLE.exec(script)?.[0];
      if (simple === undefined) return false;
      at += simple.length;
    }
  }
  return true;
}

/** Behind the third delimiter of `/x/y/`. */
function endOfSubstitution(script: string, from: number): number | undefined {
  const delimiter = script[from];
  if (delimiter === undefined || /[\\\n\w\s]/.test(delimiter)) return undefined;
  let seen = 1;
  for (let at = from + 1; at < script.length; at++) {
    if (script[at] === '\\') at++;
    else if (script[at] === delimiter && ++seen === 3) return at + 1;
  }
  return undefined;
}
