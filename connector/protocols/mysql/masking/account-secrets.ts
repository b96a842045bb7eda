// What a server tells of accounts' passwords, of the gateway's own login too: hashes in SHOW GRANTS and SHOW CREATE USER,
// and in the tables of accounts. They are written over for client and recording, whatever the rules are (laws 8 and 11).
//
//   MariaDB   IDENTIFIED BY PASSWORD '*2B60...' | IDENTIFIED VIA plugin USING '...' OR plugin USING '...'
//   MySQL     IDENTIFIED WITH 'plugin' AS '...' AND IDENTIFIED WITH 'plugin' AS 0x2441...
//
// What a statement or a view computes of such a column is found only as far as it has the form of a hash.

import type { ColumnDefinition } from '../wire/column-definition.ts';

/** `clauses`: what stands behind IDENTIFIED; `hashes`: what looks like one; `all` of the value, which may be a document. */
export type AccountSecret = 'clauses' | 'hashes' | 'all' | 'document';

/** SHOW GRANTS, what may run it unseen, and tables of accounts. A version's number may stand before a word: /*!50000show */
const TELLS =
  /(?<![a-z_$])(?:show|call|execute|handler|user|global_priv|authentication_string|password_history|servers|slave_master_info)(?![\w$])/i;
/** Longer ones are not searched: they may. */
const MAX_SEARCHED_BYTES = 64 * 1024;

/** Whether a text's results may tell of accounts. `text` undefined: it is not known. */
export const mayTellOfAccounts = (text: Buffer | undefined): boolean =>
  !text || text.length > MAX_SEARCHED_BYTES || TELLS.test(text.toString('latin1'));

/** By the column's name: nobody can give another to those of SHOW. */
const SHOWN = /^(?:grants for |create user for |create server$)/i;
const OF_MYSQL: ReadonlyMap<string, AccountSecret> = new Map([
  ['user.password', 'all'],
  ['user.user_attributes', 'document'],
  ['global_priv.priv', 'document'],
  ['password_history.password', 'all'],
  ['servers.password', 'all'],
  // What a replica signs in with, in plain text.
  ['slave_master_info.user_password', 'all'],
]);

/** Undefined: the column holds no such secret. `accounts`: the text may tell of them. */
export function accountSecretOf(column: ColumnDefinition, accounts: boolean): AccountSecret | undefined {
  const { originalTable, originalName, name } = column;
  const schema = column.schema.toLowerCase();
  if (originalTable === '' && SHOWN.test(name)) return 'clauses';
  // MariaDB names no database for columns of views, of which mysql.user is one, and an alias for their table.
  if (schema !== '' && schema !== 'mysql') return undefined;
  if (originalName.toLowerCase() === 'authentication_string') return 'all';
  return OF_MYSQL.get(`${originalTable}.${originalName}`.toLowerCase()) ?? (accounts ? 'hashes' : undefined);
}

const IDENTIFIED = /\bidentified\b/gi;
/** Of the forms that are known. */
const KNOWN = /\bidentified\s+(?:by\s+password\s+['"<]|(?:via|with)\s+['"`]?\w+)/gi;
const SECRET = /\b(?:by|password|as|using)\s+(?:(['"])|0x[0-9a-f]+)/gi;
/** mysql_native_password; caching_sha2_password, whose salt is any bytes. */
const HASH = /\*[0-9a-f]{40}|\$A\$[0-9a-f]{3}\$[\s\S]*/gi;
const STAR = 0x2a;

/** The value with its secrets written over; undefined: it has none. */
export function withoutAccountSecret(value: Buffer, secret: AccountSecret): Buffer | undefined {
  if (value.length === 0) return undefined;
  if (secret === 'document') return Buffer.from('"[masked]"');
  const text = value.toString('latin1');
  const copy = Buffer.from(value);
  if (secret === 'clauses') {
    if ([...text.matchAll(IDENTIFIED)].length !== [...text.matchAll(KNOWN)].length) return Buffer.from('[masked]');
    for (const { index, 0: all, 1: quote } of text.matchAll(SECRET)) {
      const end = index + all.length;
      if (quote) copy.fill(STAR, end, endOfString(text, end, quote));
      else copy.fill(STAR, index + all.search(/\S+$/), end);
    }
  } else if (secret === 'all') return Buffer.from('[masked]');
  else for (const { index, 0: all } of text.matchAll(HASH)) copy.fill(STAR, index, index + all.length);
  return copy.equals(value) ? undefined : copy;
}

/** Whether a backslash escapes hangs on the session: the further of both ends. */
function endOfString(text: string, from: number, quote: string): number {
  let end = from;
  for (const escapes of [true, false]) {
    let at = from;
    for (; at < text.length; at++) {
      if (escapes && text[at] === '\\') at++;
      else if (text[at] === quote) {
        if (text[at + 1] !== quote) break;
        at++;
      }
    }
    end = Math.max(end, Math.min(at, text.length));
  }
  return end;
}
