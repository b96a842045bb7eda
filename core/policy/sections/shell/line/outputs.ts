// Whose text a substitution gives: that of programs which tell of the machine, or one that the line or its input made.
//
//   $(df / | awk 'NR==2 {print $5}')    the machine's
//   $(echo "$x")  $(head -1)  $(tr)     the sender's, or it may be

import type { CommandSoFar } from './simple-command.ts';
import { knownText, MADE, type Word } from './words.ts';

/** They give a number, or a text of one shape, whatever they are given. */
const FIXED =
  /^(?:nproc|wc|arch|whoami|logname|tty|getconf|uptime|md5sum|sha\d+sum|cksum|mktemp|pwd|cd|true|false|:|set|test|\[|sleep|exit)$/;
/** They tell of the machine, and print none of their words, but where a format is one. */
const TELLING =
  /^(?:df|du|free|hostname|uname|id|date|stat|systemctl|docker|kubectl|git|lsb_release|getent|readlink|realpath|ls|seq|expr|nvidia-smi|ss|ip|sysctl|blkid|lsblk|findmnt|basename|dirname|pgrep|pidof|node|npm|aws|gcloud)$/;
/** They pass on some of what they read. */
const CUTTING = /^(?:cat|head|tail|sort|uniq|cut|tac|zcat|jq)$/;

/** The sources of what they print. `commands`: all of the substitution, as they were read. */
export function sourcesOfOutput(commands: readonly CommandSoFar[]): readonly string[] {
  if (commands.length === 0 || !commands.every(isTelling)) return [MADE];
  return commands.flatMap(({ words }) => words.flatMap(({ sources }) => sources));
}

function isTelling({ words, isFed, input, sets }: CommandSoFar): boolean {
  const [program, ...rest] = words;
  const name = program && knownText(program);
  if (name === undefined || sets.length > 0 || input !== undefined) return false;
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
    case 'sed':
      return isFed && rest.every(cutsOnly);
    case 'xargs':
      return isFed && rest.length === 0;
    default:
      if (!rest.every(hasNoCode)) return false;
      return FIXED.test(name) || TELLING.test(name) || (CUTTING.test(name) && (isFed || hasFile(rest)));
  }
}

const hasFile = (words: readonly Word[]): boolean =>
  words.some(({ parts: [first = ''] }) => /^[/.~A-Za-z]/.test(first) && !/^\/(?:dev|proc\/\w+\/fd)/.test(first));

/** `s/%//`, `2p`. */
const cutsOnly = (word: Word): boolean =>
  /^(?:-[nEr]+|s(?<by>[/|#])[^\\&]*\k<by>\k<by>g?|[\d$,]+[pdq])$/.test(knownText(word) ?? '$(');

/** What a shell takes for code cannot come out of it as it is. */
const hasNoCode = ({ parts }: Word): boolean => parts.every((part) => !/[[`$\\;|]|%x|\{\{/.test(part));
