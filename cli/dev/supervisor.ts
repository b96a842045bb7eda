// Starts the parts as child processes, starts them again when they die, and stops them in the
// reverse order. Every child holds an IPC channel to this process and stops when that closes, so
// that nothing is left behind even by kill -9.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { Failure } from '../failure.ts';
import type { ChildMessage } from './child.ts';

interface Part {
  readonly name: string;
  /** Path below cli/dev of an entry that uses runChild, or a program's path and arguments. */
  readonly run:
    | { readonly kind: 'child'; readonly entry: string; readonly settings: unknown }
    | {
        readonly kind: 'program';
        readonly path: string;
        readonly args: readonly string[];
        readonly env: NodeJS.ProcessEnv;
      };
}

const START_DEADLINE_MS = 45_000;
/** Longer than the connector's drain, shorter than people's patience. */
const STOP_DEADLINE_MS = 12_000;
const FIRST_BACK_OFF_MS = 250;
const LONGEST_BACK_OFF_MS = 5_000;
/** A part that lived this long did not die of its start. */
const STEADY_MS = 10_000;
const MAX_LOG_BYTES = 20 * 1024 * 1024;
const FOLLOW_PARENT = fileURLToPath(new URL('./follow-parent.ts', import.meta.url));

const Message: z.ZodType<ChildMessage> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('ready'),
    pids: z.record(z.string(), z.number()),
    notes: z.array(z.string()).optional(),
  }),
  z.object({ kind: z.literal('failed'), message: z.string() }),
]);

type Ready = Extract<ChildMessage, { kind: 'ready' }>;

interface RunningPart {
  readonly part: Part;
  child: ChildProcess;
  pids: Readonly<Record<string, number>>;
  startedMs: number;
  backOffMs: number;
  restart: NodeJS.Timeout | undefined;
  hasDied: boolean;
}

export class Supervisor {
  readonly #logs: string;
  /** Called after a part came back, with other process ids. */
  readonly #onChange: () => void;
  readonly #parts: RunningPart[] = [];
  #stopping = false;
  #settled = false;

  constructor(logs: string, onChange: () => void) {
    this.#logs = logs;
    this.#onChange = onChange;
  }

