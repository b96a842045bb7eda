// Programs that run a command elsewhere: in a container, a pod, another machine, a session of a terminal. Where it runs
// makes no difference to a rule on commands.
//
//   docker [OPTIONS] [compose|container] exec [OPTIONS] CONTAINER COMMAND...
//   kubectl [OPTIONS] exec [OPTIONS] POD [--] COMMAND...

import { ANYTHING, certain, knownText, type Word } from '../line/words.ts';
import { OPEN, type RunByIt, startOf } from './run-by-it.ts';

/** By the words that lead to it; `at`: operands in front of the command; `dashes`: or it stands behind `--`. */
interface Way {
  readonly verbs: RegExp;
  readonly at: number;
  readonly dashes?: 'may' | 'must';
  /** Without a command a shell is opened. */
  readonly shell?: true;
  /** It is one text, which a shell reads. */
  readonly line?: true;
}

const TMUX =
  /^(?:new(?:-session|w|-window)?|splitw|split-window|respawn-?[pw]\w*|(?:display-)?popup|run(?:-shell)?|if(?:-shell)?|pipe-?p\w*|send(?:-keys)?|command-prompt|confirm(?:-before)?|source(?:-file)?|bind(?:-key)?|set-hook)$/;
const DOCKER: readonly Way[] = [
  { verbs: /^(?:container |compose |stack )?exec$/, at: 1 },
  { verbs: /^(?:container |compose |service )?(?:run|create)$/, at: 1 },
  { verbs: /^unshare$/, at: 0, dashes: 'may' },
  { verbs: /^machine ssh$/, at: 0, dashes: 'may', shell: true },
];
const KUBECTL: readonly Way[] = [
  { verbs: /^exec$/, at: 1, dashes: 'may' },
  { verbs: /^rsh$/, at: 1, dashes: 'may', shell: true },
  { verbs: /^(?:run|create (?:job|cronjob))$/, at: 1, dashes: 'may' },
  { verbs: /^debug$/, at: 1, dashes: 'must' },
];
const WAYS: Readonly<Record<string, readonly Way[]>> = {
  'docker podman nerdctl': DOCKER,
  'docker-compose podman-compose': [{ verbs: /^(?:exec|run)$/, at: 1 }],
  crictl: [{ verbs: /^exec$/, at: 1 }],
  ctr: [
    { verbs: /^(?:t|tasks?|task) exec$/, at: 1 },
    { verbs: /^(?:run|(?:c|containers?) create)$/, at: 2 },
  ],
  'runc crun youki runsc': [{ verbs: /^exec$/, at: 1 }],
  buildah: [
    { verbs: /^run$/, at: 1, dashes: 'may' },
    { verbs: /^unshare$/, at: 0, dashes: 'may' },
  ],
  'singularity apptainer': [
    { verbs: /^(?:exec|run)$/, at: 1 },
    { verbs: /^shell$/, at: 1, shell: true },
  ],
  toolbox: [{ verbs: /^run$/, at: 0 }],
  distrobox: [{ verbs: /^enter$/, at: 1, dashes: 'must', shell: true }],
  flatpak: [{ verbs: /^enter$/, at: 1 }],
  limactl: [{ verbs: /^shell$/, at: 1, shell: true }],
  'pct vzctl prlctl': [
    { verbs: /^exec2?$/, at: 1, dashes: 'may' },
    { verbs: /^enter$/, at: 1, shell: true },
  ],
  qm: [{ verbs: /^guest exec$/, at: 1, dashes: 'may' }],
  'kubectl oc kubecolor microk8s.kubectl': KUBECTL,
  'lxc incus multipass': [
    { verbs: /^exec$/, at: 1, dashes: 'may' },
    { verbs: /^shell$/, at: 1, shell: true },
  ],
  machinectl: [{ verbs: /^shell$/, at: 1, shell: true }],
  ip: [
    { verbs: /^(?:n|ne|net|netn|netns) (?:e|ex|exe|exec)$/, at: 0 },
    { verbs: /^vrf (?:e|ex|exe|exec)$/, at: 0 },
  ],
  'npm pnpm yarn bundle': [{ verbs: /^(?:exec|x|dlx)$/, at: 0, dashes: 'may', line: true }],
  'stack opam cabal composer': [{ verbs: /^(?:v2-)?exec$/, at: 0, dashes: 'may' }],
  gcloud: [{ verbs: /^ssh$/, at: 1, dashes: 'must' }],
  rustup: [{ verbs: /^run$/, at: 1 }],
  'vagrant colima': [{ verbs: /^ssh$/, at: 0, dashes: 'must', shell: true }],
  'mise poetry pipenv pipx uv conda mamba rbenv pyenv asdf': [{ verbs: /^(?:exec|x|run)$/, at: 0, dashes: 'may' }],
  'aws-vault direnv': [{ verbs: /^exec$/, at: 1, dashes: 'may' }],
  'nix guix': [{ verbs: /^(?:shell|develop)$/, at: 1, dashes: 'must', shell: true }],
  minikube: [{ verbs: /^ssh$/, at: 0, dashes: 'may', shell: true }],
  tmux: [{ verbs: TMUX, at: 0, line: true }],
};
const BY_NAME = new Map(
  Object.entries(WAYS).flatMap(([names, ways]) => names.split(' ').map((name) => [name, ways] as const)),
);

