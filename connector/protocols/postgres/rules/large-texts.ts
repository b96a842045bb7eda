// Reads large texts in a thread of their own, so that one session's does not hold up all others: the
// parser takes some 0.18 ms for 1 KiB of text (256 KiB: 40 ms), and the loop carries every session.
//
// What was read is kept until whoever waited has judged it. The judge keeps what it reads, too.

import { Worker } from 'node:worker_threads';
import type { Summaries } from '../../../../core/policy/sections/judge.ts';
import { MAX_TEXT_CHARACTERS, type PgTextSettings } from '../../../../core/sql/postgres/postgres.ts';

/** Shorter ones take at most 3 ms where they are (measured), and a thread's answer is slower than that. */
export const LARGE_CHARACTERS = 16 * 1024;
/** Of texts that wait and of those read and kept. Beyond, a text is unreadable. */
const MAX_WAITING_CHARACTERS = 32 * 1024 * 1024;
const MAX_KEPT_CHARACTERS = 8 * 1024 * 1024;
/** Far beyond what the parser takes for the longest text. A thread that takes longer is given up. */
const DEADLINE_MS = 20_000;
/** For the parse trees in JavaScript; the parser's own memory is apart. */
const MAX_HEAP_MB = 512;

export interface ReadRequest {
  readonly id: number;
  readonly text: string;
  readonly settings: PgTextSettings;
}
export interface ReadAnswer {
  readonly id: number;
  readonly read: Summaries;
}

const UNREAD: Summaries = { ok: false, error: { reason: 'too_long', message: 'could not be read in time' } };

interface Waiting {
  readonly key: string;
  readonly characters: number;
  readonly timer: NodeJS.Timeout;
  readonly done: Promise<void>;
  resolve(): void;
}

export class LargeTexts {
  readonly #file: URL;
  #worker: Worker | undefined;
  #lastId = 0;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ids = new Map<string, number>();
  #waitingCharacters = 0;
  readonly #kept = new Map<string, Summaries>();
  #keptCharacters = 0;

  constructor(file = new URL('./large-text-worker.ts', import.meta.url)) {
    this.#file = file;
  }

  /** What was read of it; undefined: nobody has asked for it, or it is not kept any more. */
  get(text: string, settings: PgTextSettings): Summaries | undefined {
    return text.length < LARGE_CHARACTERS ? undefined : this.#kept.get(keyOf(text, settings));
  }

  /** Undefined: `get` has it, or it need not be read here. Otherwise resolves when `get` has it; never rejects. */
  read(text: string, settings: PgTextSettings): Promise<void> | undefined {
    // Too long to be read at all, which takes no time to say.
    if (text.length < LARGE_CHARACTERS || text.length > MAX_TEXT_CHARACTERS) return undefined;
    const key = keyOf(text, settings);
    if (this.#kept.has(key)) return undefined;
    const asked = this.#waiting.get(this.#ids.get(key) ?? 0);
    if (asked) return asked.done;
    if (this.#waitingCharacters + text.length > MAX_WAITING_CHARACTERS) {
      this.#keep(key, UNREAD);
      return undefined;
    }
    const id = ++this.#lastId;
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => this.#giveUp(), DEADLINE_MS).unref();
    this.#waiting.set(id, { key, characters: text.length, timer, done, resolve });
    this.#ids.set(key, id);
    this.#waitingCharacters += text.length;
    this.#thread().postMessage({ id, text, settings } satisfies ReadRequest);
    return done;
  }

  #thread(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(this.#file, { resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB } });
    worker.unref();
    worker.on('message', ({ id, read }: ReadAnswer) => this.#answer(id, read));
    // Whatever ends it: what it had not read stays unread, and the next text gets another thread.
    const lost = () => {
      if (this.#worker === worker) this.#giveUp();
    };
    worker.on('error', lost);
    worker.on('exit', lost);
    this.#worker = worker;
    return worker;
  }

  #answer(id: number, read: Summaries): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    clearTimeout(waiting.timer);
    this.#waiting.delete(id);
    this.#ids.delete(waiting.key);
    this.#waitingCharacters -= waiting.characters;
    this.#keep(waiting.key, read);
    waiting.resolve();
  }

  #giveUp(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
    for (const id of [...this.#waiting.keys()]) this.#answer(id, UNREAD);
  }

  #keep(key: string, read: Summaries): void {
    this.#kept.set(key, read);
    this.#keptCharacters += key.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#keptCharacters <= MAX_KEPT_CHARACTERS || oldest === key) break;
      this.#kept.delete(oldest);
      this.#keptCharacters -= oldest.length;
    }
  }
}

const keyOf = (text: string, { standardConformingStrings }: PgTextSettings): string =>
  `${String(standardConformingStrings)} ${text}`;
