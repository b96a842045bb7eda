// Enter at a terminal, under a rule that asks for it (`interactiveShell: follow`): where the line that is shown is one that an
// entry names, Enter does not go on, or waits for an approval. Whatever else is typed goes on at once, and nothing is
// ever sent that nobody typed. An aid, never a guard: see typed-lines.ts.

import { createHash } from 'node:crypto';
import type { Decision } from '../../../../core/policy/sections/entries.ts';
import type { Action, ActionToHold } from '../../../action.ts';
import { isEnter } from './typed-keys.ts';
import type { TypedLines } from './typed-lines.ts';

/** Without a word from the target for so long, an edited line is as it is shown. */
const SILENCE_MS = 40;
/** What is not echoed by then is no line that is shown: a password, or a target that is far away. */
const MAX_WAIT_MS = 500;
/** Typed while Enter waits; of more the client has to wait. */
const MAX_WAITING_BYTES = 64 * 1024;
/** Between two looks at the screen, as many times as long as one took. */
const LOOK_PAUSE = 4;
const CTRL_C = 0x03;
const NOTHING = Buffer.alloc(0);

interface GateDeps {
  readonly lines: TypedLines;
  /** By the rules in force now; undefined: no entry names it. */
  judge(line: string): Decision | undefined;
  /** Whether any rule asks for it now. */
  follows(): boolean;
  /** To the target. */
  send(bytes: Buffer): void;
  /** Tells of the line, and gives its number and what is shown of it to who decides. */
  begin(line: string): { readonly number: number; readonly shown: string };
  take(action: Pick<Action, 'number' | 'decision' | 'judge' | 'describe' | 'forward' | 'refuse' | 'notify'>): unknown;
  withdraw(): void;
  say(words: string): void;
  /** In a turn of its own: what throws in `work` ends the channel. */
  contain(work: () => void): void;
  /** The client may be read again. */
  regulate(): void;
}

export class LineGate {
  readonly #deps: GateDeps;
  #state: 'open' | 'looking' | 'held' = 'open';
  /** The byte that does not go on. */
  #enter = NOTHING;
  /** What was typed behind it. */
  #waiting: Buffer[] = [];
  #behind: (() => void)[] = [];
  #since = 0;
  #answered = false;
  #notBefore = 0;
  #timer: NodeJS.Timeout | undefined;
  #givenUp = false;

  constructor(deps: GateDeps) {
    this.#deps = deps;
  }

  get holds(): boolean {
    return this.#state === 'held';
  }

  /** Nothing that was typed waits. */
  get idle(): boolean {
    return this.#state === 'open';
  }

  get full(): boolean {
    return this.#waiting.reduce((sum, { length }) => sum + length, 0) > MAX_WAITING_BYTES;
  }

  /** Keys of the client. Kept while they wait, so a copy of what is used again. */
  type(bytes: Buffer): void {
    if (this.#state === 'open') this.#run(bytes);
    else this.#wait(Buffer.from(bytes));
  }

  /** What does not overtake the keys before it. */
  inTurn(work: () => void): void {
    if (this.#state === 'open') work();
    else this.#behind.push(work);
  }

  /** The target showed something. */
  shown(): void {
    this.#answered = true;
    if (this.#state !== 'looking') return;
    const early = this.#notBefore - performance.now();
    if (early <= 0) this.#look();
    else this.#lookIn(early);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#waiting = [];
    this.#behind = [];
  }

  #wait(bytes: Buffer): void {
    const at = this.#state === 'held' ? bytes.lastIndexOf(CTRL_C) : -1;
    if (at < 0) {
      this.#waiting.push(bytes);
      return;
    }
    // As a terminal does: what was typed before it is dropped.
    this.#waiting = [bytes.subarray(at)];
    this.#givenUp = true;
    this.#deps.withdraw();
  }

  #run(bytes: Buffer): void {
    const { lines, follows, send } = this.#deps;
    const isFollowed = follows();
    let at = 0;
    while (at < bytes.length) {
      const end = lines.type(bytes, at);
      if (isFollowed && end > at) {
        this.#answered = false;
        send(bytes.subarray(at, end));
      }
      if (end === bytes.length) break;
      if (isFollowed && lines.begun && isEnter(bytes[end])) {
        this.#enter = Buffer.from(bytes.subarray(end, end + 1));
        this.#waiting = [Buffer.from(bytes.subarray(end + 1))];
        this.#state = 'looking';
        this.#since = performance.now();
        this.#look();
        return;
      }
      lines.ended(bytes[end], false);
      if (isFollowed) send(bytes.subarray(end, end + 1));
      at = end + 1;
    }
    // As it came, where no rule asks for more.
    if (!isFollowed) send(bytes);
  }

  #look(): void {
    const begun = performance.now();
    const seen = this.#deps.lines.look();
    const now = performance.now();
    // Whatever the target shows, others have their share.
    this.#notBefore = now + LOOK_PAUSE * (now - begun);
    const waited = now - this.#since;
    clearTimeout(this.#timer);
    if (!seen || seen.shown?.certain) this.#decide(seen?.shown?.line);
    else if (waited >= MAX_WAIT_MS) this.#decide(seen.shown?.line);
    else {
      // An edited line is whole when the target has nothing more to say about it.
      const settles = seen.typed === undefined && this.#answered;
      if (settles) this.#in(SILENCE_MS, () => this.#decide(seen.shown?.line));
      else this.#lookIn(MAX_WAIT_MS - waited);
    }
  }

  #lookIn(ms: number): void {
    this.#in(ms, () => this.#state === 'looking' && this.#look());
  }

  #in(ms: number, work: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#deps.contain(work), ms);
    this.#timer.unref();
  }

  #decide(line: string | undefined): void {
    if (this.#state !== 'looking') return;
    const { judge, begin, take, say } = this.#deps;
    const decision = line === undefined ? undefined : judge(line);
    if (line === undefined || !decision) {
      this.#goOn(false);
      return;
    }
    this.#state = 'held';
    this.#givenUp = false;
    const { number, shown } = begin(line);
    take({
      number,
      decision,
      judge: () => judge(line) ?? { section: 'commands', verdict: 'allow', why: 'no entry names it' },
      describe: (): ActionToHold => ({
        kind: 'command',
        title: 'A line typed in a shell, as its terminal shows it',
        text: shown,
        parameters: [],
        digest: createHash('sha256').update(`typed\0${line}`).digest('hex'),
        touches: [],
      }),
      forward: () => this.#goOn(true),
      refuse: ({ message, hint }) => {
        say(
          `${message}${hint === undefined ? '' : ` ${hint}`} The line did not run: clear it with Ctrl-C, or change it.`,
        );
        const rest = this.#givenUp ? this.#waiting : [];
        this.#state = 'open';
        this.#waiting = [];
        this.#drain(rest);
      },
      notify: say,
    });
  }

  /** Enter goes on, and what was typed behind it. */
  #goOn(told: boolean): void {
    const { lines, send } = this.#deps;
    const rest = this.#waiting;
    this.#state = 'open';
    this.#waiting = [];
    lines.ended(this.#enter[0], told);
    send(this.#enter);
    this.#drain(rest);
  }

  #drain(rest: readonly Buffer[]): void {
    for (const bytes of rest) this.type(bytes);
    if (this.#state === 'open') for (const work of this.#behind.splice(0)) work();
    this.#deps.regulate();
  }
}
