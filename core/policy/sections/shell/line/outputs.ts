// Whose text a substitution gives: that of programs which tell of the machine, or one that the line or its input made.
//
//   $(df / | awk 'NR==2 {print $5}')    the machine's
//   $(echo "$x")  $(head -1)  $(tr)     the sender's, or it may be

import type { CommandSoFar } from './simple-command.ts';
import { functionSource } from './variables.ts';
import { knownText, MADE, type Word } from './words.ts';

/** They give a number, or a text of one shape, whatever they are given. */
const FIXED =
  /^(?:nproc|wc|arch|whoami|logname|tty|getconf|uptime|md5sum|sha\d+sum|cksum|mktemp|pwd|cd|true|false|:|set|test|\[|sleep|exit)$/;
/** They tell of the machine, and print none of their words, but where a format is one. */
const TELLING =
  /^(?:df|du|free|hostname|uname|id|date|stat|systemctl|lsb_release|getent|readlink|realpath|ls|seq|expr|nvidia-smi|ss|ip|sysctl|blkid|lsblk|findmnt|basename|dirname|pgrep|pidof)$/;
/** By these words of theirs. */
const VERBS: Readonly<Record<string, RegExp>> = {
  docker: /^(?:ps|inspect|images|version|info|port)$/,
  kubectl: /^(?:get|describe|version|config|top|logs)$/,
  git: /^(?:describe|rev-parse|rev-list|log|show|branch|tag|status|config|ls-files|diff|symbolic-ref|merge-base)$/,
};
/** They pass on some of what they read. */
const CUTTING = /^(?:cat|head|tail|sort|uniq|cut|tac|zcat)$/;

/** The sources of what they print. `commands`: all of the substitution, as they were read. */
export function sourcesOfOutput(commands: readonly CommandSoFar[]): readonly string[] {
  if (commands.length === 0 || !commands.every(isTelling)) return [MADE];
  return commands.flatMap(({ words }) => [asFunction(words), ...words.flatMap(({ sources }) => sources)]);
}

/** The source that a function of the line is, if there is one of that name. */
const asFunction = ([program]: readonly Word[]): string => functionSource((program && knownText(program)) ?? '');

function isTelling({ words, isFed, input, sets }: CommandSoFar): boolean {
  const [program, ...rest] = words;
  const name = program && knownText(program);
  if (sets.length > 0 || input !== undefined) return false;
  // `$(< FILE)`
  if (name === undefined) return words.length === 0 && isFed;
  switch (name) {
    case 'awk':
    case 'gawk':
    case 'mawk':
      // A text in quotes would be the line's.
      if (/["@]|printf/.test(rest.flatMap(({ parts }) => parts).join(' '))) return false;
      return isFed || hasFile(rest.slice(1));
    case 'grep':
    case 'egrep':
    case 'fgrep':
      return isFed || rest.some((word) => /^-[a-z]*c/.test(knownText(word) ?? '')) || hasFile(rest.slice(1));
    case 'tr':
      return isFed && /^-[a-zA-Z]*d/.test((rest[0] && knownText(rest[0])) ?? '');
    case 'jq':
      return isFed && rest.every(hasNoCode);
    case 'sed':
      return isFed && rest.every(cutsOnly);
    case 'xargs':
      return isFed && rest.length === 0;
    default:
      if (!rest.every(hasNoCode) || rest.some((word) => /^(?:-|--stdin)$/.test(knownText(word) ?? ''))) return false;
      if (Object.hasOwn(VERBS, name)) return VERBS[name]?.test(firstOperand(rest)) === true;
      return FIXED.test(name) || TELLING.test(name) || (CUTTING.test(name) && (isFed || hasFile(rest)));
  }
}

const firstOperand = (words: readonly Word[]): string =>
  words.map((word) => knownText(word) ?? '').find((text) => !text.startsWith('-')) ?? '';

const hasFile = (words: readonly Word[]): boolean =>
  words.some(({ parts: [first = ''] }) => /^[/.~A-Za-z]/.test(first) && !/^\/(?:dev|proc\/\w+\/fd)/.test(first));

/** `s/%//`, `2p`. */
const cutsOnly = (word: Word): boolean =>
  /^(?:-[nEr]+|s(?<by>[/|#])[^\\&]*\k<by>\k<by>g?|[\d$,]+[pdq])$/.test(knownText(word) ?? '$(');

/** What a shell takes for code cannot come out of it as it is. */
const hasNoCode = ({ parts }: Word): boolean => parts.every((part) => !/[[`$\\;|]|%x|\{\{/.test(part));
