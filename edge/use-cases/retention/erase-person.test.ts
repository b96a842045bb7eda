// Erasing a person from the audit log: who may, what takes two people, what stands against it, what is left.

import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import type { AuditPage } from '../../../core/audit/audit-page.ts';
import { newId, SessionId } from '../../../core/ids.ts';
import type { LegalHold } from '../../../core/retention/hold.ts';
import { AdmittedSession } from '../../../core/session-evidence.ts';
import { remote } from '../../objects/rpc.ts';
import { shardWith } from '../../test/objects/witness-shards.ts';
import { witnessOf } from '../../objects/witness/days.ts';
import { admitted } from '../../test/admissions.ts';
import { Browser, EDGE } from '../../test/browser.ts';
import { resource, TestConnector } from '../../test/connector.ts';
import { audit, grantFor, newest } from '../../test/grants.ts';
import { type Caller, callerAs, person } from '../../test/people.ts';
import { SESSIONS } from '../../test/sessions.ts';

const people = {} as Record<'alice' | 'bob' | 'carol' | 'mallory', Caller>;
beforeAll(async () => {
  await (await TestConnector.join('erasing')).link([resource('erasable')]);
  for (const name of ['alice', 'bob', 'carol', 'mallory'] as const) people[name] = await callerAs(name);
});
const MALLORY = 'mallory@example.com';
const erase = (who: keyof typeof people, email: string = MALLORY, reason = 'asked to be forgotten') =>
  people[who].send('POST', '/erasures', { email, reason });
const refusal = async (answer: Response) => [answer.status, await answer.text()];

test('is for auditors and administrators, and nobody erases themselves', async () => {
  expect((await erase('alice')).status).toBe(403);
  expect((await erase('mallory')).status).toBe(403);
  expect(await newest('attempt.refused')).toMatchObject({ actor: MALLORY, details: { wanted: 'person.erased' } });
  expect(await refusal(await erase('carol', 'Carol@example.com'))).toEqual([
    403,
    expect.stringContaining('Nobody erases themselves'),
  ]);
  expect((await erase('carol', 'no address')).status).toBe(400);
});

test('is refused while a grant of theirs is in force', async () => {
  const { id } = await grantFor(people.alice, 'erasable');
  expect(await refusal(await erase('carol', 'alice@example.com'))).toEqual([403, expect.stringContaining(id)]);
  expect((await people.alice.send('POST', `/grants/${id}/revoke`, { reason: 'tests' })).status).toBe(200);
});

test('of somebody who was never here is refused, by each who asks, and makes no pseudonym', async () => {
  const nobody = 'nobody-here@example.com';
  for (const who of ['carol', 'bob'] as const)
    expect(await refusal(await erase(who, nobody))).toEqual([404, expect.stringContaining('nothing to erase')]);
  expect(await newest('retention.viewed')).toMatchObject({ actor: 'bob@example.com', object: 'people' });
  expect(await remote(env.AUDIT_LOG).knowsName(nobody)).toBe(false);
  expect((await newest('person.erase_asked'))?.object).not.toBe(nobody);
});

