// Runs the real programs as their users do: as processes, with arguments, exit codes and streams.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { runCommand } from '../../cli/run-command.ts';
import { BARE_ENV } from '../harness/child-env.ts';

const ROOT = resolve(import.meta.dirname, '../..');

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `gatehouse ARGS`. The environment is the test's own: nobody's login is found. */
export async function gatehouse(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  return finish(
    spawn(process.execPath, [resolve(ROOT, 'cli/main.ts'), ...args], {
      env: { ...BARE_ENV, HOME: '/nonexistent', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
}

/**
 * The same within this process, which ends as the command's would: starting a program takes longer than most of what
 * it does.
 */
export async function command(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Finished> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const said = Promise.all([text(stdout), text(stderr)]);
  const terminal = { stdin: stdin.end(), stdout, stderr, env: { ...BARE_ENV, HOME: '/nonexistent', ...env } };
  const code = await runCommand(terminal, args);
  stdout.end();
  stderr.end();
  const [out, errors] = await said;
  return { code, stdout: out, stderr: errors };
}

export async function finish(child: ChildProcess): Promise<Finished> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code: typeof code === 'number' ? code : null, stdout, stderr };
}

export interface Started {
  readonly child: ChildProcess;
  /** Everything it has printed so far. */
  output(): string;
  /** Resolves with the exit code. */
  readonly exited: Promise<number | null>;
}

/** `npm start -- ARGS`, without npm. */
export function npmStart(
  args: readonly string[],
  options: { cwd?: string; uid?: number; env?: Readonly<Record<string, string>> } = {},
): Started {
  const child = spawn(process.execPath, [resolve(ROOT, 'cli/dev/start.mjs'), ...args], {
    cwd: options.cwd ?? ROOT,
    env: { ...BARE_ENV, HOME: '/nonexistent', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  const exited = once(child, 'close').then(([code]) => (typeof code === 'number' ? code : null));
  return { child, output: () => text, exited };
}

/** Resolves when it printed `ready` on a line of its own; rejects with what it said when it ended instead. */
export async function untilReady(started: Started): Promise<void> {
  const ready = until(() => /^ready$/m.test(started.output()), 60_000);
  const ended = started.exited.then((code) => {
    throw new Error(`npm start ended with ${code}: ${started.output()}`);
  });
  await Promise.race([ready, ended]);
}

/**
 * Waits for a condition. One that runs a command is asked again after a rest twice as long as it took:
 * otherwise the asking would be what all else waits for.
 */
export async function until(condition: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const asked = performance.now();
    if (await condition()) return;
    const now = performance.now();
    if (now > deadline) throw new Error(`not within ${withinMs} ms: ${condition}`);
    await new Promise((resume) => setTimeout(resume, Math.max(50, 2 * (now - asked))));
  }
}

/** Test files that run at the same time look for ports in different places. */
const PORTS_EACH = 1_500;
const FIRST_PORT = 20_000 + (Number(process.env.VITEST_POOL_ID ?? 0) % 8) * PORTS_EACH;

/** A base whose ports, N to N+20, are free now, and which no other test file that runs now will ask for. */
export async function freePortBase(): Promise<number> {
  for (;;) {
    const base = FIRST_PORT + Math.floor(Math.random() * (PORTS_EACH - 20));
    const free = await Promise.all([0, 1, 2, 3, 10, 20].map((offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const server = createServer();
    server.once('error', () => settle(false));
    server.listen(port, '127.0.0.1', () => server.close(() => settle(true)));
  });
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
