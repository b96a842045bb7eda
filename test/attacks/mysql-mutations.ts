// Ways to write the same statement otherwise on MySQL and MariaDB, and to hide it in another. No mutant may get a milder
// verdict than what it was made from. Tokens are found here by a pattern of its own, not by the lexer that is tested.

import type { Choices } from './mutations.ts';
import type { Reader } from './mysql-rule-set.ts';

const TOKENS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it counts as a blank
  /\/\*[\s\S]*?\*\/|--[\s\x01][^\n]*\n?|#[^\n]*\n?|[nN_]?\w*'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S]|"")*"|@@?(?:`[^`]*`|'[^']*'|"[^"]*")|`(?:[^`]|``)*`|@@?[\w.$]+|\d+\.\w*|[\w$]+|<=>|->>?|[<>!:]=|&&|\|\||<<|>>|\s+|[\s\S]/g;

const GAPS = [
  '',
  '',
  ' ',
  '\n',
  '\t\v\f',
  '/**/',
  ' /* drop " */ ',
  "/* ' */",
  ' -- ` "\n',
  '#x\n',
  '/*!*/',
  '/*!999999 x */',
];

/** Other gaps and other case between the very tokens; words that run from within a comment. */
export function respellMysql(text: string, reader: Reader, choose: Choices): string {
  // Where comments already run, more of them would end those.
  const plain = !text.includes('/*');
  const ownQuotes = reader === 'ansi' || reader === 'plain';
  const tokens = text.match(TOKENS) ?? [];
  let out = '';
  for (const [index, token] of tokens.entries()) {
    const before = tokens[index - 1] ?? ' ';
    const after = tokens[index + 1] ?? ' ';
    const glued = /[\w.@'"`$-]$/.test(before) && /^[\w.@'"`$-]/.test(token);
    if (
      plain &&
      !ownQuotes &&
      index > 0 &&
      !glued &&
      /\S/.test(token) &&
      !/[.@]$/.test(before) &&
      !/^[.]/.test(token)
    ) {
      const gap = GAPS[choose(GAPS.length)] ?? '';
      // A slash or a star would make another comment of it.
      if (!/[/*-]$/.test(before) && !/^[/*-]/.test(token)) out += gap;
    }
    out += respellToken(token, plain && !ownQuotes && !/[.@]$/.test(before) && !/^[.@]/.test(after), reader, choose);
  }
  return out;
}

function respellToken(token: string, alone: boolean, reader: Reader, choose: Choices): string {
  if (!/^[a-z_]+$/i.test(token)) return token;
  const cased = [...token].map((letter) => (choose(2) === 0 ? letter.toUpperCase() : letter.toLowerCase())).join('');
  if (!alone) return cased;
  switch (choose(12)) {
    case 0:
      return `/*!50003 ${cased} */`;
    case 1:
      return `/*! ${cased}*/`;
    case 2:
      return reader === 'maria' ? `/*M!100100${cased} */` : cased;
    default:
      return cased;
  }
}

export interface MysqlWrapper {
  readonly name: string;
  /** Kinds of statement that can stand there. */
  readonly around: ReadonlySet<string> | undefined;
  readonly readers?: ReadonlySet<Reader>;
  wrap(statement: string): string;
}

const SELECT = new Set(['select']);
const QUERY = new Set(['select', 'insert', 'update', 'delete', 'replace']);
const MARIA: ReadonlySet<Reader> = new Set(['maria']);
const MYSQL: ReadonlySet<Reader> = new Set(['mysql']);
const ESCAPING: ReadonlySet<Reader> = new Set(['maria', 'mysql', 'mysql57', 'mysql84', 'mysql9']);
const quoted = (statement: string): string =>
  `'${statement.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`;

export const MYSQL_WRAPPERS: readonly MysqlWrapper[] = [
  { name: 'as it is', around: undefined, wrap: (statement) => statement },
  { name: 'second', around: undefined, wrap: (statement) => `select 1; ${statement}` },
  { name: 'first', around: undefined, wrap: (statement) => `${statement}\n; select 1` },
  { name: 'in a transaction', around: undefined, wrap: (statement) => `begin; ${statement}\n; commit` },
  { name: 'behind comments', around: undefined, wrap: (statement) => `/* select */ -- x\n#y\n;; ${statement}` },
  { name: 'analysed', around: QUERY, readers: MARIA, wrap: (statement) => `analyze format=json ${statement}` },
  { name: 'explained', around: QUERY, readers: MYSQL, wrap: (statement) => `explain analyze ${statement}` },
  {
    name: 'prepared',
    around: QUERY,
    readers: ESCAPING,
    wrap: (statement) => `prepare p from ${quoted(statement)}; execute p`,
  },
  { name: 'executed', around: QUERY, readers: ESCAPING, wrap: (statement) => `execute immediate ${quoted(statement)}` },
  {
    name: 'for a while',
    around: QUERY,
    readers: MARIA,
    wrap: (statement) => `set statement max_statement_time=1 for ${statement}`,
  },
  { name: 'in an insert', around: SELECT, wrap: (statement) => `insert into public.log ${statement}` },
  { name: 'in FROM', around: SELECT, wrap: (statement) => `select * from (${statement}\n) q` },
  { name: 'in WHERE', around: SELECT, wrap: (statement) => `select 1 from public.x where exists (${statement}\n)` },
  { name: 'in double brackets', around: SELECT, wrap: (statement) => `select ((${statement}\n))` },
  { name: 'in a union', around: SELECT, wrap: (statement) => `(select 1) union all (${statement}\n)` },
  { name: 'in a WITH', around: SELECT, wrap: (statement) => `with w as (${statement}\n) select 1` },
  { name: 'in a table', around: SELECT, wrap: (statement) => `create table public.x ${statement}` },
  { name: 'in a view', around: SELECT, wrap: (statement) => `create view public.v as ${statement}` },
  { name: 'in a SET', around: SELECT, wrap: (statement) => `set @x = (${statement}\n)` },
  { name: 'in a DO', around: SELECT, wrap: (statement) => `do (${statement}\n)` },
  { name: 'in a CASE', around: SELECT, wrap: (statement) => `select case when 1 then (${statement}\n) else 2 end` },
  { name: 'in a SHOW', around: SELECT, wrap: (statement) => `show tables where (${statement}\n)` },
];
