// Programs whose command is found by where it stands among their words: anywhere, since it is not known here which of
// their options take an argument; or behind one of their own words.
//
//   bwrap --bind / / rm x      cmake -E env rm x      service ../../bin/rm x      fd -x rm

import { ANYTHING, certain, knownText, type Word } from '../line/words.ts';
import { asLine, OPEN, type RunByIt, startOf, type Surroundings } from './run-by-it.ts';
import { readsFrom } from './shells.ts';

/** An option takes no more arguments than three: behind so many words that are none, the command has begun. */
const LONGEST_RUN = 5;
const MAX_PLACES = 100;

/** Options whose argument may be a variable in quotes: it is not the command. */
const TAKES: Readonly<Record<string, RegExp>> = {
  screen: /^-[a-zA-Z]*[SthpcTe]$/,
  perf: /^-[oeprCtFcGk]$/,
  'xvfb-run': /^-[nesfp]$/,
  cgexec: /^-g$/,
  numactl: /^-[NmCpil]$/,
  ansible: /^-[iamelufMTtv]$|^--[a-z-]+$/,
};

/** Any of its words could begin the command, and one with blanks be one. */
export function givenSomewhere(
  name: string,
  words: readonly Word[],
  { input, isFed, variables }: Surroundings,
): readonly RunByIt[] {
  const given: RunByIt[] = [];
  let run = 0;
  for (const [at, word] of words.entries()) {
    if (run >= LONGEST_RUN) break;
    if (at >= MAX_PLACES) {
      given.push(OPEN);
      break;
    }
    const text = knownText(word);
    run = /^(?:-|:::)/.test(startOf(word)) ? 0 : run + 1;
    if (text === undefined && startOf(word) === '' && given.length === 0 && !isArgument(name, word, words[at - 1]))
      given.push(OPEN);
    if (text !== undefined && /\s/.test(text)) given.push({ kind: 'line', text: word, isFed, variables });
    else if (text !== undefined && /^[\w./\\]/.test(text))
      given.push({ kind: 'command', words: words.slice(at), input, isFed, variables });
  }
  // It takes commands from its input.
  if (/^(?:parallel|sem)$/.test(name) && given.length === 0)
    given.push(...readsFrom({ input, isFed: true, variables, sets: [] }));
  return given;
}

const isArgument = (name: string, { splits }: Word, before: Word | undefined): boolean =>
  !splits && Object.hasOwn(TAKES, name) && TAKES[name]?.test((before && knownText(before)) ?? '') === true;

/** Of programs that have a place of their own for it. */
export function givenAtPlace(name: string, words: readonly Word[]): readonly RunByIt[] {
  switch (name) {
    case 'fd':
    case 'fdfind':
      return givenToFd(words);
    case 'cmake':
      return knownText(words[0] ?? ANYTHING) === '-E' ? givenToCmake(words.slice(1)) : [];
    case 'service':
    case 'invoke-rc.d':
    case 'rc-service':
      return givenToService(words);
    case 'run-parts':
      return givenToRunParts(words);
    case 'rename':
    case 'prename':
    case 'file-rename':
    case 'perl-rename':
      return words.some(couldBePerl) ? [OPEN] : [];
    case 'xdg-user-dir':
      // Its script evaluates the name.
      return words.every((word) => /^\w*$/.test(knownText(word) ?? '}')) ? [] : [OPEN];
    case 'pppd':
      return words.flatMap((word, at) =>
        /^(?:connect|disconnect|init|pty|welcome|charshunt|plugin)$/.test(knownText(word) ?? '')
          ? asLine(words[at + 1] ?? certain(''))
          : [],
      );
    case 'tc':
      return knownText(words[0] ?? ANYTHING) === 'exec' ? [OPEN] : [];
    default:
      return [];
  }
}

function givenToFd(words: readonly Word[]): readonly RunByIt[] {
  const at = words.findIndex((word) => /^(?:-[a-zA-Z]*[xX]|--exec(?:-batch)?(?:=|$))/.test(startOf(word)));
  const option = words[at];
  if (!option) return [];
  const written = /^(?:-[a-wyzA-WYZ]*[xX]|--[a-z-]+=?)/.exec(startOf(option))?.[0] ?? '';
  const isAttached = startOf(option).length > written.length || option.parts.length > 1;
  const [first = '', ...others] = option.parts;
  const attached = isAttached ? [{ ...option, parts: [first.slice(written.length), ...others] }] : [];
  return [{ kind: 'command', words: [...attached, ...words.slice(at + 1)] }];
}

/** `cmake -E env A=1 rm x`, `cmake -E time rm x`, `cmake -E chdir DIR rm x`. */
function givenToCmake([tool = ANYTHING, ...words]: readonly Word[]): readonly RunByIt[] {
  switch (knownText(tool)) {
    case 'env':
      return [{ kind: 'command', words: [certain('env'), ...words.filter((word) => startOf(word) !== '--modify')] }];
    case 'time':
      return [{ kind: 'command', words }];
    case 'chdir':
      return [{ kind: 'command', words: words.slice(1) }];
    case undefined:
      return [OPEN];
    default:
      return [];
  }
}

/** The name of a service is a path from /etc/init.d, which may lead out of it. */
function givenToService(words: readonly Word[]): readonly RunByIt[] {
  const at = words.findIndex((word) => !startOf(word).startsWith('-'));
  const service = words[at];
  if (!service) return [];
  if (!service.parts.some((part) => part.includes('/'))) return [];
  return [{ kind: 'command', words: words.slice(at) }];
}

/** Scripts in a directory are programs like any other; one by name, out of a directory of programs, is not. */
function givenToRunParts(words: readonly Word[]): readonly RunByIt[] {
  const starts = words.map(startOf);
  if (starts.some((start) => /^--(?:list|test)$/.test(start))) return [];
  const isChosen = starts.some((start) => /^--re/.test(start));
  return words.some((word) => /(?:^|\/)s?bin\/*$/.test(word.parts.at(-1) ?? '') || (isChosen && startOf(word) === ''))
    ? [OPEN]
    : [];
}

/** Of perl's `rename`, whose first word is code. Substitutions alone run nothing. */
function couldBePerl(word: Word, index: number, words: readonly Word[]): boolean {
  const isFirst = words.slice(0, index).every((one) => startOf(one).startsWith('-'));
  const isGiven = /^-{1,2}e/.test(startOf(words[index - 1] ?? certain('')));
  const text = knownText(word);
  if (text?.startsWith('-') === true || (!isFirst && !isGiven)) return false;
  if (text === undefined) return startOf(word) === '' || /[^\w./-]/.test(startOf(word));
  const isPlain = /^(?:s|y|tr)([/|,#!])(?:\\.|(?!\1)[^\\])*\1(?:\\.|(?!\1)[^\\])*\1[gimxsr]*;?$/s.test(text);
  return !/^[\w.-]*$/.test(text) && (!isPlain || /[@$]\{|\(\?\??\{/.test(text));
}
