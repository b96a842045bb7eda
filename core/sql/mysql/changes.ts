// What a text may change in its session, for whoever must know how the next one is read.

import { everyStatement, type StatementSummary } from '../statement.ts';

/** Once the target has run it, all of it, or up to where it failed. */
export interface SessionChanges {
  /** `sql_mode`. */
  readonly modes: boolean;
  /** `character_set_client`. */
  readonly characterSet: boolean;
  /** The current database, by `USE` or by dropping it. */
  readonly database: boolean;
  /** Which of its variables the session reports (`session_track_*`). */
  readonly tracking: boolean;
  /** A transaction may begin or end, by its own words or by a statement that commits. */
  readonly transaction: boolean;
  /** Names may be prepared or dropped that the summaries do not show. */
  readonly prepared: boolean;
}

/** These touch no transaction, and commit none. */
const WITHIN: ReadonlySet<string> = new Set([
  ...['select', 'select into outfile', 'select into dumpfile', 'insert', 'replace', 'update', 'delete', 'explain'],
  ...['show', 'do', 'help', 'use', 'signal', 'get diagnostics', 'handler', 'savepoint', 'release', 'prepare'],
  ...['deallocate', 'kill', 'set role'],
]);
const OPENS_READING: ReadonlySet<string> = new Set(['autocommit', 'transaction_isolation']);

/** undefined: nobody could read it, so all of it. */
export function changesOf(summaries: readonly StatementSummary[] | undefined): SessionChanges {
  if (!summaries)
    return { modes: true, characterSet: true, database: true, tracking: true, transaction: true, prepared: true };
  let modes = false;
  let characterSet = false;
  let database = false;
  let tracking = false;
  let transaction = false;
  let prepared = false;
  for (const top of summaries) {
    for (const { kind, acts, opaque, uses, executes } of everyStatement(top)) {
      const unseen = executes !== undefined || opaque.some(mayActUnseen(kind));
      if (unseen) {
        modes = true;
        characterSet = true;
        database = true;
        tracking = true;
        transaction = true;
        prepared = true;
      }
      if (uses !== undefined || kind === 'drop database' || kind === 'create database') database = true;
      if (kind === 'set') {
        for (const { setting } of acts) if (setting && OPENS_READING.has(setting)) transaction = true;
      } else if (!WITHIN.has(kind)) transaction = true;
      for (const { setting } of acts) {
        if (setting === undefined) continue;
        if (setting === null || setting === 'sql_mode') modes = true;
        if (setting === null || setting === 'character_set_client') characterSet = true;
        if (setting === null || setting.startsWith('session_track')) tracking = true;
      }
    }
  }
  return { modes, characterSet, database, tracking, transaction, prepared };
}

/** Code that is kept for later changes nothing now. */
const mayActUnseen = (kind: string) => (): boolean => !kind.startsWith('create ') && !kind.startsWith('alter ');
