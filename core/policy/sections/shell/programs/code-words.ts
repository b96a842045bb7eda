// Words of a program's that are code to it, or lead to some, in ways that are not read here.

import { knownText, type Word } from '../line/words.ts';
import { isOpen } from './run-by-it.ts';

const CODE: Readonly<Record<string, RegExp>> = {
  hash: /^-p/,
  enable: /^-f/,
  bind: /^-x/,
  'mapfile readarray': /^-[a-zA-Z]*C/,
  fc: /^-s/,
  'at batch crontab': /^(?!-[lrcVeuq]$|--version$)/,
  bpftrace: /^-e/,
  gnuplot: /^-e|;/,
  'julia ghc groovy scala slsh puppet knife rake pry rc elvish elixir bun guile erl sbcl clojure jrunscript R Rscript octave octave-cli gimp raku':
    /^-{1,2}(?:[eEbrc]$|e[^a-z]|eval|expr|batch|print|run)/,
  deno: /^eval$/,
  dc: /!/,
  debugfs: /^!|^-[fR]$/,
  'latex pdflatex xelatex lualatex tex': /^-{1,2}shell-escape|^-{1,2}enable-write18/,
  msgfilter: /^-/,
  dstat: /^--(?!version|cpu|disk|net|mem|time)/,
  crash: /^-i/,
  m4: /esyscmd|syscmd/,
  mlr: /\b(?:system|exec|os)\b/,
  exiftool: /^-(?:if|execute|p|config)/,
  rails: /^(?:r|runner)$/,
};

/** They read code from their input, unless a file is named. */
const READS_CODE = /^(?:m4|dc|jshell|irb|batch|at|ghci|sbcl|guile|clojure|gnuplot|octave|julia|R)$/;

const BY_NAME = new Map(
  Object.entries(CODE).flatMap(([names, one]) => names.split(' ').map((name) => [name, one] as const)),
);

export const hasCodeRow = (name: string): boolean => BY_NAME.has(name) || READS_CODE.test(name);

export function hasCodeWords(name: string, words: readonly Word[]): boolean {
  // Whatever it is called: of it nothing is known afterwards.
  if (name === 'alias')
    return words.some((word) => isOpen(word) || word.parts.length > 1 || /=/.test(knownText(word) ?? ''));
  if (
    READS_CODE.test(name) &&
    !words.some((word) => /^[\w./]/.test(knownText(word) ?? '')) &&
    !words.some((word) => /^-[lrcVe]$|^--(?:version|help)$/.test(knownText(word) ?? ''))
  )
    return true;
  const code = BY_NAME.get(name);
  return code !== undefined && words.some((word) => code.test(knownText(word) ?? '-'));
}
