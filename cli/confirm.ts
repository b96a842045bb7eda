// A question before something is done. Without a terminal to ask on it is refused, and `--yes` is named.

import { createInterface } from 'node:readline/promises';
import type { Cli } from './cli.ts';
import { Failure, usage } from './failure.ts';
import type { Output } from './output.ts';

/** `otherwise`: what came of it, for a person who said no. Throws Failure then. */
export async function confirm(
  cli: Cli,
  output: Output,
  { ask, otherwise }: { readonly ask: string; readonly otherwise: string },
): Promise<void> {
  const { stdin, stderr } = cli.terminal;
  if (!stdin.isTTY || !output.isTerminal || output.json)
    throw usage(`${otherwise}: there is no terminal to ask on, so say --yes`);
  const asking = createInterface({ input: stdin, output: stderr, terminal: false });
  // The end of input is no yes.
  const ended = new Promise<string>((resolve) => asking.once('close', () => resolve('')));
  const answer = await Promise.race([asking.question(`${ask} [y/N] `), ended]);
  asking.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new Failure(1, 'not_confirmed', otherwise);
}
