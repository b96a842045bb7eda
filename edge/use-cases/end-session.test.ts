// Ending one session: who may, what is told and written down, and what is said when it cannot be.

import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../core/ids.ts';
import { remote } from '../objects/rpc.ts';
import { Browser, EDGE } from '../test/browser.ts';
import { resource, TestConnector, type TestLink } from '../test/connector.ts';
import { audit, grantFor, newest } from '../test/grants.ts';
import { apply } from '../test/holds.ts';
import { type Caller, callerAs } from '../test/people.ts';

const people = {} as Record<'alice' | 'bob' | 'carol' | 'mallory', Caller>;
let connector: TestConnector;
let link: TestLink;
beforeAll(async () => {
  for (const name of ['alice', 'bob', 'carol', 'mallory'] as const) people[name] = await callerAs(name);
  connector = await TestConnector.join('carrier');
  link = await connector.link([resource('demo')]);
});

const end = (who: keyof typeof people, session: string, reason: unknown = 'runaway query') =>
  people[who].send('POST', `/sessions/${session}/end`, { reason });

/** A running session of alice's, on a grant of its own. */
async function running(on: TestLink = link, name = 'demo'): Promise<{ session: string; grant: string }> {
  const session = newId('ses');
  const grant = await grantFor(people.alice, name);
  expect(await on.openSession(grant.id, session)).toMatchObject({ kind: 'session.admitted' });
  return { session, grant: grant.id };
}

describe('a live session', () => {
  test.each(['alice', 'bob', 'carol'] as const)('is ended by %s, and the entry is written before', async (who) => {
    const { session, grant } = await running();
    const answer = await end(who, session, '  runaway query ');
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { session, email: 'alice@example.com', resource: 'demo', state: 'ending' },
    ]);
    const told = await link.next('session.end', (message) => message.session === session);
    expect(told).toEqual({ kind: 'session.end', session, by: `${who}@example.com`, reason: 'runaway query' });
    expect(await newest('session.end_requested')).toMatchObject({
      actor: `${who}@example.com`,
      object: session,
      details: {
        reason: 'runaway query',
        holder: 'alice@example.com',
        resource: 'demo',
        grant,
        connector: connector.id,
      },
    });
    // Its grant stays, and other sessions on it.
    expect(await link.openSession(grant)).toMatchObject({ kind: 'session.admitted' });
  });

  test('of others is no session to anybody else, and the attempt is written down', async () => {
    const { session } = await running();
    const unknown = await end('mallory', newId('ses'));
    const refused = await end('mallory', session);
    expect(refused.status).toBe(404);
    expect(await refused.json()).toEqual(await unknown.json());
    expect(link.pending('session.end')).toBe(0);
    expect(await newest('attempt.refused')).toMatchObject({
      actor: 'mallory@example.com',
      object: session,
      details: { reason: 'policy_denied', wanted: 'session.end_requested' },
    });
  });

  test.each(['', '   ', 'two\nlines', `nul\0`, 'x'.repeat(501), undefined, 7])(
    'is not ended for the reason %j',
    async (reason) => {
      const { session } = await running();
      const answer = await people.carol.send('POST', `/sessions/${session}/end`, { reason });
      expect(answer.status).toBe(400);
      expect(link.pending('session.end')).toBe(0);
    },
  );
});

test.each([
  ['carol', ''],
  ['bob', '/end'],
] as const)('is ended in the portal by %s, who is led to a page that they may see', async (who, page) => {
  const { session } = await running();
  const browser = new Browser();
  await browser.signIn(who);
  const address = `${EDGE}/sessions/${session}/end`;
  const form = await browser.fetch(address);
  expect([form.status, await form.text()]).toEqual([200, expect.stringContaining('alice@example.com')]);
  const post = (headers: Record<string, string>) =>
    browser.fetch(address, { method: 'POST', headers, body: new URLSearchParams({ reason: 'runaway query' }) });
  expect((await post({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  expect(link.pending('session.end')).toBe(0);
  const answer = await post({ 'sec-fetch-site': 'same-origin' });
  expect([answer.status, answer.headers.get('location')]).toEqual([303, `/sessions/${session}${page}?ended`]);
  await link.next('session.end', (message) => message.session === session && message.by === `${who}@example.com`);
  // The archive of the tests has no such session; the edge knows it.
  if (page !== '') expect(await (await browser.fetch(`${address}?ended`)).text()).toContain('has been asked to end it');
});

test('one that is over is said to be, however often, and nobody is told', async () => {
  const { session } = await running();
  await link.report(1, {
    kind: 'session.ended',
    session,
    reason: 'client_closed',
    message: 'done',
    at: '2026-11-20T10:00:00.000Z',
  });
  const entries = async () => (await audit.list({ kind: 'session.end_requested', limit: 500 })).entries.length;
  const before = await entries();
  for (const who of ['alice', 'carol'] as const) {
    const answer = await end(who, session);
    expect([answer.status, await answer.json()]).toMatchObject([200, { session, state: 'over' }]);
  }
  expect(await newest('session.viewed')).toMatchObject({ actor: 'carol@example.com', object: session });
  // An administrator may end it and, by this policy, not view it.
  const { text } = await (await people.bob.get('/policy')).json<{ text: string }>();
  await apply(text.replace(/view: \[dba\]/, 'view: ["user:carol@example.com"]'), people.bob);
  for (const who of ['bob', 'mallory'] as const) {
    const [over, never] = [await end(who, session), await end(who, newId('ses'))];
    expect([over.status, await over.text()]).toEqual([404, await never.text()]);
  }
  await apply(text, people.bob);
  expect(await entries()).toBe(before);
  expect(link.pending('session.end')).toBe(0);
});

describe('one whose connector', () => {
  test('is not linked goes on, and the answer says what to do', async () => {
    const away = await TestConnector.join('away');
    const before = await away.link([resource('away-db')]);
    const { session, grant } = await running(before, 'away-db');
    before.close();
    await before.whenClosed();
    await expect.poll(async () => await remote(env.CONNECTOR_LINK, away.id).isLinked()).toBe(false);
    const answer = await end('bob', session);
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain(`Revoke the grant ${grant} instead`);
    expect(await newest('session.end_requested')).toMatchObject({
      object: session,
      details: { undelivered: 'not_linked' },
    });
    // It is back with the session: nothing was kept for it, the person may ask again.
    const after = await away.link([resource('away-db')], [session]);
    expect(after.pending('session.end')).toBe(0);
    expect((await end('bob', session)).status).toBe(200);
    await after.next('session.end', (message) => message.session === session);
  });

  test('came back without it is over', async () => {
    const restarted = await TestConnector.join('restarted');
    const { session } = await running(await restarted.link([resource('restarted-db')]), 'restarted-db');
    await restarted.link([resource('restarted-db')]);
    expect(await (await end('alice', session)).json()).toMatchObject({ state: 'over' });
  });

  test('is of an earlier release is sent nothing that would end its link', async () => {
    const old = await TestConnector.join('old');
    const before = await old.link([resource('old-db')], [], []);
    const { session } = await running(before, 'old-db');
    const answer = await end('bob', session);
    expect(answer.status).toBe(409);
    expect(await answer.text()).toMatch(/earlier release.*Revoke the grant grt_/);
    expect(before.pending('session.end')).toBe(0);
    expect((await before.lookUp('alice@example.com', 'old-db')).kind).toBe('grants.found');
    expect(await newest('session.end_requested')).toMatchObject({ details: { undelivered: 'too_old' } });
  });
});
