// What the columns of a query hold of hidden columns. A value gets another name by an alias or a list of names alone, so
// the names are what is followed, wherever in the statement they stand: whatever may hold a hidden column is hidden too.
//
//   SELECT d.n, t.*, d.s FROM t JOIN (SELECT count(ssn) AS n, concat(ssn) AS s FROM people WHERE ssn IS NOT NULL) d
//          |    |    unknown: s is a name of what is made of one
//          |    a star: by the names of its columns
//          clear: how many there are, and whether there is one, is not hidden

import type { Token } from './text-tokens.ts';
import { QueryTokens, type TokenSpan } from './query-tokens.ts';

/** clear: no hidden column takes part. column: it is one of that name, as it is. unknown: it may be made of one. */
export type SelectItem = 'clear' | { readonly column: string } | 'unknown';

interface QueryColumns {
  readonly before: readonly SelectItem[];
  /** Columns between them of which only their names tell. */
  readonly star: boolean;
  readonly after: readonly SelectItem[];
}

export interface ResultColumns extends QueryColumns {
  /** By the name of a column that a star stands for. Undefined: tables alone stand behind FROM, and the target says which. */
  readonly byName: ((name: string) => SelectItem) | undefined;
}

/** What is too entangled for that is taken as a whole. */
const MAX_PASSES = 40;
const MAX_STEPS = 2_000_000;
/** Of brackets that open one behind another. */
const MAX_BRACKETS = 64;
const DERIVES: ReadonlySet<string> = new Set(['select', 'values', 'table', 'json_table', 'lateral', 'with']);

const VALUES_BY_NAME =
  /^(\\?n|null|true|false|unknown|default|user|current_.*|session_user|system_user|local.*|utc_.*|sys.*)$/;

/** Of the query in `tokens`. Undefined: it cannot be told. */
export function columnsOf(tokens: readonly Token[], hidden: (name: string) => boolean): ResultColumns | undefined {
  const last = tokens.at(-1)?.word === ';' ? tokens.length - 1 : tokens.length;
  const whole = tokens.slice(0, last);
  if (isEntangled(whole)) return undefined;
  const reader = new ColumnsReader(new QueryTokens(whole), hidden);
  const columns = reader.read();
  return columns && { ...columns, byName: reader.hasTablesAlone ? undefined : (name) => reader.named(name, true) };
}

/** It has columns under names that are not read here, or more brackets than anybody needs. */
function isEntangled(tokens: readonly Token[]): boolean {
  let brackets = 0;
  return tokens.some(({ word }, at) => {
    brackets = word === '(' ? brackets + 1 : 0;
    const behind = tokens[at + 1]?.word ?? '';
    return (
      brackets > MAX_BRACKETS ||
      word === ';' ||
      word === 'name_const' ||
      // NEXT VALUE FOR
      (word === 'value' && behind === 'for') ||
      (word === 'values' && (behind === '(' || behind === 'row'))
    );
  });
}

/** Names that may stand for hidden columns. */
class HidingNames {
  readonly #kinds = new Map<string, SelectItem>();
  /** Expressions without an alias are called by their text: any name that is no plain one may be such. */
  odd = false;
  changed = false;

  add(name: string, kind: SelectItem): void {
    const key = name.trim().toLowerCase();
    if (!isPlain(key)) this.addOdd();
    const known = this.#kinds.get(key);
    const now = known === undefined ? kind : merged(known, kind);
    if (known !== undefined && isSame(known, now)) return;
    this.#kinds.set(key, now);
    this.changed = true;
  }

  addOdd(): void {
    this.changed ||= !this.odd;
    this.odd = true;
  }

  kindOf(name: string): SelectItem {
    const key = name.trim().toLowerCase();
    if (this.odd && (!isPlain(key) || /^name_exp_\d+$/.test(key))) return 'unknown';
    return this.#kinds.get(key) ?? 'clear';
  }
}

/** Longer ones are cut by servers. */
const isPlain = (name: string): boolean => /^[\w$]{1,59}$/.test(name);

const isSame = (a: SelectItem, b: SelectItem): boolean =>
  a === b || (typeof a === 'object' && typeof b === 'object' && a.column.toLowerCase() === b.column.toLowerCase());

const merged = (a: SelectItem, b: SelectItem): SelectItem =>
  a === 'clear' || isSame(a, b) ? b : b === 'clear' ? a : 'unknown';

