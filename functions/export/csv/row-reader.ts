// What a database's protocol brings to CSV: all rows of its results, whole, read from the recorded bytes.

/** One row: texts, or null for NULL. */
type Row = readonly (string | null)[];

export type RowEvent =
  /** A result begins; its rows follow. `copied`: they are lines of what was copied out as text, of one cell each. */
  | { readonly kind: 'columns'; readonly names: readonly string[]; readonly copied?: true }
  | { readonly kind: 'row'; readonly cells: Row }
  /** `more`: of the same rows some come with a later answer, should the client ask for them. */
  | { readonly kind: 'end'; readonly more: boolean }
  /** Something of it is not here; words for people. */
  | { readonly kind: 'note'; readonly words: string };

/** Of one lane; it follows both directions from their beginning. */
export interface RowReader {
  client(chunk: Uint8Array): void;
  /** `answer`: of what statement these bytes are the answer, and whether they begin it; undefined: of none. */
  target(chunk: Uint8Array, answer: AnswerPart | undefined): RowEvent[];
  /** What one that goes on from here needs (checkpoints.ts), as JSON. undefined: not here. */
  state(): unknown;
}

export interface AnswerPart {
  /** As in the fact that began it. */
  readonly form: AnswerForm;
  readonly begins: boolean;
}

export type AnswerForm = 'simple' | 'extended' | 'function';

/** Of one row, as sent; what is longer is cut and says so. A recorded row may have a gigabyte. */
export const MAX_ROW_BYTES = 16 * 1024 * 1024;

/** In place of the rest of a value. */
export const cutMark = (bytes: number): string => `… (cut: ${bytes} bytes were recorded)`;
