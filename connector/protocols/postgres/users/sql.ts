// Names and values in statements of the gateway's own.

export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
/** Read alike whatever `standard_conforming_strings` says. */
export const literal = (text: string): string => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

/** Settings whose value is a list of names, kept as they were written with each of them quoted where it must be. */
const LISTS: ReadonlySet<string> = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'temp_tablespaces',
]);
const ELEMENT = /\s*(?:"((?:[^"]|"")*)"|([^\s",]+))\s*(,|$)/y;

/** `TO` what, in ALTER ROLE ... SET; undefined: the value cannot be read. */
export function settingValue(name: string, value: string): string | undefined {
  if (!LISTS.has(name.toLowerCase())) return literal(value);
  if (value === '') return "''";
  const elements: string[] = [];
  ELEMENT.lastIndex = 0;
  for (;;) {
    const found = ELEMENT.exec(value);
    if (!found) return undefined;
    elements.push(literal(found[1]?.replaceAll('""', '"') ?? found[2]?.toLowerCase() ?? ''));
    if (found[3] === '') return elements.join(', ');
  }
}
