// Variables whose values are run: by a shell that starts, by the loader, by programs that look for a pager or an editor.

import type { VariableSet } from '../line/variables.ts';
import { knownText, type Word } from '../line/words.ts';
import { behind, asLine, type RunByIt, startOf } from './run-by-it.ts';

/** A file, or code, whatever it is. */
const CODE =
  /^(?:BASH_ENV|ENV|ZDOTDIR|BASH_FUNC_.*|PROMPT_COMMAND|LD_PRELOAD|LD_AUDIT|DYLD_INSERT_LIBRARIES|GCONV_PATH|PYTHONSTARTUP|PERL5OPT|PERL5DB|RUBYOPT|EXINIT|VIMINIT|INPUTRC|OPENSSL_CONF|GIT_CONFIG\w*|GIT_EXEC_PATH|GIT_TEMPLATE_DIR|GIT_EXTERNAL_DIFF_OPTS|TAR_OPTIONS|RSYNC_CONNECT_PROG|LESSKEY\w*)$/;
/** Options of a program, of which some are code. */
const OPTIONS: Readonly<Record<string, RegExp>> = {
  NODE_OPTIONS: /(?:^|\s)(?:-r|-e|-p|--(?:require|import|loader|experimental-loader|eval|print|inspect))\b/,
  JAVA_TOOL_OPTIONS: /-agent|-javaagent|-XX:On/,
  JDK_JAVA_OPTIONS: /-agent|-javaagent|-XX:On/,
  _JAVA_OPTIONS: /-agent|-javaagent|-XX:On/,
  MAKEFLAGS: /--eval|-f|=/,
  LESS: /\+/,
};
/** A command line. */
const LINES =
  /^(?:PAGER|\w+_PAGER|MANPAGER|BAT_PAGER|EDITOR|VISUAL|\w+_EDITOR|FCEDIT|HGEDITOR|BROWSER|LESSOPEN|LESSCLOSE|CVS_RSH|GIT_EXTERNAL_DIFF|GIT_PROXY_COMMAND|\w+_ASKPASS|\w+_PASSWORD_COMMAND|BORG_PASSCOMMAND|MAILER)$/;
/** A command line of ssh's, to which a host and a command are added. */
const SSH = /^(?:RSYNC_RSH|GIT_SSH|GIT_SSH_COMMAND|BORG_RSH|SVN_SSH|HG_SSH)$/;
/** Directories, in which programs and libraries are looked for. */
const PATHS =
  /^(?:PATH|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|PYTHONPATH|PYTHONHOME|PERL5LIB|PERLLIB|RUBYLIB|NODE_PATH|CLASSPATH|MANPATH|GIT_SSL_CAPATH)$/;

const UNSEEN: RunByIt = { kind: 'unseen', why: 'it sets a variable that shells or programs run' };

export function runByVariable({ name, value }: VariableSet): readonly RunByIt[] {
  const text = knownText(value);
  if (text === '' && name !== 'PATH') return [];
  if (CODE.test(name)) return [UNSEEN];
  if (/^PS[0-4]$/.test(name)) return text === undefined || /[$`]/.test(text) ? [UNSEEN] : [];
  if (PATHS.test(name)) return value.parts.join('$').split(':').some(isAnybodys) ? [UNSEEN] : [];
  const options = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
  if (options) return text === undefined || options.test(text) ? [UNSEEN] : [];
  if (LINES.test(name)) return asLine(behind(value, /^[|-]*/.exec(startOf(value))?.[0].length ?? 0));
  return SSH.test(name) ? asLine(withHost(value)) : [];
}

/** As a program calls it that is given one instead of ssh. */
export const withHost = (value: Word): Word => ({
  ...value,
  parts: [...value.parts.slice(0, -1), `${value.parts.at(-1)} host command`],
});

/** A directory in which anybody may put a program: a relative one, or one for temporary files. */
const isAnybodys = (directory: string): boolean =>
  !/^[/~$]/.test(directory) || /^\/(?:var\/)?tmp|^\/dev/.test(directory);
