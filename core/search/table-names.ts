// Names of tables as SQL writes them: parts with dots between, each plain, or in quotes that stand twice where they are part of
// it (`public."Users"`, `` `order``s` ``). One reader for what a statement names and for what somebody searches.

/** A part in quotes from its first one on. undefined: it is not closed. `end`: behind its last. */
export function readQuoted(text: string, at: number): { readonly name: string; readonly end: number } | undefined {
  const quote = text[at] ?? '';
  let name = '';
  for (let from = at + 1; ; ) {
    const end = text.indexOf(quote, from);
    if (end < 0) return undefined;
    name += text.slice(from, end);
    if (text[end + 1] !== quote) return { name, end: end + 1 };
    name += quote;
    from = end + 2;
  }
}

export const opensQuotes = (letter: string | undefined): boolean => letter === '"' || letter === '`';

/** As one text that `partsOf` takes apart again: a part is in quotes where a dot or a quote in it would be taken for another. */
export const writtenName = (parts: readonly string[]): string =>
  parts.map((part) => (/[."`]/.test(part) ? `"${part.replaceAll('"', '""')}"` : part)).join('.');

/** What is not written as `writtenName` does (search segments of earlier releases) is taken as it is. */
function partsOf(written: string): string[] {
  const parts: string[] = [];
  for (let at = 0; at <= written.length; ) {
    const quoted = opensQuotes(written[at]) ? readQuoted(written, at) : undefined;
    const dot = written.indexOf('.', at);
    const end = quoted?.end ?? (dot < 0 ? written.length : dot);
    parts.push(quoted?.name ?? written.slice(at, end));
    at = end + 1;
  }
  return parts;
}

/** As names are compared: without regard to case, blanks around a part, and how accents are put together (NFC). */
export const comparedName = (parts: readonly string[]): string =>
  parts
    .map((part) => part.normalize().trim())
    .join('.')
    .toLowerCase();

/** By what a table is found: its whole name, and the same without its database and schema. */
export function namesOfTable(written: string): string[] {
  const parts = partsOf(written);
  return [...new Set(parts.map((_, i) => comparedName(parts.slice(i))))].filter((name) => name !== '');
}
