// The programs that run others by an option, and which options these are. `run-options.ts` reads their words.

import { certain, knownText, type Word } from '../line/words.ts';
import { behind, CODE, isOpen, asLine, OPEN, type RunByIt, startOf } from './run-by-it.ts';
import { withHost } from './run-variables.ts';

export type Make = (value: Word) => readonly RunByIt[];

export interface OptionRow {
  /** Letters of options whose argument is none of these. */
  readonly takes: string;
  /** By `-I`, `--use-compress-program`, `-ex`. */
  readonly makes: ReadonlyMap<string, Make>;
  /** What stands behind so many operands is another command's. */
  readonly operands: number;
}

/** `slots`: names by blanks. */
function row(takes: string, slots: Readonly<Record<string, Make>>, operands = Number.POSITIVE_INFINITY): OptionRow {
  const makes = Object.entries(slots).flatMap(([names, make]) => names.split(' ').map((name) => [name, make] as const));
  return { takes, makes: new Map(makes), operands };
}

export const nothing: Make = () => [];
const open: Make = () => [OPEN];
const code: Make = () => [CODE];
/** A file of commands is a program like any other; one that the line itself fills is not. */
const script: Make = (value) => (/^(?:-$|\/(?:dev|proc)\/(?!null$))/.test(startOf(value)) ? [CODE] : []);
/** The same, where `-` is its input, which is looked into elsewhere. */
const file: Make = (value) => (startOf(value) === '-' ? [] : script(value));

/** `within`: what is a command in it, as its last group; what fits nothing runs nothing. `unless`: nor does this. */
const part =
  (within: RegExp, unless = /(?!)/): Make =>
  (value) => {
    const text = knownText(value);
    if (text === undefined && isOpen(value)) return [OPEN];
    const start = startOf(value);
    if (unless.test(start)) return [];
    const found = within.exec(start);
    return found ? asLine(behind(value, start.length - (found.at(-1) ?? '').length)) : [];
  };

/** What stands between others: its first group that fits. */
const within =
  (pattern: RegExp): Make =>
  (value) => {
    const text = knownText(value);
    if (text === undefined) return isOpen(value) || pattern.test(`${startOf(value)}x`) ? [OPEN] : [];
    const found = pattern
      .exec(text)
      ?.slice(1)
      .find((group) => group !== undefined);
    return found === undefined ? [] : asLine(certain(found));
  };

/** Options of ssh, scp, sftp. */
const sshOption: Make = (value) =>
  /^\s*"?(?:Match|Include|PKCS11Provider|SmartcardDevice|SecurityKeyProvider|XAuthLocation)\b/i.test(startOf(value))
    ? [OPEN]
    : part(
        /^\s*"?(?:ProxyCommand|LocalCommand|KnownHostsCommand|RemoteCommand)[\s="]+(.*)$/is,
        /^\s*"?\w+[\s="]+none"?$/i,
      )(value);

/** A command of vi's: what moves the cursor and sets options runs nothing. */
const viCommand: Make = (value) => {
  const text = knownText(value);
  if (text === undefined) return [OPEN];
  if (/^(?:\d*|\$|[/?][^|]*|:?(?:set?|q|wq|x|w|syntax|colorscheme|\d+|normal G)!?(?:\s+[\w=-]*)*)$/.test(text))
    return [];
  return /^[:\s]*(?:sil\w*!?\s+)?!/.test(text) ? part(/!(.*)$/s)(value) : [CODE];
};

const gdbCommand: Make = (value) =>
  /^\s*(?:bt|backtrace|info|thread|where|print|p|x|q|quit|detach|continue|c|run|r|set (?:pagination|confirm|width|height)|frame|f|up|down|list)\b[^()`|]*$/.test(
    knownText(value) ?? '',
  )
    ? []
    : /^\s*(?:!|she(?:ll)?\s|make\s)/.test(startOf(value))
      ? part(/^\s*(?:!|\w+\s)(.*)$/s)(value)
      : [CODE];

const sqlCommand: Make = (value) =>
  /\\[owgis]\w*\s*\||copy\b.*\bprogram\b|^\s*\.(?:o\w*|once|import|read|log|trace|load)\b.*(?:\||\.so\b|\.load)/is.test(
    startOf(value),
  )
    ? [OPEN]
    : pickLast(value);
/** psql runs what stands between backquotes behind a command of its own, and \setenv names a pager. */
const psqlCommand: Make = (value) => {
  const lines = startOf(value).split('\n');
  const runs = lines.some((line) => {
    const at = line.search(/\\\w+\s/);
    return at >= 0 && (line.includes('`', at) || /\\setenv\b/.test(line));
  });
  return runs ? [OPEN] : sqlCommand(value);
};
const pickLast: Make = (value) => {
  const start = startOf(value);
  const found =
    /(?:\\!|\\P\s)\s*/.exec(start) ?? /(?:^\s*\.(?:system|shell)\b|(?:^|;)\s*(?:system|pager)\s)\s*/i.exec(start);
  return found ? asLine(behind(value, found.index + found[0].length)) : [];
};
const aptOption: Make = (value) =>
  /^Dpkg::Options[^=]*=.*(?:invoke|hook)/i.test(startOf(value))
    ? [OPEN]
    : part(/^=?[^=]*(?:Invoke|Install-Pkgs|Dir::Bin|Pager|Method|Auto-?Detect)[^=]*=(.*)$/is)(value);

