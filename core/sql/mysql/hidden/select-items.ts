// The items of one plain query, and which of them hold a hidden column.
//
//   SELECT a, t.ssn, concat(ssn), t.*, count(*) FROM t JOIN u ON ... WHERE ...
//          |  |      |            |    clear
//          |  |      unknown      a star: as the target says of each
//          |  the column itself
//          clear

import type { Token } from './text-tokens.ts';

/** clear: no hidden column takes part. column: it is one of that name, as it is. unknown: it may be made of one. */
export type SelectItem = 'clear' | { readonly column: string } | 'unknown';

interface Items {
  readonly kind: 'items';
  readonly before: readonly SelectItem[];
  readonly star: boolean;
  readonly after: readonly SelectItem[];
}

const MODIFIERS: ReadonlySet<string> = new Set([
  ...['all', 'distinct', 'distinctrow', 'high_priority', 'straight_join', 'sql_small_result', 'sql_big_result'],
  ...['sql_buffer_result', 'sql_cache', 'sql_no_cache', 'sql_calc_found_rows'],
]);
const SET_OPERATIONS: ReadonlySet<string> = new Set(['union', 'except', 'intersect', 'minus']);
const AFTER_FROM: ReadonlySet<string> = new Set([
  ...['where', 'group', 'having', 'order', 'limit', 'window', 'for', 'lock', 'offset', 'fetch', 'procedure'],
]);
/** In a list of tables these bring columns under other names. */
const DERIVES: ReadonlySet<string> = new Set(['select', 'values', 'table', 'json_table', 'lateral', 'with']);

/** Undefined: it is no plain query of tables. */
export function readItems(tokens: readonly Token[], hidden: (name: string) => boolean): Items | undefined {
  const whole = tokens.filter(({ word }) => word !== ';');
  if (whole[0]?.word !== 'select') return undefined;
  const atTop = (words: ReadonlySet<string>) => (token: Token) => token.depth === 0 && words.has(token.word);
  if (whole.some(atTop(SET_OPERATIONS))) return undefined;
  const from = whole.findIndex(({ word, depth }) => word === 'from' && depth === 0);
  if (from < 0) return undefined;
  const rest = whole.findIndex((token, at) => at > from && atTop(AFTER_FROM)(token));
  const tables = whole.slice(from + 1, rest < 0 ? whole.length : rest);
  if (tables.some(({ word }) => DERIVES.has(word))) return undefined;
  const items: Token[][] = [[]];
  let first = 1;
  while (MODIFIERS.has(whole[first]?.word ?? '')) first++;
  for (const token of whole.slice(first, from)) {
    if (token.word === ',' && token.depth === 0) items.push([]);
    else items.at(-1)?.push(token);
  }
  const read = items.map((item) => kindOf(item, hidden));
  // A query within an item may name the alias of another item.
  const aliased = read.some((kind) => kind !== 'clear' && kind !== 'star');
  const kinds = read.map((kind, at) =>
    aliased && kind === 'clear' && items[at]?.some(({ word }) => word === 'select') ? 'unknown' : kind,
  );
  const stars = kinds.flatMap((kind, at) => (kind === 'star' ? [at] : []));
  const [firstStar, lastStar] = [stars[0], stars.at(-1)];
  const asItems = (some: readonly (SelectItem | 'star')[]) => some.filter((kind) => kind !== 'star');
  if (firstStar === undefined || lastStar === undefined)
    return { kind: 'items', before: asItems(kinds), star: false, after: [] };
  // Between two stars nobody can tell which column is whose.
  if (kinds.slice(firstStar, lastStar).includes('unknown')) return undefined;
  return {
    kind: 'items',
    before: asItems(kinds.slice(0, firstStar)),
    star: true,
    after: asItems(kinds.slice(lastStar + 1)),
  };
}

function kindOf(item: readonly Token[], hidden: (name: string) => boolean): SelectItem | 'star' {
  const words = item.map(({ word }) => word);
  if (words.at(-1) === '*' && item.slice(0, -1).every(({ word, name }) => word === '.' || name !== undefined))
    return 'star';
  const within = words.includes('select') || words.includes('table');
  if (
    within &&
    words.some(
      (word, at) =>
        word === 'table' || (word === '*' && ['select', '.', 'all', 'distinct'].includes(words[at - 1] ?? '')),
    )
  )
    return 'unknown';
  const mentioned = item.some(({ name }) => name !== undefined && hidden(name));
  if (!mentioned) return 'clear';
  if (within) return 'unknown';
  const column = withoutAlias(item);
  if (
    column.every(({ word, name }, at) => (at % 2 === 0 ? name !== undefined : word === '.')) &&
    column.length % 2 === 1
  )
    return column.slice(0, -1).some(({ name }) => name !== undefined && hidden(name))
      ? 'unknown'
      : { column: column.at(-1)?.name ?? '' };
  return isCounted(column) ? 'clear' : 'unknown';
}

/** `x AS a`, `x a`, `x 'a'`. */
function withoutAlias(item: readonly Token[]): readonly Token[] {
  const last = item.at(-1);
  const before = item.at(-2);
  if (!last || !before || (last.name === undefined && !last.literal)) return item;
  if (before.word === 'as') return item.slice(0, -2);
  return before.name !== undefined || before.word === ')' ? item.slice(0, -1) : item;
}

/** COUNT(*) and COUNT([DISTINCT] column) tell how many there are. */
function isCounted(item: readonly Token[]): boolean {
  if (item[0]?.word !== 'count' || item[1]?.word !== '(' || item.at(-1)?.word !== ')') return false;
  const within = item.slice(item[2]?.word === 'distinct' ? 3 : 2, -1);
  if (within.length === 1 && within[0]?.word === '*') return true;
  return (
    within.length % 2 === 1 && within.every(({ word, name }, at) => (at % 2 === 0 ? name !== undefined : word === '.'))
  );
}
