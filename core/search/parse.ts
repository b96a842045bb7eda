// Reads what somebody typed into the search field.
//
//   query    = group+                        all of them
//   group    = item ("or" item)*             any of them: `or` joins its neighbours, before what stands beside them is added
//   item     = "-"? (word "*"? | '"' phrase '"' "*"? | field ":" value "*"? | "(" query ")")
//   value    = word | '"' phrase '"', and of a table a name as SQL writes it (table-names.ts)
//
// Whatever is typed is either read or refused with the place and the way out; nothing of it is anybody else's syntax.

import { err, ok, type Result } from '../result.ts';
import { listedValue } from './closed-fields.ts';
import { AMOUNT_FIELDS, type SearchExpression, TIME_FIELDS, VALUE_FIELDS } from './query.ts';
import { comparedName, opensQuotes, readQuoted } from './table-names.ts';
import { textTokens } from './tokens.ts';
import { readAmount, readDuration, readRows, readTime, TIME_FORMS } from './values.ts';

/** In UTF-16 units. */
export const MAX_QUERY = 1000;
const MAX_ITEMS = 50;
const MAX_DEPTH = 20;
/** Shorter beginnings fit most of what there is. */
const MIN_PREFIX = 2;

export interface QueryMistake {
  readonly message: string;
  /** Where in the query, in UTF-16 units. */
  readonly from: number;
  readonly to: number;
}

/** For people: what is wrong, and where. */
export const describeQueryMistake = ({ message, from, to }: QueryMistake): string =>
  to - from < 2 ? `${message} (at character ${from + 1})` : `${message} (characters ${from + 1} to ${to})`;

/** `now`: milliseconds since 1970, for `since:2h`. */
export function parseQuery(text: string, now: number): Result<SearchExpression, QueryMistake> {
  if (text.length > MAX_QUERY)
    return err({ message: `A query has at most ${MAX_QUERY} characters.`, from: MAX_QUERY, to: text.length });
  const parser = new Parser(text, now);
  try {
    return ok(parser.read());
  } catch (thrown) {
    if (thrown instanceof Mistake) return err({ message: thrown.message, from: thrown.from, to: thrown.to });
    throw thrown;
  }
}

/**
 * Where somebody may have meant more by it than is read: `and` and `not` are words (a statement that is pasted has them), and signs
 * are not searched for. undefined: nothing of the kind, or no query at all. A sentence or two, for people.
 */
export function queryHint(text: string, now: number): string | undefined {
  const parser = new Parser(text.slice(0, MAX_QUERY), now);
  try {
    parser.read();
  } catch (thrown) {
    if (!(thrown instanceof Mistake)) throw thrown;
    return undefined;
  }
  const hints = new Set([...parser.bare].flatMap((word) => MEANT.get(word) ?? []));
  return hints.size === 0 ? undefined : [...hints].join(' ');
}

const MEANT: ReadonlyMap<string, string> = new Map([
  ['and', 'Words beside each other are all looked for: "and" between them is a word like any other.'],
  ['not', 'What stands behind "not" is looked for as well: write -word to leave out what has it.'],
  ['&&', 'Signs are not searched for: words beside each other are all looked for.'],
  ['||', 'Signs are not searched for: write "or" to find either.'],
]);

class Mistake extends Error {
  readonly from: number;
  readonly to: number;
  constructor(message: string, from: number, to: number) {
    super(message);
    this.from = from;
    this.to = to;
  }
}

/** undefined: signs alone, which are not searched for. */
type Item = SearchExpression | undefined;

const FIELD = /^([a-z]+):(?!\/\/)/i;
const SPACE = /\s/;
const WORDLY = /[\p{L}\p{N}]/u;

class Parser {
  readonly #text: string;
  readonly #now: number;
  #at = 0;
  #items = 0;
  /** Words that stood in no quotes, in lower case. */
  readonly bare = new Set<string>();

  constructor(text: string, now: number) {
    this.#text = text;
    this.#now = now;
  }

