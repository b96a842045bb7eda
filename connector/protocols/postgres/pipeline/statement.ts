// What the pipeline knows of a session's statements: what was prepared under which name, what was bound, and
// what was executed. names.ts and pipeline.ts keep them; the rooms behind read them.

import type { Parameter } from '../../../../core/recording/facts/database.ts';
import type { Summaries } from '../../../../core/policy/sections/judge.ts';
import type { PgTextSettings } from '../../../../core/sql/postgres/postgres.ts';
import type { Secrets } from '../../../sql/found-secrets.ts';
import type { ErrorFields } from '../wire/messages.ts';

/** What was prepared: how it is judged, whenever it is bound or executed. */
export interface StatementSource {
  /** The whole text as the target got it; undefined: not kept, or not readable in its encoding. */
  readonly text: string | undefined;
  /** The settings that the target read it under. */
  readonly settings: PgTextSettings;
  /** PREPARE in SQL: its summaries in place of a text. */
  readonly read?: Summaries;
}

export interface Prepared {
  readonly name: string;
  /** As recorded. */
  text: string;
  textBytes: number | undefined;
  /** OIDs as the client gave them, then as the target described them. */
  types: readonly number[];
  /** Undefined: nobody knows any more what stands under this name. */
  source: StatementSource | undefined;
  /** That its text says or takes; undefined: none. */
  secrets?: Secrets | undefined;
}

/** `taken`: a cursor may have the name, for all that is known of the session. `code`: if code of the database took it. */
export type Doubt = 'taken' | 'code';

export interface Portal {
  readonly name: string;
  /** The statement's name. */
  readonly statement: string;
  readonly prepared: Prepared | undefined;
  /** All that the name may have stood for when it was bound. */
  readonly meanings: readonly Prepared[];
  readonly parameters: Parameter[];
  /** Formats of the result: none: all text; one: for all; 0 text, 1 binary. Undefined: not read. */
  readonly formats: readonly number[] | undefined;
  /** Where its Bind stands in the client's bytes. */
  readonly offset: number;
  executed: boolean;
  /** It was held at its Bind: its first Execute is that statement. */
  held: Statement | undefined;
  /** Its latest Execute. */
  latest: Statement | undefined;
  /** Syncs that the client sent before its Bind. */
  readonly segment: number;
  /** The last statement that began before its Bind, or before `uncertain` was set. */
  since: number;
  /** A cursor of SQL may have its name. */
  uncertain: Doubt | undefined;
}

/** A name's latest meaning, and the one it has if the message that changed it had no effect. */
export interface Entry {
  /** Undefined: closed. */
  readonly prepared: Prepared | undefined;
  /** Undefined as soon as the target has answered. */
  before: Entry | undefined;
  /** Syncs sent before it; undefined where a failure would not make the target pass over what follows (Query). */
  readonly segment: number | undefined;
  readonly sequence: number;
}

export type Undo =
  | { readonly of: 'prepared'; readonly name: string; readonly entry: Entry }
  | { readonly of: 'portal'; readonly name: string; readonly before: Portal | undefined };

export type Form = 'simple' | 'extended' | 'function';

/** One request that runs something: of a portal that is executed in parts, each of them. */
export interface Statement {
  /** Grows with each. */
  readonly number: number;
  /** Its number in the facts. */
  readonly action: number;
  /** It goes on with a portal that an earlier one began, and is the same action. */
  readonly continued: boolean;
  readonly startedUs: number;
  /** The portal's name, where one was executed. */
  readonly portal: string | undefined;
  readonly tags: string[];
  error: ErrorFields | undefined;
  finished: boolean;
  /** No more than so many rows were asked for: there may be more. */
  limited: boolean;
  /** Its portal has more rows. */
  suspended: boolean;
  /** Its Execute was sent. */
  executed: boolean;
  /** What PREPARE statements in it made, by their place in its text. Undefined: nobody looked. */
  prepares: readonly { readonly index: number; readonly undo: Undo }[] | undefined;
  /** Names.sequence when it was sent. */
  sequence: number;
  /** What it is, for those who rewrite its answer. Undefined: nobody read it. */
  source: StatementSource | undefined;
  /** The target ran it, whatever the client was told: its result, or one before it, was refused. */
  ranUnseen: boolean;
  /** Of a FunctionCall: the function's number. */
  calls: number | undefined;
}
