// Keeps the archiver's thread running: started anew with back-off when it dies, since all it needs
// is on disk, and each death is reported.

import { Worker } from 'node:worker_threads';
import type { Report } from '../../../core/control.ts';
import type { SessionId } from '../../../core/ids.ts';
import type { Backlog, UnloggedEnd } from './archiver.ts';
import type { FromArchiver, SigningKey, ToArchiver, WorkerInput } from './archiver-messages.ts';

const FIRST_RESTART_MS = 500;
const LONGEST_RESTART_MS = 60_000;
/** A thread that lived this long starts over with the shortest back-off. */
const STEADY_MS = 60_000;
const CLOSE_DEADLINE_MS = 10_000;

export class ArchiverThread {
  #input: Omit<WorkerInput, 'live' | 'ends'>;
  readonly #onReport: (report: Report) => void;
  readonly #onRecovered: (unbegun: readonly SessionId[]) => void;
  readonly #now: () => number;
  /** Sessions of this process whose manifest is not stored. */
  readonly #unfinished = new Set<SessionId>();
  readonly #ends = new Map<SessionId, UnloggedEnd>();
  #worker: Worker | undefined;
  #restart: NodeJS.Timeout | undefined;
  #restartMs = FIRST_RESTART_MS;
  #closing = false;
  #waiters: { drained: () => void }[] = [];
  #closed: (() => void) | undefined;
  backlog: Backlog = { sessions: 0, objects: 0, failing: 0, stuck: 0, walFiles: 1 };

  constructor(
    input: Omit<WorkerInput, 'live' | 'ends'>,
    onReport: (report: Report) => void,
    onRecovered: (unbegun: readonly SessionId[]) => void,
    now: () => number,
  ) {
    this.#input = input;
    this.#onReport = onReport;
    this.#onRecovered = onRecovered;
    this.#now = now;
    this.#start();
  }

  get running(): boolean {
    return this.#worker !== undefined;
  }

  opened(session: SessionId): void {
    this.#unfinished.add(session);
  }

  sessionsRun(may: boolean): void {
    this.#send({ kind: 'sessions_run', may });
  }

  /** Also for a thread that is started anew. */
  sign(signing: SigningKey): void {
    this.#input = { ...this.#input, signing };
    this.#send({ kind: 'signing', signing });
  }

  end(end: UnloggedEnd): void {
    this.#ends.set(end.session, end);
    this.#send({ kind: 'end', end });
  }

  /** Resolves true when all that was in the log at some time after this call is stored; false at the deadline. */
  drain(deadlineMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const waiter = {
        drained: () => {
          clearTimeout(timer);
          resolve(true);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        resolve(false);
      }, deadlineMs);
      this.#waiters.push(waiter);
      this.#send({ kind: 'drain' });
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#restart);
    const worker = this.#worker;
    if (!worker) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, CLOSE_DEADLINE_MS);
      this.#closed = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#send({ kind: 'close' });
    });
    await worker.terminate();
  }

  #start(): void {
    const input: WorkerInput = { ...this.#input, live: [...this.#unfinished], ends: [...this.#ends.values()] };
    const startedMs = this.#now();
    const worker = new Worker(new URL('./archiver-worker.ts', import.meta.url), {
      workerData: input,
      name: 'archiver',
      // A test runner's own flags are not for this thread.
      execArgv: [],
    });
    this.#worker = worker;
    worker.on('message', (message: FromArchiver) => this.#receive(message));
    worker.on('error', (error) => this.#died(error, this.#now() - startedMs));
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#closed?.();
    });
    if (this.#waiters.length > 0) this.#send({ kind: 'drain' });
  }

  #died(error: unknown, livedMs: number): void {
    this.#worker = undefined;
    if (this.#closing) return;
    const message = error instanceof Error ? error.message : 'unknown error';
    this.#onReport({
      kind: 'connector.fault',
      reason: 'archiver_failed',
      message: `the archiver's thread ended and is started again: ${message}`.slice(0, 1000),
      at: new Date(this.#now()).toISOString(),
    });
    this.#restartMs = livedMs > STEADY_MS ? FIRST_RESTART_MS : Math.min(this.#restartMs * 2, LONGEST_RESTART_MS);
    this.#restart = setTimeout(() => this.#start(), this.#restartMs);
  }

  #receive(message: FromArchiver): void {
    switch (message.kind) {
      case 'report':
        this.#onReport(message.report);
        return;
      case 'recovered':
        this.#onRecovered(message.unbegun);
        return;
      case 'finished':
        this.#unfinished.delete(message.session);
        this.#ends.delete(message.session);
        return;
      case 'backlog':
        this.backlog = message.backlog;
        return;
      case 'drained':
        this.backlog = message.backlog;
        for (const waiter of this.#waiters.splice(0)) waiter.drained();
        return;
      case 'closed':
        this.#closed?.();
        return;
    }
  }

  #send(message: ToArchiver): void {
    this.#worker?.postMessage(message);
  }
}
