// Whether a script of sed's can run a command: GNU's does by `e`, alone or as a flag of `s`. What is not known here may
// be that. A gap in a script is the text of a variable: it stays between the slashes that it stands between, unless the
// sender made it.

import type { Variables } from '../line/variables.ts';
import { knownText, type Word } from '../line/words.ts';

/** Stands for a gap. */
const GAP = '\uE000';

const PLAIN_OPTION =
  /^-[nrEsuz]+$|^-[nrEsuz]*i[^e]?\S*$|^--(?:quiet|silent|regexp-extended|in-place(?:=.*)?|null-data|version|help|sandbox|posix|separate|unbuffered)$/;

export function isHarmlessSed(given: readonly Word[], variables: Variables): boolean {
  let isNamed = false;
  for (let at = 0; at < given.length; at++) {
    const word = given[at];
    if (!word) return false;
    const start = word.parts[0] ?? '';
    const isWhole = knownText(word) !== undefined;
    if (start === '-f' || start === '--file') {
      if (!/^(?!\/(?:dev|proc)\/)[\w./~]/.test(given[++at]?.parts[0] ?? '')) return false;
      isNamed = true;
      continue;
    }
    const option = /^(?:-[nrEsuz]*e|--expression=?)/.exec(start)?.[0];
    if (isWhole && PLAIN_OPTION.test(start)) continue;
    if (option !== undefined) {
      isNamed = true;
      const attached = start.length > option.length || !isWhole;
      const script = attached ? { ...word, parts: [start.slice(option.length), ...word.parts.slice(1)] } : given[++at];
      if (!script || !isHarmlessWord(script, variables)) return false;
    } else if (start.startsWith('-') && start !== '-') return false;
    else if (isNamed) {
      // A file's name; what may be several words may be an option.
      if (word.splits && !variables.areOfMachine(word.sources, 'word')) return false;
    } else {
      isNamed = true;
      if (!isHarmlessWord(word, variables)) return false;
    }
  }
  return true;
}

function isHarmlessWord({ parts, sources, splits, globs }: Word, variables: Variables): boolean {
  const script = parts.join(GAP);
  // Behind a backslash, what is empty lets it escape what comes next.
  if (script.includes(`\\${GAP}`) || (script.includes(GAP) && script.replaceAll(GAP, '').trim() === '')) return false;
  const found = readScript(script);
  if (found === undefined) return false;
  return (
    (parts.length === 1 && !splits) ||
    (!globs && variables.areOfMachine(sources, found === 'open' ? 'number' : splits ? 'word' : 'text'))
  );
}

const ADDRESS = String.raw`(?:[\d${GAP}]+(?:~\d+)?|\$|/(?:\\.|\[\^?\]?[^\]]*\]|[^/\\[\n])*/[IM]*)`;
const ADDRESSES = new RegExp(`[\\s;]*(?:${ADDRESS}(?:,(?:${ADDRESS}|[+~]\\d+))?)?[ \\t]*!?[ \\t]*`, 'y');
const SIMPLE = /[{}=dDgGhHlnNpPqQxzF][ \t]*\d*|[aic][^\n]*(?:\\\n[^\n]*)*|[rRwW][^\n]*|[btT:][ \t]*[^\s;}]*/y;

/** Undefined: it may run something. `open`: or where a gap stands apart from texts, a command may. */
function readScript(script: string): 'closed' | 'open' | undefined {
  let state: 'closed' | 'open' = 'closed';
  for (let at = 0; at < script.length; ) {
    ADDRESSES.lastIndex = at;
    const addresses = ADDRESSES.exec(script)?.[0] ?? '';
    if (addresses.replace(/\/(?:\\.|[^/\\])*\//g, '').includes(GAP)) state = 'open';
    at += addresses.length;
    if (at >= script.length) return state;
    if (script[at] === '#') {
      const end = script.indexOf('\n', at);
      if (end < 0) return state;
      at = end;
    } else if (script[at] === 's' || script[at] === 'y') {
      const end = endOfSubstitution(script, at + 1);
      if (end === undefined) return undefined;
      const flags = /^(?:[gpIiMm]|\d)*(?:w[^\n]*)?/.exec(script.slice(end, end + 300))?.[0] ?? '';
      at = end + flags.length;
      if (/[a-zA-Z\uE000]/.test(script[at] ?? '')) return undefined;
    } else {
      SIMPLE.lastIndex = at;
      const simple = SIMPLE.exec(script)?.[0];
      if (simple === undefined) return undefined;
      at += simple.length;
    }
  }
  return state;
}

/** Behind the third delimiter of `/x/y/`. With a gap, one that no harmless text has. */
function endOfSubstitution(script: string, from: number): number | undefined {
  const delimiter = script[from];
  if (delimiter === undefined || /[\\\n\w\s\uE000]/.test(delimiter)) return undefined;
  let seen = 1;
  for (let at = from + 1; at < script.length; at++) {
    if (script[at] === '\\') at++;
    else if (script[at] === delimiter && ++seen === 3)
      return script.slice(from, at).includes(GAP) && !/[/|#!;]/.test(delimiter) ? undefined : at + 1;
  }
  return undefined;
}
