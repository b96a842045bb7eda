// What a table of attacks on MySQL's rules is made of, and the servers and sessions that its statements are read as.

import type { UnparsableVerdict } from '../../core/policy/sections/entries.ts';
import type { StatementEntry } from '../../core/policy/sections/statements.ts';
import type { MysqlTextSettings } from '../../core/sql/mysql/settings.ts';

export type MysqlVerdict = 'allow' | 'warn' | 'hold' | 'block';
export type Reader = keyof typeof READERS;
export type MysqlRow = readonly [statement: string, expected: MysqlVerdict, why: string, reader?: Reader];

export interface MysqlRuleSet {
  readonly name: string;
  readonly statements: readonly StatementEntry[];
  readonly unparsable?: UnparsableVerdict;
  readonly rows: readonly MysqlRow[];
}

const maria: MysqlTextSettings = {
  family: 'mariadb',
  version: 101119,
  ansiQuotes: false,
  noBackslashEscapes: false,
  otherGrammar: false,
  characterSet: 'utf8mb4',
};

export const READERS = {
  maria,
  mysql: { ...maria, family: 'mysql', version: 80036 },
  mysql57: { ...maria, family: 'mysql', version: 50744 },
  mysql84: { ...maria, family: 'mysql', version: 80403 },
  mysql9: { ...maria, family: 'mysql', version: 90704 },
  ansi: { ...maria, ansiQuotes: true },
  plain: { ...maria, noBackslashEscapes: true },
  oracle: { ...maria, otherGrammar: true },
  gbk: { ...maria, characterSet: 'gbk' },
  latin1: { ...maria, characterSet: 'latin1' },
  unknown: {
    family: undefined,
    version: undefined,
    ansiQuotes: undefined,
    noBackslashEscapes: undefined,
    otherGrammar: undefined,
    characterSet: undefined,
  },
} as const satisfies Readonly<Record<string, MysqlTextSettings>>;
