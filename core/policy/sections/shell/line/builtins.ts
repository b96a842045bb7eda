// What a shell's builtins do to variables by their words: which they set, and which words bash evaluates. A name with
// a subscript (`read 'a[x]'`) is evaluated as arithmetic; found by running each of them in bash 5.2.

import type { VariableSet } from './variables.ts';
import { ANYTHING, certain, knownText, type Word } from './words.ts';

interface Notes {
  readonly sets: readonly VariableSet[];
  /** Expressions; names of variables whose values are, whenever they are set. */
  readonly evaluated: readonly (Word | string)[];
  /** Names of arrays that it makes. */
  readonly arrays?: readonly string[];
  /** What it sets to a value that is a list, if the variable is an array. */
  readonly lists?: readonly VariableSet[];
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
      return named(rest, hasLetter(rest, 'a'));
    case 'mapfile':
    case 'readarray':
      return named(rest, true);
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

const hasLetter = (words: readonly Word[], letter: string): boolean =>
  words.some((word) => isOption(word) && knownText(word)?.includes(letter) === true);

/** The variable that a word names, with a subscript (`a[1]`, which may be a pattern to the shell) or without. */
const baseOf = ({ parts }: Word): string | undefined => /^([A-Za-z_][A-Za-z0-9_]*)(?:$|\[)/.exec(parts[0] ?? '')?.[1];

/** Options' arguments are taken for names too, which does no harm. */
function named(words: readonly Word[], asArrays = false): Notes {
  const texts = words.map(knownText);
  const sets = words.flatMap((word) => {
    const name = baseOf(word);
    return name === undefined ? [] : [{ name, value: ANYTHING }];
  });
  return {
    sets,
    arrays: asArrays ? sets.map(({ name }) => name) : [],
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
  const lists: VariableSet[] = [];
  const arrays: string[] = [];
  const evaluated: (Word | string)[] = [];
  let hides: string | undefined;
  const isReference = evaluates && hasLetter(words, 'n');
  const isNumber = hasLetter(words, 'n') || hasLetter(words, 'i');
  const isList = hasLetter(words, 'a') || hasLetter(words, 'A');
  for (const word of words) {
    if (isOption(word)) continue;
    const set = assignmentIn(word);
    const name = set?.name ?? baseOf(word);
    if (isList && name !== undefined) arrays.push(name);
    if (set) {
      sets.push(set);
      if (isNumber) evaluated.push(set.name);
      if (isReference) {
        // `declare -n r=PAGER`: setting r will set PAGER.
        const other = baseOf(set.value);
        if (other === undefined || set.value.parts.length > 1) hides = NAMELESS;
        else sets.push({ name: other, value: ANYTHING });
      }
      // `declare -a 'a=($(list))'`: a list that is quoted is read as one that is not.
      if (isList || set.value.parts[0]?.startsWith('(')) evaluated.push(set.value);
      else if (evaluates && set.value.parts[0] === '') lists.push(set);
    } else if (NAME.test(knownText(word) ?? '')) {
      if (isNumber) evaluated.push(knownText(word) ?? '');
      if (isReference) hides = NAMELESS;
    } else if (evaluates) {
      evaluated.push(word);
      if (name !== undefined) sets.push({ name, value: ANYTHING });
    } else if (word.parts[0] === '' && word.parts.length > 1) hides = nameless(word);
  }
  return { sets, evaluated, arrays, lists, hides };
}

const NAMELESS = 'the name of a variable in it is known only when it runs';

/** Variables of the machine's are what they are. */
const nameless = ({ sources }: Word): string | undefined =>
  sources.some((source) => !source.endsWith('()')) ? NAMELESS : undefined;

/** A word that sets a variable: of `export`, of env. */
function assignmentIn(word: Word): VariableSet | undefined {
  const [first = '', ...others] = word.parts;
  const [written = '', name] = /^([A-Za-z_][A-Za-z0-9_]*)\+?=/.exec(first) ?? [];
  return name === undefined ? undefined : { name, value: { ...word, parts: [first.slice(written.length), ...others] } };
}
