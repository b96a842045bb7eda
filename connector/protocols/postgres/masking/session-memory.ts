// What a session did that counts for later results: cursors and prepared statements by name, definitions
// changed in a transaction that is not over, settings that may hold data.

import type { Statement } from '../statement-facts.ts';
import type { SessionState } from './result-facts.ts';
import type { StatementReading, TextReading } from './statement-reading.ts';

/** Names kept; beyond, nothing is known of any new one. */
const MAX_NAMES = 10_000;
const MAX_LOST = 1_000;

/** As a server keeps it: 63 bytes. Of other letters it hangs on encodings which names are the same, so they are all one. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
const keptName = (name: string): string => (/[^\x00-\x7f]/.test(name) ? '\u00ff' : name.slice(0, 63));

export class SessionMemory {
  readonly #named = new Map<string, StatementReading | 'several'>();
  /** Names that DECLARE gave. */
  readonly #cursors = new Set<string>();
  /** The number of the first statement behind which definitions may be others; undefined: they are those of the catalogue. */
  #changedAt: number | undefined;
  /** The same for the encoding of texts. */
  #encodingAt: number | undefined;
  /** Code that nobody can read was sent: it may have made cursors of any name, and filled settings. */
  #unread: Pick<Statement, 'finished' | 'tags'>[] = [];
  #ranUnread = false;
  /** Behind these numbers names of prepared statements and portals may mean others, ascending. */
  readonly #lost: number[] = [];
  #lostLongAgo = 0;
  readonly #dynamic = new WeakSet<StatementReading>();
  /** Dynamic code was sent, and the transaction is not known to be over: it may run once more, at its end. */
  #deferred = false;
  #filled = false;
  /** A setting was given what may be data, and not what these rules mask. */
  #filledUnder: object | undefined;

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

  /**
   * The target will run it. `reading` undefined: nobody knows what it is. `fills`: it may put data into a setting.
   * `runs`: what code of the database's own runs: dynamic code may do anything.
   */
  sent(
    statement: Statement,
    reading: TextReading | undefined,
    fills: (statement: StatementReading) => boolean,
    runs: (statement: StatementReading) => 'no' | 'own' | 'dynamic',
  ): void {
    const { statements } = reading ?? {};
    const { number } = statement;
    if (!statements) {
      this.#changedAt ??= number;
      this.#encodingAt ??= number;
      this.#unreadSent(statement);
      return;
    }
    for (const one of statements) {
      if (one.defines) this.define(one.defines.kind, one.defines.name, one);
      if (one.changesDefinitions) this.#changedAt ??= number;
      if (one.changesEncoding) this.#encodingAt ??= number;
      if (one.summary.opaque.length > 0) this.#ranUnread = true;
      const code = runs(one);
      if (code === 'dynamic' || one.opensSettings || fills(one)) this.#filled = true;
      if (code !== 'dynamic') continue;
      this.#changedAt ??= number;
      this.#encodingAt ??= number;
      this.#dynamic.add(one);
      this.#deferred = true;
    }
    if (this.#deferred) this.#unreadSent(statement);
  }

  #unreadSent(statement: Statement): void {
    if (!this.#ranUnread) this.#unread.push(statement);
    if (this.#lost.at(-1) === statement.number) return;
    this.#lost.push(statement.number);
    if (this.#lost.length > MAX_LOST) this.#lostLongAgo = this.#lost.shift() ?? 0;
  }

  /** Whether what was named behind statement `named` may be something else for statement `number`. */
  lostName(named: number, number: number): boolean {
    return named < this.#lostLongAgo || this.#lost.some((one) => one > named && one < number);
  }

  /** What cannot be read is mostly a slip of the pen, which the target refuses too: that did nothing. */
  get #unreadRan(): boolean {
    if (this.#ranUnread || this.#unread.length === 0) return this.#ranUnread;
    this.#unread = this.#unread.filter(({ finished, tags }) => !finished || tags.length > 0);
    this.#ranUnread = this.#unread.some(({ finished }) => finished);
    return this.#unread.length > 0;
  }

  /** A setting is given what may be data; whether it is what a rule masks, these rules say. */
  fillsUnder(rules: object): void {
    this.ruledBy(rules);
    this.#filledUnder = rules;
  }

  /** Under other rules what was given before may be masked. */
  ruledBy(rules: object): this {
    if (this.#filledUnder !== undefined && this.#filledUnder !== rules) this.#filled = true;
    return this;
  }

  get settingsFilled(): boolean {
    return this.#filled || this.#unreadRan;
  }

  define(kind: 'cursor' | 'prepared', name: string, reading: StatementReading): void {
    if (kind === 'cursor' && this.#cursors.size <= MAX_NAMES) this.#cursors.add(keptName(name));
    this.#name(`${kind} ${name}`, reading);
  }

  #name(key: string, reading: StatementReading): void {
    const known = this.#named.get(key);
    if (known === undefined && this.#named.size >= MAX_NAMES) return;
    this.#named.set(key, known === undefined || known === reading ? reading : 'several');
  }

  /** A portal of this name is not what DECLARE made. */
  shadow(name: string): void {
    if (this.#named.size < MAX_NAMES) this.#named.set(`cursor ${keptName(name)}`, 'several');
    else this.#ranUnread = true;
  }

  /** A portal that the client made of a statement: MOVE and FETCH in SQL reach it. */
  definePortal(name: string, reading: StatementReading): void {
    if (name !== keptName(name) || this.#cursors.size > MAX_NAMES || this.#cursors.has(name)) this.shadow(name);
    else this.#name(`cursor ${name}`, reading);
  }

  /** Whether DECLARE may have made a cursor under a portal's name. */
  mayBeCursor(name: string): boolean {
    return this.#cursors.size > MAX_NAMES || this.#cursors.has(keptName(name));
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

  /** Whether the encoding may be another than the target reported last. */
  encodingBefore(number: number, earlier: readonly StatementReading[]): boolean {
    return (
      (this.#encodingAt !== undefined && this.#encodingAt < number) ||
      earlier.some((one) => one.changesEncoding || this.#dynamic.has(one))
    );
  }

  /** No transaction is open and nothing is under way. Says whether definitions changed in what is over. */
  idle(): boolean {
    const changed = this.#changedAt !== undefined;
    this.#changedAt = undefined;
    this.#encodingAt = undefined;
    this.#deferred = false;
    return changed;
  }

  /** As it is for statement `number`; `earlier`: of its own text, those that stand before it. */
  stateFor(number: number, earlier: readonly StatementReading[]): SessionState {
    return {
      dirty: this.changedBefore(number) || earlier.some((one) => one.changesDefinitions || this.#dynamic.has(one)),
      settingsFilled: this.settingsFilled,
      defined: (kind, name) => this.defined(kind, name),
    };
  }
}
