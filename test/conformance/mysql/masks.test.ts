// Masks in sessions of a real MariaDB: what a masked column gives, what nobody gets around, and what everyday work notices.

import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HONEST, LEAKS } from '../../attacks/mysql-masks.ts';
import { type GuardedMysql, startGuardedMysql } from '../../harness/mysql/guarded.ts';
import { changes, MASK, PEOPLE, RESTORE, SPELT, VALUES } from '../../harness/mysql/people.ts';

let place: GuardedMysql;

beforeAll(async () => {
  place = await startGuardedMysql();
  await place.server.sql(...PEOPLE);
});
beforeAll(() => place.server.sql(...RESTORE));
beforeEach(() => place.rules([], { mask: MASK }));
afterAll(() => place.close());

type Ran = { readonly rows?: unknown; readonly errno?: number; readonly message?: string };
const run = (c: Connection, how: 'query' | 'execute', sql: string): Promise<Ran> =>
  (how === 'query' ? c.query(sql) : c.execute(sql)).then(
    ([rows]) => ({ rows }),
    ({ errno, sqlMessage }) => ({ errno, message: sqlMessage }),
  );
describe('a masked column', () => {
  it('is shown in its type, text and binary; NULL stays', async () => {
    await place.server.sql("insert into shop.people (id, name) values (3, 'Eve')");
    for (const [way, first] of [
      ['placeholder', { ssn: '[masked]', pay: 0, born: '2000-01-01' }],
      ['partial', { ssn: '***-**-6789', pay: 0, born: '2000-01-01' }],
      ['null', { ssn: null, pay: null, born: null }],
      [{ fixed: '42' }, { ssn: '42', pay: expect.anything(), born: '2000-01-01' }],
    ] as const) {
      place.rules([], { mask: [{ columns: ['people.ssn', 'people.pay', 'people.born'], with: way }] });
      const c = await place.connect({ dateStrings: true });
      for (const how of ['query', 'execute'] as const) {
        const { rows } = await run(c, how, 'select * from people order by id');
        expect(rows).toMatchObject([
          { id: 1, name: 'Ann', ...first },
          { id: 2, name: 'Bob', ssn: first.ssn?.replace('6789', '4321') ?? null, born: null },
          { id: 3, name: 'Eve', ssn: null, pay: null, born: null },
        ]);
      }
      await c.end();
    }
    await place.server.sql(...RESTORE);
  });

  it('stands nowhere in the recording, and neither do literals that meet it', async () => {
    const c = await place.connect();
    await run(c, 'query', "select * from people where ssn = '123-45-6789' -- 987-65-4321");
    await run(c, 'query', "insert into people values (9, 'N', '123-45-6789', 77123, null, null, default)");
    await c.execute('select id from people where ssn = ?', ['987-65-4321']);
    await run(c, 'query', "select 'kept' from orders");
    await c.end();
    await place.server.sql(...RESTORE);
    const recording = await place.recorded();
    const all =
      JSON.stringify(recording.frames.map(({ fact }) => fact)) + recording.wire('client') + recording.wire('target');
    for (const value of VALUES) expect(all).not.toContain(value);
    expect(all).toContain("select 'kept'");
  });

  it('hides nothing of a text that has no literals, and says so', async () => {
    const c = await place.connect();
    await run(c, 'query', 'select ssn from people order by id');
    await run(c, 'query', "select ssn from people where ssn = 'x'");
    await c.end();
    const { frames } = await place.recorded();
    const facts = frames.flatMap(({ fact }) => (fact?.kind === 'values.hidden' ? [fact] : []));
    expect(facts).toHaveLength(1);
  });

  it('is found by what it looks like, where a rule says so', async () => {
    place.rules([], { mask: [{ detect: ['us-ssn', 'email'], with: 'partial' }] });
    const c = await place.connect();
    for (const how of ['query', 'execute'] as const) {
      const { rows } = await run(
        c,
        how,
        `select ssn, concat('see ', ssn) as t, 'a@example.com' as e, id from people where id = 1`,
      );
      expect(JSON.stringify(rows)).not.toContain('123-45');
      expect(rows).toMatchObject([{ e: 'a***@e***.com', id: 1 }]);
    }
    const { rows } = await run(c, 'query', 'call show_all()');
    expect(JSON.stringify(rows)).not.toContain('123-45');
    await c.end();
  });

  it('may be every one of a table', async () => {
    place.rules([], { mask: [{ columns: ['people.*'], with: 'placeholder' }] });
    const c = await place.connect({ dateStrings: true });
    expect(await run(c, 'query', 'select count(*) as n from people where id = 1')).toEqual({ rows: [{ n: 1 }] });
    expect(await run(c, 'query', "update people set name = 'Zoe' where id = 1")).toMatchObject({
      rows: { affectedRows: 1 },
    });
    for (const sql of [
      'select * from people',
      'select name, ssn, id from people p',
      'select concat(name) as name from people',
    ])
      expect(JSON.stringify(await run(c, 'query', sql))).not.toMatch(/Zoe|Ann|Bob|123|987/);
    expect(await run(c, 'query', 'select note from orders where id = 1')).toEqual({ rows: [{ note: 'first' }] });
    await c.end();
    await place.server.sql(...RESTORE);
  });

  it('in rows of 16 MiB and more', async () => {
    await place.server.sql('set global max_allowed_packet = 67108864');
    const c = await place.connect();
    for (const size of [0xffffff - 20, 0xffffff, 0x1000000 + 50]) {
      const { rows } = await run(
        c,
        'query',
        `select ssn, repeat('x', ${size}) as long_one, ssn as again from people where id = 1`,
      );
      const [row] = rows as { ssn: string; long_one: string; again: string }[];
      expect([row?.ssn, row?.long_one.length, row?.again]).toEqual(['[masked]', size, '[masked]']);
    }
    await c.end();
  });

  it('whose rules change ends the session, which may have kept values', async () => {
    place.rules([]);
    const c = await place.connect();
    await run(c, 'query', 'select ssn from people where id = 1 into @kept');
    place.gateway.edge.applyRules({ ...place.gateway.edge.rules, policyVersion: 999, mask: MASK });
    const { message = '', rows } = await run(c, 'query', 'select @kept');
    expect(rows).toBeUndefined();
    expect(message).not.toContain('123');
    const under = await place.connect();
    const { rules } = place.gateway.edge;
    place.gateway.edge.applyRules({ ...rules, policyVersion: 1000, statements: [{ block: ['truncate'] }] });
    expect(await run(under, 'query', 'select id from people where id = 1')).toEqual({ rows: [{ id: 1 }] });
    await under.end();
  });
});