/** Options that take an argument, of any of these; all others take none or have it attached. */
const TAKES =
  /^(?:-[ucwevHnlpfchmstTxyPdSB]|--(?:user|container|workdir|env|volume|host|context|namespace|name|file|publish|network|net|image|cluster|kubeconfig|project-name|label|memory|pid|cpus|hostname|add-host|mount|env-file|exec-id|cwd|directory|profile|setenv|uid|restart|platform|pod-running-timeout|limits|requests|target|as|as-group|server|token|selector|output|log-driver|log-opt|device|cap-add|cap-drop|ulimit|security-opt|tmpfs|ipc|uts|userns|link|gpus|runtime|overrides|bind|overlay|pwd|home|scratch|app|image-pull-policy|port|labels|annotations|serviceaccount|field-manager|override-type|from|schedule|ip|dns|shm-size|package|with|python|prefix))$/;
const FLAGS: Readonly<Record<string, string>> = {
  tmux: 'dADPXEbBCFhvfIZU',
  kubectl: 'itqA',
  oc: 'itTqA',
  docker: 'dPitqT',
  podman: 'dPitqT',
  nerdctl: 'dPitqT',
  'docker-compose': 'dPitqT',
};

/** Of these it is known that they take none. */
const BARE =
  /^--(?:rm|interactive|tty|detach|privileged|init|read-only|no-healthcheck|sig-proxy|stdin|quiet|all|command|attach|no-TTY|no-deps|service-ports|latest|follow|force|yes|build|verbose|debug|tls|tlsverify|leave-stdin-open|expose|share-processes)$/;
/** What follows it may be its argument, or not. */
const isUnclear = (option: string): boolean =>
  option.startsWith('--') && option.length > 2 && !/=/.test(option) && !TAKES.test(option) && !BARE.test(option);
const MAX_UNCLEAR = 4;

/** The last letter of a cluster takes an argument, when those before it do not. */
function takesNext(option: string, flags: string): boolean {
  const letters = [...option.slice(1)];
  const last = letters.pop() ?? '';
  if (option.startsWith('--')) return TAKES.test(option);
  return letters.every((letter) => flags.includes(letter)) && TAKES.test(`-${last}`) && !flags.includes(last);
}

/** They have others for commands of their own: `k3s kubectl exec`. */
const WITHIN = /^(?:k3s|minikube|microk8s|k0s)$/;

/** Words up to the verb: `docker --context c container exec`. */
const MAX_VERBS = 4;

export function runElsewhere(name: string, words: readonly Word[]): readonly RunByIt[] {
  const inner = WITHIN.test(name) ? knownText(words[0] ?? ANYTHING) : undefined;
  if (inner !== undefined && /^(?:kubectl|crictl|ctr)$/.test(inner))
    return runElsewhere(inner, words.slice(knownText(words[1] ?? ANYTHING) === '--' ? 2 : 1));
  if (name === 'tmate') return runElsewhere('tmux', words);
  const ways = BY_NAME.get(name);
  if (!ways) return [];
  const given: RunByIt[] = [];
  // Some take one command of their own behind another: `tmux a \; run x`.
  for (const part of name === 'tmux' ? parted(words) : [words]) given.push(...runByOne(name, ways, part));
  return given;
}

