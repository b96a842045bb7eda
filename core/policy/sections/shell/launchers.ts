// Programs that run what they are given: which of their words are options, and which the command. An option that is
// not listed leaves open where the command begins, and what it is.
//
//   u:   takes an argument         n    takes none        p~   only one that is attached to it
//   c!   takes a text for a shell  x?   takes code        l.   then nothing is run    i>   then a shell is opened

export interface Launcher {
  /** What stands behind options and operands. `line`: words that a shell joins and reads. */
  readonly runs: 'command' | 'line' | 'nothing';
  /** By `-u` or `--user`. */
  readonly options: ReadonlyMap<string, Mark>;
  /** Words between the options and the command. */
  readonly operands: number;
  /** With no command it opens a shell. */
  readonly shell: boolean;
  /** Options may stand behind operands. */
  readonly permutes: boolean;
}

type Mark = '' | ':' | '~' | '!' | '?' | '.' | '>';

type Traits = Partial<Omit<Launcher, 'options'>>;

function row(options: string, traits: Traits = {}): Launcher {
  const marks = new Map<string, Mark>();
  for (const token of options.split(/\s+/)) {
    const mark = (/[:~!?.>]$/.exec(token)?.[0] ?? '') as Mark;
    const names = mark === '' ? token : token.slice(0, -1);
    for (const name of names.startsWith('--') ? [names] : [...names].map((letter) => `-${letter}`))
      marks.set(name, mark);
  }
  return { runs: 'command', operands: 0, shell: false, permutes: false, ...traits, options: marks };
}

const NAMESPACES =
  '--mount~ --uts~ --ipc~ --net~ --pid~ --user~ --cgroup~ --time~ --root~ --wd~ --setuid: --setgid: --fork --no-fork';

const ROWS: Readonly<Record<string, Launcher>> = {
  sudo: row(
    'AbEHnPSkKBN ugphCDRTUrt: h: lveVK. is> --user: --group: --prompt: --host: --close-from: --chdir: --chroot: --role: ' +
      '--type: --other-user: --command-timeout: --preserve-env~ --non-interactive --stdin --set-home --background ' +
      '--askpass --reset-timestamp --preserve-groups --login> --shell> --list. --validate. --version. --edit. --help.',
  ),
  doas: row('nL uCa: s>'),
  env: row(
    'i0v uCa: --ignore-environment --null --debug --unset: --chdir: --argv0: --block-signal~ --default-signal~ ' +
      '--ignore-signal~ --list-signal-handling --help. --version.',
  ),
  nice: row('n: --adjustment: --help. --version.'),
  ionice: row('ct n: c: pPu. --class: --classdata: --ignore --pid. --pgid. --uid. --help.'),
  'nohup nocorrect noglob coproc and or not begin builtin fakeroot unbuffer linux32 linux64 tini dumb-init eatmydata -':
    row('--help. --version.'),
  setsid: row('cfw --ctty --fork --wait --help. --version.'),
  timeout: row('fvp ks: --kill-after: --signal: --foreground --preserve-status --verbose --help. --version.', {
    operands: 1,
  }),
  time: row('apvqlV fo: --format: --output: --append --portability --verbose --quiet --help.'),
  stdbuf: row('ioe: --input: --output: --error: --help. --version.'),
  chroot: row('--userspec: --groups: --skip-chdir --help. --version.', { operands: 1, shell: true }),
  unshare: row(
    `fcr muinpUCT~ RwSG: hV. ${NAMESPACES} --map-root-user --map-current-user --map-auto --keep-caps --mount-proc~ ` +
      '--kill-child~ --propagation: --setgroups: --map-users: --map-groups: --map-user: --map-group: --help.',
    { shell: true },
  ),
  nsenter: row(
    `aFeZ t: muinpUCTrw~ WSG: hV. ${NAMESPACES} --all --target: --wdns: --env --preserve-credentials --help.`,
    {
      shell: true,
    },
  ),
  strace: row('fFqvxtrTyiCcdDkwzZYn eopsSuEabIOPXU: hV. --help. --version.'),
  xargs: row(
    '0rtpxo aIdELnPsJRS: eli~ --null --no-run-if-empty --verbose --interactive --exit --open-tty --show-limits ' +
      '--arg-file: --delimiter: --max-args: --max-procs: --max-chars: --process-slot-var: --max-lines~ --replace~ --eof~ ' +
      '--help. --version.',
  ),
  flock: row(
    'sxeunoFv Ew: c! hV. --shared --exclusive --unlock --nonblock --nb --close --no-fork --verbose --wait: --timeout: ' +
      '--conflict-exit-code: --command! --help. --version.',
    { operands: 1 },
  ),
  chrt: row('abdfiorRv TPD: mph. --batch --fifo --idle --other --rr --deadline --max. --pid. --help.', { operands: 1 }),
  taskset: row('ac p. --all-tasks --cpu-list --pid. --help.', { operands: 1 }),
  exec: row('cl a:'),
  command: row('p vV.'),
  'busybox toybox': row('--help. --list. --list-full.'),
  script: row(
    'aefqD c! EIOBTmo: t~ hV. --append --echo: --flush --force --quiet --return --command! --log-in: --log-out: ' +
      '--log-io: --log-timing: --logging-format: --output-limit: --timing~ --help. --version.',
    { operands: 1, shell: true, permutes: true },
  ),
  'su runuser': row(
    'lmpP c! sgGwTu: hV. --command! --session-command! --login --preserve-environment --pty --shell: --group: ' +
      '--supp-group: --whitelist-environment: --user: --help. --version.',
    { operands: 1, shell: true, permutes: true },
  ),
  ssh: row('46AaCfGgKkMnNqsTtvXxYy bcDEeFIiJLlmOopQRSwBWP: V.', { operands: 1, runs: 'line', shell: true }),
  watch: row(
    'bcdegptwxC nq: hv. --beep --color --differences~ --errexit --chgexit --equexit: --interval: --no-title --no-wrap ' +
      '--precise --exec --help. --version.',
    { runs: 'line' },
  ),
  eval: row('', { runs: 'line' }),
  'gosu su-exec repeat': row('', { operands: 1 }),
  pkexec: row('--user: --keep-cwd --version. --help.'),
  sshpass: row('evV fdpP:'),
  'compgen complete': row('abcdefgjksuvopraDEI AGFPSX: o: W: C!', { runs: 'nothing', permutes: true }),
};