describe('nobody gets', () => {
  it.each(LEAKS.map(([why, ...statements]) => ({ why, statements })))('$why', async ({ statements }) => {
    const c = await place.connect({ multipleStatements: true, dateStrings: true });
    for (const how of ['query', 'execute'] as const) {
      for (const sql of statements) {
        const seen = JSON.stringify(await run(c, how, sql)).toLowerCase();
        for (const value of SPELT) expect(seen).not.toContain(value.toLowerCase());
      }
    }
    await c.end();
    if (changes(statements)) await place.server.sql(...RESTORE);
  });
});

describe('definitions beside a masked column', () => {
  it('views that name none are made and read; tables are renamed where the rules still cover them', async () => {
    await place.server.sql(
      'create or replace table shop.badges (id int primary key, ssn varchar(11))',
      "insert into shop.badges values (1, '123-45-6789')",
      'create or replace database other',
    );
    const done = { rows: { affectedRows: 0 } };
    const no = { errno: 1227 };
    for (const [columns, ...statements] of [
      [
        ['people.ssn', 'shop.badges.ssn'],
        ['create view of_names as select id, name from people', done],
        ['select * from of_names where id = 1', { rows: [{ id: 1, name: 'Ann' }] }],
        [
          'create or replace view of_names as select p.name, o.note from people p join orders o on o.person = p.id',
          done,
        ],
        ['select note from of_names order by 1 limit 1', { rows: [{ note: 'first' }] }],
        ['alter view of_names as select name from people', done],
        ['create view of_view as select * from of_names', done],
        ['rename table of_view to of_view2', done],
        ['drop view of_view2, of_names', done],
        ['rename table orders to orders2, orders2 to orders', done],
        ['rename table badges to badges2', no],
        ['rename table shop.badges to other.badges', no],
        ['rename table people to folk', no],
      ],
      [
        ['*.ssn'],
        ['rename table shop.badges to other.badges2', done],
        ['select ssn from other.badges2', { rows: [{ ssn: '[masked]' }] }],
        ['rename table other.badges2 to badges', done],
        // It has a column that is computed of the masked one.
        ['rename table people to folk', no],
      ],
    ] as const) {
      place.rules([], { mask: [{ columns: [...columns], with: 'placeholder' }] });
      const c = await place.connect();
      for (const [sql, outcome] of statements) expect(await run(c, 'query', sql), sql).toMatchObject(outcome);
      await c.end();
    }
  });
});

