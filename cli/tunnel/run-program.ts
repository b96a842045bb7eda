// Runs a person's own client in the foreground.

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { Failure } from '../failure.ts';
import { codeOf, isCode } from '../files/file-error.ts';

interface Program {
  readonly name: string;
  /** Where it comes from, for whoever has not got it. */
  readonly from: string;
}

/** Its exit status; 128 and the signal's number where one ended it, as a shell has it. */
export async function runProgram(
  { name, from }: Program,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<number> {
  const child = spawn(name, args, { stdio: 'inherit', env });
  // The terminal sends Ctrl-C to both: it is the client's to handle, and ours to wait.
  const wait = () => {};
  const pass = (signal: NodeJS.Signals) => void child.kill(signal);
  const passed = ['SIGTERM', 'SIGHUP'] as const;
  process.on('SIGINT', wait).on('SIGQUIT', wait);
  for (const signal of passed) process.on(signal, pass);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
  } catch (error) {
    if (isCode(error, 'ENOENT')) throw new Failure(2, `${name}_missing`, `there is no ${name} here: install ${from}`);
    throw new Failure(2, `${name}_failed`, `${name} cannot be run: ${codeOf(error)}`);
  } finally {
    process.off('SIGINT', wait).off('SIGQUIT', wait);
    for (const signal of passed) process.off(signal, pass);
  }
}
