// Whether a program of awk's can run a command: by system(), a pipe to or from one, or what it loads or calls by `@`.
//
// Texts, patterns between slashes and comments are set apart first. Where a slash could divide or begin a pattern, and
// awks may differ, the program is not read, unless it has none of these at all.

import type { Variables } from '../line/variables.ts';
import { knownText, type Word } from '../line/words.ts';

export function isHarmlessAwk(given: readonly Word[], variables: Variables): boolean {
  let isNamed = false;
  for (let at = 0; at < given.length; at++) {
    const word = given[at];
    if (!word) return false;
    const text = knownText(word);
    const start = word.parts[0] ?? '';
    if (/^-[Fv]$/.test(text ?? '')) at++;
    else if (text === '-f' || text === '--file') {
      if (!isScript(given[++at])) return false;
      isNamed = true;
    } else if (/^-[Fv]/.test(start) && !word.splits) continue;
    else if (/^--(?:version|posix|re-interval|traditional|lint|csv)$|^-[VPSOsk]$/.test(text ?? '')) continue;
    else if (isNamed) return true;
    else return !start.startsWith('-') && !word.splits && isHarmlessWord(word, variables);
  }
  return true;
}

const isScript = (word: Word | undefined): boolean =>
  /^(?!\/(?:dev|proc)\/)[\w./~]/.test((word && knownText(word)) ?? '');

function isHarmlessWord({ parts, sources }: Word, variables: Variables): boolean {
  // A gap is a number, or text of the machine's: an operand like any other.
  return (
    variables.areOfMachine(sources) &&
    (parts.length === 1 || parts.some((part) => part !== '')) &&
    runsNothing(parts.join('0'))
  );
}

const TOKEN =
  /(?<blank>(?:[ \t\r]|\\\n)+|#[^\n]*)|(?<text>"(?:\\.|[^"\\\n])*")|(?<word>[A-Za-z_]\w*)|(?<operand>[\d.][\w.]*|[)\]])|(?<twice>\+\+|--)|(?<other>\|\||&&|[^"])/sy;
const PATTERN = /\/(?:\\.|[^/\\\n])*\//sy;
/** Behind these an operand begins, hence a pattern may. */
const KEYWORDS = /^(?:print|printf|return|in|case|else|do|BEGIN|END|getline|exit|delete)$/;

function runsNothing(program: string): boolean {
  if (!/[|@]|system/.test(program)) return true;
  let isOperand = false;
  let isUnclear = false;
  for (let at = 0; at < program.length; ) {
    if (program[at] === '/' && !isOperand) {
      PATTERN.lastIndex = at;
      const pattern = PATTERN.exec(program)?.[0];
      // A bracket in which a slash could stand ends it in some awks only.
      if (pattern === undefined || isUnclear || /\[[^\]]*$/.test(pattern)) return false;
      at += pattern.length;
      isOperand = true;
      continue;
    }
    if (program[at] === '/' && isUnclear) return false;
    TOKEN.lastIndex = at;
    const { blank, text, word, operand, twice, other } = TOKEN.exec(program)?.groups ?? {};
    const token = blank ?? text ?? word ?? operand ?? twice ?? other;
    if (token === undefined || token === '|' || token === '@' || token === 'system') return false;
    at += token.length;
    if (blank !== undefined) continue;
    isUnclear = token === ')' || twice !== undefined || word === 'getline' || word === 'length';
    isOperand =
      text !== undefined ||
      operand !== undefined ||
      twice !== undefined ||
      (word !== undefined && !KEYWORDS.test(word));
  }
  return true;
}
