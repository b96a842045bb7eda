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
  /** What an operand in front of the command looks like: another word begins the command. */
  readonly operand: RegExp | undefined;
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
  return { runs: 'command', operands: 0, shell: false, permutes: false, operand: undefined, ...traits, options: marks };
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
    'i0v uCa: S! --split-string! --ignore-environment --null --debug --unset: --chdir: --argv0: --block-signal~ --default-signal~ ' +
      '--ignore-signal~ --list-signal-handling --help. --version.',
  ),
  nice: row('n: --adjustment: --help. --version.'),
  ionice: row('ct n: c: pPu. --class: --classdata: --ignore --pid. --pgid. --uid. --help.'),
  'nohup nocorrect noglob coproc and or not begin builtin fakeroot tini dumb-init eatmydata -':
    row('--help. --version.'),
  unbuffer: row('p'),
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
  chrt: row('abdfiorRv TPD: mph. --batch --fifo --idle --other --rr --deadline --max. --pid. --help.', {
    operands: 1,
    // Policies without priorities need none.
    operand: /^-?\d+$/,
  }),
  taskset: row('ac p. --all-tasks --cpu-list --pid. --help.', { operands: 1 }),
  exec: row('cl a:'),
  scriptlive: row('aABCEIlmNOT: c! --command! --help. --version.', { operands: 2, permutes: true, runs: 'nothing' }),
  command: row('p vV.'),
  'busybox toybox coreutils': row('--help. --list. --list-full. --version.'),
  script: row(
    'aefqD c! EIOBTmo: t~ hV. --append --echo: --flush --force --quiet --return --command! --log-in: --log-out: ' +
      '--log-io: --log-timing: --logging-format: --output-limit: --timing~ --help. --version.',
    { operands: 1, shell: true, permutes: true },
  ),
  'su runuser': row(
    'lmpPT c! sgGwu: hV. --command! --session-command! --login --preserve-environment --pty --no-pty --shell: --group: ' +
      '--supp-group: --whitelist-environment: --user: --help. --version.',
    { operands: 1, shell: true, permutes: true },
  ),
  ssh: row('46AaCfGgKkMnNqsTtvXxYy bcDEeFIiJLlmOopQRSwBWP: V.', { operands: 1, runs: 'line', shell: true }),
  watch: row(
    'bcdefgprtwxC nqs: hv. --beep --color --differences~ --errexit --chgexit --equexit: --interval: --no-title --no-wrap ' +
      '--precise --exec --help. --version.',
    { runs: 'line' },
  ),
  autossh: row('46AaCfGgKkNnqsTtvXxYy bcDEeFIiJLlMmOopQRSwBWP: V.', { operands: 1, runs: 'line', shell: true }),
  eval: row('', { runs: 'line' }),
  switch_root: row('hV. --help. --version.', { operands: 1 }),
  uclampset: row('asRv mMp: h. --all-tasks --system --reset-on-fork --verbose --help. --version.'),
  pipesz: row(
    'cqv gifnos: hV. --check --quiet --verbose --set: --file: --fd: --stdin --stdout --stderr --help. --version.',
  ),
  jexec: row('l dnuU:', { operands: 1, shell: true }),
  'gosu su-exec repeat': row('', { operands: 1 }),
  pkexec: row('--user: --keep-cwd --version. --help.'),
  sshpass: row('evV fdpP:'),
  prlimit: row(
    'cdefilmnqrstuvxy~ p: o: V. --pid: --output: --noheadings --raw --verbose ' +
      '--core~ --data~ --nice~ --fsize~ --sigpending~ --memlock~ --rss~ --nofile~ --msgqueue~ --rtprio~ --stack~ --cpu~ ' +
      '--nproc~ --as~ --locks~ --rttime~ --help. --version.',
  ),
  choom: row('n: p. hV. --adjust: --pid. --help. --version.'),
  'setarch linux32 linux64 i386 i486 i586 i686 x86_64 uname26': row(
    'BFILRSTXZv3 p: hV. --32bit --fdpic-funcptrs --short-inode --addr-compat-layout --addr-no-randomize --whole-seconds ' +
      '--sticky-timeouts --read-implies-exec --mmap-page-zero --3gb --4gb --uname-2.6 --verbose --list. --help. --version.',
  ),
  sg: row('c!', { operands: 1, runs: 'line', shell: true }),
  newgrp: row('', { operands: 1, shell: true }),
  'systemd-run': row(
    'r dtPqG upEHMC: S> h. --scope --user --system --unit: --property: --description: --slice: --slice-inherit ' +
      '--remain-after-exit --send-sighup --service-type: --uid: --gid: --nice: --working-directory: --same-dir --setenv: ' +
      '--pty --pipe --quiet --collect --wait --shell> --on-active: --on-boot: --on-startup: --on-unit-active: ' +
      '--on-unit-inactive: --on-calendar: --on-clock-change --on-timezone-change --timer-property: --path-property: ' +
      '--socket-property: --host: --machine: --no-block --no-ask-password --background: --help. --version.',
  ),
  'systemd-inhibit': row(
    'h. --what: --who: --why: --mode: --list. --no-pager --no-legend --no-ask-password --help. --version.',
  ),
  'systemd-cat': row(
    'tp: h. --identifier: --priority: --stderr-priority: --level-prefix: --namespace: --help. --version.',
  ),
  run0: row(
    'u: g: D: i> --user: --group: --unit: --chdir: --nice: --setenv: --property: --description: --slice: --machine: --pty --pipe --background: --help. --version.',
    { shell: true },
  ),
  setpriv: row(
    'd. --dump. --clear-groups --keep-groups --init-groups --groups: --inh-caps: --ambient-caps: --bounding-set: --list-caps. ' +
      '--no-new-privs --nnp --ruid: --euid: --rgid: --egid: --reuid: --regid: --securebits: --pdeathsig: --ptracer: ' +
      '--selinux-label: --apparmor-profile: --landlock-access: --landlock-rule: --seccomp-filter: --reset-env --help. --version.',
  ),
  ltrace: row('bcCfirSLtT aADeFlnopsuwxX: hV. --output: --help. --version.'),
  'compgen complete': row('abcdefgjksuvopraDEI AGFPSX: o: W: C!', { runs: 'nothing', permutes: true }),
};