  read(): SearchExpression {
    const all = this.#all(0);
    if (all === undefined)
      throw new Mistake('Say what to search for: a word, a "phrase", or a field such as user:alice.', 0, this.#at);
    return all;
  }

  #all(depth: number): Item {
    const found: SearchExpression[] = [];
    for (;;) {
      this.#skipSpace();
      if (this.#at >= this.#text.length || (depth > 0 && this.#text[this.#at] === ')')) break;
      const any = this.#any(depth);
      if (any) found.push(any);
    }
    return joined('all', found);
  }

  #any(depth: number): Item {
    const found: SearchExpression[] = [];
    const start = this.#at;
    if (this.#takeOr()) throw new Mistake('Something must stand before "or".', start, this.#at);
    for (;;) {
      const item = this.#item(depth);
      if (item) found.push(item);
      this.#skipSpace();
      const before = this.#at;
      if (!this.#takeOr()) break;
      this.#skipSpace();
      const next = this.#text[this.#at];
      if (next === undefined || next === ')') throw new Mistake('Something must follow "or".', before, this.#at);
    }
    return joined('any', found);
  }

  #item(depth: number): Item {
    const start = this.#at;
    if (++this.#items > MAX_ITEMS)
      throw new Mistake(`A query has at most ${MAX_ITEMS} words and fields.`, start, this.#text.length);
    const next = this.#text[this.#at + 1];
    if (this.#text[this.#at] === '-' && next !== undefined && next !== '-' && !SPACE.test(next)) {
      this.#at++;
      const item = this.#plain(depth);
      return item && { kind: 'not', of: item };
    }
    return this.#plain(depth);
  }

  #plain(depth: number): Item {
    const start = this.#at;
    switch (this.#text[start]) {
      case '"':
        return this.#words(this.#quoted(), this.#takeStar(), start);
      case '(': {
        if (depth === MAX_DEPTH) throw new Mistake('Too many parentheses stand in each other.', start, start + 1);
        this.#at++;
        const inside = this.#all(depth + 1);
        if (this.#text[this.#at] !== ')')
          throw new Mistake(
            'This parenthesis is not closed. To search for the sign, put it in quotes.',
            start,
            start + 1,
          );
        this.#at++;
        return inside;
      }
      default: {
        const [named, name = ''] = FIELD.exec(this.#text.slice(start)) ?? [];
        if (named !== undefined) return this.#field(name.toLowerCase(), start, start + named.length);
        return this.#word(depth);
      }
    }
  }

  #word(depth: number): Item {
    const start = this.#at;
    const text = this.#bare(depth);
    this.bare.add(text.toLowerCase());
    const middle = /[\p{L}\p{N}]\*[\p{L}\p{N}]/u.exec(text);
    if (middle) {
      const at = start + middle.index + middle[0].indexOf('*');
      throw new Mistake(
        'A star stands for the end of a word only. To search for the sign, put it in quotes.',
        at,
        at + 1,
      );
    }
    const star = text.endsWith('*') && WORDLY.test(text.at(-2) ?? '');
    return this.#words(text, star, start);
  }

  #words(text: string, prefix: boolean, start: number): Item {
    const { parts, whole } = textTokens(text);
    if (parts.length === 0) return undefined;
    if (prefix && (whole.at(-1)?.term.length ?? 0) < MIN_PREFIX && /^[\0-\x7f]*$/.test(text))
      throw new Mistake(`At least ${MIN_PREFIX} letters stand before a star.`, start, this.#at);
    const terms = (tokens: readonly { readonly term: string }[]) => tokens.map(({ term }) => term);
    return { kind: 'words', parts: terms(parts), whole: terms(whole), prefix };
  }

  #field(name: string, start: number, valueStart: number): SearchExpression {
    this.#at = valueStart;
    if (name === 'table') return this.#table(start);
    const quoted = this.#text[valueStart] === '"';
    const bare = quoted ? this.#quoted() : this.#bare(1);
    const star = quoted ? this.#takeStar() : bare.endsWith('*');
    const value = star && !quoted ? bare.slice(0, -1) : bare;
    const mistake = (message: string) => new Mistake(message, start, this.#at);
    if (value === '' && !star)
      throw mistake(`A value must follow ${name}: at once. To search for the word, put it in quotes.`);
    const field = VALUE_FIELDS.find((each) => each === name);
    if (field) {
      const listed = listedValue(field, value.trim().toLowerCase(), star);
      if (!listed.ok) throw mistake(listed.error);
      return { kind: 'value', field, value: listed.value, prefix: star };
    }
    const amount = AMOUNT_FIELDS.find((each) => each === name);
    if (amount) {
      const range = star ? undefined : readAmount(value, amount === 'rows' ? readRows : readDuration);
      if (range) return { kind: 'amount', field: amount, ...range };
      throw mistake(
        amount === 'rows'
          ? 'rows: takes a number: rows:5, rows:>1000, rows:10..20.'
          : 'duration: takes a number with its unit (us, ms, s, m, h, d): duration:>5s, duration:10ms..1s.',
      );
    }
    const time = TIME_FIELDS.find((each) => each === name);
    if (!time) {
      const known = [...VALUE_FIELDS, ...AMOUNT_FIELDS, ...TIME_FIELDS].join(', ');
      throw mistake(`There is no field ${name}. There are ${known}. To search for the text, put it in quotes.`);
    }
    const at = star ? undefined : readTime(value, this.#now, time === 'until');
    if (at === undefined) throw mistake(`${time}: takes ${TIME_FORMS(time)}. Without a zone it is UTC.`);
    return time === 'since'
      ? { kind: 'time', from: at, until: Number.POSITIVE_INFINITY }
      : { kind: 'time', from: Number.NEGATIVE_INFINITY, until: at };
  }

  #table(start: number): SearchExpression {
    const parts: string[] = [];
    let prefix = false;
    do {
      const at = this.#at;
      if (opensQuotes(this.#text[at])) {
        const read = readQuoted(this.#text, at);
        if (!read) throw new Mistake('This quote is not closed.', at, at + 1);
        this.#at = read.end;
        parts.push(read.name);
        prefix = this.#takeStar();
      } else {
        const [part = ''] = /^[^\s"`.()]*/.exec(this.#text.slice(at)) ?? [];
        this.#at += part.length;
        prefix = part.endsWith('*');
        parts.push(prefix ? part.slice(0, -1) : part);
      }
    } while (!prefix && this.#takeDot());
    const value = comparedName(parts);
    if (value === '' && !prefix)
      throw new Mistake(
        'A table must follow table: at once, in quotes where it has blanks: table:"Order Items". To search for the word, put it in quotes.',
        start,
        this.#at,
      );
    return { kind: 'value', field: 'table', value, prefix };
  }

  #takeDot(): boolean {
    if (this.#text[this.#at] !== '.') return false;
    this.#at++;
    return true;
  }

  /** To the next space, quote, or parenthesis that closes a group: `count(id)` is all of it. */
  #bare(depth: number): string {
    const start = this.#at;
    let open = 0;
    for (; this.#at < this.#text.length; this.#at++) {
      const letter = this.#text[this.#at] ?? '';
      if (SPACE.test(letter) || letter === '"') break;
      if (letter === '(') open++;
      if (letter === ')' && open-- === 0) {
        if (depth > 0) break;
        open = 0;
      }
    }
    return this.#text.slice(start, this.#at);
  }

  #quoted(): string {
    const start = this.#at;
    const end = this.#text.indexOf('"', start + 1);
    if (end < 0) throw new Mistake('This quote is not closed.', start, start + 1);
    this.#at = end + 1;
    return this.#text.slice(start + 1, end);
  }

  #takeStar(): boolean {
    if (this.#text[this.#at] !== '*') return false;
    this.#at++;
    return true;
  }

  #takeOr(): boolean {
    const [word] = /^or(?=[\s"()]|$)/i.exec(this.#text.slice(this.#at)) ?? [];
    if (word === undefined) return false;
    this.#at += word.length;
    return true;
  }

  #skipSpace(): void {
    while (SPACE.test(this.#text[this.#at] ?? '')) this.#at++;
  }
}

function joined(kind: 'all' | 'any', of: readonly SearchExpression[]): Item {
  return of.length < 2 ? of[0] : { kind, of };
}
