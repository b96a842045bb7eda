// Masking in force for drivers: nothing that a rule hides reaches the client or the recording, types stay
// valid, and definitions and rules that change count at once.

import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SessionRules } from '../../../core/policy/session-rules.ts';
import { RULES, SCHEMA } from './live-schema.ts';
import { connect, ended, forget, found, hangUp, leave, login, type Place, place, recorded, use } from '../place.ts';

let at: Place;
beforeAll(async () => {
  at = await place('shared', [SCHEMA]);
});
beforeEach(() => forget(at));
afterEach(() => hangUp(at));
afterAll(() => leave(at));

describe('through drivers', () => {
  test('node-postgres: text and binary, prepared, portals, types stay valid', async () => {
    const client = await connect(at);
    for (let again = 0; again < 3; again++) {
      const { rows } = await client.query({
        name: 'p',
        text: 'select id, email, ssn, born, upper(email) as u from people where id = $1',
        values: [1],
      });
      expect(rows).toEqual([{ id: 1, email: '[masked]', ssn: 0, born: new Date(2000, 0, 1), u: '[masked]' }]);
      const binary = { text: 'select id, ssn, email, name from people where id = $1', values: [1], binary: true };
      expect((await client.query(binary)).rows).toEqual([{ id: 1, ssn: 0, email: '[masked]', name: 'Ann' }]);
    }
    // Thrice three values, and twice three.
    const applied = at.gateway.log.last.facts('mask.applied').flatMap(({ masked }) => masked);
    const count = applied.filter(({ rule }) => rule === 'people-prod#1').reduce((sum, one) => sum + one.count, 0);
    expect(count).toBe(3 * 4 + 3 * 2);
    await client.end();
    await ended(at);
    expect(found(recorded(at))).toEqual([]);
  });

  test('postgres.js: described once, executed often, cursors and pipelines', async () => {
    const sql = postgres({ ...login(at), max: 1, onnotice: () => undefined });
    try {
      for (let again = 0; again < 3; again++)
        expect(await sql`select id, email, upper(email) as u, upper(name) as n from people where id = ${1}`).toEqual([
          { id: 1, email: '[masked]', u: '[masked]', n: 'ANN' },
        ]);
      const seen: unknown[] = [];
      await sql`select id, email, name || '' as n from people order by id`.cursor(1, (rows) => {
        seen.push(...rows);
      });
      expect(seen).toEqual([
        { id: 1, email: '[masked]', n: 'Ann' },
        { id: 2, email: '[masked]', n: 'Bob' },
        { id: 3, email: '[masked]', n: 'Cid' },
      ]);
      const all = await Promise.all([
        sql`select email from people where id = 1`,
        sql`select total from orders where id = 10`,
        sql`select upper(email) as e from v1 natural join people where id = 2`.catch((error) => error.message),
        sql`select name from people where id = 2`,
      ]);
      expect(JSON.parse(JSON.stringify(all))).toEqual([
        [{ email: '[masked]' }],
        [{ total: 99 }],
        [{ e: '[masked]' }],
        [{ name: 'Bob' }],
      ]);
      await sql`insert into people (id, email, name) values (${50}, ${'secretsecret50@example.com'}, ${'Eve'})`;
      await sql`select id from people where email = ${'secretsecret50@example.com'}`;
      await sql`delete from people where id = ${50}`;
    } finally {
      await sql.end();
    }
    await ended(at);
    expect(found(recorded(at))).toEqual([]);
    const [insert] = at.gateway.log.last
      .facts('statement.started')
      .filter(({ text }) => text.includes('insert into people'));
    expect(insert?.parameters?.map(({ value }) => value)).toEqual(['50', '[hidden]', 'Eve']);
  });
});

test('a table that somebody makes, and a view that somebody changes, count for the next result or within seconds', async () => {
  const client = await connect(at);
  await client.query('select 1');
  await at.direct.query('create view app.fresh as select email as e, name as n from app.people');
  expect((await client.query('select * from fresh limit 1')).rows).toEqual([{ e: '[masked]', n: expect.any(String) }]);
  await at.direct.query('drop view app.fresh');
  // Its own changes count at once.
  await client.query('create view fresh as select name as n from people');
  expect((await client.query('select upper(n) as u from fresh order by 1 limit 1')).rows).toEqual([{ u: 'ANN' }]);
  await client.query('create or replace view fresh as select email as n from people');
  expect((await client.query('select upper(n) as u from fresh limit 1')).rows).toEqual([{ u: '[masked]' }]);
  await client.query('alter table people rename email to x');
  const renamed = await client.query('select x, upper(x) as u from people limit 1');
  await client.query('alter table people rename x to email; drop view fresh');
  expect(renamed.rows).toEqual([{ x: '[masked]', u: '[masked]' }]);
});

test('other masks in the middle of a session count from the next statement on', async () => {
  use(at, { policyVersion: 1, rule: 'open', limits: {} });
  const client = await connect(at);
  const ask = async () =>
    (await client.query('select email, name, upper(email) as u from people where id = 1')).rows[0];
  expect(await ask()).toEqual({ email: 'secretsecret@example.com', name: 'Ann', u: 'SECRETSECRET@EXAMPLE.COM' });
  at.gateway.edge.applyRules(SessionRules.parse(RULES));
  expect(await ask()).toEqual({ email: '[masked]', name: 'Ann', u: '[masked]' });
  at.gateway.edge.applyRules(
    SessionRules.parse({ ...RULES, policyVersion: 2, mask: [{ columns: ['people.name'], with: 'null' }] }),
  );
  expect(await ask()).toEqual({ email: 'secretsecret@example.com', name: null, u: 'SECRETSECRET@EXAMPLE.COM' });
  at.gateway.edge.applyRules(SessionRules.parse({ ...RULES, policyVersion: 3 }));
  expect(await ask()).toEqual({ email: '[masked]', name: 'Ann', u: '[masked]' });
  at.gateway.edge.applyRules(SessionRules.parse({ policyVersion: 4, rule: 'open', limits: {} }));
  expect(await ask()).toMatchObject({ email: 'secretsecret@example.com' });
  at.gateway.edge.applyRules(
    SessionRules.parse({ ...RULES, policyVersion: 5, mask: [{ columns: ['people.email'], with: 'hash' }] }),
  );
  expect((await ask()).email).toMatch(/^h_[0-9a-f]{32}$/);
});
