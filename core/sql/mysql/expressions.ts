// Expressions, as far as they do something: functions that are called, variables that are set, queries within. Operators
// and their precedence are of no matter here; where a list of them ends is.

import { mysqlFunction } from './functions.ts';
import type { Reading } from './reading.ts';

/** Reads a query up to the closing bracket. Given in by queries.ts, which reads expressions itself. */
type QueryReader = (r: Reading) => void;

export const SET_OPERATIONS: ReadonlySet<string> = new Set(['union', 'except', 'intersect']);
const QUERY_BEGINS: ReadonlySet<string> = new Set(['select', 'with', 'table', 'values']);
export const NO_WORDS: ReadonlySet<string> = new Set();

/** Reserved, and functions all the same where a bracket follows. */
const ALSO_FUNCTIONS: ReadonlySet<string> = new Set(['left', 'right', 'replace', 'insert', 'values', 'if', 'value']);

/** Words of expressions that are neither columns nor functions. */
const NO_COLUMNS: ReadonlySet<string> = new Set(
  `and or not xor is null true false unknown in between like escape regexp rlike div mod binary collate interval case
  when then else end exists any some all distinct distinctrow as using sounds member of against match boolean natural
  language mode query expansion current_date current_time current_timestamp current_user localtime localtimestamp
  utc_date utc_time utc_timestamp sysdate default order by asc desc separator over partition rows range groups
  preceding following unbounded current row exclude both leading trailing from for at time zone local date timestamp
  on empty error columns path ordinality nested returning group having limit offset where`.split(/\s+/),
);
/** No function, though a bracket follows. */
const NO_FUNCTIONS: ReadonlySet<string> = new Set(
  `and or not xor is in between like escape regexp rlike div binary collate interval case when then else end exists any
  some all distinct distinctrow as using against match order by over partition rows range on columns row where having
  limit group values value set partitions returning select for key index primary unique foreign references check
  engine default comment`.split(/\s+/),
);
const UNITS: ReadonlySet<string> = new Set(
  `microsecond second minute hour day week month quarter year second_microsecond minute_microsecond minute_second
  hour_microsecond hour_second hour_minute day_microsecond day_second day_minute day_hour year_month`.split(/\s+/),
);

export class Expressions {
  readonly #readSubquery: QueryReader;

  constructor(readSubquery: QueryReader) {
    this.#readSubquery = readSubquery;
  }

  /** Up to the statement's end, to a bracket that closes none of these, or to one of the words or signs outside brackets. */
  read(r: Reading, stops: ReadonlySet<string>): void {
    const { lexer } = r;
    for (let open = 0; ; ) {
      const { word } = lexer;
      if (word === '(') {
        r.next();
        if (this.startsQuery(r)) {
          this.query(r);
          r.expect(')');
        } else open++;
      } else if (word === ')') {
        if (open === 0) return;
        open--;
        r.next();
      } else if (r.done) {
        if (open > 0) r.fail();
        return;
      } else if (open === 0 && word !== '' && stops.has(word) && !this.#isFunction(r)) return;
      else this.part(r);
    }
  }

  startsQuery(r: Reading): boolean {
    return r.atAny(QUERY_BEGINS) && !(r.at('with') && r.peek() === '(');
  }

  query(r: Reading): void {
    r.deeper(() => this.#readSubquery(r));
  }

  /** What stands between brackets, both of them included. */
  bracketed(r: Reading): void {
    r.expect('(');
    if (this.startsQuery(r)) this.query(r);
    else this.read(r, NO_WORDS);
    r.expect(')');
  }

  #isFunction(r: Reading): boolean {
    return ALSO_FUNCTIONS.has(r.lexer.word) && r.peek() === '(';
  }

  /** A value, an operator or a word. Never a bracket. */
  part(r: Reading): void {
    const { lexer } = r;
    switch (lexer.kind) {
      case 'word':
        this.#word(r);
        return;
      case 'name':
        this.#named(r, lexer.name, false);
        return;
      case 'variable': {
        const { name } = lexer;
        r.unknowns++;
        r.next();
        if (r.at(':=')) setUserVariable(r, name);
        return;
      }
      case 'parameter':
      case 'system variable':
        r.unknowns++;
        r.next();
        // @@global.x
        while (r.take('.')) r.name();
        return;
      default:
        r.next();
    }
  }

  #word(r: Reading): void {
    const { lexer } = r;
    const { word } = lexer;
    if (word === 'select' || word === 'with' || word === 'table') {
      // WITH ROLLUP, WITH QUERY EXPANSION, WITH ORDINALITY; JSON_DUALITY_OBJECT(WITH (INSERT) 'key': column) of a view.
      if (word !== 'with' || (r.peek() === '(' && !r.kind.endsWith(' view'))) r.fail();
      r.next();
      return;
    }
    if (SET_OPERATIONS.has(word)) {
      r.next();
      if (!r.take('all')) r.take('distinct');
      if (this.startsQuery(r)) this.query(r);
      return;
    }
    if ((word === 'next' || word === 'previous') && r.takeAll(word, 'value', 'for')) {
      r.does(['function'], word === 'next' ? 'write' : 'read', {
        relation: r.relation(),
        function: { name: word === 'next' ? 'nextval' : 'lastval' },
      });
      return;
    }
    if (word === 'collate' || word === 'using' || word === 'as') {
      r.next();
      if (r.atName || lexer.kind === 'string') r.next();
      return;
    }
    if (r.interval && UNITS.has(word) && r.peek() !== '(') {
      r.interval = false;
      r.next();
      return;
    }
    if (word === 'interval') r.interval = true;
    this.#named(r, word, true);
  }

  /** A column, or a function where a bracket follows. */
  #named(r: Reading, first: string, plain: boolean): void {
    const { lexer } = r;
    const parts = [first];
    r.next();
    while (r.take('.')) {
      if (!r.atName) {
        // t.*
        r.take('*');
        parts.push('*');
        break;
      }
      parts.push(lexer.name);
      r.next();
    }
    if (r.at('(') && !(plain && NO_FUNCTIONS.has(first))) {
      called(r, parts.at(-2), parts.at(-1) ?? '');
      return;
    }
    if (plain && parts.length === 1) {
      if (NO_COLUMNS.has(first)) return;
      // _utf8mb4'x'
      if (first.startsWith('_') && (lexer.kind === 'string' || lexer.kind === 'number')) return;
    }
    r.columns++;
    r.column = parts.join('.').toLowerCase();
  }
}

function called(r: Reading, schema: string | undefined, name: string): void {
  const folded = name.toLowerCase();
  if (!r.firstCall(`${schema ?? ''}.${folded}`)) return;
  const called = { ...(schema !== undefined && { schema }), name: folded };
  const known = mysqlFunction(folded);
  r.does(['function'], known?.class ?? 'read', { function: called, ...(!known && { free: true }) });
  if (known?.hides !== undefined) r.opaque.push({ why: `${folded} ${known.hides}`, verbs: [], function: called });
}

/** It is no more than a value of the session. */
export function setUserVariable(r: Reading, name: string): void {
  r.does(['set'], 'session', { setting: `@${name.toLowerCase()}`, free: true });
}
