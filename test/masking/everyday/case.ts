// What people send, as the statements' files give it.

/** A Query of its own, or a statement with parameters in the extended protocol, or a COPY with its data. */
export type Step =
  | string
  | { readonly text: string; readonly parameters: readonly (string | null)[] }
  | { readonly text: string; readonly copy: string };

/**
 * One session. Cells are named by their column; by their number in COPY (`1`), by their letter in an error
 * or notice (`error M`, `notice M`).
 */
export interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Cells that a rule hides: each that is not NULL must look masked. */
  readonly hides?: readonly string[];
  /** Cells in which a rule hides parts, where there are any: stars in a plan, words in an error. */
  readonly hidesWithin?: readonly string[];
  /** Cells that are never the same twice: times, sizes, process ids. */
  readonly varies?: readonly string[];
}

type Cells = Omit<Case, 'name' | 'steps'>;

/** One statement, named by itself. */
export const one = (text: string, cells: Cells = {}): Case => ({ name: text, steps: [text], ...cells });

/** A session of several. */
export const session = (name: string, steps: readonly Step[], cells: Cells = {}): Case => ({ name, steps, ...cells });
