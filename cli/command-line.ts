// The process of `gatehouse`: its streams and its exit code.

import { runCommand } from './run-command.ts';

// `gatehouse sessions | head` is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 2));

const { argv, stdin, stdout, stderr, env } = process;
process.exitCode = await runCommand({ stdin, stdout, stderr, env }, argv.slice(2));
