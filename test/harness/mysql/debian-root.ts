// MySQL and MariaDB of later Debian releases than this machine's, as test/debian-roots.mjs fetches them.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { debianRoot } from '../../debian-roots.mjs';

export interface LaterRelease {
  readonly name: 'mysql-9' | 'mariadb-11.8';
  readonly root: string;
  /** What starts a program of it: its own loader, with its own libraries. */
  command(program: string): readonly [file: string, ...args: string[]];
}

/** undefined: it could not be fetched, and tests that need it say so (`notHere`). */
export function laterRelease(name: LaterRelease['name']): LaterRelease | undefined {
  const root = debianRoot(name);
  if (root === undefined) return undefined;
  const lib = join(root, 'usr/lib');
  const [triplet = ''] = readdirSync(lib).filter((one) => one.endsWith('-linux-gnu'));
  const [loader] = [join(root, 'usr/lib64'), lib].flatMap((folder) =>
    existsSync(folder) ? readdirSync(folder).flatMap((one) => (/^ld-linux/.test(one) ? [join(folder, one)] : [])) : [],
  );
  if (loader === undefined) throw new Error(`${root} has no loader`);
  return {
    name,
    root,
    command: (program) => [loader, '--library-path', join(lib, triplet), join(root, program)],
  };
}

export const notHere = (name: LaterRelease['name']): string =>
  `${name} could not be fetched from the Debian mirror (test/debian-roots.mjs)`;
