// Whether a WHERE chooses among rows at all. A guard against accidents: `where 1` and `where id = id` are seen
// through, a condition that happens to hold for every row is not.

import { expressions } from './query-reading.ts';
import type { Reading } from './reading.ts';

/** unsure: it depends on the row, or on what only the server will know. constant: the same for every row, whatever it is. */
type Truth = 'always' | 'never' | 'unsure' | 'constant';

const BOOLEAN: ReadonlySet<string> = new Set(['and', 'or', 'xor', '&&', '||']);
const COMPARES: ReadonlySet<string> = new Set(['=', '<=>', '>=', '<=']);
/** Reads the condition behind WHERE up to one of the words. */
export function readsChoice(r: Reading, stops: ReadonlySet<string>): boolean {
  const { columns } = r;
  const truth = readOr(r, stops, []);
  return truth === 'never' || (truth === 'unsure' && r.columns > columns);
}

function readOr(r: Reading, stops: ReadonlySet<string>, parts: string[]): Truth {
  return r.deeper(() => {
    let truth = readAnd(r, stops, parts);
    // Under PIPES_AS_CONCAT it is one long text, which may be true whatever the row.
    while (r.take('or') || r.take('||')) truth = either(truth, readAnd(r, stops, parts));
    return truth;
  });
}

function either(a: Truth, b: Truth): Truth {
  if (a === 'always' || b === 'always') return 'always';
  if (a === 'constant' || b === 'constant') return 'constant';
  return a === 'never' && b === 'never' ? 'never' : 'unsure';
}

function both(a: Truth, b: Truth): Truth {
  if (a === 'never' || b === 'never') return 'never';
  if (a === 'unsure' || b === 'unsure') return 'unsure';
  return a === 'constant' || b === 'constant' ? 'constant' : 'always';
}

function readAnd(r: Reading, stops: ReadonlySet<string>, parts: string[]): Truth {
  let truth = readXor(r, stops, parts);
  while (r.take('and') || r.take('&&')) truth = both(truth, readXor(r, stops, parts));
  return truth;
}

function readXor(r: Reading, stops: ReadonlySet<string>, parts: string[]): Truth {
  const { columns, unknowns } = r;
  let truth = readTest(r, stops, parts);
  while (r.take('xor')) {
    readTest(r, stops, parts);
    truth = r.columns === columns && r.unknowns === unknowns ? 'constant' : 'unsure';
  }
  return truth;
}

/** What stands between AND and OR. */
function readTest(r: Reading, stops: ReadonlySet<string>, parts: string[]): Truth {
  const { lexer } = r;
  const { columns, unknowns } = r;
  const first = parts.length;
  let inverted = false;
  while (r.take('not') || r.take('!')) inverted = !inverted;
  let inner: Truth | undefined;
  let betweens = 0;
  for (let count = 0; ; count++) {
    const { word } = lexer;
    if (word === '(') {
      r.next();
      if (expressions.startsQuery(r)) {
        expressions.query(r);
        inner = undefined;
        note(parts, '?');
      } else {
        const truth = readOr(r, NOTHING, parts);
        inner = count === 0 ? truth : undefined;
        while (r.take(',')) {
          inner = undefined;
          readOr(r, NOTHING, parts);
        }
      }
      // Whatever else may stand there: AS and USING of functions, ORDER BY.
      if (!r.at(')')) {
        inner = undefined;
        expressions.read(r, NOTHING);
      }
      r.expect(')');
      continue;
    }
    if (r.done || word === ')' || word === ',' || (word !== '' && stops.has(word) && r.peek() !== '(')) break;
    if (word === 'and' && betweens > 0) betweens--;
    else if (word !== '' && BOOLEAN.has(word)) break;
    inner = undefined;
    if (word === 'case') {
      readCase(r);
      note(parts, '?');
      continue;
    }
    if (word === 'between') betweens++;
    readPart(r, parts);
  }
  const truth = inner ?? truthOf(r, { columns, unknowns }, parts.slice(first));
  if (!inverted || truth === 'unsure' || truth === 'constant') return truth;
  return truth === 'always' ? 'never' : 'always';
}

const NOTHING: ReadonlySet<string> = new Set();

function truthOf(r: Reading, before: Pick<Reading, 'columns' | 'unknowns'>, parts: readonly string[]): Truth {
  if (r.columns > before.columns) return comparesWithItself(parts) ? 'always' : 'unsure';
  if (r.unknowns > before.unknowns) return 'unsure';
  return constantTruth(parts);
}

function note(parts: string[], part: string): void {
  if (parts.length < 4096) parts.push(part);
}

/** Notes a name as `:a.b`, a number as `#1`, a string as `'x`, an operator or a word as itself. */
function readPart(r: Reading, parts: string[]): void {
  const { lexer } = r;
  const { kind, start, end, word } = lexer;
  const { columns } = r;
  const value = kind === 'string' ? (lexer.value ?? '') : '';
  expressions.part(r);
  if (r.columns > columns) note(parts, `:${r.column}`);
  else if (kind === 'number') note(parts, `#${lexer.text.slice(start, end)}`);
  else note(parts, kind === 'string' ? `'${value}` : word || '?');
}

/** `id = id`, `t.id >= id`: what one of them leaves out is what the other has. */
function comparesWithItself(parts: readonly string[]): boolean {
  const [left = '', sign = '', right = ''] = parts;
  if (parts.length !== 3 || !COMPARES.has(sign) || !left.startsWith(':') || !right.startsWith(':')) return false;
  const [a, b] = [left.slice(1), right.slice(1)];
  return a === b || a.endsWith(`.${b}`) || b.endsWith(`.${a}`);
}

const FALSE: ReadonlySet<string> = new Set(['null', 'false', 'unknown']);

function constantTruth(parts: readonly string[]): Truth {
  const [left = '', sign = '', right = ''] = parts;
  if (parts.length === 1) {
    if (FALSE.has(left)) return 'never';
    if (left === 'true') return 'always';
    if (!left.startsWith('#') && !left.startsWith("'")) return 'constant';
    const value = Number.parseFloat(left.slice(1));
    return value === 0 || Number.isNaN(value) ? 'never' : 'always';
  }
  if (parts.length !== 3 || !left.startsWith('#') || !right.startsWith('#')) return 'constant';
  const [a, b] = [Number(left.slice(1)), Number(right.slice(1))];
  if (Number.isNaN(a) || Number.isNaN(b)) return 'constant';
  const holds: Readonly<Record<string, boolean>> = {
    '=': a === b,
    '<=>': a === b,
    '<>': a !== b,
    '!=': a !== b,
    '<': a < b,
    '<=': a <= b,
    '>': a > b,
    '>=': a >= b,
  };
  const known = holds[sign];
  return known === undefined ? 'constant' : known ? 'always' : 'never';
}

function readCase(r: Reading): void {
  r.deeper(() => {
    r.next();
    for (;;) {
      if (r.take('end')) return;
      if (r.at('case')) readCase(r);
      else if (r.at('(')) expressions.bracketed(r);
      else if (r.done || r.at(')')) r.fail();
      else expressions.part(r);
    }
  });
}
