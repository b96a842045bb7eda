// Turns argv into a command and its outcome into an exit code; scripts rely on both (docs/cli.md).

import { CommanderError } from 'commander';
import { Cli } from './cli.ts';
import { Failure, usage } from './failure.ts';
import { createProgram } from './program.ts';
import { jsonLine, line } from './terminal-text.ts';

const [, , ...args] = process.argv;

// `gatehouse sessions | head` is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 2));

const cli = new Cli({ stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: process.env });
try {
  await (await createProgram(cli, args)).parseAsync(args, { from: 'user' });
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const failure = error instanceof Failure ? error : asFailure(error);
  const wantsJson = args.slice(0, args.includes('--') ? args.indexOf('--') : args.length).includes('--json');
  const { reason, message, details } = failure;
  const plain = message.split('\n').map((each) => `gatehouse: ${line(each)}\n`);
  process.stderr.write(wantsJson ? `${jsonLine({ error: { reason, message, ...details } })}\n` : plain.join(''));
  return failure.exitCode;
}

function asFailure(error: unknown): Failure {
  if (error instanceof CommanderError) {
    // Suggestions stand on a line of their own; scripts get one line.
    const text = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
    return usage(error.code === 'commander.help' ? 'name a command: gatehouse --help lists them' : text);
  }
  // A bug. One line for the person, the stack for whoever is asked to look into it.
  if (process.env.GATEHOUSE_DEBUG) console.error(error);
  return new Failure(
    2,
    'internal',
    `${(error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, ' ')} (GATEHOUSE_DEBUG=1 says more)`,
  );
}
