// What masks hid in sessions of a real MariaDB, where a rule keeps it: with that put back, the recording is what the same session
// leaves without masks, byte for byte (ADR 52).

import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type GuardedMysql, startGuardedMysql } from '../../harness/mysql/guarded.ts';
import { MASK, PEOPLE, RESTORE, VALUES } from '../../harness/mysql/people.ts';
import type { MemoryRecording } from '../../harness/memory-log.ts';

let place: GuardedMysql;
beforeAll(async () => {
  place = await startGuardedMysql();
  await place.server.sql(...PEOPLE);
  await place.server.sql(...RESTORE);
  place.gateway.edge.originals = [await identityToRecipient(await generateX25519Identity())];
});
afterAll(() => place.close());

type Work = (c: Connection) => Promise<void>;
async function recordingOf(mask: typeof MASK, work: Work): Promise<MemoryRecording> {
  place.rules([], { mask });
  const c = await place.connect();
  await work(c);
  await c.end();
  return place.recorded();
}
const twice = async (work: Work) => [await recordingOf(MASK, work), await recordingOf([], work)] as const;

/** From the first command, and its answer, on: what is before is never the same. */
const from = (recording: MemoryRecording, direction: 'client' | 'target'): number =>
  (direction === 'client' ? recording.facts('statement.started') : recording.facts('statement.finished'))[0]?.at
    ?.offset ?? -1;
const same = ([masked, plain]: readonly [MemoryRecording, MemoryRecording], direction: 'client' | 'target') => {
  const clear = masked.clear(direction).subarray(from(masked, direction));
  return { some: clear.length > 100, equals: clear.equals(plain.wire(direction).subarray(from(plain, direction))) };
};
const ALL = { some: true, equals: true };
const quietly = (work: Promise<unknown>) => work.catch(() => undefined);

it('rows in text and binary, literals, parameters and errors', async () => {
  const both = await twice(async (c) => {
    await c.query('select * from people order by id');
    await c.query("select ssn, name from people where ssn = '123-45-6789'");
    await c.execute('select * from people where ssn = ?', ['987-65-4321']);
    await quietly(c.query("insert into people (id, name, ssn) values (1, 'N', '123-45-6789')"));
    await c.query("update people set ssn = '123-45-6789' where id = 1 and ssn = 'nobody'");
    await c.query('select id from orders');
  });
  const [masked, plain] = both;
  for (const value of VALUES) expect(masked.wire('target').toString('latin1')).not.toContain(value);
  expect(plain.wire('target').toString('latin1')).toContain(VALUES[0]);
  expect(masked.wire('client').toString('latin1')).not.toContain('123-45-6789');
  expect(same(both, 'client')).toEqual(ALL);
  expect(same(both, 'target')).toEqual(ALL);
});

it('keeps no secret of the client, and nothing that tells of accounts', async () => {
  const [masked] = await twice(async (c) => {
    await quietly(c.query("set password for nobody = password('hunter2hunter2')"));
    await quietly(c.query("select ssn, @password := 'hunter2hunter2' from people where ssn = '123-45-6789'"));
    await quietly(c.query("create user 'x' identified by 'hunter2hunter2'"));
    await quietly(c.query('show grants'));
    await quietly(c.query("select concat('', authentication_string) as a from mysql.user"));
    await quietly(
      c.execute('select ssn from people where ssn = ? and name = password(?)', ['123-45-6789', 'hunter2hunter2']),
    );
    await quietly(c.query("select ssn from people where ssn = '987-65-4321' and name <> password('hunter2hunter2')"));
  });
  const said = masked.clear('client').toString('latin1') + masked.clear('target').toString('latin1');
  expect(said).toContain('987-65-4321');
  expect(said).not.toContain('hunter2');
  expect(masked.clear('target').toString('latin1')).not.toMatch(/\*[0-9A-F]{40}/);
});

it.each([
  'select ssn from people /* user */',
  "select ssn from people where 'servers' = 'servers'",
  `select ssn from people /*${'x'.repeat(70_000)}*/`,
  'select ssn as user from people',
])('is kept whatever words the statement has: %.60s', async (text) => {
  const [masked, plain] = await twice(async (c) => void (await c.query(text)));
  expect(plain.wire('target').toString('latin1')).toContain(VALUES[0]);
  expect(same([masked, plain], 'target')).toEqual(ALL);
});

it('keeps no secret that a comment says, and counts it', async () => {
  for (const text of [
    "select ssn from people where ssn = '987-65-4321' /* password = 'hunter3hunter3' */",
    "select ssn from people where ssn = '987-65-4321' -- password hunter3hunter3",
    "select ssn from people where ssn = '987-65-4321' # mysql://app:hunter3hunter3@db/x",
  ]) {
    const masked = await recordingOf(MASK, async (c) => void (await c.query(text)));
    const clear = masked.clear('client').toString('latin1');
    expect(clear).not.toContain('hunter3');
    expect(clear).toContain('987-65-4321');
  }
});

it('a row that is too large: it is counted, and the rows beside it are kept', async () => {
  await place.server.sql(
    'use shop',
    'create table big (id int, ssn longtext)',
    "insert into big values (1, 'secret-1'), (2, repeat('x', 6000000)), (3, 'secret-3')",
  );
  const masked = await recordingOf([{ columns: ['big.ssn', 'big.none'], with: 'placeholder' }], async (c) => {
    await c.query('select ssn from big order by id');
  });
  const clear = masked.clear('target').toString('latin1');
  expect(masked.wire('target').toString('latin1')).not.toMatch(/secret-|xxxx/);
  expect(clear).toContain('secret-1');
  expect(clear).not.toContain('xxxx');
  expect(clear).toContain('secret-3');
  expect(masked.facts('mask.applied').flatMap(({ notKept }) => notKept ?? [])).toEqual([
    { reason: 'too_large', count: 1 },
  ]);
});

it('a refused result stays refused', async () => {
  const masked = await recordingOf(MASK, async (c) => {
    await quietly(c.query('select length(ssn) + 1 as n from people'));
    await c.query('select id from orders');
  });
  expect(masked.clear('target').equals(masked.wire('target'))).toBe(true);
});
