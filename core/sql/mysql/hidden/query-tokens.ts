// Where the queries of a text are, and their parts, by its tokens: brackets, terms of a set operation, items, aliases.
//
//   WITH c (a) AS (query) SELECT item, item AS x FROM t, (query) d (b) WHERE ... UNION (query) ORDER BY ...
//
// Only words that every server reserves end anything here: what is a name to one of them is taken for one.

import type { Token } from './text-tokens.ts';

export interface TokenSpan {
  readonly from: number;
  /** Behind its last token. */
  readonly to: number;
}

/** Between SELECT and the first item. */
export const MODIFIERS: ReadonlySet<string> = new Set([
  ...['all', 'distinct', 'distinctrow', 'high_priority', 'straight_join', 'sql_small_result', 'sql_big_result'],
  ...['sql_buffer_result', 'sql_cache', 'sql_no_cache', 'sql_calc_found_rows'],
]);
const SET_OPERATIONS: ReadonlySet<string> = new Set(['union', 'except', 'intersect', 'minus']);
const BEHIND_OPERATION: ReadonlySet<string> = new Set(['select', '(', 'all', 'distinct', 'values', 'table', 'with']);
const BEGINS_QUERY: ReadonlySet<string> = new Set(['select', 'with', 'values', 'table']);
/** Behind items, tables, or a query in brackets. */
const CLAUSES: ReadonlySet<string> = new Set([
  ...['where', 'group', 'having', 'order', 'limit', 'into', 'for', 'lock', 'procedure'],
]);
/** Behind these no alias stands. All are reserved: no column has their name without quotes. */
const OPERATORS: ReadonlySet<string> = new Set([
  ...['and', 'or', 'not', 'xor', 'is', 'in', 'between', 'like', 'regexp', 'rlike', 'div', 'mod', 'binary', 'collate'],
  ...['interval', 'case', 'when', 'then', 'else', 'exists', 'distinct', 'select'],
]);
/** Behind these stands a value or an alias: a column may have their name. */
const PERHAPS_OPERATORS: ReadonlySet<string> = new Set(['escape', 'like', 'of', 'over', 'zone', 'any', 'some', 'all']);

