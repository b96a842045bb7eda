// What a command runs beside itself.

import type { VariableSet, Variables } from '../line/variables.ts';
import { knownText, type Word } from '../line/words.ts';

export type RunByIt =
  | {
      readonly kind: 'command';
      readonly words: readonly Word[];
      readonly input?: Word | undefined;
      /** As of a simple command. */
      readonly isFed?: boolean | undefined;
      readonly variables?: Variables | undefined;
    }
  /** For a shell to take apart. */
  | {
      readonly kind: 'line';
      readonly text: Word;
      readonly isFed?: boolean | undefined;
      readonly variables?: Variables | undefined;
    }
  /** A shell, or an interpreter, that takes what comes. `isFed`: from elsewhere than the client. */
  | { readonly kind: 'shell'; readonly isFed: boolean }
  /** `why`: a clause. */
  | { readonly kind: 'unseen'; readonly why: string };

export const CODE: RunByIt = { kind: 'unseen', why: 'it has code of another language in it' };
export const OPEN: RunByIt = { kind: 'unseen', why: 'what it runs is known only when it runs' };

/** What is given to a program: whether its input is, and the variables that are set for it. */
export interface Surroundings {
  readonly input: Word | undefined;
  readonly isFed: boolean;
  readonly variables: Variables;
  readonly sets: readonly VariableSet[];
}

/** A line that a program runs with nothing of the client's to read. */
export const asLine = (text: Word): readonly RunByIt[] => [{ kind: 'line', text, isFed: true }];

/** The word without what is certain in front of it. */
export const behind = (word: Word, characters: number): Word => ({
  ...word,
  parts: [(word.parts[0] ?? '').slice(characters), ...word.parts.slice(1)],
});

export const startOf = ({ parts: [first = ''] }: Word): string => first;

/** It may begin with anything. */
export const isOpen = (word: Word): boolean => knownText(word) === undefined && startOf(word) === '';