class ColumnsReader {
  readonly #q: QueryTokens;
  readonly #hidden: (name: string) => boolean;
  /** Of queries in brackets: known everywhere. */
  readonly #inner = new HidingNames();
  /** Of the outermost query's items, which queries within them may name. */
  readonly #outer = new HidingNames();
  #lost = false;
  #steps = 0;
  /** Of queries by where they begin, as far as names are known. */
  readonly #queries = new Map<number, QueryColumns | undefined>();
  hasTablesAlone = false;

  constructor(q: QueryTokens, hidden: (name: string) => boolean) {
    this.#q = q;
    this.#hidden = hidden;
  }

  read(): QueryColumns | undefined {
    const end = this.#q.tokens.length;
    for (let pass = 0; ; pass++) {
      if (pass > MAX_PASSES) return undefined;
      this.#inner.changed = false;
      this.#outer.changed = false;
      this.#queries.clear();
      this.#findNames(pass % 2 === 1);
      if (this.#lost) return undefined;
      if (!this.#inner.changed && !this.#outer.changed) break;
    }
    this.hasTablesAlone = this.#tablesAlone();
    return this.#query({ from: 0, to: end });
  }

  /** `atTop`: where names of the outermost items are not known. */
  named(name: string, atTop: boolean): SelectItem {
    const given = atTop ? this.#inner.kindOf(name) : merged(this.#inner.kindOf(name), this.#outer.kindOf(name));
    return this.#hidden(name) ? merged({ column: name }, given) : given;
  }

  #tablesAlone(): boolean {
    const q = this.#q;
    const end = q.tokens.length;
    if (q.word(0) !== 'select' || q.endOfTerm(0, end) !== end) return false;
    const { tables } = q.partsOf(0, end);
    return !q.tokens.slice(tables.from, tables.to).some(({ word }) => DERIVES.has(word));
  }

  // --- names ---

  #findNames(backwards: boolean): void {
    const { tokens } = this.#q;
    for (let k = 0; k < tokens.length; k++) this.#findAt(backwards ? tokens.length - 1 - k : k);
  }

