// What a session did that counts for later results: cursors and prepared statements by name, definitions
// changed in a transaction that is not over, settings that may hold data.

import { everyStatement } from '../../../../core/sql/statement.ts';
import type { SessionState } from './result-knowledge.ts';
import type { StatementReading, TextReading } from '../catalogue/statement-reading.ts';
import type { Statement } from '../pipeline/statement.ts';

/** Names kept; beyond, nothing is known of any new one. */
const MAX_NAMES = 10_000;
const MAX_LOST = 1_000;
/** Of one name, not known yet which of them it has. */
const MAX_MEANINGS = 100;

const MAX_NAME_BYTES = 63;
/** Stands for all names of letters that may be others at the server. */
const ANY_LETTERS = '\ufffd';
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
const isAscii = (name: string): boolean => !/[^\x00-\x7f]/.test(name);

/** As a server keeps it: 63 bytes. */
const keptName = (name: string): string => {
  if (isAscii(name)) return name.slice(0, MAX_NAME_BYTES);
  return name.includes(ANY_LETTERS) || Buffer.byteLength(name) > MAX_NAME_BYTES ? ANY_LETTERS : name;
};

/** `by` undefined: it is not known whether it was given at all. */
interface Meaning {
  readonly reading: StatementReading;
  readonly by: Pick<Statement, 'finished' | 'tags' | 'ranUnseen'> | undefined;
  /** Of the statement in its text. */
  readonly index: number;
}

/** Whether a statement of the same text may change what one behind it means. */
function changesWhatIsMeant(one: StatementReading, later: StatementReading | undefined): boolean {
  if (!one.changesDefinitions) return false;
  const { changes } = one;
  if (!changes || !later) return true;
  return [...everyStatement(later.summary)].some(
    ({ acts, opaque, executes }) =>
      opaque.length > 0 ||
      executes !== undefined ||
      acts.some(({ relation }) => relation && (relation.name === undefined || changes.has(relation.name))),
  );
}

/** COMMIT of a transaction that failed takes back what it did. */
const ENDS: ReadonlySet<string> = new Set(['commit', 'rollback', 'prepare transaction']);

/** A name that was given was free: whatever it meant before is gone. What failed gave none. */
function inEffect(meanings: readonly Meaning[]): readonly Meaning[] {
  const possible = meanings.filter(({ by, index }) => !by?.finished || by.ranUnseen || index < by.tags.length);
  const last = possible.findLastIndex(({ by, index }) => by !== undefined && index < by.tags.length);
  return last < 0 ? possible : possible.slice(last);
}

export class SessionMemory {
  /** All that a name may mean, in the order in which it was given. */
  readonly #named = new Map<string, readonly Meaning[] | 'several'>();
  /** Names that DECLARE gave. */
  readonly #cursors = new Set<string>();
  /** The number of the first statement behind which definitions may be others; undefined: they are those of the catalogue. */
  #changedAt: number | undefined;
  /** The number of the first that changed them since the transaction began; where `#changedAt` is undefined, all of that is known. */
  #firstChangeAt: number | undefined;
  #changes = 0;
  /** The same for the encoding of texts. */
  #encodingAt: number | undefined;
  /** The first that may change how dates are written, of those that the target has not reported on yet. */
  #datesAt: number | undefined;
  /** Code that nobody can read was sent: it may have made cursors of any name, and filled settings. */
  #unread: Pick<Statement, 'finished' | 'tags' | 'ranUnseen'>[] = [];
  #ranUnread = false;
  /** Behind these numbers names of prepared statements and portals may mean others, ascending. */
  readonly #lost: number[] = [];
  #lostLongAgo = 0;
  readonly #dynamic = new WeakSet<StatementReading>();
  /** They run code that cannot be followed: what stands behind one in its text may mean something else. */
  readonly #unfollowed = new WeakSet<StatementReading>();
  /** Dynamic code was sent, and the transaction is not known to be over: it may run once more, at its end. */
  #deferred = false;
  #filled = false;
  /** A setting was given what may be data, and not what these rules mask. */
  #filledUnder: object | undefined;