/** A long option behind one dash, however short it is cut. */
const cut = (option: string, from: number): string =>
  Array.from({ length: option.length - from + 1 }, (_, index) => option.slice(0, from + index)).join(' ');

const VI = row('twWT', { '-c --cmd': viCommand, '-s -S -u -U --remote --remote-send --remote-expr': code });
const SCP = row('cFiJlPX', { '-o': sshOption, '-S -D': asLine, '-F': open });
const SFTP = row('BcFiJlPRsX', { '-o': sshOption, '-S -D': asLine, '-F': open, '-b': file });
const SSH = row('bcDEeFIiJLlmOopQRSwBWP', { '-o': sshOption, '-I -F': open }, 1);
export const TAR = row('bCfgHKLNTVX', {
  '-I -F --use-compress-program --to-command --rsh-command --rmt-command --info-script --new-volume-script': asLine,
  '--checkpoint': nothing,
  '--checkpoint-action': part(/^exec=(.*)$/s),
});
const NC = row('wpsiqxXPTOIbgG', { '-e -c --exec --sh-exec': asLine, '--lua-exec': code });

const ROWS: Readonly<Record<string, OptionRow>> = {
  'tar gtar bsdtar star': TAR,
  cpio: row('CEFHIMOR', { '--rsh-command --rmt-command': asLine }),
  rsync: row('BfMT', { '-e --rsh': (value) => asLine(withHost(value)), '--rsync-path': asLine }),
  ssh: SSH,
  autossh: { ...SSH, takes: `${SSH.takes}M` },
  scp: SCP,
  sftp: SFTP,
  'ssh-copy-id': row('ipt', { '-o': sshOption, '-F': open }),
  mosh: row('p', { '--ssh --client --server': asLine }),
  sshuttle: row('rxslH', { '-e --ssh-cmd': (value) => asLine(withHost(value)) }),
  sshfs: row('p', { '-o': part(/(?:ssh_command|ProxyCommand|sftp_server)=(.*)$/is) }),
  'ssh-keygen': row('abCEfFGIJKMmNnOPRrSsTtVWYZz', { '-D -w': open }),
  'ssh-add': row('tEHh', { '-s -S': open }),
  'ssh-agent': row('aEOt', { '-P': open }),
  'vi vim nvim view vimdiff rvim rview vimx gvim ex': VI,
  gdb: row('dspbl', {
    '-ex -iex --eval-command --init-eval-command': gdbCommand,
    [cut('-eval-command', 3)]: gdbCommand,
    [cut('-init-eval-command', 7)]: gdbCommand,
    '-x -ix --command --init-command -P': code,
    [cut('-command', 4)]: code,
    [cut('-init-command', 7)]: code,
  }),
  lldb: row('fspn', { '-o -O --one-line --one-line-before-file -b': gdbCommand, '-s -S --source': code }),
  man: row('RLmMSserTEXZ', { '-P -H --pager --html': asLine, '-C --config-file': script }),
  less: row('bhjoOpPtTxyz', { '--lesskey-content': open, '-k --lesskey-file --lesskey-src': script }),
  'bat batcat delta ag ack': row('', { '--pager': asLine }),
  rg: row('ABCdefgjmMrtTE', { '--pre --hostname-bin': asLine }),
  fzf: row('', { '--preview': asLine, '--bind': within(/(?:execute\w*|become|reload|transform)[(:[{]([^)\]}]*)/s) }),
  nano: row('CoQrTJXYP', { '-s --speller': asLine }),
  enscript: row('', { '-I --filter': asLine }),
  'groff troff nroff pic': row('', { '-U': code }),
  split: row('abClnt', { '--filter': asLine }),
  sort: row('koStT', { '--compress-program': asLine }),
  zip: row('bitxnP', { '-TT --unzip-command': asLine }),
  tcpdump: row('BcCEFGijMmrsTVwWyQ', { '-z': asLine }),
  wget: row('aAbBeDGhHiIlmnoOPQrRStTuUwX', {
    '--config': script,
    '--use-askpass': asLine,
    '-e --execute': part(/^\s*use_?askpass\s*=\s*(.*)$/is),
  }),
  curl: row('AbcCdDeEFhHKmoPQrTtuUwxXyYz', { '--engine': open, '-K --config': nothing }),
  aria2c: row('', {
    '--on-bt-download-complete --on-download-complete --on-download-error --on-download-pause --on-download-start --on-download-stop':
      asLine,
  }),
  'diff3 sdiff': row('IoLw', { '--diff-program': asLine }),
  install: row('gmotS', { '--strip-program': asLine }),
  prove: row('IjMP', { '-e --exec': asLine }),
  logrotate: row('sl', { '-m --mail': asLine }),
  'mail mailx s-nail Mail': row('abcqrsuT', {
    '--exec': part(/^\s*!(.*)$/s, /(?!)/),
    '-S': part(/^(?:sendmail|mta|shell|pager|editor|visual)=(.*)$/is),
  }),
  scrot: row('dqtF', { '-e --exec': asLine }),
  pidstat: row('CGpTU', { '-e': asLine }),
  restic: row('or', { '--password-command': asLine }),
  openvpn: row('', {
    '--up --down --route-up --ipchange --client-connect --client-disconnect --learn-address --tls-verify --auth-user-pass-verify --route-pre-down --iproute --tls-crypt-v2-verify':
      asLine,
    '--plugin': open,
  }),
  certbot: row('dmnw', {
    '--pre-hook --post-hook --deploy-hook --renew-hook --manual-auth-hook --manual-cleanup-hook': asLine,
  }),
  'nc ncat netcat': NC,
  psql: row('dhLopPqRTUv', { '-c --command': psqlCommand, '-f --file': file }),
  'mysql mariadb': row('DhPSu', { '-e --execute': sqlCommand, '--pager': asLine, '--plugin-dir': open }),
  'sqlite sqlite3 duckdb': row('', { '-cmd --cmd -c': sqlCommand, '-init --init': script }),
  'mongo mongosh': row('', {
    '--eval': (value) =>
      /^\s*(?:print(?:json)?\()?(?:db|rs|sh)(?:\.\w+(?:\([^()]*\))?)+\)?;?\s*$/.test(knownText(value) ?? '')
        ? []
        : [CODE],
  }),
  'rpm rpmquery rpmverify rpmdb rpmspec rpmbuild': row('fpr', {
    '--pipe': asLine,
    '-E --eval -D --define --queryformat --qf': (value) =>
      /%\{(?:lua|load|expr)\b/.test(value.parts.join(' ')) ? [CODE] : within(/%\((.*)\)/s)(value),
    '--load --macros --rcfile': script,
  }),
  'apt-get apt aptitude apt-cache dpkg': row('act', {
    '-o --option': aptOption,
    '--pre-invoke --post-invoke --status-logger': asLine,
    '-c --config-file': open,
  }),
  'lftp smbclient': row('ahinpuUDm', {
    '-c -e': (value) =>
      /connect-program/.test(startOf(value)) ? [OPEN] : part(/(?:!|(?:^|;)\s*shell\s)(.*)$/s)(value),
    '-f': script,
  }),
  nginx: row('gpe', { '-c': open }),
  nmap: row('pioe', { '--script': (value) => (/[./]/.test(startOf(value)) ? [OPEN] : []) }),
  openssl: row('', { '-engine -provider-path': open }),
  emacs: row('', { '-eval --eval -f --funcall -l --load --script --execute': code }),
  make: row('CIjloW', {
    '--eval': code,
    '-E': code,
    '-f --file --makefile': script,
  }),
  'gcc cc g++ c++ clang c89 c99': row('oDILlxU', { '-wrapper': open, '-fplugin': open }),
  'docker podman nerdctl': row('', { '--entrypoint --health-cmd --args --command': asLine }),
  flatpak: row('', { '--command': asLine }),
  helm: row('', { '--post-renderer': asLine }),
  go: row('', { '-exec -toolexec -vettool': asLine }),
  'gpg gpg2 gpgsm': row('ruN', {
    '--photo-viewer --agent-program --dirmngr-program --keyboxd-program --exec-path': asLine,
  }),
  'gpg-agent': row('', { '--pinentry-program --scdaemon-program': asLine }),
  'gpg-connect-agent': row('', { '-E --exec': open, '-r --run': script }),
  svn: row('rmFcxN', {
    '--diff-cmd --diff3-cmd --editor-cmd': asLine,
    '--config-option': part(/^config:(?:tunnels|helpers):[^=]*=(.*)$/s),
  }),
  cvs: row('dzT', { '-e': asLine }),
  bpftrace: row('efop', { '-c': asLine }),
  stap: row('', { '-c': asLine, '-e': code }),
  tmux: row('LSc', { '-f': script }),
  'dpkg-architecture': row('aAfqstT', { '-c --command': asLine }),
  'mysqlslap mariadb-slap': row('aeiopSu', { '--pre-system --post-system': asLine, '--plugin-dir': open }),
  'rbd-replay-many': row('', { '--exec': asLine }),
  smartd: row('ABcilpqr', { '-w --warnexec': asLine }),
  gcloud: row('', { '--command': asLine, '--executable-command': asLine }),
  tmate: row('LSk', { '-f': script, '-X': open }),
  screen: row('STehpt', { '-s': asLine, '-c': script }),
  ip: row('', { '-b -batch --batch': script }),
  dmsetup: row('', { '--exec': asLine }),
  busctl: row('', { '--address': (value) => (/exec/.test(value.parts.join(' ')) ? [OPEN] : []) }),
  genie: row('', { '-c --command': asLine }),
  gem: row('', { '-e --editor': asLine }),
  latexmk: row('', { '-e': code, '-pdflatex -latex -xelatex -lualatex': asLine }),
  rtorrent: row('', { '-o': open }),
  'dpkg-buildpackage debuild': row('p', { '-r --root-command --sign-command --check-command': asLine }),
  'start-stop-daemon': row('cdgINnpPRru', { '-x -a --exec --startas': asLine, '--start': nothing }),
  strace: row('eopsSuEabIOPXU', { '-o --output': part(/^[|!](.*)$/s) }),
  'npm npx pnpm yarn': row('', { '-c --call --script-shell': asLine }),
  'systemd-run': row('upEHMC', { '-p --property': part(/^Exec\w+=[-@:+!|]*(.*)$/s) }),
  vagrant: row('', { '-c --command': asLine }),
  'nix-shell nix guix': row('', { '--run --command -c': asLine }),
  hg: row('', {
    '--config': part(
      /^(?:alias|hooks|extensions|ui\.(?:ssh|editor|merge|askusername)|pager|extdiff|diff-tools|merge-tools)[^=]*=!?(.*)$/s,
    ),
    '--ssh --remotecmd --command': asLine,
  }),
  'wireshark tshark': row('aBcfFiorRTwYz', { '-X': open }),
  pandoc: row('fortTV', { '--lua-filter --filter -F -L': open }),
  'cowsay cowthink': row('eTW', { '-f': (value) => (startOf(value).includes('/') ? [OPEN] : []) }),
};
export const OPTIONS_BY_NAME = new Map(
  Object.entries(ROWS).flatMap(([names, one]) => names.split(' ').map((name) => [name, one] as const)),
);

/** A word that runs something where it stands: `+!rm` of vi and less, `EXEC:rm` of socat, `SHELL=rm` of make. */
const WORDS: Readonly<Record<string, Make>> = {
  'vi vim nvim view vimdiff rvim rview ex': (word) => (startOf(word).startsWith('+') ? viCommand(behind(word, 1)) : []),
  'less more most': part(/^\+[^!]*!(.*)$/s, /^[^+]/),
  sysctl: part(/^kernel[./](?:core_pattern|modprobe|hotplug|poweroff_cmd)\s*=\s*\|?(\/.*)$/s),
  'exim exim4 sendmail': within(/\$\{(run)/),
  'Rscript elixir groovy scala bun raku erl ghc octave-cli tclsh wish logrotate': (word) =>
    /^\/(?:dev|proc)\/(?!null$)/.test(startOf(word)) ? [CODE] : [],
  socat: (word) => (isOpen(word) ? [] : within(/(?:EXEC|SYSTEM|SHELL):(?:'([^']*)'|"([^"]*)"|([^,!]*))/is)(word)),
  openssl: (word) => (/\.so\b/.test(startOf(word)) ? [OPEN] : []),
  make: part(/^\.?SHELL(?:FLAGS)?=(.*)$/s, /^-/),
  'sqlite sqlite3 duckdb': (word) => (/^\s*\./.test(startOf(word)) ? sqlCommand(word) : []),
  cmake: (word) => (/^\/dev\//.test(startOf(word)) ? [CODE] : []),
};
export const WORDS_BY_NAME = new Map(
  Object.entries(WORDS).flatMap(([names, one]) => names.split(' ').map((name) => [name, one] as const)),
);