describe('messages', () => {
  it('of errors and warnings keep their words, but for the values that they quote', async () => {
    await place.server.sql(
      'create or replace table shop.badges (id int primary key, ssn varchar(11), n tinyint, unique by_ssn (ssn))',
    );
    await place.server.sql("insert into shop.badges values (1, '123-45-6789', 1), (2, '987-65-4321', 2)");
    place.rules([], { mask: [{ columns: ['badges.ssn'], with: 'placeholder' }] });
    const c = await place.connect();
    for (const how of ['query', 'execute'] as const) {
      for (const [sql, message] of [
        ["insert into badges values (3, '123-45-6789', 1)", "Duplicate entry '[masked]' for key 'by_ssn'"],
        ["insert into badges values (3, '123-45-6789-0', 1)", "Data too long for column 'ssn' at row 1"],
        ["insert into badges values (3, 'x', 1000)", "Out of range value for column 'n' at row 1"],
        [
          "update badges set n = 'many' where ssn = 'x' or id = 1",
          "Incorrect integer value: '[masked]' for column `shop`.`badges`.`n` at row 1",
        ],
        ["insert into badges values (null, 'x', 1)", "Column 'id' cannot be null"],
      ] as const)
        expect(await run(c, how, sql), sql).toMatchObject({ message });
      await run(c, how, "insert ignore into badges values (3, '123-45-6789', 1)");
      expect((await run(c, how, 'show warnings')).rows).toEqual([
        { Level: 'Warning', Code: 1062, Message: "Duplicate entry '[masked]' for key 'by_ssn'" },
      ]);
      await run(c, how, 'select id from badges where ssn + 0 > 5');
      expect(JSON.stringify(await run(c, how, 'show warnings'))).toContain(
        "Truncated incorrect DOUBLE value: '[masked]'",
      );
      await run(c, how, 'drop table if exists nothing_here');
      expect(JSON.stringify(await run(c, how, 'show warnings'))).toContain("Unknown table 'shop.nothing_here'");
      // The value says what stands behind it.
      const wrong = `select count(*), concat("a' for key '", ssn, "' for key 'x", floor(rand(0) * 2)) k from badges, badges b group by k`;
      expect(JSON.stringify(await run(c, how, wrong))).not.toMatch(/123-45|987-65/);
      await run(c, how, 'explain extended select * from badges where id = 1');
      expect(JSON.stringify(await run(c, how, 'show warnings'))).not.toMatch(/123-45/);
    }
    await c.end();
  });
});

