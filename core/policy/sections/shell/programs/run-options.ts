// Programs that run others by an option: `tar -I PROGRAM`, `rsync -e COMMAND`, `ssh -o ProxyCommand=...`. The value is
// judged as a line. Options that are not listed run nothing, or it is not known here.

import { ANYTHING, certain, knownText, type Word } from '../line/words.ts';
import { behind, CODE, isOpen, asLine, OPEN, type RunByIt, startOf } from './run-by-it.ts';
import { withHost } from './run-variables.ts';

type Make = (value: Word) => readonly RunByIt[];

interface Row {
  /** Letters of options whose argument is none of these. */
  readonly takes: string;
  /** By `-I`, `--use-compress-program`, `-ex`. */
  readonly makes: ReadonlyMap<string, Make>;
  /** What stands behind so many operands is another command's. */
  readonly operands: number;
}

/** `slots`: names by blanks. */
function row(takes: string, slots: Readonly<Record<string, Make>>, operands = Number.POSITIVE_INFINITY): Row {
  const makes = Object.entries(slots).flatMap(([names, make]) => names.split(' ').map((name) => [name, make] as const));
  return { takes, makes: new Map(makes), operands };
}

const nothing: Make = () => [];
const open: Make = () => [OPEN];
const code: Make = () => [CODE];

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
  /^\s*"?(?:Match|Include|PKCS11Provider|SecurityKeyProvider|XAuthLocation)\b/i.test(startOf(value))
    ? [OPEN]
    : part(
        /^\s*"?(?:ProxyCommand|LocalCommand|KnownHostsCommand|RemoteCommand)[\s=]+(.*)$/is,
        /^\s*"?\w+[\s=]+none$/i,
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
  /\\[owg]\w*\s*\||copy\b.*\bprogram\b/is.test(startOf(value)) ? [OPEN] : pickLast(value);
const pickLast: Make = (value) => {
  const found = /(?:\\!|^\s*\.(?:system|shell)\b|(?:^|;)\s*system\s)\s*/is.exec(startOf(value));
  return found ? asLine(behind(value, found.index + found[0].length)) : [];
};
const aptOption: Make = (value) =>
  /^Dpkg::Options[^=]*=.*(?:invoke|hook)/i.test(startOf(value))
    ? [OPEN]
    : part(/^=?[^=]*(?:Invoke|Install-Pkgs|Dir::Bin|Pager|Method)[^=]*=(.*)$/is)(value);

const VI = row('twWT', { '-c --cmd': viCommand, '-s -S -u -U --remote --remote-send --remote-expr': code });
const SCP = row('cFiJlPX', { '-o': sshOption, '-S -D': asLine, '-F': open });
const TAR = row('bCfgHKLNTVX', {
  '-I -F --use-compress-program --to-command --rsh-command --rmt-command --info-script --new-volume-script': asLine,
  '--checkpoint': nothing,
  '--checkpoint-action': part(/^exec=(.*)$/s),
});
const NC = row('wpsiqxXPTOIbgG', { '-e -c --exec --sh-exec': asLine, '--lua-exec': code });

const ROWS: Readonly<Record<string, Row>> = {
  'tar gtar bsdtar star': TAR,
  cpio: row('CEFHIMOR', { '--rsh-command --rmt-command': asLine }),
  rsync: row('BfMT', { '-e --rsh': (value) => asLine(withHost(value)), '--rsync-path': asLine }),
  ssh: row('bcDEeFiJLlmOopQRSwBWP', { '-o': sshOption, '-I -F': open }, 1),
  'scp sftp': SCP,
  sshfs: row('p', { '-o': part(/(?:ssh_command|ProxyCommand|sftp_server)=(.*)$/is) }),
  'ssh-keygen': row('abCEfFGIJKMmNnOPRrSsTtVwWYZz', { '-D': open }),
  'ssh-add': row('tEHh', { '-s': open }),
  'ssh-agent': row('aEOt', { '-P': open }),
  'vi vim nvim view vimdiff rvim rview vimx ex': VI,
  gdb: row('dspbl', {
    '-ex -eval-command --eval-command -iex --init-eval-command': gdbCommand,
    '-x -ix --command -P': code,
  }),
  man: row('CRLmMSserTEXZ', { '-P -H --pager --html': asLine }),
  split: row('abClnt', { '--filter': asLine }),
  sort: row('koStT', { '--compress-program': asLine }),
  zip: row('bitxnP', { '-TT --unzip-command': asLine }),
  tcpdump: row('BcCEFGijMmrsTVwWyQ', { '-z': asLine }),
  wget: row('aAbBeDGhHiIlmnoOPQrRStTuUwX', {
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
  mail: row('abcqrsuST', { '--exec': part(/^\s*!(.*)$/s, /(?!)/) }),
  scrot: row('dqtF', { '-e --exec': asLine }),
  pidstat: row('CGpTU', { '-e': asLine }),
  restic: row('or', { '--password-command': asLine }),
  openvpn: row('', {
    '--up --down --route-up --ipchange --client-connect --client-disconnect --learn-address --tls-verify --auth-user-pass-verify':
      asLine,
    '--plugin': open,
  }),
  certbot: row('dmnw', {
    '--pre-hook --post-hook --deploy-hook --renew-hook --manual-auth-hook --manual-cleanup-hook': asLine,
  }),
  'nc ncat netcat': NC,
  psql: row('dfhLopPqRTUv', { '-c --command': sqlCommand }),
  'mysql mariadb': row('DhPSu', { '-e --execute': sqlCommand, '--pager': asLine }),
  'sqlite sqlite3': row('', { '-cmd --cmd': sqlCommand }),
  'rpm rpmquery rpmverify rpmdb': row('fpr', {
    '--pipe': asLine,
    '-E --eval -D --define --queryformat --qf': within(/%\((.*)\)/s),
  }),
  'apt-get apt aptitude apt-cache dpkg': row('act', {
    '-o --option': aptOption,
    '--pre-invoke --post-invoke': asLine,
    '-c --config-file': open,
  }),
  'lftp smbclient': row('ahinpuUDm', { '-c -e': part(/!(.*)$/s) }),
  nginx: row('gpe', { '-c': open }),
  nmap: row('pioe', { '--script': (value) => (/[./]/.test(startOf(value)) ? [OPEN] : []) }),
  openssl: row('', { '-engine -provider-path': open }),
  emacs: row('', { '-eval --eval -f --funcall -l --load --script --execute': code }),
  make: row('CIjloW', {
    '--eval': code,
    '-f --file --makefile': (value) => (/^(?:-$|\/dev\/)/.test(startOf(value)) ? [CODE] : []),
  }),
  'gcc cc g++ c++ clang c99': row('oDILlxU', { '-wrapper': open, '-fplugin': open }),
  'docker podman nerdctl': row('', { '--entrypoint': asLine }),
  'start-stop-daemon': row('cdgINnpPRru', { '-x -a --exec --startas': asLine, '--start': nothing }),
  strace: row('eopsSuEabIOPXU', { '-o --output': part(/^[|!](.*)$/s) }),
  'npm npx pnpm': row('', { '-c --call': asLine }),
  'systemd-run': row('upEHM', { '-p --property': part(/^Exec\w+=[-@:+!]*(.*)$/s) }),
  vagrant: row('', { '-c --command': asLine }),
  'nix-shell nix guix': row('', { '--run --command -c': asLine }),
  hg: row('', {
    '--config': part(/^(?:alias|hooks|extensions|ui\.(?:ssh|editor)|pager|diff-tools|merge-tools)[^=]*=!?(.*)$/s),
  }),
  'tmate wireshark tshark': row('aBcfFiorRTwYz', { '-X': open }),
  pandoc: row('fortTV', { '--lua-filter --filter -F -L': open }),
  cowsay: row('eTW', { '-f': (value) => (startOf(value).includes('/') ? [OPEN] : []) }),
};
const BY_NAME = new Map(
  Object.entries(ROWS).flatMap(([names, one]) => names.split(' ').map((name) => [name, one] as const)),
);

/** A word that runs something where it stands: `+!rm` of vi and less, `EXEC:rm` of socat, `SHELL=rm` of make. */
const WORDS: Readonly<Record<string, Make>> = {
  'vi vim nvim view vimdiff rvim rview ex': (word) => (startOf(word).startsWith('+') ? viCommand(behind(word, 1)) : []),
  'less more most': part(/^\+[^!]*!(.*)$/s, /^[^+]/),
  socat: (word) => (isOpen(word) ? [] : within(/(?:EXEC|SYSTEM|SHELL):(?:'([^']*)'|"([^"]*)"|([^,!]*))/is)(word)),
  openssl: (word) => (/\.so\b/.test(startOf(word)) ? [OPEN] : []),
  make: part(/^\.?SHELL(?:FLAGS)?=(.*)$/s, /^-/),
  'sqlite sqlite3': (word) => (/^\s*\./.test(startOf(word)) ? pickLast(word) : []),
  cmake: (word) => (/^\/dev\//.test(startOf(word)) ? [CODE] : []),
};
const WORDS_BY_NAME = new Map(
  Object.entries(WORDS).flatMap(([names, one]) => names.split(' ').map((name) => [name, one] as const)),
);

/** Their input has lines for a shell: `\\! rm`, `!rm`, `.shell rm`. */
const ESCAPING = /^(?:psql|mysql|mariadb|sqlite3?|sftp|ftp|lftp|smbclient|gdb|mail)$/;

export function runByInput(name: string, input: Word | undefined): readonly RunByIt[] {
  if (!input || !ESCAPING.test(name)) return [];
  return input.parts
    .join(' ')
    .split('\n')
    .flatMap((line) => {
      const found = /(?:\\!|^\s*(?:!|(?:\.?(?:shell|system))\s))\s*(.*)$/.exec(line)?.[1];
      return found === undefined ? [] : asLine(certain(found));
    });
}

export const hasRunOptions = (name: string): boolean => BY_NAME.has(name) || WORDS_BY_NAME.has(name);

export function runByOptions(name: string, words: readonly Word[]): readonly RunByIt[] {
  const given = runByWords(name, words);
  const found = BY_NAME.get(name);
  if (!found || (name === 'rsync' && words.some((word) => knownText(word) === '--server'))) return given;
  if (
    found === TAR &&
    /^[A-Za-z]*[IF]/.test(startOf(words[0] ?? ANYTHING)) &&
    !/\W/.test(startOf(words[0] ?? ANYTHING))
  )
    return [OPEN];
  let operands = 0;
  for (let at = 0; at < words.length && operands <= found.operands; at++) {
    const word = words[at] ?? ANYTHING;
    const start = startOf(word);
    if (start === '--') break;
    if (!/^-./.test(start)) {
      operands++;
      continue;
    }
    const slot = slotOf(found, word);
    if (slot === 'argument') at++;
    if (typeof slot === 'string') continue;
    const value = slot.value ?? words[++at];
    if (value) given.push(...slot.make(value));
  }
  return given;
}

function runByWords(name: string, words: readonly Word[]): RunByIt[] {
  const make = WORDS_BY_NAME.get(name);
  return make ? words.flatMap((word) => (isOpen(word) ? [] : make(word))) : [];
}

/** What an option's word is: of none of these, one whose argument follows, or one of these and its value, if attached. */
function slotOf(
  { takes, makes }: Row,
  word: Word,
): 'none' | 'argument' | { readonly make: Make; readonly value: Word | undefined } {
  const start = startOf(word);
  const name = /^[^=]*/.exec(start)?.[0] ?? '';
  const attached = name.length < start.length ? behind(word, name.length + 1) : undefined;
  const exact = makes.get(name);
  if (exact === nothing && name.startsWith('--')) return 'none';
  if (exact && (name.length > 2 || start.length === 2))
    return { make: exact, value: attached ?? rest(word, name.length) };
  if (name.startsWith('--')) {
    // Long options may be cut short.
    const full = name.length > 3 ? [...makes.keys()].find((one) => one.startsWith(name)) : undefined;
    const make = full === undefined ? undefined : makes.get(full);
    return make ? { make, value: attached } : 'none';
  }
  for (let index = 1; index < start.length; index++) {
    const letter = start[index] ?? '';
    const make = makes.get(`-${letter}`);
    if (make) return { make, value: rest(word, index + 1) };
    if (takes.includes(letter)) return rest(word, index + 1) ? 'none' : 'argument';
  }
  return 'none';
}

/** What is attached to a letter. */
const rest = (word: Word, from: number): Word | undefined =>
  startOf(word).length > from || word.parts.length > 1 ? behind(word, from) : undefined;
