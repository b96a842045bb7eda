// The folder of one development environment: what stands in it, whose it is, and that only one run
// uses it at a time. `--fresh` deletes what this file names, in a folder that carries our marker,
// and nothing else.

import { chmod, mkdir, open, readdir, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../../failure.ts';
import { codeOf, isCode } from '../../files/file-error.ts';
import { makeFolder } from '../../files/make-folder.ts';

export interface DataDir {
  readonly path: string;
  readonly objects: string;
  /** The search index. */
  readonly search: string;
  readonly connector: string;
  readonly edge: string;
  readonly dynamodb: string;
  readonly postgres: string;
  readonly oidc: string;
  readonly ssh: string;
  readonly mysql: string;
  readonly logs: string;
  /** True when nothing was in it before. */
  readonly isNew: boolean;
  /** True when the run before this one was killed. */
  readonly wasKilled: boolean;
  release(): Promise<void>;
}

const MARKER = 'gatehouse-dev';
const MARKER_TEXT = 'Made by `npm start` of Gatehouse. --fresh deletes what it made here.\n';
const PORT_BASE = 'port-base';
/** Which bucket the archive is in (archive-settings.ts); not there when it is `objects`. */
export const ARCHIVE_FILE = 'archive.json';
const FOLDERS = [
  'objects',
  'search',
  'connector',
  'edge',
  'dynamodb',
  'postgres',
  'oidc',
  'ssh',
  'mysql',
  'logs',
] as const;
const FILES = [
  'dev.json',
  'secrets.json',
  'connector.yaml',
  'postgres.password',
  'mysql.password',
  'demo-session',
  ARCHIVE_FILE,
  PORT_BASE,
] as const;
const LOCK = 'running.pid';
/** A fresh start takes 60 MB; below this, something would fail half-way. */
const LEAST_FREE_BYTES = 200 * 1024 * 1024;

export async function openDataDir(path: string, shown: string, fresh: boolean): Promise<DataDir> {
  try {
    return await prepare(path, shown, fresh);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(1, 'data_dir', `${shown}: ${describeFileError(error)}`);
  }
}

export function describeFileError(error: unknown): string {
  const code = codeOf(error);
  if (code === 'EACCES' || code === 'EPERM') return 'no permission to write there: pick a folder with --data DIR';
  if (code === 'EROFS') return 'it is on a read-only file system: pick a folder with --data DIR';
  // What /proc and its like say.
  if (code === 'ENOENT') return 'no folder can be made there: pick a folder with --data DIR';
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'the disk is full';
  if (code === 'ENOTDIR' || code === 'EEXIST') return 'it is not a folder';
  return error instanceof Error ? error.message : String(error);
}

async function prepare(path: string, shown: string, fresh: boolean): Promise<DataDir> {
  await makeFolder(path);
  const present = new Set(await readdir(path));
  const ours: readonly string[] = [...FOLDERS, ...FILES];
  if (!present.has(MARKER)) {
    const foreign = ours.find((name) => present.has(name));
    if (foreign) {
      throw new Failure(
        1,
        'data_dir',
        `${shown} holds ${foreign}, which npm start did not make: pick another folder with --data DIR`,
      );
    }
  }
  const { wasKilled, release } = await lock(path, shown);
  try {
    // Root's PostgreSQL runs as somebody else and must pass through; what is secret has 0600 itself.
    if (present.size === 0) await chmod(path, process.getuid?.() === 0 ? 0o711 : 0o700);
    if (fresh && present.has(MARKER)) {
      for (const name of ours) await rm(join(path, name), { recursive: true, force: true });
    }
    const isNew = fresh || !present.has('secrets.json');
    await writeFile(join(path, MARKER), MARKER_TEXT);
    for (const folder of FOLDERS) {
      if (folder !== 'postgres' && folder !== 'mysql')
        await mkdir(join(path, folder), { recursive: true, mode: 0o700 });
    }
    const { bavail, bsize } = await statfs(path);
    if (bavail * bsize < LEAST_FREE_BYTES) {
      throw new Failure(
        1,
        'disk_full',
        `${shown}: the disk is full (${Math.floor((bavail * bsize) / 1_048_576)} MiB free, 200 needed)`,
      );
    }
    const at = (name: (typeof FOLDERS)[number]): string => join(path, name);
    return {
      path,
      objects: at('objects'),
      search: at('search'),
      connector: at('connector'),
      edge: at('edge'),
      dynamodb: at('dynamodb'),
      postgres: at('postgres'),
      oidc: at('oidc'),
      ssh: at('ssh'),
      mysql: at('mysql'),
      logs: at('logs'),
      isNew,
      wasKilled,
      release,
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/**
 * The portal's address stands in the connector's state and in every identity, so a folder keeps its
 * ports. `asked` is undefined when nobody named one.
 */
export async function settlePortBase(
  dir: DataDir,
  shown: string,
  asked: number | undefined,
  byDefault: number,
): Promise<number> {
  const stored = Number(await readFile(join(dir.path, PORT_BASE), 'utf8').catch(() => '0'));
  if (stored > 0 && asked !== undefined && asked !== stored) {
    const ways = `use that, or --fresh, or another --data DIR`;
    throw new Failure(1, 'port_base', `${shown} was made with --port-base ${stored}: ${ways}`);
  }
  return stored > 0 ? stored : (asked ?? byDefault);
}

/** Once the ports have proven free. */
export const keepPortBase = (dir: DataDir, base: number): Promise<void> =>
  writeFile(join(dir.path, PORT_BASE), `${base}\n`);

/** One run at a time. A lock whose process is gone is taken over. */
async function lock(path: string, shown: string): Promise<{ wasKilled: boolean; release: () => Promise<void> }> {
  const file = join(path, LOCK);
  let wasKilled = false;
  for (;;) {
    try {
      const handle = await open(file, 'wx', 0o600);
      await handle.write(`${process.pid} ${(await startedAt(process.pid)) ?? ''}\n`);
      await handle.close();
      return { wasKilled, release: () => rm(file, { force: true }) };
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error;
    }
    const [pid = '', started = ''] = (await readFile(file, 'utf8').catch(() => '')).trim().split(' ');
    if (await isRunning(Number(pid), started)) {
      throw new Failure(
        1,
        'already_running',
        `${shown} is in use by another npm start (process ${pid}): stop it, or pick another folder with --data DIR`,
      );
    }
    wasKilled = true;
    await rm(file, { force: true });
  }
}

/** Process ids are used again; the time a process began is not. */
async function isRunning(pid: number, started: string): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (isCode(error, 'ESRCH')) return false;
  }
  const now = await startedAt(pid);
  return now === undefined || started === '' || now === started;
}

/** Field 22 of /proc/PID/stat, counted behind the command's name, which may hold blanks. undefined where there is no /proc. */
async function startedAt(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19];
}

/** Whether a file or folder is there. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