function parted(words: readonly Word[]): readonly (readonly Word[])[] {
  const parts: Word[][] = [[]];
  for (const word of words)
    if (knownText(word) === ';') parts.push([]);
    else parts.at(-1)?.push(word);
  return parts;
}

function runByOne(name: string, ways: readonly Way[], words: readonly Word[]): readonly RunByIt[] {
  const given: RunByIt[] = [];
  let verbs = '';
  let way: Way | undefined;
  let at = 0;
  const skips = (start: string): boolean => takesNext(start, FLAGS[name] ?? '');
  for (; at < words.length && !way; at++) {
    const word = words[at] ?? ANYTHING;
    const start = startOf(word);
    if (name === 'tmux' && start === '-c' && verbs === '')
      given.push({ kind: 'line', text: words[at + 1] ?? certain(':') });
    if (start.startsWith('-') && start !== '--') {
      if (skips(start)) at++;
      continue;
    }
    const text = knownText(word);
    const isArgument = isUnclear(startOf(words[at - 1] ?? certain('')));
    if (text === undefined && isArgument) continue;
    if (text === undefined) return verbs === '' || isHalf(verbs, word) ? [OPEN] : given;
    const behindVerbs = verbs === '' ? text : `${verbs} ${text}`;
    // What stands in front may be an option's argument.
    way = ways.find((one) => one.verbs.test(behindVerbs) || one.verbs.test(text));
    if (!isArgument) verbs = behindVerbs;
    if (verbs.split(' ').length > MAX_VERBS) return given;
  }
  if (!way) return given;
  const behind = words.slice(at);
  const isLatest = name === 'podman' && behind.some((word) => LATEST.test(startOf(word)));
  const skipsHere = (start: string): boolean => !(isLatest && LATEST.test(start)) && skips(start);
  const from = isLatest ? 0 : way.at;
  const unclear = Math.min(MAX_UNCLEAR, behind.filter((word) => isUnclear(startOf(word))).length);
  const lengths = new Set<number>();
  for (let operands = from; operands <= from + unclear; operands++) {
    const command = commandOf({ ...way, at: operands }, behind, skipsHere);
    if (command === undefined) return given.concat(OPEN);
    if (lengths.has(command.length) || (command.length === 0 && operands > from)) continue;
    lengths.add(command.length);
    given.push(...runIn(name, way, command));
  }
  return given;
}

/** The latest container, which needs no name. */
const LATEST = /^(?:-[dit]*l[dit]*|--latest)$/;

function runIn(name: string, way: Way, command: readonly Word[]): readonly RunByIt[] {
  const [first] = command;
  if (!first) return way.shell ? [{ kind: 'shell', isFed: false }] : [];
  const given: RunByIt[] = way.line ? command.filter(isLine).map((text) => ({ kind: 'line', text })) : [];
  if (way.line && isLine(first)) return given;
  // The name of a namespace stands in front, or `-all` does.
  if (name === 'ip') given.push({ kind: 'command', words: command.slice(1) });
  return given.concat({ kind: 'command', words: command });
}

/** Words of which the second half of a verb is behind: `docker compose $x web rm`. */
const isHalf = (verbs: string, { parts }: Word): boolean =>
  /(?:^| )(?:container|compose|stack|service|machine|n|ne|net|netns|netn|vrf|t|tasks?|c|containers?|create|guest)$/.test(
    verbs,
  ) && parts.join('') === '';

const isLine = (word: Word): boolean => /\s/.test(word.parts.join('')) || knownText(word) === undefined;

/** Undefined: it is not certain where it begins. */
function commandOf(way: Way, words: readonly Word[], skips: (start: string) => boolean): readonly Word[] | undefined {
  const dashes = words.findIndex((word) => knownText(word) === '--');
  let operands = 0;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ANYTHING;
    const start = startOf(word);
    if (at === dashes && (way.dashes !== undefined || operands >= way.at)) return words.slice(at + 1);
    if (start.startsWith('-') && operands <= way.at) {
      if (skips(start)) at++;
      continue;
    }
    if (word.splits && start === '') {
      if (operands === way.at) return words.slice(at);
      // The name of a container, most often; what it may be beside that is the command.
      if (word.sources.includes('?') && way.at > operands && words.length === at + 1) return [];
    }
    if (operands === way.at && way.dashes !== 'must') return words.slice(at);
    operands++;
  }
  return [];
}