export class QueryTokens {
  readonly tokens: readonly Token[];
  readonly #closing = new Map<number, number>();

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
    const open: number[] = [];
    tokens.forEach(({ word }, at) => {
      if (word === '(') open.push(at);
      const from = word === ')' ? open.pop() : undefined;
      if (from !== undefined) this.#closing.set(from, at);
    });
  }

  word(at: number): string {
    return this.tokens[at]?.word ?? '';
  }

  name(at: number): string | undefined {
    return this.tokens[at]?.name;
  }

  depth(at: number): number {
    return this.tokens[at]?.depth ?? 0;
  }

  /** Of the bracket that opens at `at`; the text's end where none does. */
  close(at: number): number {
    return this.#closing.get(at) ?? this.tokens.length;
  }

  /** UNION and its kin; the same words without a query behind them are names. */
  isOperation(at: number): boolean {
    return SET_OPERATIONS.has(this.word(at)) && BEHIND_OPERATION.has(this.word(at + 1));
  }

  isClause(at: number): boolean {
    const word = this.word(at);
    // WITHIN GROUP (ORDER BY ...), t FOR SYSTEM_TIME ..., t FOR PORTION OF ...
    if (word === 'group') return this.word(at - 1) !== 'within';
    if (word === 'for') return this.word(at + 1) !== 'system_time' && this.word(at + 1) !== 'portion';
    return CLAUSES.has(word);
  }

  /** A bracket that holds a query, and not an expression which begins with one. */
  opensQuery(at: number): boolean {
    // By a loop: a text may open thousands of brackets.
    let first = at;
    while (this.word(first) === '(' && this.word(first + 1) === '(') first++;
    if (this.word(first) !== '(' || !BEGINS_QUERY.has(this.word(first + 1))) return false;
    for (let inner = first; inner > at; inner--) {
      const behind = this.close(inner) + 1;
      if (behind !== this.close(inner - 1) && !this.isOperation(behind) && !this.isClause(behind)) return false;
    }
    return true;
  }

  /** Of the query that begins at `at`: up to a set operation or the bracket around it. */
  endOfTerm(at: number, to = this.tokens.length): number {
    const depth = this.depth(at);
    let end = at + 1;
    while (end < to && this.depth(end) >= depth && !(this.depth(end) === depth && this.isOperation(end))) end++;
    return end;
  }

  /** Of SELECT at `at`: its items, and its tables, up to a clause behind them. Not `sure`: it has words that are not read so. */
  partsOf(
    at: number,
    to: number,
  ): { readonly items: readonly TokenSpan[]; readonly tables: TokenSpan; readonly sure: boolean } {
    const depth = this.depth(at);
    let from = at + 1;
    while (MODIFIERS.has(this.word(from))) from++;
    const items: TokenSpan[] = [];
    let end = from;
    for (; end < to; end++) {
      if (this.depth(end) !== depth) continue;
      if (this.word(end) === ',') {
        items.push({ from, to: end });
        from = end + 1;
      } else if (this.word(end) === 'from' || this.isClause(end)) break;
    }
    items.push({ from, to: end });
    const tables = this.word(end) === 'from' && end < to ? end + 1 : end;
    let behind = tables;
    while (behind < to && !(this.depth(behind) === depth && this.isClause(behind))) behind++;
    // FROM stands once, and behind the items.
    let sure = true;
    for (let k = tables; k < to; k++) if (this.word(k) === 'from' && this.depth(k) === depth) sure = false;
    return { items, tables: { from: tables, to: behind }, sure };
  }

  /** `a.b.c` at `at`: behind it; `at` where there is no name. */
  endOfName(at: number, to: number): number {
    if (at >= to || this.name(at) === undefined) return at;
    let end = at + 1;
    while (end + 1 < to && this.word(end) === '.' && this.name(end + 1) !== undefined) end += 2;
    return end;
  }

  /** Where the item may have an alias. `certain`: the last of them is one. */
  aliasesOf({ from, to }: TokenSpan): { readonly at: readonly number[]; readonly certain: boolean } {
    const depth = this.depth(from);
    const at: number[] = [];
    for (let k = from + 1; k < to; k++) {
      const token = this.tokens[k] as Token;
      if (token.word === 'as') continue;
      if (token.depth === depth && (token.name !== undefined || token.literal === 'string') && this.#mayPrecede(k - 1))
        at.push(k);
    }
    // 'a' 'b' is one string.
    const isString = (k: number): boolean => this.tokens[k]?.literal === 'string';
    const goesOn = PERHAPS_OPERATORS.has(this.word(to - 2)) || (isString(to - 1) && isString(to - 2));
    return { at, certain: at.at(-1) === to - 1 && !goesOn };
  }

  /** An alias may stand behind it: it ends a value. */
  #mayPrecede(at: number): boolean {
    const { word, name } = this.tokens[at] as Token;
    if (name !== undefined) return !OPERATORS.has(word);
    // Signs have a word; values have none.
    return word === '' || word === ')' || word === '}';
  }

  /** The item without its alias. */
  withoutAlias(item: TokenSpan): TokenSpan {
    const { certain } = this.aliasesOf(item);
    if (!certain) return item;
    return { from: item.from, to: item.to - (this.word(item.to - 2) === 'as' ? 2 : 1) };
  }

  /** `(a, b)` at `at`: its names; undefined: it is no list of names. */
  namesIn(at: number): readonly string[] | undefined {
    if (this.word(at) !== '(') return undefined;
    const names: string[] = [];
    for (let k = at + 1; ; k += 2) {
      const name = this.name(k);
      if (name === undefined) return undefined;
      names.push(name);
      if (this.word(k + 1) === ')') return names;
      if (this.word(k + 1) !== ',') return undefined;
    }
  }
}