const BY_NAME: ReadonlyMap<string, Launcher> = new Map(
  Object.entries(ROWS).flatMap(([names, launcher]) => names.split(' ').map((name) => [name, launcher] as const)),
);

/** By the last part of its path. The loader of shared libraries runs programs too. */
export const launcherOf = (name: string): Launcher | undefined =>
  BY_NAME.get(name) ?? (/^ld(?:-linux|-musl)?[\w.-]*\.so(?:\.\d+)?$/.test(name) ? BY_NAME.get('nohup') : undefined);

/** A word of a program's that is code to it, or names some. */
const CODE: Readonly<Record<string, RegExp>> = {
  alias: /=/,
  hash: /^-p/,
  enable: /^-f/,
  bind: /^-x/,
  'mapfile readarray': /^-[a-zA-Z]*C/,
  fc: /^-s/,
  'declare typeset export local readonly':
    /^(?:BASH_ENV|ENV|PROMPT_COMMAND|PS[0-4]|GIT_SSH_COMMAND|GIT_SSH|GIT_EXEC_PATH|PAGER|EDITOR)(?:\+?=|$)/,
  ssh: /^(?:-o)?\s*(?:ProxyCommand|LocalCommand|KnownHostsCommand|Match|Include)/i,
  tar: /^--(?:checkpoint-a|to-c|info-|new-v|rsh|rmt|use)(?!.*=(?:gzip|pigz|bzip2|xz|zstd|lz4)$)/,
  'vi vim nvim view vimdiff': /^(?:-c|--cmd|--remote|-[a-zA-Z]*[esSuU]|\+(?!\d*$))/,
  emacs: /^-?-(?:eval|batch|f|l|load|funcall|script)/,
  git: /^(?:(?:alias|pager|filter|diff|merge|gpg|core|credential|sequence|uploadpack|remote|protocol|browser|man|includeIf|include|trailer|difftool|mergetool|sendemail)\.(?!quotepath|autocrlf|longpaths|filemode|bare|compression|pager=cat$).*=|--upload-p|--receive-p|--exec|--config-env|ext::|foreach$|filter-branch$)/i,
  rsync: /^--rsync-path=.*[;&|$`]/,
  zip: /^(?:-TT|--unzip-command)/,
  make: /^(?:--eval|-f-|-$|SHELL=|\.SHELLFLAGS)/,
  'start-stop-daemon systemd-run at batch parallel setpriv crontab': /^(?!-[lL]$|--version$)/,
};

const CODE_OF: ReadonlyMap<string, RegExp> = new Map(
  Object.entries(CODE).flatMap(([names, code]) => names.split(' ').map((name) => [name, code] as const)),
);
export const codeWordsOf = (name: string): RegExp | undefined => CODE_OF.get(name);

/** Builtins that take a word for arithmetic, whose subscripts run what they hold: `printf -v 'a[$(...)]'`. */
const ARITHMETIC: Readonly<Record<string, RegExp>> = {
  declare: /^-[a-zA-Z]*i/,
  typeset: /^-[a-zA-Z]*i/,
  local: /^-[a-zA-Z]*i/,
  export: /^-[a-zA-Z]*i/,
  readonly: /^-[a-zA-Z]*i/,
  printf: /^-v/,
  test: /^-v$/,
  '[': /^-v$/,
  let: /\[/,
};

/** `words`: what stands behind its name; undefined: known only when it runs. */
export const isArithmetic = (name: string, words: readonly (string | undefined)[]): boolean =>
  Object.hasOwn(ARITHMETIC, name) && words.some((word) => word !== undefined && ARITHMETIC[name]?.test(word) === true);

/** Variables whose values shells run. */
export const isRunVariable = (text: string): boolean =>
  /^(?:(?:BASH_ENV|ENV|PROMPT_COMMAND|BASH_FUNC_.*|LD_PRELOAD|LD_AUDIT)\+?=.|PS[0-4]\+?=.*[$`])/s.test(text);
