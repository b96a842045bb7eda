// Variables whose values are run: by a shell that starts, by the loader, by programs that look for a pager or an editor.

import type { Variables, VariableSet } from '../line/variables.ts';
import { knownText, type Word } from '../line/words.ts';
import { behind, asLine, isOpen, type RunByIt, startOf } from './run-by-it.ts';
import { isShellPath, withText } from './shells.ts';

/** A file, or code, whatever it is. */
const CODE =
  /^(?:BASH_ENV|ENV|ZDOTDIR|BASH_FUNC_.*|BASH_ALIASES|BASH_CMDS|PROMPT_COMMAND|LD_PRELOAD|LD_AUDIT|DYLD_INSERT_LIBRARIES|GCONV_PATH|PYTHONSTARTUP|PERL5OPT|PERL5DB|RUBYOPT|LUA_INIT\w*|R_PROFILE\w*|R_ENVIRON\w*|ERL_\w*FLAGS|EXINIT|VIMINIT|INPUTRC|OPENSSL_CONF|SSH_SK_PROVIDER|GIT_CONFIG\w*|GIT_EXEC_PATH|GIT_TEMPLATE_DIR|GIT_EXTERNAL_DIFF_OPTS|TAR_OPTIONS|MAKEFILES|RSYNC_CONNECT_PROG|LESSKEY\w*)$/;
/** Files that say what a program runs: one that the line itself fills is code. */
const FILES =
  /^(?:PSQLRC|WGETRC|SCREENRC|SYSSCREENRC|MAILRC|APT_CONFIG|HGRCPATH|RIPGREP_CONFIG_PATH|ANSIBLE_CONFIG|KUBECONFIG|AWS_CONFIG_FILE|AWS_SHARED_CREDENTIALS_FILE)$/;
/** Options of a program, of which some are code. */
const OPTIONS: Readonly<Record<string, RegExp>> = {
  NODE_OPTIONS: /(?:^|\s)(?:-r|-e|-p|--(?:require|import|loader|experimental-loader|eval|print|inspect))\b/,
  MAKEFLAGS: /--eval|-f|=|-[a-zA-Z]*E/,
  GNUMAKEFLAGS: /--eval|-f|=|-[a-zA-Z]*E/,
  ZIPOPT: /-[a-zA-Z]*T|--unz|--tes/,
  MANOPT: /-[a-zA-Z]*[PHC]|--(?:pa|ht|co)/,
  GIT_ALLOW_PROTOCOL: /ext/,
  FZF_DEFAULT_OPTS: /execute|become|preview|reload|transform|listen/,
  PARALLEL: /[^\d\s]/,
};
const OF_JAVA = /^(?:_JAVA_OPTIONS|JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS|(?:JAVA|MAVEN|GRADLE|SBT|CATALINA)_OPTS)$/;
/** Of less: a command behind a `+`. */
const OF_LESS = /^(?:LESS|MORE|MANLESS|SYSTEMD_LESS)$/;
/** A command line. */
const LINES =
  /^(?:PAGER|\w+_PAGER|MANPAGER|BAT_PAGER|EDITOR|VISUAL|\w+_EDITOR|FCEDIT|HGEDITOR|HGMERGE|BROWSER|LESSOPEN|LESSCLOSE|CVS_RSH|GIT_EXTERNAL_DIFF|GIT_PROXY_COMMAND|\w+_ASKPASS|\w+_PASSWORD_COMMAND|BORG_PASSCOMMAND|MAILER|CLOUDSDK_PYTHON|FZF_DEFAULT_COMMAND|SSH_(?:SK|PKCS11)_HELPER|AUTOSSH_PATH)$/;
/** The shell that programs start: with a text behind `-c`, or to be typed in. */
const SHELLS =
  /^(?:SHELL|SUSHELL|PARALLEL_SHELL|RSYNC_SHELL|CONFIG_SHELL|npm_config_script_shell|NPM_CONFIG_SCRIPT_SHELL)$/;
/** A command line of ssh's, to which a host and a command are added. */
const SSH = /^(?:RSYNC_RSH|GIT_SSH|GIT_SSH_COMMAND|BORG_RSH|SVN_SSH|HG_SSH)$/;
/** Directories, in which programs, libraries and modules are looked for. */
const PATHS =
  /^(?:PATH|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|PYTHONPATH|PYTHONHOME|PYTHONUSERBASE|PERL5LIB|PERLLIB|RUBYLIB|NODE_PATH|CLASSPATH|MANPATH|FPATH|PHPRC|PHP_INI_SCAN_DIR|TCLLIBPATH|GUILE_LOAD_PATH|EMACSLOADPATH|OPENSSL_MODULES|OPENSSL_ENGINES|SASL_PATH|GROFF_BIN_PATH|GIT_SSL_CAPATH)$/;

const UNSEEN: RunByIt = { kind: 'unseen', why: 'it sets a variable that shells or programs run' };

/** `variables`: of its line. */
export function runByVariable({ name, value }: VariableSet, variables: Variables): readonly RunByIt[] {
  const text = knownText(value);
  // What it was set to before is judged where that was done.
  const isOfMachine = variables.areOfMachine(
    value.sources.filter((source) => source !== name),
    'number',
  );
  if (text === '' && name !== 'PATH') return [];
  if (CODE.test(name)) return [UNSEEN];
  // What bash expands whenever it prints it.
  if (/^(?:PS[0-4]|MAILPATH)$/.test(name)) return text === undefined || /[$`]/.test(text) ? [UNSEEN] : [];
  if (FILES.test(name)) return /^\/(?:dev|proc)\/(?!null$)/.test(startOf(value)) ? [UNSEEN] : [];
  if (PATHS.test(name)) return value.parts.join('$').split(':').some(isAnybodys) ? [UNSEEN] : [];
  if (/^DBUS_\w+_ADDRESS$/.test(name)) return isOpen(value) || /exec/.test(value.parts.join(' ')) ? [UNSEEN] : [];
  const options = optionsOf(name);
  if (options) return !isOfMachine || options.test(value.parts.join('0')) ? [UNSEEN] : [];
  if (SHELLS.test(name)) return isShellPath(value) ? [] : asLine(withText(value));
  if (LINES.test(name)) return asLine(behind(value, /^[|-]*/.exec(startOf(value))?.[0].length ?? 0));
  return SSH.test(name) ? asLine(withHost(value)) : [];
}

function optionsOf(name: string): RegExp | undefined {
  if (OF_JAVA.test(name)) return /-agent|-javaagent|-XX:On/;
  if (OF_LESS.test(name)) return /\+/;
  return Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
}

/** As a program calls it that is given one instead of ssh. */
export const withHost = (value: Word): Word => ({
  ...value,
  parts: [...value.parts.slice(0, -1), `${value.parts.at(-1)} host command`],
});

/** A directory in which anybody may put a program: a relative one, or one for temporary files. */
const isAnybodys = (directory: string): boolean =>
  !/^[/~$]/.test(directory) || /^\/(?:var\/)?tmp|^\/dev/.test(directory);
