// Data directories as initdb leaves them. initdb takes longer than most tests: it runs once for each
// version, and what it made is kept below node_modules and copied.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const KEPT = resolve(import.meta.dirname, '../../../node_modules/.cache/gatehouse-tests');
const INITDB = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];

export interface ClusterTools {
  /** Where initdb is. */
  readonly bin: string;
  readonly env: NodeJS.ProcessEnv;
  /** Whose files they are; undefined: this process's own. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
}

/** Makes `data`, which is not there yet. Many processes may do so at once. */
export function makeCluster(data: string, tools: ClusterTools): void {
  copy(keptCluster(tools), data);
}

function keptCluster(tools: ClusterTools): string {
  const { bin, env, user } = tools;
  const build = execFileSync(join(bin, 'initdb'), ['--version'], { env, encoding: 'utf8' });
  const key = createHash('sha256')
    .update(JSON.stringify([bin, build, INITDB, user]))
    .digest('hex')
    .slice(0, 16);
  const kept = join(KEPT, `cluster-${key}`);
  if (existsSync(kept)) return kept;
  const work = mkdtempSync(join(tmpdir(), 'gatehouse-initdb-'));
  if (user) chownSync(work, user.uid, user.gid);
  execFileSync(join(bin, 'initdb'), ['-D', join(work, 'data'), ...INITDB], { env, cwd: work, ...user, stdio: 'pipe' });
  mkdirSync(KEPT, { recursive: true });
  const whole = mkdtempSync(join(KEPT, 'making-'));
  copy(join(work, 'data'), join(whole, 'data'));
  try {
    renameSync(join(whole, 'data'), kept);
  } catch (error) {
    // Somebody else was faster.
    if (!existsSync(kept)) throw error;
  }
  for (const left of [work, whole]) rmSync(left, { recursive: true });
  return kept;
}

/** With owners and modes, which PostgreSQL is particular about. */
function copy(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to]);
}
