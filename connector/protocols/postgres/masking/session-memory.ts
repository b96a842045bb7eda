// What a session did that counts for later results: cursors and prepared statements by name, definitions
// changed in a transaction that is not over, settings that may hold data.

import type { Statement } from '../statement-facts.ts';
import type { SessionState } from './result-facts.ts';
import type { StatementReading, TextReading } from './statement-reading.ts';

/** Names kept; beyond, nothing is known of any new one. */
const MAX_NAMES = 10_000;

export class SessionMemory {
  readonly #named = new Map<string, StatementReading | 'several'>();
  /** The number of the first statement behind which definitions may be others; undefined: they are those of the catalogue. */
  #changedAt: number | undefined;
  /** Code that nobody can read was sent: it may have made cursors of any name, and filled settings. */
  #unread: Pick<Statement, 'finished' | 'tags'>[] = [];
  #ranUnread = false;
  #filled = false;

  /** `begun`: statements were sent before anybody looked. */
  constructor(begun: boolean) {
    if (begun) this.missed();
  }

  /** Something was sent that nobody looked at. */
  missed(): void {
    this.#changedAt = 0;
    this.#ranUnread = true;
    this.#filled = true;
  }

  /** The target will run it. `reading` undefined: nobody knows what it is. `fills`: it may put data into a setting. */
  sent(statement: Statement, reading: TextReading | undefined, fills: (statement: StatementReading) => boolean): void {
    const { statements } = reading ?? {};
    const { number } = statement;
    if (!statements) {
      this.#changedAt ??= number;
      if (!this.#ranUnread) this.#unread.push(statement);
      return;
    }
    for (const one of statements) {
      if (one.defines) this.define(one.defines.kind, one.defines.name, one);
      if (one.changesDefinitions) this.#changedAt ??= number;
      if (one.summary.opaque.length > 0) this.#ranUnread = true;
      if (one.opensSettings || fills(one)) this.#filled = true;
    }
  }

  /** What cannot be read is mostly a slip of the pen, which the target refuses too: that did nothing. */
  get #unreadRan(): boolean {
    if (this.#ranUnread || this.#unread.length === 0) return this.#ranUnread;
    this.#unread = this.#unread.filter(({ finished, tags }) => !finished || tags.length > 0);
    this.#ranUnread = this.#unread.some(({ finished }) => finished);
    return this.#unread.length > 0;
  }

  get settingsFilled(): boolean {
    return this.#filled || this.#unreadRan;
  }

  define(kind: 'cursor' | 'prepared', name: string, reading: StatementReading): void {
    const key = `${kind} ${name}`;
    const known = this.#named.get(key);
    if (known === undefined && this.#named.size >= MAX_NAMES) return;
    this.#named.set(key, known === undefined || known === reading ? reading : 'several');
  }

  defined(kind: 'cursor' | 'prepared', name: string): StatementReading | undefined {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: of other letters it hangs on encodings which names are the same
    if (/[^\x00-\x7f]/.test(name)) return undefined;
    const known = this.#named.get(`${kind} ${name}`);
    if (this.#unreadRan || known === undefined || known === 'several') return undefined;
    // DECLARE and PREPARE give nothing back themselves.
    return known.defines ? { ...known, result: known.defines.result } : known;
  }

  /** Whether definitions may have changed before statement `number`, in a transaction that only the session sees into. */
  changedBefore(number: number): boolean {
    return this.#changedAt !== undefined && this.#changedAt < number;
  }

  /** Definitions changed, in what is not known to be over. */
  get changing(): boolean {
    return this.#changedAt !== undefined;
  }

  /** No transaction is open and nothing is under way. Says whether definitions changed in what is over. */
  idle(): boolean {
    const changed = this.#changedAt !== undefined;
    this.#changedAt = undefined;
    return changed;
  }

  /** As it is for statement `number`; `earlier`: of its own text, those that stand before it. */
  stateFor(number: number, earlier: readonly StatementReading[]): SessionState {
    return {
      dirty: this.changedBefore(number) || earlier.some(({ changesDefinitions }) => changesDefinitions),
      settingsFilled: this.settingsFilled,
      defined: (kind, name) => this.defined(kind, name),
    };
  }
}
