// Words of SQL and PL/pgSQL that tell what code does, beside the names of tables and functions.

/** Without these a body runs no string as a statement, opens no cursor, and changes nothing but rows. */
export const DYNAMIC_WORDS: readonly string[] =
  `execute prepare deallocate discard open fetch move cursor refcursor create alter drop import call load reset show
  names set_config client_encoding pg_settings`.split(/\s+/);

/** Beside those: what triggers of events are run for. */
export const EVENT_WORDS: readonly string[] =
  'analyze cluster comment grant into refresh reindex revoke security'.split(' ');

/** May stand in front of a parenthesis and call nothing. */
export const CALL_KEYWORDS: ReadonlySet<string> = new Set(
  `all and any array as assert begin between bigint bit by case cast char character check coalesce columns conflict cross
  cube date decimal default delete desc asc distinct do double else elseif elsif end except exception exists exit extract
  fetch filter first float following for foreach foreign from full greatest group grouping having if ilike in inner insert
  int integer intersect interval into is isnull join json_table key last lateral least left like limit loop materialized
  merge natural next no not notice notnull nullif numeric of offset on only operator or order ordinality others outer over
  overlay partition passing perform position preceding precision primary query raise range real recursive references return
  returning returns right rollup row rows schema select set sets similar slice smallint some substring symmetric table text
  then time timestamp treat trim unbounded union unique update using values varchar varying warning when where while window
  with within without xmlattributes xmlelement xmlforest xmlparse xmlpi xmlroot xmlserialize xmltable zone`.split(
    /\s+/,
  ),
);

const COMPARED =
  /\b(?:in|between|case|nullif|distinct|natural|using|any|some|all|greatest|least|order|group|union|row)\b/;

/** Operators that a text may call without their sign. */
export const OPERATOR_WORDS: ReadonlyMap<string, RegExp> = new Map([
  ...['~~', '!~~', '~~*', '!~~*'].map((sign) => [sign, /like/] as const),
  ...['~', '!~'].map((sign) => [sign, /similar/] as const),
  ...['=', '<', '>', '<=', '>='].map((sign) => [sign, COMPARED] as const),
  // Of one operator both signs.
  ['<>', new RegExp(`${COMPARED.source}|!=`)],
]);