const BY_NAME: ReadonlyMap<string, Launcher> = new Map(
  Object.entries(ROWS).flatMap(([names, launcher]) => names.split(' ').map((name) => [name, launcher] as const)),
);

/** By the last part of its path. The loader of shared libraries runs programs too. */
export const launcherOf = (name: string): Launcher | undefined =>
  BY_NAME.get(name) ?? (/^ld(?:-linux|-musl)?[\w.-]*\.so(?:\.\d+)?$/.test(name) ? BY_NAME.get('nohup') : undefined);

/** Programs that run what stands anywhere among their words: of their options it is not known which take an argument. */
const RUNS_SOMEWHERE =
  /^(?:parallel|sem|pexec|entr|perf|valgrind|gdbserver|rlwrap|firejail|bwrap|proot|fakechroot|xvfb-run|numactl|cgexec|runcon|aa-exec|caffeinate|chpst|softlimit|setlock|envdir|envuidgid|setuidgid|s6-\w+|multitime|hyperfine|cpulimit|logsave|openvt|torsocks|torify|tsocks|proxychains4?|ccache|distcc|systemd-nspawn|dbus-launch|dbus-run-session|ssh-agent|daemonize|screen|npx|pnpx|bunx|uvx|dotenv|capsh|catchsegv|run-one|lxc-attach|pidstat|schroot|arch-chroot|chronic|ifne|lckdo|debconf|coresched|enosys|xterm|uxterm|urxvt|rxvt|konsole|gnome-terminal|xfce4-terminal|alacritty|kitty|foot|pm2|nodemon|forever|watchexec|ttyd|gotty|dtach|abduco|faketime|rr|heaptrack|uftrace|trace-cmd|nq|tsp|systemd-socket-activate|pssh|parallel-ssh|pdsh|clush|dsh|mussh|ansible|salt|salt-call|salt-ssh|heroku|rsh|remsh|ch-run|distrobox-enter|flatpak-spawn|lima|gpg-agent|agetty|grc|ksu|xdotool|socket|csvtool|task|zlogin|doppler|op|chamber|envconsul|teller|sops)$/;
export const runsSomewhere = (name: string): boolean => RUNS_SOMEWHERE.test(name);
