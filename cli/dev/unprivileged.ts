// Where the files of a demo server stand, and as whom it runs: database servers refuse to run as root.
//
// Started by root they run as an account of their own or `nobody`, who must be able to pass through every folder above; under
// /root they cannot. Then the files go to /var/lib/gatehouse-dev, in a folder named after the data folder.

import { createHash } from 'node:crypto';
import { readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export const SYSTEM_HOME = '/var/lib/gatehouse-dev';

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

interface Place {
  readonly path: string;
  /** undefined: whoever runs this. */
  readonly owner: Account | undefined;
}

const elsewhereFor = (wanted: string): string =>
  join(SYSTEM_HOME, createHash('sha256').update(wanted).digest('hex').slice(0, 16));

/** For a new data folder: an older one of the same name may have left files there. */
export async function dropElsewhere(wanted: string): Promise<void> {
  if (process.getuid?.() === 0) await rm(elsewhereFor(wanted), { recursive: true, force: true });
}

/** `wanted` is where they go if nothing stands in the way; the first of `accounts` that is there owns them. */
export async function placeFor(wanted: string, accounts: readonly string[]): Promise<Place> {
  if (process.getuid?.() !== 0) return { path: wanted, owner: undefined };
  const owner = await accountOf(accounts);
  const path = (await isOpenToAll(dirname(wanted))) ? wanted : join(elsewhereFor(wanted), 'cluster');
  return { path, owner };
}

/** Whether anybody may pass through `path` and each folder above it. */
export async function isOpenToAll(path: string): Promise<boolean> {
  for (let folder = path; ; folder = dirname(folder)) {
    const { mode } = await stat(folder);
    if ((mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

async function accountOf(names: readonly string[]): Promise<Account> {
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((row) => row.split(':'));
  for (const name of names) {
    const account = accounts.find(([candidate]) => candidate === name);
    if (account && Number(account[2]) > 0) return { uid: Number(account[2]), gid: Number(account[3]) };
  }
  throw new Error(
    `the demo's databases do not run as root, and there is no user ${names.join(' or ')}: run npm start as another user`,
  );
}
