// What a shell's builtins do to variables by their words: which they set, and which words bash evaluates. A name with
// a subscript (`read 'a[x]'`) is evaluated as arithmetic; found by running each of them in bash 5.2.

import type { VariableSet } from './variables.ts';
import { ANYTHING, certain, knownText, type Word } from './words.ts';

interface Notes {
  readonly sets: readonly VariableSet[];
  /** Expressions; names of variables whose values are, whenever they are set. */
  readonly evaluated: readonly (Word | string)[];
  /** Why it cannot be known, as a clause. */
  readonly hides?: string | undefined;
}

const NOTHING: Notes = { sets: [], evaluated: [] };
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const PREFIXES = new Set(['builtin', 'command', 'time']);

export function notesOf(words: readonly Word[]): Notes {
  let at = 0;
  while (PREFIXES.has(knownText(words[at] ?? ANYTHING) ?? '') || (at > 0 && isOption(words[at]))) at++;
  const rest = words.slice(at + 1);
  switch (knownText(words[at] ?? ANYTHING)) {
    case 'read':
    case 'mapfile':
    case 'readarray':
      return named(rest);
    case 'getopts':
      return named(rest.slice(1, 2));
    case 'printf':
      return behind(rest, '-v');
    case 'wait':
      return behind(rest, '-p');
    case 'test':
    case '[':
    case '[[':
      return tested(rest);
    case 'let':
      return { sets: [], evaluated: rest };
    case 'compgen':
    case 'complete':
      // `-W '$(list)'` is expanded.
      return { sets: [], evaluated: rest.filter((word) => /[$`]/.test(knownText(word) ?? '$')) };
    case 'unset':
      return { sets: [], evaluated: rest.filter((word) => !NAME.test(knownText(word) ?? '') && !isOption(word)) };
    case 'declare':
    case 'typeset':
    case 'local':
      return declared(rest, true);
    case 'export':
    case 'readonly':
      return declared(rest, false);
    default:
      return NOTHING;
  }
}

const isOption = (word: Word | undefined): boolean => /^[-+]/.test(knownText(word ?? ANYTHING) ?? '');

/** Options' arguments are taken for names too, which does no harm. */
function named(words: readonly Word[]): Notes {
  const texts = words.map(knownText);
  return {
    sets: texts.flatMap((text) => (text !== undefined && NAME.test(text) ? [{ name: text, value: ANYTHING }] : [])),
    evaluated: words.filter((_, index) => !NAME.test(texts[index] ?? '') && !isOption(words[index])),
  };
}

function behind(words: readonly Word[], option: string): Notes {
  const at = words.findIndex((word) => knownText(word)?.startsWith(option));
  if (at < 0) return NOTHING;
  const attached = knownText(words[at] ?? ANYTHING)?.slice(option.length) ?? '';
  return named(attached === '' ? words.slice(at + 1, at + 2) : [certain(attached)]);
}

/** `-v NAME`; of `[[` the sides of a comparison of numbers too. */
function tested(words: readonly Word[]): Notes {
  const evaluated: Word[] = [];
  words.forEach((word, index) => {
    const text = knownText(word);
    const next = words[index + 1];
    if (text === '-v' && next && !NAME.test(knownText(next) ?? '')) evaluated.push(next);
  });
  return { sets: [], evaluated };
}

/** The sides of comparisons between numbers in `[[ ]]`. */
export const comparedIn = (words: readonly Word[]): readonly Word[] =>
  words.filter((_, index) =>
    [words[index - 1], words[index + 1]].some((word) => word && /^-(?:eq|ne|lt|le|gt|ge)$/.test(knownText(word) ?? '')),
  );

/** `evaluates`: a subscript in a name is. */
function declared(words: readonly Word[], evaluates: boolean): Notes {
  const sets: VariableSet[] = [];
  const evaluated: (Word | string)[] = [];
  let hides: string | undefined;
  const isNumber = words.some((word) => /^-[a-zA-Z]*[in]/.test(knownText(word) ?? ''));
  const isList = words.some((word) => /^-[a-zA-Z]*[aA]/.test(knownText(word) ?? ''));
  for (const word of words) {
    if (isOption(word)) continue;
    const set = assignmentIn(word);
    if (set) {
      sets.push(set);
      if (isNumber) evaluated.push(set.name);
      // `declare -a 'a=($(list))'`: a list that is quoted is read as one that is not.
      if (isList || set.value.parts[0]?.startsWith('(')) evaluated.push(set.value);
    } else if (NAME.test(knownText(word) ?? '')) {
      if (isNumber) evaluated.push(knownText(word) ?? '');
    } else if (evaluates) evaluated.push(word);
    else if (word.parts[0] === '' && word.parts.length > 1) hides = nameless(word);
  }
  return { sets, evaluated, hides };
}

/** Variables of the machine's are what they are. */
const nameless = ({ sources }: Word): string | undefined =>
  sources.some((source) => !source.endsWith('()'))
    ? 'the name of a variable in it is known only when it runs'
    : undefined;

/** A word that sets a variable: of `export`, of env. */
function assignmentIn(word: Word): VariableSet | undefined {
  const [first = '', ...others] = word.parts;
  const [written = '', name] = /^([A-Za-z_][A-Za-z0-9_]*)\+?=/.exec(first) ?? [];
  return name === undefined ? undefined : { name, value: { ...word, parts: [first.slice(written.length), ...others] } };
}