  #findAt(at: number): void {
    const q = this.#q;
    const word = q.word(at);
    if (word === 'select') {
      const end = q.endOfTerm(at);
      const into = q.depth(at) === 0 ? this.#outer : this.#inner;
      const { items, sure } = q.partsOf(at, end);
      if (!sure) this.#lost = true;
      for (const item of items) this.#addItem(item, this.#item(item), into);
    } else if (word === '(' && q.opensQuery(at)) this.#addQuery(at);
    else if (word === 'json_table' && q.word(at + 1) === '(') this.#addJsonTable(at + 1);
  }

  #addItem(item: TokenSpan, kind: SelectItem | 'star', into: HidingNames): void {
    if (kind === 'clear' || kind === 'star') return;
    const q = this.#q;
    const { at, certain } = q.aliasesOf(item);
    for (const place of at) {
      const { name, value } = q.tokens[place] as Token;
      const alias = name ?? value;
      if (alias === undefined) this.#lost = true;
      else this.#add(into, alias, certain && place === item.to - 1 ? kind : 'unknown');
    }
    if (!certain && typeof kind !== 'object') into.addOdd();
  }

  #add(into: HidingNames, name: string, kind: SelectItem): void {
    // Servers compare names without accents.
    if (/[^\x20-\x7e]/.test(name)) this.#lost = true;
    else into.add(name, kind);
  }

  /** A query in brackets: by the names of a list, or of its first term. */
  #addQuery(at: number): void {
    const q = this.#q;
    const close = q.close(at);
    const columns = this.#query({ from: at + 1, to: close });
    const clear = columns !== undefined && isClear(columns);
    if (columns && !columns.star) this.#addFirst(at + 1, columns.before, this.#isOfOneTerm(at));
    else if (!clear && !this.#isOfOneTerm(at)) this.#lost = true;
    for (const list of [this.#listBehind(close), this.#listBefore(at)]) {
      if (!list || clear) continue;
      const kinds = columns?.star === false && columns.before.length === list.length ? columns.before : undefined;
      list.forEach((name, index) => {
        const kind = kinds ? kinds[index] : 'unknown';
        if (kind !== undefined && kind !== 'clear') this.#add(this.#inner, name, kind);
      });
    }
  }

  /** The columns of all terms have the names of the first. */
  #addFirst(at: number, kinds: readonly SelectItem[], alone: boolean): void {
    const q = this.#q;
    let first = at;
    while (q.word(first) === '(') first++;
    if (q.word(first) === 'with') first = this.#behindWith(first) ?? first;
    while (q.word(first) === '(') first++;
    if (q.word(first) !== 'select') return;
    const { items } = q.partsOf(first, q.endOfTerm(first));
    items.forEach((item, index) => {
      const kind = kinds[index];
      if (kind === undefined || kind === 'clear') return;
      this.#addItem(item, kind, this.#inner);
      const bare = q.withoutAlias(item);
      // \N is called NULL; of the others servers write the name as they like.
      const said = bare.to === item.to && bare.to === bare.from + 1 ? q.word(bare.from) : '';
      if (!alone && VALUES_BY_NAME.test(said)) this.#lost = true;
      else if (bare.to === item.to && q.endOfName(bare.from, bare.to) === bare.to)
        this.#add(this.#inner, q.name(bare.to - 1) ?? '', kind);
      else if (alone || this.#isCalledByAlias(item, bare)) {
        if (bare.to === item.to) this.#inner.addOdd();
      } else if (this.#isCall(item)) this.#inner.addOdd();
      // 'a', 1, (a), +a: servers derive a plain name, which other terms then give their values under.
      else this.#lost = true;
    });
  }

  /** And the alias is no string that only goes on with another: 'a' 'b', n'a' */
  #isCalledByAlias(item: TokenSpan, bare: TokenSpan): boolean {
    const { word, literal } = this.#q.tokens[item.to - 1] as Token;
    return bare.to < item.to && word !== ')' && (literal !== 'string' || this.#q.word(item.to - 2) === 'as');
  }

  /** f(...): called by its text, which has brackets. */
  #isCall({ from, to }: TokenSpan): boolean {
    const q = this.#q;
    return /^\w+$/.test(q.word(from)) && q.word(from + 1) === '(' && q.close(from + 1) === to - 1;
  }

  #isOfOneTerm(at: number): boolean {
    const q = this.#q;
    return ['select', 'table'].includes(q.word(at + 1)) && q.endOfTerm(at + 1, q.close(at)) === q.close(at);
  }

  /** `(query) d (a, b)`, `(query) AS d (a, b)` */
  #listBehind(close: number): readonly string[] | undefined {
    const q = this.#q;
    const alias = q.word(close + 1) === 'as' ? close + 2 : close + 1;
    return q.name(alias) === undefined ? undefined : q.namesIn(alias + 1);
  }

  /** `c (a, b) AS (query)` */
  #listBefore(at: number): readonly string[] | undefined {
    const q = this.#q;
    if (q.word(at - 1) !== 'as' || q.word(at - 2) !== ')') return undefined;
    for (let open = at - 3; open >= 0; open--) if (q.word(open) === '(') return q.namesIn(open);
    return undefined;
  }

  #addJsonTable(at: number): void {
    const q = this.#q;
    const close = q.close(at);
    const within = { from: at + 1, to: close };
    if (this.#value(within, false).length === 0) return;
    for (let k = within.from; k < close; k++) {
      const name = q.name(k);
      if (name !== undefined) this.#add(this.#inner, name, 'unknown');
    }
  }

  // --- columns ---

  #query(span: TokenSpan): QueryColumns | undefined {
    if (!this.#queries.has(span.from)) this.#queries.set(span.from, this.#readQuery(span));
    return this.#queries.get(span.from);
  }

  #readQuery({ from, to }: TokenSpan): QueryColumns | undefined {
    const q = this.#q;
    let at = q.word(from) === 'with' ? this.#behindWith(from) : from;
    let all: QueryColumns | undefined;
    while (at !== undefined && at < to) {
      const word = q.word(at);
      let columns: QueryColumns | undefined;
      let end: number;
      if (word === '(') {
        columns = this.#query({ from: at + 1, to: q.close(at) });
        end = q.close(at) + 1;
        if (end < to && !q.isOperation(end) && !q.isClause(end)) return undefined;
        while (end < to && !(q.depth(end) === q.depth(at) && q.isOperation(end))) end++;
      } else {
        end = q.endOfTerm(at, to);
        if (word === 'select') columns = this.#select(at, end);
        else if (word === 'table') columns = { before: [], star: true, after: [] };
      }
      if (!columns) return undefined;
      all = all === undefined ? columns : joined(all, columns);
      if (!all || end >= to) return all;
      at = end + 1;
      if (q.word(at) === 'all' || q.word(at) === 'distinct') at++;
    }
    return undefined;
  }

  /** WITH [RECURSIVE] c [(a, b)] AS (query) [CYCLE a RESTRICT], ... */
  #behindWith(from: number): number | undefined {
    const q = this.#q;
    let at = q.word(from + 1) === 'recursive' ? from + 2 : from + 1;
    for (;;) {
      if (q.name(at++) === undefined) return undefined;
      if (q.word(at) === '(') at = q.close(at) + 1;
      if (q.word(at) !== 'as' || !q.opensQuery(at + 1)) return undefined;
      at = q.close(at + 1) + 1;
      if (q.word(at) === 'cycle') return undefined;
      if (q.word(at) !== ',') return at;
      at++;
    }
  }

  #select(at: number, to: number): QueryColumns | undefined {
    const kinds = this.#q.partsOf(at, to).items.map((item) => this.#item(item));
    const first = kinds.indexOf('star');
    const last = kinds.lastIndexOf('star');
    const items = (some: readonly (SelectItem | 'star')[]) => some.filter((kind) => kind !== 'star');
    if (first < 0) return { before: items(kinds), star: false, after: [] };
    // Between two stars nobody can tell which column is whose.
    if (kinds.slice(first, last).includes('unknown')) return undefined;
    return { before: items(kinds.slice(0, first)), star: true, after: items(kinds.slice(last + 1)) };
  }

  #item(item: TokenSpan): SelectItem | 'star' {
    const q = this.#q;
    const { from, to } = item;
    const named = q.word(to - 2) === '.' && q.endOfName(from, to - 2) === to - 2;
    if (q.word(to - 1) === '*' && (to - 1 === from || named)) return 'star';
    const atTop = q.depth(from) === 0;
    const bare = q.withoutAlias(item);
    const found = this.#value(bare, atTop);
    if (found.length === 0) return 'clear';
    const isColumn = q.endOfName(bare.from, bare.to) === bare.to;
    const [column] = found;
    return isColumn && found.length === 1 && column !== undefined ? column : 'unknown';
  }

  /** What takes part in an expression. */
  #value({ from, to }: TokenSpan, atTop: boolean): readonly SelectItem[] {
    const q = this.#q;
    const found: SelectItem[] = [];
    for (let at = from; at < to; ) {
      if (this.#steps++ > MAX_STEPS) this.#lost = true;
      if (this.#lost) return ['unknown'];
      const word = q.word(at);
      const behind = this.#behindCounted(at);
      if (behind !== undefined) at = behind;
      else if (word === 'exists' && q.opensQuery(at + 1)) at = q.close(at + 1) + 1;
      else if (q.opensQuery(at)) {
        const columns = this.#query({ from: at + 1, to: q.close(at) });
        if (!columns || !isClear(columns)) found.push('unknown');
        at = q.close(at) + 1;
      } else {
        // What begins a query where none is expected.
        if (word === 'table' || word === 'select') found.push('unknown');
        const end = q.endOfName(at, to);
        if (end > at && !this.#isNullTest(end)) found.push(...this.#chain(at, end, atTop));
        at = Math.max(end, at + 1);
      }
    }
    return found;
  }

  #chain(at: number, end: number, atTop: boolean): readonly SelectItem[] {
    const q = this.#q;
    for (let k = at; k < end - 1; k += 2) if (this.#hidden(q.name(k) ?? '')) return ['unknown'];
    const kind = this.named(q.name(end - 1) ?? '', atTop);
    return kind === 'clear' ? [] : [kind];
  }

  /** COUNT(*), COUNT([DISTINCT] a, b), ISNULL(a): how many there are, and whether there is one. */
  #behindCounted(at: number): number | undefined {
    const q = this.#q;
    const word = q.word(at);
    if ((word !== 'count' && word !== 'isnull') || q.word(at + 1) !== '(') return undefined;
    const close = q.close(at + 1);
    let k = word === 'count' && q.word(at + 2) === 'distinct' ? at + 3 : at + 2;
    if (word === 'count' && q.word(k) === '*' && k + 1 === close) return close + 1;
    for (;;) {
      const end = q.endOfName(k, close);
      if (end === k) return undefined;
      if (end === close) return close + 1;
      if (q.word(end) !== ',') return undefined;
      k = end + 1;
    }
  }

  /** `IS [NOT] NULL` stands at `at`. */
  #isNullTest(at: number): boolean {
    const q = this.#q;
    return q.word(at) === 'is' && q.word(q.word(at + 1) === 'not' ? at + 2 : at + 1) === 'null';
  }
}

const isClear = ({ before, star, after }: QueryColumns): boolean =>
  !star && [...before, ...after].every((kind) => kind === 'clear');

/** Of a set operation, whose columns go by their places. */
function joined(a: QueryColumns, b: QueryColumns): QueryColumns | undefined {
  if (a.star || b.star || a.before.length !== b.before.length) return undefined;
  return { before: a.before.map((kind, at) => merged(kind, b.before[at] ?? 'unknown')), star: false, after: [] };
}