test('is refused while a recording of theirs is stored', async () => {
  expect(await refusal(await erase('carol', 'alice@example.com'))).toEqual([
    403,
    expect.stringMatching(/Stored still: recordings of them \(ses_/),
  ]);
  // What a refusal tells is a look.
  const { entries } = await audit.list({ kind: 'retention.viewed', limit: 50 });
  expect(entries.map(({ actor, object }) => `${actor} ${object}`)).toContain('carol@example.com alice@example.com');
});

/** To the audit log: nobody who was never here is erased. */
const known = (email: string) =>
  remote(env.AUDIT_LOG).append({ kind: 'identity.signed_in', actor: email, object: 'portal', details: {} });

test('is refused while the edge has admitted sessions of theirs that are not purged, whatever the catalogue lists', async () => {
  const email = 'unlisted@example.com';
  await known(email);
  const sessions = Array.from({ length: 4 }, () => SessionId.parse(newId('ses'))).sort();
  const [purged, first, never, silent] = sessions as [SessionId, SessionId, SessionId, SessionId];
  const witness = witnessOf(env);
  const { connector } = SESSIONS.ofAlice;
  await admitted(...sessions.map((id) => ({ ...SESSIONS.ofAlice, id, email })));
  const digest = 'ab'.repeat(32);
  for (const session of [purged, first]) await witness.recordHead(connector, { session, number: 0, digest, frames: 1 });
  await witness.recordNeverBegan(connector, { session: never, reason: 'target_refused' });
  await witness.recordPurged(purged, 1);
  expect(await refusal(await erase('carol', email))).toEqual([
    403,
    expect.stringMatching(
      new RegExp(
        `Stored still: 2 of their sessions \\(${first}\\)\\. .* gatehouse purge --early --user EMAIL --reason TEXT`,
      ),
    ),
  ]);
  const left = async (who: keyof typeof people, of = email) => people[who].get(`/purges/left?email=${of}`);
  expect(await (await left('bob', 'Unlisted@example.com')).json()).toEqual({ sessions: [first, silent].toSorted() });
  expect(await newest('retention.viewed')).toMatchObject({ actor: 'bob@example.com', object: email });
  expect((await left('mallory')).status).toBe(403);
  expect((await left('carol', 'never-here@example.com')).status).toBe(404);
  expect(await newest('retention.viewed')).toMatchObject({ actor: 'carol@example.com', object: 'people' });
  expect(await remote(env.AUDIT_LOG).knowsName('never-here@example.com')).toBe(false);
  // Of one of them nothing came, in all the days for which it was to be kept.
  await runInDurableObject(shardWith(first), (_object, { storage }) => {
    storage.sql.exec('DROP TRIGGER sessions_keep');
    storage.sql.exec(
      `UPDATE sessions SET admitted_at = '2020-01-01T00:00:00.000Z' WHERE session IN (?, ?)`,
      silent,
      first,
    );
  });
  expect((await refusal(await erase('carol', email)))[1]).toContain(`1 of their sessions (${first})`);
  await witness.recordPurged(first, 2);
  expect((await erase('carol', email)).status).toBe(200);
});

test('is refused while a hold of an earlier release stands, which took the address as it was typed', async () => {
  const email = 'typed@example.com';
  await known(email);
  const id = newId('hld');
  const placed = { by: 'carol@example.com', at: new Date().toISOString(), reason: 'a dispute' };
  const hold = { id, scope: { of: 'user' as const, email: '\u00a0Typed@example.com ' }, placed };
  await remote(env.RETENTION).putHold(hold, undefined);
  expect(await refusal(await erase('carol', email))).toEqual([403, expect.stringContaining(id)]);
  const lifted = { by: 'bob@example.com', at: new Date().toISOString() };
  await remote(env.RETENTION).putHold({ ...hold, lifted }, hold);
});

test('is refused while a hold is in force on what a search for them found, and what that is on never changes', async () => {
  const email = 'searched@example.com';
  await known(email);
  const id = newId('hld');
  const placed = { by: 'carol@example.com', at: new Date().toISOString(), reason: 'a dispute' };
  const sessions = [SESSIONS.ofAlice.id];
  const query = 'drop user:Searched@example.com';
  const hold = { id, scope: { of: 'sessions' as const, sessions, query }, placed };
  const retention = remote(env.RETENTION);
  await retention.putHold(hold, undefined);
  expect(await refusal(await erase('carol', email))).toEqual([403, expect.stringContaining(id)]);
  await retention.forgetPerson(email, 'per_gone');
  expect((await retention.hold(id))?.scope).toEqual(hold.scope);
  const lifted = { by: 'bob@example.com', at: new Date().toISOString() };
  await retention.putHold({ ...hold, lifted }, hold);
  await retention.forgetPerson(email, 'per_gone');
  expect((await retention.hold(id))?.scope).toEqual({ ...hold.scope, query: 'drop user:per_gone' });
  expect(await (await erase('carol', email)).json()).toMatchObject({ state: 'waiting' });
});

test('leaves nothing that names them beside the pseudonym: no link of theirs or for them, and no count of their requests', async () => {
  const directory = remote(env.DIRECTORY);
  const [gone, other] = ['linking@example.com', 'other@example.com'];
  await directory.startBrowserSession('b'.repeat(64), { ...person('dan'), email: gone, subject: 'idp#linking' });
  const add = async (by: string, names?: string[]) => {
    const id = newId('shr');
    const share = { id, hash: id, session: SESSIONS.ofAlice.id, by: { email: by, subject: `idp#${by}` } };
    await directory.addShare({ ...share, ...(names && { with: names }), untilMs: Date.now() + 60_000 });
    return id;
  };
  const own = await add(gone);
  const alone = await add(other, [`user:${gone}`]);
  const both = await add(other, [`user:${gone}`, `user:${other}`]);
  await directory.shareOpened(both, 'idp#linking');
  await directory.revokeShare(both, gone);
  await directory.allow('share', gone);
  await directory.allow('share', other);
  await directory.forgetPerson(gone);
  expect(await Promise.all([own, alone].map((id) => directory.share(id)))).toEqual([undefined, undefined]);
  expect(await directory.share(both)).toMatchObject({
    with: [`user:${other}`],
    opened: 0,
    revoked: { by: '(erased)' },
  });
  await runInDurableObject(env.DIRECTORY.get(env.DIRECTORY.idFromName('only')), (_object, { storage }) => {
    const tables = storage.sql.exec(`SELECT name FROM sqlite_master WHERE type = 'table'`).toArray();
    const rows = tables
      .filter(({ name }) => !String(name).startsWith('_cf'))
      .map(({ name }) => JSON.stringify(storage.sql.exec(`SELECT * FROM "${name}"`).toArray()));
    expect(rows.filter((row) => row.includes(gone) || row.includes('idp#linking"'))).toEqual([]);
    expect(rows.join()).toContain(`share ${other}`);
  });
});

test('leaves the address in nothing that somebody wrote about holds, purges and searches for them', async () => {
  const [gone, other, pseudonym] = ['written@example.com', 'unwritten@example.com', 'per_gone'];
  const retention = remote(env.RETENTION);
  const at = new Date().toISOString();
  const reason = `of Written@example.com, says ${other}`;
  const by = 'carol@example.com';
  const put = async (hold: Omit<LegalHold, 'id' | 'placed'>) => {
    const id = newId('hld');
    await retention.putHold({ id, placed: { by, at, reason }, ...hold }, undefined);
    return id;
  };
  const scope = { of: 'user' as const, email: other };
  const standing = await put({ scope, lifting: { by, at, reason } });
  const sessions = [SESSIONS.ofAlice.id];
  const query = `user:${gone} or user:${other}`;
  const lifted = { by: gone, at };
  const past = await put({ scope: { of: 'sessions', sessions, query }, lifting: { by: gone, at, reason }, lifted });
  const theirs = await put({ scope: { of: 'user', email: ' Written@example.com' }, lifted });
  const others = await put({ scope, lifted });
  const acts = [`purge ${newId('ses')}`, `purge ${newId('ses')}`] as const;
  for (const [act, who] of [
    [acts[0], by],
    [acts[1], gone],
  ] as const)
    await retention.putWaiting(act, { by: who, reason, untilMs: Date.now() + 60_000 });
  const searches = [newId('hsr'), newId('hsr'), newId('hsr')] as const;
  await retention.beginHoldSearch({ id: searches[0], query }, by);
  await retention.beginHoldSearch({ id: searches[1], query: 'drop' }, gone);
  await retention.beginHoldSearch({ id: searches[2], query: `user:${other}` }, by);

  const before = await retention.beforeOrder(SESSIONS.ofAlice.id);
  await retention.forgetPerson(gone, pseudonym);
  // What is in force covers what it did, and orders are bound to the same.
  expect((await retention.beforeOrder(SESSIONS.ofAlice.id)).order.holds).toBe(before.order.holds);
  const written = `of ${pseudonym}, says ${other}`;
  expect(await retention.hold(standing)).toMatchObject({
    scope,
    placed: { by, reason: written },
    lifting: { by, reason: written },
  });
  expect(await retention.hold(past)).toMatchObject({
    scope: { of: 'sessions', sessions, query: `user:${pseudonym} or user:${other}` },
    lifting: { by: pseudonym, reason: written },
    lifted: { by: pseudonym },
  });
  expect((await retention.hold(theirs))?.scope).toEqual({ of: 'user', email: pseudonym });
  expect((await retention.hold(others))?.scope).toEqual(scope);
  expect(await retention.waiting(acts[0])).toMatchObject({ by, reason: written });
  expect(await retention.waiting(acts[1])).toBeUndefined();
  expect(await Promise.all(searches.map((id) => retention.holdSearch(id)))).toMatchObject([
    undefined,
    undefined,
    { query: `user:${other}` },
  ]);
  await runInDurableObject(env.RETENTION.get(env.RETENTION.idFromName('only')), (_object, { storage }) => {
    const tables = storage.sql.exec(`SELECT name FROM sqlite_master WHERE type = 'table'`).toArray();
    const rows = tables
      .filter(({ name }) => !String(name).startsWith('_cf'))
      .map(({ name }) => JSON.stringify(storage.sql.exec(`SELECT * FROM "${name}"`).toArray()));
    expect(rows.join()).not.toMatch(/\bwritten@/i);
  });
});

test('counts sessions page by page', async () => {
  const email = 'busy@example.com';
  await known(email);
  const count = 5_002;
  const opened = { ...AdmittedSession.parse(SESSIONS.ofAlice), email };
  const sessions = Array.from({ length: count }, () => SessionId.parse(newId('ses')));
  await witnessOf(env).admitAll(
    sessions.map((session) => ({ session, opened, viewOwn: true, retainDays: 30 })),
    SESSIONS.ofAlice.connector,
  );
  expect((await refusal(await erase('carol', email)))[1]).toContain(
    `${count} of their sessions (${[...sessions].sort()[0]})`,
  );
  const page = async (after = '') =>
    (await people.carol.get(`/purges/left?email=${email}${after}`)).json<{ sessions: string[]; after?: string }>();
  const { sessions: begin, after } = await page();
  const { sessions: end, ...last } = await page(`&after=${after}`);
  expect([...begin, ...end]).toEqual([...sessions].sort());
  expect(last).toEqual({});
});

test('is refused while the catalogue is made again: it cannot say what is stored', async () => {
  expect(await refusal(await erase('carol', 'while-it-is-made-again@example.com'))).toEqual([
    503,
    expect.stringContaining('The catalogue is being made again'),
  ]);
});

test('is refused for a recording that only a later page of the catalogue lists', async () => {
  await callerAs('second-page');
  expect(await refusal(await erase('carol', 'second-page@example.com'))).toEqual([
    403,
    expect.stringContaining(`recordings of them (${SESSIONS.ofBob.id})`),
  ]);
});

test('is refused while the archive does not say what is stored', async () => {
  await callerAs('archive-away');
  expect(await refusal(await erase('carol', 'archive-away@example.com'))).toEqual([
    503,
    expect.stringContaining('The archive does not answer'),
  ]);
});

test('is refused while a hold on them stands, and takes two people; then nobody can tell whose it was', async () => {
  const placed = await people.carol.send('POST', '/holds', {
    scope: { of: 'user', email: '\u00a0Mallory@example.com\n' },
    reason: 'a dispute',
  });
  const { id, scope } = await placed.json<LegalHold>();
  expect(scope).toEqual({ of: 'user', email: MALLORY });
  expect(await refusal(await erase('carol'))).toEqual([403, expect.stringContaining(id)]);
  for (const who of ['carol', 'bob'] as const)
    await people[who].send('POST', `/holds/${id}/lift`, { reason: 'settled' });

  expect(await (await erase('carol')).json()).toMatchObject({ state: 'waiting' });
  expect(await newest('person.erase_asked')).toMatchObject({ actor: 'carol@example.com', object: MALLORY });
  expect(await refusal(await erase('carol'))).toEqual([403, expect.stringContaining('Somebody else has to agree')]);
  expect((await people.mallory.get('/me')).status).toBe(200);

  const browser = new Browser();
  await browser.signIn('carol');
  const shown = async () => (await browser.fetch(`${EDGE}/audit`)).text();
  expect(await shown()).toContain(MALLORY);
  const erased = await (await erase('bob', 'MALLORY@example.com', 'seen the request')).json<{ person: string }>();
  expect(erased).toMatchObject({ state: 'erased', person: expect.stringMatching(/^per_/) });
  expect(await newest('person.erased')).toMatchObject({
    actor: 'bob@example.com',
    object: erased.person,
    details: { asked: 'carol@example.com', why: 'asked to be forgotten', reason: 'seen the request' },
  });
  // Nothing of what the log shows has the name, and it is still whole.
  const page = await (await people.carol.get('/audit?limit=200')).json<AuditPage>();
  const kinds = page.entries.filter(({ object }) => object === erased.person).map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind !== 'retention.viewed')).toEqual(['person.erased', 'person.erase_asked']);
  expect(JSON.stringify(page)).not.toMatch(/mallory/i);
  expect(await (await people.carol.get('/audit/verify')).json()).toMatchObject({ whole: true });
  expect(await shown()).toContain(erased.person);
  expect(await shown()).not.toMatch(/mallory/i);
  // Nor has the hold that was lifted, or anybody who is signed in.
  const { holds } = await (await people.carol.get('/holds')).json<{ holds: LegalHold[] }>();
  expect(holds.find((hold) => hold.id === id)?.scope).toEqual({ of: 'user', email: erased.person });
  expect((await people.mallory.get('/me')).status).toBe(401);
  expect(await remote(env.DIRECTORY).personByEmail(MALLORY)).toBeUndefined();
  // Of somebody who comes again by that address, nobody has asked yet.
  await callerAs('mallory');
  expect(await (await erase('bob')).json()).toMatchObject({ state: 'waiting' });
});
