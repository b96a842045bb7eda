// Lines of CSV (RFC 4180): UTF-8, CRLF, quotes only where they are needed. NULL is nothing between two commas and an empty text is "",
// as PostgreSQL's COPY has them.
//
// A spreadsheet runs a cell that begins like a formula, and what stands in a cell may be a stranger's. So such a cell gets an apostrophe
// in front, which a spreadsheet takes for "this is text"; plain numbers stay. `exact` leaves all as it was recorded, for programs.

type Cell = string | null;

/** Also in their wide forms. What a spreadsheet trims or does not show in front is passed over: blanks, U+FEFF, controls. */
const FORMULA = /^(?:[\t\r]|[\s\p{Default_Ignorable_Code_Point}\p{Cc}]*[=+\-@\uff1d\uff0b\uff0d\uff20])/u;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
/** A # in front would look like a line of ours; `\.` ends COPY's data; some readers trim what is not quoted. */
const TO_QUOTE = /[",\r\n]|^#|^\s|\s$|^\\\.$/;

export function csvLine(cells: readonly Cell[], exact: boolean): string {
  return `${cells.map((cell) => csvCell(cell, exact)).join(',')}\r\n`;
}

function csvCell(cell: Cell, exact: boolean): string {
  if (cell === null) return '';
  const value = exact || !FORMULA.test(cell) || NUMBER.test(cell) ? cell : `'${cell}`;
  return value === '' || TO_QUOTE.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** A word of ours about the rows, on a line of its own. No recorded line begins with # and has no quote: a cell that did is quoted. */
export const csvNote = (words: string): string => `# ${words.replaceAll('"', "'")}\r\n`;
