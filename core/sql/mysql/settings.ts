// What a server must be asked before its SQL can be read: the same bytes are another statement under another
// sql_mode, in another character set, on another server.

/** Of a session, as its server has it when it reads the text. What is undefined is not known: a text that hangs on it is not read. */
export interface MysqlTextSettings {
  readonly family: 'mysql' | 'mariadb' | undefined;
  /** As executable comments write it: 80036, 101106. */
  readonly version: number | undefined;
  readonly ansiQuotes: boolean | undefined;
  readonly noBackslashEscapes: boolean | undefined;
  /** sql_mode ORACLE or MSSQL: MariaDB reads with another grammar, which is not known here. */
  readonly otherGrammar: boolean | undefined;
  /** `character_set_client`, by its name at the server. The text was decoded from it. */
  readonly characterSet: string | undefined;
}

/** Of a session that has set nothing. Who its server is hangs on the target. */
export const READ_BY_DEFAULT: MysqlTextSettings = {
  family: undefined,
  version: undefined,
  ansiQuotes: false,
  noBackslashEscapes: false,
  otherGrammar: false,
  characterSet: 'utf8mb4',
};

/** What a value of sql_mode says, as the server reports it. undefined: not known. */
export function readSqlMode(
  sqlMode: string | undefined,
): Pick<MysqlTextSettings, 'ansiQuotes' | 'noBackslashEscapes' | 'otherGrammar'> {
  if (sqlMode === undefined) return { ansiQuotes: undefined, noBackslashEscapes: undefined, otherGrammar: undefined };
  const modes = new Set(sqlMode.toUpperCase().split(','));
  const has = (names: readonly string[]) => names.some((name) => modes.has(name));
  return {
    // Reported beside what they stand for; DB2 and the like of old servers hold ANSI_QUOTES too.
    ansiQuotes: has(['ANSI_QUOTES', 'ANSI', 'DB2', 'MAXDB', 'MSSQL', 'ORACLE', 'POSTGRESQL']),
    noBackslashEscapes: has(['NO_BACKSLASH_ESCAPES']),
    otherGrammar: has(['ORACLE', 'MSSQL']),
  };
}

/**
 * Their letters beyond ASCII hold no byte of ASCII: a quote in the bytes is a quote to every reader. Missing on purpose: gbk,
 * gb18030, big5, sjis, cp932, whose second bytes may be a backslash.
 */
const UNICODE: ReadonlySet<string> = new Set(['utf8', 'utf8mb3', 'utf8mb4']);
const OTHERS: ReadonlySet<string> = new Set(
  `latin1 latin2 latin5 latin7 ascii cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 dec8 greek hebrew hp8 keybcs2 koi8r
  koi8u macce macroman swe7 tis620 armscii8 geostd8 binary`.split(/\s+/),
);

/**
 * `anywhere`: every letter beyond ASCII may be part of a name. `quoted`: between quotes and in comments only, since some of
 * them are spaces to the server. `nowhere`: none.
 */
export function lettersIn(characterSet: string | undefined): 'anywhere' | 'quoted' | 'nowhere' {
  const name = characterSet?.toLowerCase() ?? '';
  if (UNICODE.has(name)) return 'anywhere';
  return OTHERS.has(name) ? 'quoted' : 'nowhere';
}
