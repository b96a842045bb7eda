// Turns arguments into a command and its outcome into an exit code; scripts rely on both (docs/cli.md).

import { CommanderError } from 'commander';
import { Cli } from './cli.ts';
import { Failure, usage } from './failure.ts';
import type { Terminal } from './output.ts';
import { createProgram } from './program.ts';
import { jsonLine, line } from './terminal-text.ts';

/** Gives the exit code. What went wrong stands on stderr. */
export async function runCommand(terminal: Terminal, args: readonly string[]): Promise<number> {
  const cli = new Cli(terminal);
  try {
    await (await createProgram(cli, args)).parseAsync(args, { from: 'user' });
    return cli.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const failure = error instanceof Failure ? error : asFailure(error, terminal);
    terminal.stderr.write(failureText(failure, args));
    return failure.exitCode;
  }
}

function failureText({ reason, message, details }: Failure, args: readonly string[]): string {
  const wantsJson = args.slice(0, args.includes('--') ? args.indexOf('--') : args.length).includes('--json');
  if (wantsJson) return `${jsonLine({ error: { reason, message, ...details } })}\n`;
  return message
    .split('\n')
    .map((each) => `gatehouse: ${line(each)}\n`)
    .join('');
}

function asFailure(error: unknown, { stderr, env }: Terminal): Failure {
  if (error instanceof CommanderError) {
    // Suggestions stand on a line of their own; scripts get one line.
    const text = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
    return usage(error.code === 'commander.help' ? 'name a command: gatehouse --help lists them' : text);
  }
  // A bug. One line for the person, the stack for whoever is asked to look into it.
  if (env.GATEHOUSE_DEBUG) stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return new Failure(
    2,
    'internal',
    `${(error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, ' ')} (GATEHOUSE_DEBUG=1 says more)`,
  );
}
