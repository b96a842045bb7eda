import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { remote } from '../rpc.ts';

const event = (object: string) =>
  ({ kind: 'grant.issued', actor: 'alice@example.com', object, details: { n: 1 } }) as const;
const inStorage = (name: string, act: (sql: SqlStorage) => void) =>
  runInDurableObject(env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName(name)), (_object, state) => act(state.storage.sql));

test('entries appended at one time still stand in one chain without a gap', async () => {
  const log = remote(env.AUDIT_LOG, 'busy');
  // Within one event of the object, where nothing but its own queue keeps them apart.
  const stub = env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName('busy'));
  const appended = await runInDurableObject(stub, (object) =>
    Promise.all(Array.from({ length: 50 }, (_, i) => object.append(event(`grant ${i}`)))),
  );
  expect(new Set(appended.map(({ sequence }) => sequence)).size).toBe(50);
  expect(await log.verify()).toMatchObject({ whole: true, entries: 50 });
});

test('the database itself refuses to change or delete an entry', async () => {
  const log = remote(env.AUDIT_LOG, 'kept');
  await log.append(event('one'));
  await inStorage('kept', (sql) => {
    expect(() => sql.exec(`UPDATE entries SET actor = 'mallory'`)).toThrow('append-only');
    expect(() => sql.exec('DELETE FROM entries')).toThrow('append-only');
  });
  expect(await log.verify()).toMatchObject({ whole: true, entries: 1 });
});

test.each([
  ['changed', `UPDATE entries SET actor = 'mallory' WHERE sequence = 3`, 3],
  ['taken out', 'DELETE FROM entries WHERE sequence = 3', 3],
  ['changed in its details', `UPDATE entries SET details = '{"n":2}' WHERE sequence = 5`, 5],
])('an entry that was %s by somebody who got round that shows, and where', async (name, statement, brokenAt) => {
  const log = remote(env.AUDIT_LOG, name);
  for (let i = 0; i < 6; i++) await log.append(event(`grant ${i}`));
  await inStorage(name, (sql) => {
    sql.exec('DROP TRIGGER entries_keep; DROP TRIGGER entries_stay;');
    sql.exec(statement);
  });
  expect(await log.verify()).toMatchObject({ whole: false, brokenAt });
});

test('lists newest first, by actor, kind and time, a page at a time', async () => {
  const log = remote(env.AUDIT_LOG, 'listed');
  for (let i = 0; i < 5; i++) await log.append(event(`grant ${i}`));
  await log.append({ kind: 'audit.viewed', actor: 'carol@example.com', object: 'audit', details: {} });
  const first = await log.list({ kind: 'grant.issued', limit: 2 });
  expect(first.entries.map(({ object }) => object)).toEqual(['grant 4', 'grant 3']);
  const second = await log.list({ kind: 'grant.issued', cursor: first.cursor, limit: 3 });
  expect(second.entries.map(({ object }) => object)).toEqual(['grant 2', 'grant 1', 'grant 0']);
  expect(second.cursor).toBeUndefined();
  expect((await log.list({ actor: 'carol@example.com', limit: 9 })).entries).toHaveLength(1);
  expect((await log.list({ since: '2999-01-01T00:00:00Z', limit: 9 })).entries).toEqual([]);
});
