// How another program runs this one again, as the same person: ssh's configuration names commands.

import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { GlobalOptions } from './settings.ts';

/** Program and arguments, up to where the command's name goes. */
export function ownCommand(command: Command): readonly string[] {
  const { as, data } = command.optsWithGlobals<GlobalOptions>();
  return [
    // Not the link that npx made in its cache.
    ...[process.execPath, realpathSync(process.argv[1] ?? 'gatehouse.mjs')],
    ...(data === undefined ? [] : ['--data', resolve(data)]),
    ...(as === undefined ? [] : ['--as', as]),
  ];
}

/** For a POSIX shell; also within double quotes of ssh's configuration. */
export const shellWords = (words: readonly string[]): string => words.map(shellWord).join(' ');

const shellWord = (text: string): string =>
  /^[\w@.:/=+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