describe("hashes of accounts' passwords", () => {
  const HASHES = /\*[0-9A-F]{40}|Gv2JI8Env2fd5YGonZ082tX3UAW/;
  beforeAll(() =>
    place.server.sql(
      "install soname 'auth_ed25519'",
      "create user twice identified via ed25519 using password('x') or mysql_native_password using password('y')",
      'create procedure tell_grants() sql security invoker show grants',
      'create procedure tell_by_text() sql security invoker execute immediate concat("show ", "grants")',
      'create procedure tell_users() select * from mysql.user',
    ),
  );

  it.each([
    ['no rules', undefined],
    ['a detector', [{ detect: ['us-ssn' as const], with: 'partial' as const }]],
  ])('are stars for client and recording under %s', async (_name, mask) => {
    place.rules([], mask && { mask });
    const c = await place.connect({ multipleStatements: true });
    let stars = 0;
    for (const sql of [
      'show grants',
      'select 1; show grants',
      "/*!50000show grants for app@'127.0.0.1' */",
      'show/**/grants for twice',
      'show create user',
      'show create user twice',
      'call tell_grants()',
      'call tell_by_text()',
      'call tell_users()',
      "execute immediate concat('sh', 'ow grants')",
      "prepare p from 'show grants'; execute p",
      'select Password from mysql.user',
      'select User, authentication_string as a, u.* from mysql . `user` u',
      'select concat(Password, 1) from mysql.user',
      'table mysql.global_priv',
      "select json_value(priv, '$.authentication_string') from mysql.global_priv",
      'handler mysql.global_priv open as h; handler h read first; handler h read next limit 100',
    ])
      for (const how of ['query', 'execute'] as const) {
        const seen = JSON.stringify(await run(c, how, sql));
        expect(seen, sql).not.toMatch(HASHES);
        if (/\*{40}|\[masked\]/.test(seen)) stars++;
      }
    await run(c, 'query', 'use mysql');
    expect(JSON.stringify(await run(c, 'query', 'select * from user'))).not.toMatch(HASHES);
    await c.end();
    expect(stars).toBeGreaterThan(25);
    const recording = await place.recorded();
    expect(recording.wire('target').toString('latin1')).not.toMatch(HASHES);
    const hidden = recording.frames.flatMap(({ fact }) => (fact?.kind === 'values.hidden' ? fact.hidden : []));
    expect(hidden.filter(({ by }) => by === 'secret').length).toBeGreaterThan(5);
  });

  it('are all that is changed', async () => {
    place.rules([]);
    const seen = [];
    for (const way of [await place.connect(), await place.connect({}, 'gateway')]) {
      const { rows } = await run(way, 'query', "show grants for app@'127.0.0.1'");
      const all = (await run(way, 'query', 'call show_all()')) as { rows: unknown };
      const { rows: users } = await run(way, 'query', 'select User, Host, plugin from mysql.user order by 1, 2');
      seen.push(JSON.stringify([rows, all, users]).replace(/'\*[0-9A-F]{40}'/, `'${'*'.repeat(41)}'`));
      await way.end();
    }
    expect(seen[0]).toBe(seen[1]);
    expect(seen[0]).toMatch(/BY PASSWORD '\*{41}' WITH GRANT OPTION/);
  });
});

describe('everyday work', () => {
  let ways: readonly Connection[] = [];
  beforeAll(async () => {
    place.rules([], { mask: MASK });
    await place.server.sql(...RESTORE);
    ways = [await place.connect(), await place.connect({}, 'gateway')];
  });

  it.each(HONEST)('%s', async (sql) => {
    for (const how of ['query', 'execute'] as const) {
      const seen = [];
      for (const way of ways) {
        seen.push(await run(way, how, sql));
        if (changes([sql]) && !/temporary|tmp/.test(sql)) await place.server.sql(...RESTORE);
      }
      expect(seen[0]).toEqual(seen[1]);
    }
  });

  it('a typo is one of syntax', async () => {
    const c = await place.connect();
    expect(await run(c, 'query', 'selec 1')).toMatchObject({ errno: 1064 });
    await c.end();
  });
});
