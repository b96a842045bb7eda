// Whether a statement reads the target's own catalogue and nothing else: what clients ask by themselves (psql's \d, a driver's
// introspection). By its words, and only where they leave no doubt: each table with a system schema in front, and no function that is
// not known to describe. Accounts and their passwords are no catalogue.

import { tablesIn } from './tables.ts';

const MAX_TEXT = 16 * 1024;
const SYSTEM = /^(?:pg_catalog|information_schema|performance_schema|mysql|sys)\./i;
/** Accounts, values of others' tables, and statements of others: reading them is no introspection. */
const TELLING =
  /authid|shadow|user_mapping|subscription|largeobject|pg_statistic(?:_ext_data)?$|pg_stats|stat_activity|stat_statements|processlist|^(?:mysql|sys|performance_schema)\./i;
/** May stand in front of a bracket: words of SQL, and functions that describe. */
const DESCRIBING = new Set(
  'operator select from where and or not in exists any all some array as on join left lateral case when then else end values over filter cast distinct by using union except interval varchar char numeric decimal count min max sum coalesce nullif concat upper lower replace substring length array_to_string array_agg string_agg unnest generate_series generate_subscripts format_type quote_ident current_schema current_schemas current_database database schema version obj_description col_description shobj_description array_length array_upper array_position row_number'.split(
    ' ',
  ),
);
const DESCRIBES = /^(?:pg_get_\w+|pg_\w+_is_visible|pg_encoding_to_char|pg_relation_is_publishable|has_\w+_privilege)$/;

export const isSystemTable = (name: string): boolean => SYSTEM.test(name);

export function isCatalogueQuery(statement: string): boolean {
  // Strings are values; comments and what is quoted in other ways is not looked into.
  const text = statement.replace(/'(?:[^'\\]|'')*'/g, "''").toLowerCase();
  if (statement.length > MAX_TEXT || !/^\s*select\b/.test(text) || /--|\/\*|\$\w*\$|['"`\\]{3,}|\\|;\s*\S/.test(text))
    return false;
  if (/\binto\b|\bfor\s+(?:update|share)\b|["`]\s*\(/.test(text)) return false;
  const tables = tablesIn(statement);
  if (tables.length === 0 || !tables.every((name) => isSystemTable(name) && !TELLING.test(name))) return false;
  return [...text.matchAll(/([\p{L}_][\p{L}\p{N}_$]*)\s*\(/gu)].every(
    ([, name = '']) => DESCRIBING.has(name) || DESCRIBES.test(name),
  );
}