  /** Resolves when the part says that it is ready (a program: when it runs), with what it notes. Throws a Failure of one line. */
  async start(part: Part): Promise<readonly string[]> {
    await this.#trimLog(part.name);
    const running: RunningPart = {
      part,
      child: await this.#spawn(part),
      pids: {},
      startedMs: performance.now(),
      backOffMs: FIRST_BACK_OFF_MS,
      restart: undefined,
      hasDied: false,
    };
    this.#parts.push(running);
    // Ctrl-C while things start: what was spawned a moment too late goes again.
    if (this.#stopping) running.child.kill('SIGKILL');
    const { pids, notes = [] } = await this.#awaitReady(running);
    running.pids = pids;
    this.#watch(running);
    return notes;
  }

  /** Process ids by name: the parts' own, and of what they run. */
  pids(): Record<string, number> {
    const all: Record<string, number> = {};
    for (const { part, child, pids } of this.#parts) {
      if (child.pid !== undefined) all[part.name] = child.pid;
      Object.assign(all, pids);
    }
    return all;
  }

  /** Throws a Failure of one line when a part has died since it was started. */
  async requireAlive(): Promise<void> {
    const dead = this.#parts.find(({ hasDied }) => hasDied);
    if (!dead) return;
    const { name } = dead.part;
    throw new Failure(1, 'part_failed', `${name} ended: ${await this.#lastLine(name)} (see ${this.#logFile(name)})`);
  }

  /** From here on a part that dies is started again; before, it keeps everything from starting. */
  async settle(): Promise<void> {
    await this.requireAlive();
    this.#settled = true;
  }

  /** Last started, first stopped. Never rejects. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const running of [...this.#parts].reverse()) {
      clearTimeout(running.restart);
      const { child } = running;
      if (!hasExited(child)) {
        const gone = once(child, 'exit');
        const late = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
        // Libraries in our own parts have their own idea of SIGTERM (Miniflare exits at once).
        if (running.part.run.kind === 'child' && child.connected) child.send({ kind: 'stop' }, () => {});
        else child.kill('SIGTERM');
        await gone;
        clearTimeout(late);
      }
      endGroup(child);
    }
  }

  async #spawn(part: Part): Promise<ChildProcess> {
    const log = await open(this.#logFile(part.name), 'a', 0o600);
    try {
      const { run } = part;
      const [script, args, env] =
        run.kind === 'child'
          ? [fileURLToPath(new URL(run.entry, import.meta.url)), [], withoutKeys(process.env)]
          : [run.path, run.args, { ...process.env, ...run.env }];
      const child = spawn(
        process.execPath,
        [
          '--disable-warning=ExperimentalWarning',
          ...(run.kind === 'program' ? ['--import', FOLLOW_PARENT] : []),
          script,
          ...args,
        ],
        // A process group of its own: Ctrl-C reaches this process alone, which stops the parts in order.
        { stdio: ['ignore', log.fd, log.fd, 'ipc'], detached: true, env },
      );
      child.on('error', () => {});
      if (run.kind === 'child') child.send({ kind: 'start', settings: run.settings }, () => {});
      return child;
    } finally {
      await log.close();
    }
  }

  async #awaitReady(running: RunningPart): Promise<Pick<Ready, 'pids' | 'notes'>> {
    const { child, part } = running;
    if (part.run.kind === 'program') return { pids: {} };
    const answer = await new Promise<ChildMessage | undefined>((resolve) => {
      const late = setTimeout(() => resolve(undefined), START_DEADLINE_MS);
      const settle = (message?: ChildMessage): void => {
        clearTimeout(late);
        resolve(message);
      };
      child.once('message', (message) => settle(Message.parse(message)));
      child.once('exit', () => settle());
    });
    if (answer?.kind === 'ready') {
      child.on('message', (later) => {
        const message = Message.parse(later);
        if (message.kind !== 'ready' || running.child !== child) return;
        running.pids = message.pids;
        if (this.#settled && !this.#stopping) this.#onChange();
      });
      return answer;
    }
    const why = answer?.message ?? (await this.#lastLine(part.name));
    throw new Failure(1, 'part_failed', `${part.name} did not start: ${why} (see ${this.#logFile(part.name)})`);
  }

  #watch(running: RunningPart): void {
    const again = (): void => {
      endGroup(running.child);
      running.hasDied = true;
      if (this.#stopping || !this.#settled) return;
      const steady = performance.now() - running.startedMs > STEADY_MS;
      running.backOffMs = steady ? FIRST_BACK_OFF_MS : Math.min(running.backOffMs * 2, LONGEST_BACK_OFF_MS);
      console.error(`gatehouse: ${running.part.name} ended; starting it again in ${running.backOffMs} ms`);
      running.restart = setTimeout(() => void this.#restart(running), running.backOffMs);
    };
    if (hasExited(running.child)) again();
    else running.child.once('exit', again);
  }

  async #restart(running: RunningPart): Promise<void> {
    try {
      running.startedMs = performance.now();
      running.child = await this.#spawn(running.part);
      running.pids = (await this.#awaitReady(running)).pids;
      if (!this.#stopping) this.#onChange();
    } catch (error) {
      console.error(`gatehouse: ${error instanceof Error ? error.message : String(error)}`);
      if (!hasExited(running.child)) running.child.kill('SIGKILL');
    }
    if (this.#stopping && !hasExited(running.child)) running.child.kill('SIGKILL');
    this.#watch(running);
  }

  #logFile(name: string): string {
    return join(this.#logs, `${name}.log`);
  }

  async #trimLog(name: string): Promise<void> {
    const file = this.#logFile(name);
    const size = await stat(file).then(
      (found) => found.size,
      () => 0,
    );
    if (size > MAX_LOG_BYTES) await truncate(file);
  }

  /** What a part said last, from plain text or JSON lines. */
  async #lastLine(name: string): Promise<string> {
    const text = await readFile(this.#logFile(name), 'utf8').catch(() => '');
    const last = text.trimEnd().split('\n').at(-1)?.trim() || 'it ended without a word';
    try {
      const entry: unknown = JSON.parse(last);
      if (typeof entry !== 'object' || entry === null) return last;
      const { message, msg } = entry as { message?: unknown; msg?: unknown };
      return String(message ?? msg ?? last);
    } catch {
      return last;
    }
  }
}

/** Our own parts are handed what they need; the demo's SSH host would show the keys of a bucket to everybody. */
const withoutKeys = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/^(AWS|S3)_/.test(name)));

const hasExited = (child: ChildProcess): boolean =>
  child.exitCode !== null || child.signalCode !== null || child.pid === undefined;

/**
 * What a part ran itself and left behind when it was killed (workerd, PostgreSQL) would hold ports
 * and files. Each part leads a process group; SIGINT is PostgreSQL's fast shutdown.
 */
function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGINT');
  } catch {
    // Nothing was left: the rule.
  }
}
