// What git runs: by a configuration that its command line sets or writes, and by options of its own commands.

import { ANYTHING, certain, knownText, type Word } from '../line/words.ts';
import { behind, asLine, OPEN, type RunByIt, startOf } from './run-by-it.ts';
import { withHost } from './run-variables.ts';

/** https://git-scm.com/docs/git-config: keys whose values are commands, in lower case. */
const COMMANDS =
  /^(?:core\.(?:pager|editor|askpass|gitproxy|alternaterefscommand)|sequence\.editor|gpg(?:\.\w+)?\.program|gpg\.ssh\.defaultkeycommand|diff\.(?:external|.*\.(?:command|textconv))|interactive\.difffilter|pager\..*|filter\..*\.(?:clean|smudge|process)|merge\..*\.driver|(?:diff|merge)tool\..*\.(?:cmd|path)|(?:browser|man)\..*\.(?:cmd|path)|trailer\..*\.(?:command|cmd)|sendemail\..*(?:cmd|server)|uploadpack\.packobjectshook|remote\..*\.(?:uploadpack|receivepack)|tar\..*\.command|instaweb\.httpd|imap\.tunnel|hook\..*\.command|guitool\..*\.cmd|lfs\.(?:customtransfer\..*\.path|extension\..*\.(?:clean|smudge)))$/;
const FLAGS = /^(?:true|false|yes|no|on|off|0|1)?$/i;

function configured(key: string, value: Word): readonly RunByIt[] {
  const name = key.toLowerCase();
  const start = startOf(value);
  if (knownText(value) === '') return [];
  if (name === 'core.sshcommand') return asLine(withHost(value));
  if (name.startsWith('pager.') && FLAGS.test(start)) return [];
  if (COMMANDS.test(name)) return asLine(value);
  if (name === 'core.fsmonitor') return FLAGS.test(knownText(value) ?? '-') ? [] : asLine(value);
  if (/^(?:credential\.(?:.*\.)?helper|submodule\..*\.update)$/.test(name))
    return start.startsWith('!')
      ? asLine(behind(value, 1))
      : start.startsWith('/') || start === ''
        ? asLine(value)
        : [];
  if (name.startsWith('alias.'))
    return start.startsWith('!')
      ? asLine(behind(value, 1))
      : asLine({ ...value, parts: [`git ${start}`, ...value.parts.slice(1)] });
  if (name === 'core.hookspath') return start === '/dev/null' ? [] : [OPEN];
  const isOpenKey = /^(?:include(?:if\..*)?\.path|init\.templatedir|protocol\.(?:ext\.)?allow|remote\..*\.vcs)$/.test(
    name,
  );
  return isOpenKey && start !== 'never' ? [OPEN] : [];
}

/** Options of a command of git's: a command line behind them, or attached. */
const OPTIONS: Readonly<Record<string, RegExp>> = {
  grep: /^(?:-[a-zA-Z]*O|--op[a-z-]*=)/,
  rebase: /^(?:-[a-zA-Z]*x|--ex[a-z]*=?)/,
  fetch: /^--upl[a-z-]*=?/,
  pull: /^--upl[a-z-]*=?/,
  clone: /^(?:-[qvnlsj46]*u|--u[a-z-]*=?)/,
  'ls-remote': /^(?:--u[a-z-]*=?|--exe?c?=?)/,
  'fetch-pack': /^(?:--upl[a-z-]*=?|--exec=?)/,
  push: /^(?:--rece[a-z-]*=?|--ex[a-z]*=?)/,
  'send-pack': /^(?:--rece[a-z-]*=?|--ex[a-z]*=?)/,
  archive: /^--ex[a-z]*=?/,
  difftool: /^(?:-[gdy]*x|--e[a-z]*=?)/,
  'filter-branch': /^--(?:env|tree|index|parent|msg|commit|tag-name|setup)(?:-filter)?$/,
  'send-email': /^--(?:to|cc|header)-cmd=?|^--smtp-server=?/,
  daemon: /^--access-hook=?/,
};
/** Global options with an argument. */
const TAKES = /^(?:-C|--git-dir|--work-tree|--namespace|--super-prefix|--attr-source)$/;

export function runByGit(words: readonly Word[]): readonly RunByIt[] {
  const given: RunByIt[] = [];
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at] ?? ANYTHING;
    const start = startOf(word);
    if (start === '-c') given.push(...setting(words[++at]));
    else if (/^--(?:exec-path=|config-env)/.test(start)) given.push(OPEN);
    else if (TAKES.test(start)) at++;
    else if (!start.startsWith('-')) break;
  }
  const rest = words.slice(at + 1);
  if (rest.some((word) => /^ext::/.test(startOf(word)))) given.push(OPEN);
  return given.concat(runBySubcommand(knownText(words[at] ?? certain('')) ?? '', rest));
}

/** `key=value`; without a value it is a flag. */
function setting(word: Word | undefined): readonly RunByIt[] {
  if (!word) return [];
  const start = startOf(word);
  const equals = start.indexOf('=');
  if (equals < 0) return word.parts.length > 1 ? [OPEN] : [];
  return configured(start.slice(0, equals), behind(word, equals + 1));
}

function runBySubcommand(name: string, words: readonly Word[]): readonly RunByIt[] {
  const operands = words.filter((word) => !startOf(word).startsWith('-'));
  if (name === 'config') {
    // An option's argument may stand in front of them.
    return operands.flatMap((key, at) => {
      const value = operands[at + 1];
      return value && /^[A-Za-z][\w-]*\./.test(startOf(key)) ? configured(knownText(key) ?? startOf(key), value) : [];
    });
  }
  if (name === 'remote-ext') return [OPEN];
  if (name === 'submodule' && knownText(operands[0] ?? ANYTHING) === 'foreach') return asCommand(operands.slice(1));
  if (name === 'bisect' && knownText(operands[0] ?? ANYTHING) === 'run')
    return asCommand(words.slice(words.indexOf(operands[0] ?? ANYTHING) + 1));
  const option = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
  const given = words.flatMap((word, at) => {
    const found = option?.exec(startOf(word))?.[0];
    if (found === undefined) return [];
    const value =
      startOf(word).length > found.length || word.parts.length > 1 ? behind(word, found.length) : words[at + 1];
    return value ? asLine(value) : [];
  });
  return given.concat(
    ['clone', 'init'].includes(name) ? words.flatMap(template) : [],
    name === 'clone' ? cloned(words) : [],
  );
}

const template = (word: Word): readonly RunByIt[] => (/^--template=./.test(startOf(word)) ? [OPEN] : []);

/** `git clone -c key=value`. */
const cloned = (words: readonly Word[]): readonly RunByIt[] =>
  words.flatMap((word, at) => {
    if (/^(?:-c|--config)$/.test(startOf(word))) return setting(words[at + 1]);
    return startOf(word).startsWith('--config=') ? setting(behind(word, '--config='.length)) : [];
  });

/** One word is a line; several are a command. */
const asCommand = (words: readonly Word[]): readonly RunByIt[] => {
  const [first] = words;
  if (!first) return [];
  return words.length === 1 ? asLine(first) : [{ kind: 'command', words, isFed: true }];
};
