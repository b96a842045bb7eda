// MySQL's and MariaDB's statements as summaries, by a lexer and a reader of our own.
//
// What a text alone cannot say is not guessed: what views, triggers, defaults and the database's own functions do when a
// statement touches them.

import { err, type Result } from '../../result.ts';
import { everyStatement, type StatementSummary, type Unparsable } from '../statement.ts';
import type { MysqlTextSettings } from './settings.ts';

/**
 * The statements of one text, in order; none for an empty one. A text is what one COM_QUERY or COM_STMT_PREPARE holds,
 * whether or not the client may send several statements in one.
 */
export function summarizeMysql(
  _text: string,
  _settings: MysqlTextSettings,
): Result<readonly StatementSummary[], Unparsable> {
  return err({ reason: 'syntax', message: 'is not a statement that the parser knows' });
}

/** What a text that is sent may change in its session, once the target has run it. */
export interface SessionChanges {
  /** `sql_mode`. */
  readonly modes: boolean;
  /** `character_set_client`. */
  readonly characterSet: boolean;
  /** The current database, by `USE` or by dropping it. */
  readonly database: boolean;
  /** Which session variables the server reports (`session_track_*`). */
  readonly tracking: boolean;
  /** A transaction may begin or end, by its own words or by a statement that commits. */
  readonly transaction: boolean;
  /** Names may be prepared or dropped that the summaries do not show. */
  readonly prepared: boolean;
}

/** undefined: nobody could read it, so all of it. */
export function changesOf(_summaries: readonly StatementSummary[] | undefined): SessionChanges {
  void everyStatement;
  return { modes: true, characterSet: true, database: true, tracking: true, transaction: true, prepared: true };
}
