// A result that must not be shown and has no masked form ends with an error in its place: which column, why, and what
// to do instead. Never NULL, which would be an answer.

import { errorResponse } from '../wire/messages.ts';

/** Why a result, or a column of it, cannot be shown. No data in it, and nothing of the statement but names. */
export interface ResultRefusal {
  /** insufficient_privilege: a rule is the reason. feature_not_supported: it cannot be followed. */
  readonly code: '42501' | '0A000';
  readonly why: string;
  readonly hint: string;
  /** From 1 on; undefined: all of it. */
  readonly column?: number;
  /** As the target described it. */
  readonly name?: string;
}

/** What is wrong with a statement, for all columns that hang on it. */
export type Reason = Pick<ResultRefusal, 'code' | 'why' | 'hint'>;

const DIRECT = 'Select the columns of tables and views directly, without it; what no rule hides comes through then.';
const ALONE = 'Send the statements one by one, each when the one before it was answered.';

const unfollowed = (why: string, hint: string): Reason => ({ code: '0A000', why, hint });

export const REASONS = {
  lineage: unfollowed('it is not certain which columns of tables it is made of', DIRECT),
  unread: unfollowed(
    'the statement could not be read, or is longer than 64 KiB',
    'Select columns of tables by their names in a shorter statement.',
  ),
  undescribed: unfollowed('the result was never described', 'Have the client ask for a description (Describe).'),
  earlierName: unfollowed(
    'what was prepared or declared under this name is not certain',
    'Prepare it, or declare the cursor, again under a name that was not used before.',
  ),
  definitions: unfollowed(
    'statements before it in the same text or pipeline, or another session meanwhile, may have changed what its names mean',
    ALONE,
  ),
  settings: unfollowed(
    'it may show a setting that was given what a rule hides',
    'Ask for another setting by its name, or in a new session.',
  ),
  rewritten: unfollowed(
    'rules or triggers of the table put values of their own in its rows',
    'Leave RETURNING out, and select the rows afterwards.',
  ),
  copyForm: unfollowed(
    'the form of the copied data is not certain',
    'Name the format and its options in the COPY itself, and copy columns of tables.',
  ),
  largeObjects: unfollowed(
    'it reads large objects, which may hold what a rule hides, and the rule is strict',
    'Read it in a session whose rules are not strict.',
  ),
  called: unfollowed(
    'a function was called by its number, and what it reads is not known',
    'Call it in a SELECT, by its name.',
  ),
  tooLong: unfollowed(
    'a function that was called by its number gave more than 1 MiB, which is not searched',
    'Call it in a SELECT, by its name.',
  ),
  encoding: unfollowed(
    'in this client_encoding the bytes of a letter cannot be told from ASCII, so it cannot be searched',
    'Set client_encoding to UTF8.',
  ),
  planForm: unfollowed(
    'a plan in this form cannot be searched for values of the statement',
    'Ask for EXPLAIN in text, JSON or YAML.',
  ),
  failed: unfollowed('masking failed', 'Tell an administrator; other columns come through.'),
} as const satisfies Record<string, Reason>;

/** `fault`: in the words of whoever loads it. */
export const catalogueMissing = (fault: string | undefined): Reason =>
  unfollowed(
    `the database's catalogue could not be read (${fault ?? 'it is too old'})`,
    'Try again; if it stays so, tell an administrator.',
  );

/** `what`: the first thing that could not be followed. */
export const ownCode = (what: string): Reason => unfollowed(what, DIRECT);

/** Of a type that has no masked form of its own. */
export const noMaskedForm = (rule: string): Reason => ({
  code: '42501',
  why: `rule ${rule} hides what it is made of, and no value of its type could be told from a real one`,
  hint: 'Cast it to text to get the masked form, leave it out, or have the rule say `with: null`.',
});

/** A whole ErrorResponse. `stands`: the target ran it outside a transaction, and it writes. */
export function refusedResult({ code, why, hint, column, name }: ResultRefusal, stands: boolean): Buffer {
  const what = column === undefined ? 'the result' : `column ${column}${name ? ` (${quoted(name)})` : ''}`;
  const still = stands ? ' The statement itself ran: what it changed stands.' : '';
  return errorResponse('ERROR', code, `Gatehouse: ${what} cannot be shown: ${why}.`, `${hint}${still}`);
}

/** In ASCII, which every encoding has, and short. */
const quoted = (name: string): string => `"${name.slice(0, 63).replaceAll(/[^ -~]/g, '?')}"`;

/** Thrown where a cell turns out to have no form that may be shown: the row's result is refused. */
export class CellRefused extends Error {
  readonly refusal: ResultRefusal;

  constructor(refusal: ResultRefusal) {
    super(refusal.why);
    this.refusal = refusal;
  }
}
