// The commands of a session, by number: how each is answered, and what becomes of it.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html
// https://mariadb.com/kb/en/2-text-protocol/ and /3-binary-protocol-prepared-statements/

/** How the target answers; `none`: not at all. */
export type AnswerShape =
  | 'none'
  /** OK, ERR, LOCAL INFILE, or results one after another. */
  | 'text results'
  | 'binary results'
  | 'prepared'
  /** Rows of an open cursor. */
  | 'fetched'
  /** One packet. */
  | 'single'
  /** One packet of text. */
  | 'line'
  /** Column definitions. */
  | 'columns';

/** `forwarded`: needs no judging. The others are named in client-commands.ts. Missing here: unknown, which ends the session. */
type Handling = 'forwarded' | 'judged' | 'statement' | 'quit' | 'change user' | 'kill' | 'refused';

export interface Command {
  readonly name: string;
  readonly answer: AnswerShape;
  readonly handling: Handling;
}

const COM_QUIT = 0x01;
export const COM_INIT_DB = 0x02;
export const COM_QUERY = 0x03;
export const COM_FIELD_LIST = 0x04;
export const COM_PROCESS_KILL = 0x0c;
export const COM_CHANGE_USER = 0x11;
export const COM_STMT_PREPARE = 0x16;
export const COM_STMT_EXECUTE = 0x17;
export const COM_STMT_SEND_LONG_DATA = 0x18;
export const COM_STMT_CLOSE = 0x19;
export const COM_STMT_RESET = 0x1a;
export const COM_STMT_FETCH = 0x1c;
export const COM_RESET_CONNECTION = 0x1f;

const command = (name: string, answer: AnswerShape, handling: Handling): Command => ({ name, answer, handling });
const refused = (name: string): Command => command(name, 'single', 'refused');

export const MYSQL_COMMANDS: ReadonlyMap<number, Command> = new Map([
  [COM_QUIT, command('COM_QUIT', 'none', 'quit')],
  [COM_INIT_DB, command('COM_INIT_DB', 'single', 'judged')],
  [COM_QUERY, command('COM_QUERY', 'text results', 'judged')],
  [COM_FIELD_LIST, command('COM_FIELD_LIST', 'columns', 'judged')],
  [0x05, refused('COM_CREATE_DB')],
  [0x06, refused('COM_DROP_DB')],
  [0x07, refused('COM_REFRESH')],
  [0x08, refused('COM_SHUTDOWN')],
  [0x09, command('COM_STATISTICS', 'line', 'forwarded')],
  [0x0a, refused('COM_PROCESS_INFO')],
  [COM_PROCESS_KILL, command('COM_PROCESS_KILL', 'single', 'kill')],
  [0x0d, refused('COM_DEBUG')],
  [0x0e, command('COM_PING', 'single', 'forwarded')],
  [COM_CHANGE_USER, command('COM_CHANGE_USER', 'single', 'change user')],
  [0x12, refused('COM_BINLOG_DUMP')],
  [0x13, refused('COM_TABLE_DUMP')],
  [0x15, refused('COM_REGISTER_SLAVE')],
  [COM_STMT_PREPARE, command('COM_STMT_PREPARE', 'prepared', 'judged')],
  [COM_STMT_EXECUTE, command('COM_STMT_EXECUTE', 'binary results', 'judged')],
  [COM_STMT_SEND_LONG_DATA, command('COM_STMT_SEND_LONG_DATA', 'none', 'statement')],
  [COM_STMT_CLOSE, command('COM_STMT_CLOSE', 'none', 'statement')],
  [COM_STMT_RESET, command('COM_STMT_RESET', 'single', 'statement')],
  [0x1b, command('COM_SET_OPTION', 'single', 'forwarded')],
  [COM_STMT_FETCH, command('COM_STMT_FETCH', 'fetched', 'statement')],
  [0x1e, refused('COM_BINLOG_DUMP_GTID')],
  [COM_RESET_CONNECTION, command('COM_RESET_CONNECTION', 'single', 'forwarded')],
]);
