// What holds on MySQL 9 and MariaDB 11.8 alike: masks, and that the reader of statements sees what the server itself would run.

import type { Connection } from 'mysql2/promise';
import { expect, it } from 'vitest';
import { summarizeMysql } from '../../../core/sql/mysql/mysql.ts';
import { MysqlLexer } from '../../../core/sql/mysql/lexer.ts';
import type { MysqlTextSettings } from '../../../core/sql/mysql/settings.ts';
import { compileStatementRules, judge } from '../../../core/policy/sections/statements.ts';
import { MYSQL_RULE_SETS } from '../../attacks/mysql.ts';
import { HONEST, LEAKS } from '../../attacks/mysql-masks.ts';
import type { GuardedMysql } from '../../harness/mysql/guarded.ts';
import { changes, MASK, RESTORE, SPELT } from '../../harness/mysql/people.ts';

type Ran = { readonly rows?: unknown; readonly errno?: number; readonly message?: string };
const run = (c: Connection, how: 'query' | 'execute', sql: string): Promise<Ran> =>
  (how === 'query' ? c.query(sql) : c.execute(sql)).then(
    ([rows]) => ({ rows }),
    ({ errno, sqlMessage }) => ({ errno, message: sqlMessage }),
  );

async function settingsOf(place: GuardedMysql): Promise<MysqlTextSettings> {
  const [row] = await place.server.sql('select version() as v');
  const version = String(row?.v);
  const [major = 0, minor = 0, patch = 0] = (/\d+\.\d+\.\d+/.exec(version)?.[0] ?? '').split('.').map(Number);
  return {
    family: /mariadb/i.test(version) ? 'mariadb' : 'mysql',
    version: major * 10_000 + minor * 100 + patch,
    ansiQuotes: false,
    noBackslashEscapes: false,
    otherGrammar: false,
    characterSet: 'utf8mb4',
  };
}

/** Needs the tables of test/harness/mysql/people.ts. */
export function itHidesColumns(of: () => GuardedMysql, leaks: typeof LEAKS): void {
  it('shows nobody a masked column', async () => {
    const place = of();
    place.rules([], { mask: MASK });
    const shown: unknown[] = [];
    let refused = 0;
    for (const [why, ...statements] of [...leaks, ...LEAKS]) {
      const c = await place.connect({ multipleStatements: true, dateStrings: true });
      for (const how of ['query', 'execute'] as const) {
        for (const sql of statements) {
          const ran = await run(c, how, sql);
          if (ran.errno === 1227) refused++;
          const seen = JSON.stringify(ran).toLowerCase();
          if (SPELT.some((value) => seen.includes(value.toLowerCase()))) shown.push([why, how, sql, ran]);
        }
      }
      await c.end();
      if (changes(statements)) await place.server.sql(...RESTORE);
    }
    expect(shown).toEqual([]);
    expect(refused).toBeGreaterThan(100);
  });

  it('gives everyday work what the server says', async () => {
    const place = of();
    place.rules([], { mask: MASK });
    await place.server.sql(...RESTORE);
    const ways = [await place.connect(), await place.connect({}, 'gateway')];
    for (const sql of HONEST)
      for (const how of ['query', 'execute'] as const) {
        const seen = [];
        for (const way of ways) {
          seen.push(await run(way, how, sql));
          if (changes([sql]) && !/temporary|tmp/.test(sql)) await place.server.sql(...RESTORE);
        }
        expect([sql, seen[0]]).toEqual([sql, seen[1]]);
      }
  });
}

/** Statements of the attack table that could harm the server, or wait. */
const NOT_HERE =
  /shutdown|restart|sleep|kill|^lock|flush|read_only|xa |user|database|schema|^set global|binlog|log|plugin|install|change|replica|slave|get_lock|rename/i;

export function itReadsAsTheServerDoes(of: () => GuardedMysql): void {
  it('lets nothing drop or empty a table that a rule protects', async () => {
    const place = of();
    const settings = await settingsOf(place);
    const rules = compileStatementRules([{ block: ['drop', 'truncate'] }]);
    const texts = MYSQL_RULE_SETS.flatMap(({ rows }) => rows.map(([text]) => text)).filter(
      (text) => /drop|truncate/i.test(text) && !NOT_HERE.test(text),
    );
    const wrong: unknown[] = [];
    let lost = 0;
    for (const text of new Set(texts)) {
      await place.server.sql(
        'drop table if exists shop.orders_kept, shop.orders',
        'create table shop.orders (id int, a int)',
        'insert into shop.orders values (1, 1)',
      );
      const c = await place.connect({ multipleStatements: true }, 'gateway');
      await c.query(text).catch(() => undefined);
      c.destroy();
      const there = await place.server.sql('select count(*) as n from shop.orders').catch(() => []);
      if (there[0]?.n === 1 || /delete/i.test(text)) continue;
      lost++;
      const read = summarizeMysql(text, settings);
      if (judge(rules, read).verdict === 'allow') wrong.push([text, read]);
    }
    expect(wrong).toEqual([]);
    expect(lost).toBeGreaterThan(30);
  });

  it('knows which comments run', async () => {
    const place = of();
    const settings = await settingsOf(place);
    const { version = 0 } = settings;
    const numbers = [version, version + 1, version - 1].flatMap((one) => [String(one), `0${one}`]);
    numbers.push(
      '',
      '0',
      '5000',
      '50003',
      '50699',
      '50700',
      '80036',
      '080036',
      '99999',
      '100000',
      '101100',
      '999999',
      '1000000',
    );
    const c = await place.connect({ rowsAsArray: true }, 'gateway');
    for (const sign of ['!', 'M!', 'm!', ' !'])
      for (const number of numbers)
        for (const behind of ['', ' ', '\t', '\n', '\v', 'x ', '/**/', '0 ']) {
          const text = `select 1 /*${sign}${number}${behind}, 2 */`;
          const columns = await c.query(text).then(
            ([rows]) => (rows as unknown[][])[0]?.length,
            () => undefined,
          );
          // What the server cannot read does no harm, whatever it is taken for.
          if (columns !== undefined) expect([text, columnsOf(text, settings)]).toEqual([text, columns]);
        }
  });
}

function columnsOf(text: string, settings: MysqlTextSettings): number {
  const lexer = new MysqlLexer(text, settings);
  let columns = 1;
  for (lexer.next(); lexer.kind !== 'end'; lexer.next()) if (lexer.word === ',') columns++;
  return columns;
}
