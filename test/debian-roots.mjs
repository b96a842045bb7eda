// Servers and clients of later Debian releases than this machine's, each release in a folder of its own: over what is installed
// here they cannot go (they need a later libc6). Fetched by apt, from this machine's own mirror and verified by Debian's keys as this machine has them;
// run by their own loader (test/harness/mysql/debian-root.ts). Plain JavaScript, as system-packages.mjs is.

import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Beside `npm ci`, which empties node_modules. */
const KEPT = process.getuid?.() === 0 ? '/var/cache/gatehouse-tests' : join(homedir(), '.cache', 'gatehouse-tests');

/** `packages` with what they depend on, and `beside` without; `proof` is in it when it is whole. */
const ROOTS = [
  {
    name: 'mysql-9',
    release: 'sid',
    packages: ['mysql-server-core', 'mysql-client-core'],
    beside: [],
    proof: 'usr/sbin/mysqld',
  },
  {
    name: 'mariadb-11.8',
    release: 'trixie',
    packages: ['mariadb-server-core', 'mariadb-client-core'],
    // Has the plugins, and mariadb-dump and mariadb-import are in mariadb-client.
    beside: ['mariadb-server', 'mariadb-client'],
    proof: 'usr/sbin/mariadbd',
  },
];

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Dependencies of scripts that no test runs. */
const LEFT_OUT = /^(?:lib)?(?:perl|gdbm|db5)/;
const NOT_NEEDED = [
  'usr/share/doc',
  'usr/share/man',
  'usr/share/locale',
  'usr/share/lintian',
  'usr/share/bash-completion',
];

/** Where the release's programs are; undefined: not here. */
export function debianRoot(name) {
  const { proof } = ROOTS.find((one) => one.name === name);
  const root = join(KEPT, name);
  return existsSync(join(root, proof)) ? root : undefined;
}

/** Fetches what is missing. Gives what could not be had, each with why. */
export function fetchDebianRoots() {
  const failed = [];
  for (const root of ROOTS) {
    if (debianRoot(root.name)) continue;
    console.log(`Fetching ${root.packages.join(', ')} of Debian ${root.release} for the tests`);
    try {
      fetchRoot(root);
    } catch (error) {
      failed.push(`${root.name}: ${error.message}`);
    }
  }
  return failed;
}

function fetchRoot({ name, release, packages, beside, proof }) {
  mkdirSync(KEPT, { recursive: true });
  const work = mkdtempSync(join(KEPT, 'fetching-'));
  try {
    const apt = privateApt(work, release);
    apt(['update', '-q']);
    const planned = apt(['install', '-s', '--no-install-recommends', ...packages]);
    const names = [...planned.matchAll(/^Inst (\S+)/gm)].map(([, one]) => one).filter((one) => !LEFT_OUT.test(one));
    apt(['download', '-q', ...names, ...beside]);
    const whole = join(work, 'root');
    for (const file of readdirSync(work).filter((one) => one.endsWith('.deb')))
      run('dpkg-deb', ['-x', join(work, file), whole]);
    if (!existsSync(join(whole, proof))) throw new Error(`the packages hold no ${proof}`);
    for (const folder of NOT_NEEDED) rmSync(join(whole, folder), { recursive: true, force: true });
    try {
      renameSync(whole, join(KEPT, name));
    } catch (error) {
      // Somebody else may have been faster.
      if (!debianRoot(name)) throw error;
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** apt-get with lists, cache and an empty status of its own; it verifies as always. */
function privateApt(work, release) {
  for (const folder of ['state/lists/partial', 'cache/archives/partial'])
    mkdirSync(join(work, folder), { recursive: true });
  writeFileSync(join(work, 'status'), '');
  writeFileSync(join(work, 'sources.list'), `deb [signed-by=${KEYRING}] ${ownMirror()} ${release} main\n`);
  const settings = [
    `Dir::State=${join(work, 'state')}`,
    `Dir::State::status=${join(work, 'status')}`,
    `Dir::Cache=${join(work, 'cache')}`,
    `Dir::Etc::sourcelist=${join(work, 'sources.list')}`,
    'Dir::Etc::sourceparts=/dev/null',
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
  ].flatMap((one) => ['-o', one]);
  return (args) => run('apt-get', [...settings, ...args], { cwd: work });
}

/** Where this machine has its own release from. */
function ownMirror() {
  const [, codename] = /^VERSION_CODENAME=(\S+)/m.exec(readFileSync('/etc/os-release', 'utf8')) ?? [];
  const listed = run('apt-get', [
    'indextargets',
    '--format',
    '$(RELEASE) $(COMPONENT) $(REPO_URI)',
    'Identifier: Packages',
  ]);
  const [, mirror] = new RegExp(`^${codename} main (\\S+)$`, 'm').exec(listed) ?? [];
  if (!mirror) throw new Error("apt's settings name no mirror of this machine's release");
  return mirror;
}

function run(program, args, options = {}) {
  const done = spawnSync(program, args, { encoding: 'utf8', ...options, env: { ...process.env, LC_ALL: 'C' } });
  if (done.status === 0) return done.stdout;
  throw new Error(`${program} ${args.at(-1)}: ${done.error?.message ?? done.stderr.trim().slice(-500)}`);
}
