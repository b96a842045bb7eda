// One statement while it is being read: where its tokens come from, and what it was found to do.

import type { Act, Opacity, RelationName, StatementClass, StatementSummary } from '../statement.ts';
import { MysqlFault } from './faults.ts';
import type { MysqlLexer } from './lexer.ts';

/** Of brackets, queries and texts within each other. What is read by recursion takes some ten frames for each. */
const MAX_DEPTH = 250;

interface ReadingContext {
  readonly lexer: MysqlLexer;
  /** What an earlier USE of the text made the schema of names without one. */
  readonly schema: string | undefined;
  /** Reads a text that stands in a string, as its own. */
  readonly readText: (text: string, depth: number) => readonly StatementSummary[];
  readonly depth: number;
}

export class Reading {
  readonly lexer: MysqlLexer;
  kind = '';
  readonly acts: Act[] = [];
  readonly opaque: Opacity[] = [];
  readonly nested: StatementSummary[] = [];
  readonly roles = new Set<string>();
  prepares: string | undefined;
  executes: string | undefined;
  deallocates: string | undefined;
  uses: string | undefined;
  clientFile: string | null | undefined;
  /** Names that a WITH around gave; they hide tables where no schema is written. */
  ctes: ReadonlySet<string> = new Set();
  /** Columns that were named so far, and what only the server will know: parameters and variables. */
  columns = 0;
  unknowns = 0;
  /** The last of those columns, in lower case: `table.column`. */
  column = '';
  /** Of the last relation. */
  schemaWritten = false;
  /** An INTERVAL waits for the word that says of what. */
  interval = false;
  readonly #context: ReadingContext;
  readonly #functions = new Set<string>();
  #depth: number;

  constructor(context: ReadingContext) {
    this.#context = context;
    this.lexer = context.lexer;
    this.#depth = context.depth;
  }

  // --- tokens ---

  next(): void {
    this.lexer.next();
  }

  /** A keyword or a sign. */
  at(word: string): boolean {
    return this.lexer.word === word;
  }

  atAny(words: ReadonlySet<string>): boolean {
    return this.lexer.word !== '' && words.has(this.lexer.word);
  }

  take(word: string): boolean {
    if (this.lexer.word !== word) return false;
    this.lexer.next();
    return true;
  }

  takeAny(words: ReadonlySet<string>): string | undefined {
    const { word } = this.lexer;
    if (word === '' || !words.has(word)) return undefined;
    this.lexer.next();
    return word;
  }

  /** These words in a row. */
  takeAll(...words: readonly string[]): boolean {
    if (!this.at(words[0] ?? '')) return false;
    const mark = this.lexer.mark();
    if (words.every((word) => this.take(word))) return true;
    this.lexer.reset(mark);
    return false;
  }

  expect(word: string): void {
    if (!this.take(word)) this.fail();
  }

  /** The word or sign behind this token. */
  peek(): string {
    const mark = this.lexer.mark();
    this.lexer.next();
    const { word } = this.lexer;
    this.lexer.reset(mark);
    return word;
  }

  get done(): boolean {
    return this.lexer.kind === 'end' || this.lexer.word === ';';
  }

  get atName(): boolean {
    return this.lexer.kind === 'word' || this.lexer.kind === 'name';
  }

  fail(): never {
    throw new MysqlFault('syntax', 'is not a statement that the parser knows');
  }

  name(): string {
    if (!this.atName) this.fail();
    const { name } = this.lexer;
    this.lexer.next();
    return name;
  }

  /** `table`, `schema.table`, `.table`. */
  relation(): RelationName {
    this.take('.');
    const first = this.name();
    this.schemaWritten = this.take('.');
    if (!this.schemaWritten) return this.named(first);
    return { schema: first, name: this.name() };
  }

  named(name: string): RelationName {
    const { schema } = this.#context;
    return schema === undefined ? { name } : { schema, name };
  }

  /** Every table of the current schema. */
  everyTable(): RelationName {
    const { schema } = this.#context;
    return schema === undefined ? {} : { schema };
  }

  /** Around what reads by recursion. */
  deeper<T>(read: () => T): T {
    if (this.#depth >= MAX_DEPTH) throw new MysqlFault('too_deep', 'is nested too deeply');
    this.#depth++;
    const value = read();
    this.#depth--;
    return value;
  }

  // --- findings ---

  act(act: Act): void {
    if (act.role) this.roles.add(act.role);
    this.acts.push(act);
  }

  does(verbs: readonly string[], kind: StatementClass, more: Partial<Act> = {}): void {
    this.act({ verbs, class: kind, ...more });
  }

  hides(why: string, ...verbs: readonly string[]): void {
    this.opaque.push({ why, verbs });
  }

  /** A list of ten thousand rows calls now() ten thousand times, and does one thing. */
  firstCall(key: string): boolean {
    const first = !this.#functions.has(key);
    this.#functions.add(key);
    return first;
  }

  /** A statement within this one, read from the same tokens. */
  nest(read: (inner: Reading) => void): StatementSummary {
    return this.deeper(() => {
      const inner = new Reading({ ...this.#context, depth: this.#depth });
      inner.ctes = this.ctes;
      const { start } = this.lexer;
      read(inner);
      return inner.finish({ offset: start, length: Math.max(0, this.lexer.start - start) });
    });
  }

  readText(text: string): readonly StatementSummary[] {
    return this.deeper(() => this.#context.readText(text, this.#depth));
  }

  finish(at: StatementSummary['at']): StatementSummary {
    const { prepares, executes, deallocates, uses, clientFile } = this;
    return {
      kind: this.kind || (this.acts[0]?.verbs[0] ?? 'select'),
      acts: this.acts,
      opaque: this.opaque,
      roles: [...this.roles],
      nested: this.nested,
      ...(prepares !== undefined && { prepares }),
      ...(executes !== undefined && { executes }),
      ...(deallocates !== undefined && { deallocates }),
      ...(uses !== undefined && { uses }),
      ...(clientFile !== undefined && { clientFile }),
      at,
    };
  }
}
