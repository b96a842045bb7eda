// Sends spooled objects to the store: in order within a session, several sessions at a time, again
// and again until the store has confirmed each. A session whose object cannot be stored waits with
// its local copy and holds up nobody else.

import { createHash } from 'node:crypto';
import type { SessionId } from '../../../core/ids.ts';
import type { Putting, ObjectStore, Stored, StoreFault } from '../store/object-store.ts';
import { Sleepers } from '../store/sleepers.ts';
import type { Result } from '../../../core/result.ts';

export interface UploadItem {
  readonly session: SessionId;
  readonly key: string;
  readonly retainDays: number;
  /** The exact bytes, from the spool. Rejects when they are not what was made. */
  read(): Promise<Uint8Array>;
  /** Makes the confirmation durable, then drops the local copy. */
  confirmed(): Promise<void>;
  /** Has been sent before, perhaps by a process that crashed: then the store may hold it already. */
  attempted: boolean;
}

interface UploaderOptions {
  readonly store: ObjectStore;
  readonly concurrency: number;
  readonly backOff: { readonly firstMs: number; readonly longestMs: number };
  readonly now: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
  /** An episode begins (some upload fails) and ends (all go through again). */
  readonly onFailing: (session: SessionId, message: string) => void;
  readonly onRecovered: () => void;
  /** This object can never be stored as it is: a person has to look. Once for each object. */
  readonly onStuck: (session: SessionId, reason: string, message: string) => void;
}

/** A session that is stuck looks again this often: somebody may have repaired it. */
const STUCK_RETRY_MS = 300_000;
const DAY_MS = 86_400_000;

interface Queue {
  readonly items: UploadItem[];
  running: boolean;
  stuck: boolean;
}

export class Uploader {
  readonly #options: UploaderOptions;
  readonly #queues = new Map<SessionId, Queue>();
  readonly #failing = new Set<SessionId>();
  readonly #waitingForSlot: (() => void)[] = [];
  #slots: number;
  readonly #sleepers = new Sleepers();
  #closed = false;

  constructor(options: UploaderOptions) {
    this.#options = options;
    this.#slots = options.concurrency;
  }

  get backlog(): { sessions: number; objects: number; failing: number; stuck: number } {
    let objects = 0;
    let stuck = 0;
    for (const queue of this.#queues.values()) {
      objects += queue.items.length;
      if (queue.stuck) stuck++;
    }
    return { sessions: this.#queues.size, objects, failing: this.#failing.size, stuck };
  }

  isStuck(session: SessionId): boolean {
    return this.#queues.get(session)?.stuck ?? false;
  }

  add(item: UploadItem): void {
    const queue = this.#queues.get(item.session) ?? { items: [], running: false, stuck: false };
    this.#queues.set(item.session, queue);
    queue.items.push(item);
    if (!queue.running) void this.#run(item.session, queue);
  }

  close(): void {
    this.#closed = true;
    this.#sleepers.wakeAll();
    for (const go of this.#waitingForSlot.splice(0)) go();
  }

  async #run(session: SessionId, queue: Queue): Promise<void> {
    queue.running = true;
    let failures = 0;
    for (let item = queue.items[0]; item && !this.#closed; item = queue.items[0]) {
      const problem = await this.#send(item);
      if (problem === undefined) {
        failures = 0;
        queue.stuck = false;
        queue.items.shift();
        this.#succeeded(session);
        continue;
      }
      if (problem.stuck) {
        if (!queue.stuck) this.#options.onStuck(session, problem.reason, problem.message);
        queue.stuck = true;
        await this.#sleep(STUCK_RETRY_MS);
        continue;
      }
      if (this.#failing.size === 0 && !this.#closed) this.#options.onFailing(session, problem.message);
      this.#failing.add(session);
      await this.#sleep(this.#backOff(failures++));
    }
    queue.running = false;
    if (queue.items.length === 0) this.#queues.delete(session);
  }

  async #send(item: UploadItem): Promise<{ stuck: boolean; reason: string; message: string } | undefined> {
    await this.#takeSlot();
    try {
      if (this.#closed) return { stuck: false, reason: 'closing', message: 'the connector is stopping' };
      let bytes: Uint8Array;
      try {
        bytes = await item.read();
      } catch (error) {
        return { stuck: true, reason: 'spool_damaged', message: `${item.key}: ${messageOf(error)}` };
      }
      const answer = await this.#put(item, bytes);
      if (!answer.ok) return { stuck: false, reason: answer.error.reason, message: answer.error.message };
      if (answer.value.stored === 'differs')
        return {
          stuck: true,
          reason: 'object_existed',
          message: `${item.key} is in the store and holds something else`,
        };
      if (answer.value.stored === 'existed' && !item.attempted)
        return {
          stuck: true,
          reason: 'object_existed',
          message: `${item.key} was in the store before this connector sent it`,
        };
      await item.confirmed();
      return undefined;
    } catch (error) {
      return { stuck: false, reason: 'spool_failing', message: messageOf(error) };
    } finally {
      this.#giveSlot();
    }
  }

  async #put(item: UploadItem, bytes: Uint8Array): Promise<Result<Stored, StoreFault>> {
    const putting: Putting = {
      sha256: createHash('sha256').update(bytes).digest(),
      retainUntil: new Date(this.#options.now() + item.retainDays * DAY_MS),
    };
    const answer = await this.#options.store.put(item.key, bytes, putting);
    // Only now: an object that was there on the very first try is not ours.
    if (!answer.ok || answer.value.stored === 'created') item.attempted = true;
    return answer;
  }

  #succeeded(session: SessionId): void {
    if (!this.#failing.delete(session)) return;
    this.#sleepers.wakeAll();
    if (this.#failing.size === 0) this.#options.onRecovered();
  }

  #backOff(failures: number): number {
    const { firstMs, longestMs } = this.#options.backOff;
    const most = Math.min(longestMs, firstMs * 2 ** Math.min(failures, 20));
    return most * (0.5 + this.#options.random() / 2);
  }

  /** Ends early when another session's upload went through: the store is back. */
  #sleep(ms: number): Promise<void> {
    return this.#closed ? Promise.resolve() : this.#sleepers.sleep(ms);
  }

  #takeSlot(): Promise<void> {
    if (this.#slots > 0) {
      this.#slots--;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waitingForSlot.push(resolve));
  }

  #giveSlot(): void {
    const next = this.#waitingForSlot.shift();
    if (next) next();
    else this.#slots++;
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : 'unknown error');
