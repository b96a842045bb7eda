// How the target reads the session's next text: sql_mode, character set, server. Asked of the target itself, at the login
// and again behind whatever may have changed it; what is not known is not guessed.
//
// The question reads no table, so that the session's warnings and last insert id stay as they were; ROW_COUNT() and FOUND_ROWS() do not.
// It is asked only where a statement may have changed what it asks for, and not before a text that asks for those two.

import { isAscii, isUtf8 } from 'node:buffer';
import { lettersIn, type MysqlTextSettings, readSqlMode } from '../../../../core/sql/mysql/settings.ts';
import { MalformedPacket, PayloadReader } from '../wire/values.ts';

export const SETTINGS_QUESTION = 'SELECT @@version, @@sql_mode, @@character_set_client';

const NOTHING_KNOWN: MysqlTextSettings = {
  family: undefined,
  version: undefined,
  ansiQuotes: undefined,
  noBackslashEscapes: undefined,
  otherGrammar: undefined,
  characterSet: undefined,
};

/** One object for all sessions that read alike: readings are kept by its identity. */
const shared = new Map<string, MysqlTextSettings>();
const MAX_SHARED = 1_000;

/** `row`: the answer's, as text; undefined: there is none. */
export function readSessionSettings(row: Buffer | undefined): MysqlTextSettings {
  if (!row) return NOTHING_KNOWN;
  try {
    const r = new PayloadReader(row);
    const [version = '', sqlMode = '', characterSet = ''] = [1, 2, 3].map(() => r.lengthBytes().toString('utf8'));
    const settings: MysqlTextSettings = {
      family: /mariadb/i.test(version) ? 'mariadb' : 'mysql',
      version: versionNumber(version),
      ...readSqlMode(sqlMode),
      characterSet,
    };
    return share(settings);
  } catch (error) {
    if (!(error instanceof MalformedPacket)) throw error;
    return NOTHING_KNOWN;
  }
}

/** What a statement left behind, which the question would change. */
const LEFT_BEHIND = /\b(?:row_count|found_rows|warnings|errors|diagnostics|warning_count|error_count)\b/i;
const ONE_STATEMENT = /^\s*(?:select|set|do|show|get)\b[^;]*;?\s*$/i;
/** What sql_mode and the character set decide about: quotes, escapes, letters; and comments, which may run. */
const HANGS_ON_SETTINGS = /[^\t\n\r\x20-\x7e]|["'`\\#]|--|\/\*/;

/** Whether a text asks for what the last statement left behind, and is the same statement under any settings. */
export function readsAlike(text: Buffer): boolean {
  const characters = text.toString('latin1');
  return ONE_STATEMENT.test(characters) && LEFT_BEHIND.test(characters) && !HANGS_ON_SETTINGS.test(characters);
}

/** Of the gateway's own words: in Unicode, quoted as by default. */
export const settingsOfWords = (settings: MysqlTextSettings): MysqlTextSettings =>
  share({ ...settings, ansiQuotes: false, noBackslashEscapes: false, otherGrammar: false, characterSet: 'utf8mb4' });

function share(settings: MysqlTextSettings): MysqlTextSettings {
  const key = JSON.stringify(settings);
  const known = shared.get(key);
  if (known) return known;
  if (shared.size >= MAX_SHARED) shared.clear();
  shared.set(key, settings);
  return settings;
}

/** `5.5.5-10.11.19-MariaDB` is how old MariaDB servers say 10.11.19. */
function versionNumber(version: string): number | undefined {
  const [, major, minor, patch] = /^(?:5\.5\.5-(?=\d+\.\d+\.\d+))?(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  return major === undefined ? undefined : Number(major) * 10_000 + Number(minor) * 100 + Number(patch);
}

/**
 * A text as characters, and what it is to be read by. One of UTF-8 that is none has bytes between quotes (`_binary '...'`): to
 * servers they are single letters, none of ASCII. So it is read where such letters stand between quotes and in comments alone.
 */
export function decodeText(bytes: Buffer, settings: MysqlTextSettings): readonly [string, MysqlTextSettings] {
  if (isAscii(bytes)) return [bytes.toString('latin1'), settings];
  if (lettersIn(settings.characterSet) !== 'anywhere') return [bytes.toString('latin1'), settings];
  if (isUtf8(bytes)) return [bytes.toString('utf8'), settings];
  return [bytes.toString('latin1'), share({ ...settings, characterSet: 'binary' })];
}