  /** As the target reported it. */
  readonly #dateStyle: () => string | undefined;
  /** Letters beyond ASCII are read as the target reads them. Where once they were not, which names are the same is not known. */
  readonly #readsLetters: () => boolean;
  #lettersLost = false;
  /** Code that cannot be followed is assumed to carry values to settings, and to give names another meaning. */
  readonly #strict: () => boolean;

  /** `begun`: statements were sent before anybody looked. */
  constructor(begun: boolean, strict: () => boolean, readsLetters: () => boolean, dateStyle: () => string | undefined) {
    this.#strict = strict;
    this.#readsLetters = readsLetters;
    this.#dateStyle = dateStyle;
    if (begun) this.missed();
  }

  /** Something was sent that nobody looked at. */
  missed(): void {
    this.#change(0);
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
      this.#change(number);
      this.#encodingAt ??= number;
      this.#datesAt ??= number;
      this.#unreadSent(statement);
      return;
    }
    for (const [index, one] of statements.entries()) {
      if (one.defines) this.define(one.defines.kind, one.defines.name, one, statement, index);
      // What is taken back was a change too.
      if (one.changesDefinitions || (one.summary.kind === 'rollback' && this.#firstChangeAt !== undefined))
        this.#change(number);
      if (one.changesEncoding) this.#encodingAt ??= number;
      if (one.changesDates) this.#datesAt ??= number;
      const code = runs(one);
      if (one.opensSettings || fills(one)) this.#filled = true;
      if (code !== 'dynamic') continue;
      this.#change(number);
      this.#unfollowed.add(one);
      // What the client itself wrote down to be run may do anything; the database's own code, where somebody is assumed to use it so.
      const unseen = one.summary.opaque.length > 0;
      if (unseen) this.#ranUnread = true;
      if (!unseen && !this.#strict()) continue;
      this.#filled = true;
      this.#encodingAt ??= number;
      this.#datesAt ??= number;
      this.#dynamic.add(one);
      this.#deferred = true;
    }
    if (this.#deferred) this.#unreadSent(statement);
  }

  #change(number: number): void {
    this.#changedAt ??= number;
    this.#firstChangeAt ??= number;
    this.#changes++;
  }

  /** Grows with whatever may have changed definitions. */
  get changes(): number {
    return this.#changes;
  }

  /** What was sent so far may have changed definitions, and what they are now is not known. */
  get undigested(): boolean {
    return this.#changedAt !== undefined;
  }

  /** All that was sent so far is answered, and the definitions as they are now were read. */
  digested(): void {
    this.#changedAt = undefined;
  }

  /** What was read is not how they are any more. */
  forgetDigested(): void {
    this.#changedAt ??= this.#firstChangeAt;
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
    this.#unread = this.#unread.filter(({ finished, tags, ranUnseen }) => !finished || ranUnseen || tags.length > 0);
    this.#ranUnread = this.#unread.some(({ finished }) => finished);
    return this.#unread.length > 0;
  }

  /** A setting holds what may not be shown, whoever gave it that. */
  settingHolds(): void {
    this.#filled = true;
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

  /** `by`: the text that it is statement `index` of, where SQL gives the name. */
  define(kind: 'cursor' | 'prepared', name: string, reading: StatementReading, by?: Meaning['by'], index = 0): void {
    this.#touch(name);
    if (kind === 'cursor' && this.#cursors.size <= MAX_NAMES) {
      this.#cursors.add(keptName(name));
      if (!isAscii(name)) this.#cursors.add(ANY_LETTERS);
    }
    this.#name(`${kind} ${name}`, { reading, by, index });
  }

  #touch(name: string): void {
    if (!isAscii(name) && !this.#isRead(name)) this.#lettersLost = true;
  }

  /** It is the server's name for what it stands for here. */
  #isRead(name: string): boolean {
    return isAscii(name) || (this.#readsLetters() && keptName(name) === name);
  }

  #name(key: string, meaning: Meaning): void {
    const known = this.#named.get(key);
    if (known === 'several' || (known === undefined && this.#named.size >= MAX_NAMES)) return;
    const meanings = [...inEffect(known ?? []), meaning];
    this.#named.set(key, meanings.length > MAX_MEANINGS ? 'several' : meanings);
  }

  /** A portal of this name is not what DECLARE made. */
  shadow(name: string): void {
    this.#touch(name);
    if (this.#named.size < MAX_NAMES) this.#named.set(`cursor ${keptName(name)}`, 'several');
    else this.#ranUnread = true;
  }

  /** A portal that the client made of a statement: MOVE and FETCH in SQL reach it. */
  definePortal(name: string, reading: StatementReading): void {
    this.#touch(name);
    if (name !== keptName(name) || this.#cursors.size > MAX_NAMES || this.#cursors.has(name)) this.shadow(name);
    else this.#name(`cursor ${name}`, { reading, by: undefined, index: 0 });
  }

  /** Whether DECLARE may have made a cursor under a portal's name. */
  mayBeCursor(name: string): boolean {
    const known = this.#lettersLost || !this.#isRead(name) ? ANY_LETTERS : keptName(name);
    return this.#cursors.size > MAX_NAMES || this.#cursors.has(isAscii(name) ? keptName(name) : known);
  }

  defined(kind: 'cursor' | 'prepared', name: string): StatementReading | undefined {
    if (!isAscii(name) && (this.#lettersLost || !this.#isRead(name))) return undefined;
    const meanings = this.#named.get(`${kind} ${name}`);
    if (this.#unreadRan || meanings === undefined || meanings === 'several') return undefined;
    const [first, ...others] = inEffect(meanings);
    if (!first || others.some(({ reading }) => reading !== first.reading)) return undefined;
    const known = first.reading;
    // DECLARE and PREPARE give nothing back themselves.
    return known.defines ? { ...known, result: known.defines.result } : known;
  }

  /** Whether definitions may have changed before statement `number`, in a transaction that only the session sees into. */
  changedBefore(number: number): boolean {
    return this.#changedAt !== undefined && this.#changedAt < number;
  }

  /** Definitions changed, in what is not known to be over. */
  get changing(): boolean {
    return this.#firstChangeAt !== undefined;
  }

  /** Whether the encoding may be another than the target reported last. */
  encodingBefore(number: number, earlier: readonly StatementReading[]): boolean {
    return (
      (this.#encodingAt !== undefined && this.#encodingAt < number) ||
      earlier.some((one) => one.changesEncoding || this.#dynamic.has(one))
    );
  }

  /** Nothing is under way: what changed was reported, but for encodings. */
  reported(): void {
    this.#datesAt = undefined;
  }

  /** No transaction is open and nothing is under way. Says whether definitions changed in what is over. */
  idle(): boolean {
    const changed = this.#firstChangeAt !== undefined;
    this.#firstChangeAt = undefined;
    this.#changedAt = undefined;
    this.#encodingAt = undefined;
    this.#deferred = false;
    return changed;
  }

  /** What the transaction changed before statement `number`, which was read since, is not so any more behind its end, or a part's. */
  #mayTakeBack({ summary }: StatementReading, number: number): boolean {
    return this.#firstChangeAt !== undefined && this.#firstChangeAt < number && ENDS.has(summary.kind);
  }

  /** As it is for statement `number`; `earlier`: of its own text, those that stand before it. */
  stateFor(
    number: number,
    earlier: readonly StatementReading[],
    statement?: StatementReading,
  ): Omit<SessionState, 'fault'> {
    return {
      dirty:
        this.changedBefore(number) ||
        earlier.some(
          (one) => this.#unfollowed.has(one) || this.#mayTakeBack(one, number) || changesWhatIsMeant(one, statement),
        ),
      settingsFilled: this.settingsFilled,
      datesNameZone:
        this.#dateStyle()?.startsWith('ISO') !== true ||
        (this.#datesAt !== undefined && this.#datesAt < number) ||
        statement?.changesDates === true ||
        earlier.some((one) => one.changesDates || this.#dynamic.has(one)),
      defined: (kind, name) => this.defined(kind, name),
    };
  }
}
