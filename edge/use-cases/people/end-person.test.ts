// Ending what somebody has open: everything of theirs and nothing of others, at once, by whoever may.

import { SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../../core/ids.ts';
import type { EndedPerson } from '../../../core/people/ended-person.ts';
import { createDeps } from '../../deps.ts';
import { remote } from '../../objects/rpc.ts';
import { Browser, EDGE } from '../../test/browser.ts';
import { resource, TestConnector, type TestLink } from '../../test/connector.ts';
import { audit, grantFor, newest } from '../../test/grants.ts';
import { type Caller, callerAs, person } from '../../test/people.ts';

let alice: Caller;
let bob: Caller;
let link: TestLink;
let connector: TestConnector;
beforeAll(async () => {
  alice = await callerAs('alice');
  bob = await callerAs('bob');
  connector = await TestConnector.join('carrier');
  link = await connector.link([resource('demo'), resource('guarded-db', { env: 'guarded' })]);
});

const end = (email: string, by: Caller = bob, reason: unknown = 'laptop stolen') =>
  by.send('POST', '/people/end', { email, reason });

describe('an administrator ends what somebody has open', () => {
  test('sign-ins, tokens, grants with their sessions, requests: at once, and nothing of others', async () => {
    const browser = new Browser();
    await browser.signIn('alice');
    const others = await grantFor(await callerAs('dave', ['demo:developers']), 'demo');
    const grant = await grantFor(alice, 'demo');
    const session = newId('ses');
    expect(await link.openSession(grant.id, session)).toMatchObject({ kind: 'session.admitted' });
    const asked = await alice.send('POST', '/requests', { resource: 'guarded-db', reason: 'tests' });
    const { request } = await asked.json<{ request: { id: string } }>();

    const answer = await end('Alice@Example.com');
    expect(answer.status).toBe(200);
    expect(await answer.json<EndedPerson>()).toEqual({
      email: 'alice@example.com',
      browsers: 1,
      tokens: 1,
      grants: 1,
      sessions: 1,
      tunnels: 0,
      requests: 1,
      links: 0,
      notTold: [],
    });

    // The connector ends the sessions of a grant by this message.
    expect(await link.next('grant.revoked', (message) => message.grant === grant.id)).toMatchObject({
      reason: 'laptop stolen',
    });
    expect((await alice.get('/me')).status).toBe(401);
    expect((await browser.fetch(`${EDGE}/grants`)).headers.get('location')).toContain('/login');
    expect(await link.openSession(grant.id)).toMatchObject({ kind: 'session.refused', reason: 'grant_revoked' });
    expect(await link.openSession(others.id)).toMatchObject({ kind: 'session.admitted' });
    const standing = await bob.get(`/requests/${request.id}`);
    expect(await standing.json()).toMatchObject({
      request: { state: 'withdrawn' },
      approval: { ended: { by: 'bob@example.com', reason: 'laptop stolen' } },
    });
    expect(await newest('person.ended')).toMatchObject({
      actor: 'bob@example.com',
      object: 'alice@example.com',
      details: { reason: 'laptop stolen', barred: false },
    });
    expect(await newest('grant.revoked')).toMatchObject({ actor: 'bob@example.com', object: grant.id });
    expect(await newest('request.withdrawn')).toMatchObject({ actor: 'bob@example.com', object: request.id });
  });

  test('what was under way at that moment comes to nothing, and they may sign in again at once', async () => {
    const { gatehouse } = createDeps(env);
    const eve = person('eve', ['demo:developers']);
    await remote(env.DIRECTORY).startBrowserSession('hash-of-eve', eve);
    expect((await end(eve.email)).status).toBe(200);
    // A request that was let in before, and goes on after.
    const late = await gatehouse.requestAccess(eve, { resource: 'demo', reason: 'tests' } as never);
    expect(late).toMatchObject({ ok: false, error: { reason: 'denied' } });
    expect(await remote(env.GRANTS).liveOfPerson(eve.email)).toEqual([]);
    expect(await remote(env.DIRECTORY).decideDeviceLogin('NONE-NONE', eve)).toBe(false);
    expect(await remote(env.DIRECTORY).startBrowserSession('again', eve)).toBe(true);
  });

  test('closes their tunnels', async () => {
    const frank = await callerAs('frank', ['demo:developers']);
    await grantFor(frank, 'demo');
    const opened = await (await frank.send('POST', '/tunnels', { resource: 'demo' })).json<{ tunnel: string }>();
    const joined = await SELF.fetch(`${EDGE}/api/v1/tunnels/${opened.tunnel}`, {
      headers: { upgrade: 'websocket', authorization: `Bearer ${frank.token}` },
    });
    expect(joined.status).toBe(101);
    const socket = joined.webSocket;
    socket?.accept();
    const closed = new Promise<string>((resolve) => socket?.addEventListener('close', ({ reason }) => resolve(reason)));
    expect(await (await end('frank@example.com')).json()).toMatchObject({ tunnels: 1, grants: 1 });
    expect(await closed).toBe('access ended');
  });

  test('says which connectors did not hear', async () => {
    const away = await TestConnector.join('away');
    const gone = await away.link([resource('far')]);
    const grace = await callerAs('grace', ['demo:developers']);
    const grant = await grantFor(grace, 'far');
    expect(await gone.openSession(grant.id)).toMatchObject({ kind: 'session.admitted' });
    gone.close();
    await expect
      .poll(async () => (await end('grace@example.com')).json<EndedPerson>().then(({ notTold }) => notTold.length))
      .toBeLessThanOrEqual(1);
    // Whether or not it heard, it hears again when it is back.
    const back = await away.link([resource('far')]);
    expect(await remote(env.GRANTS).liveOfPerson('grace@example.com')).toEqual([]);
    back.close();
  });
});

describe('is refused', () => {
  test.each([
    ['heidi', 403],
    ['carol', 403],
  ] as const)('to %s, who is no administrator, and written down', async (name, status) => {
    const caller = await callerAs(name);
    expect((await end('bob@example.com', caller)).status).toBe(status);
    expect(await newest('attempt.refused')).toMatchObject({ details: { wanted: 'person.ended' } });
    expect((await bob.get('/me')).status).toBe(200);
  });

  test('for somebody who was never here, without making them known', async () => {
    expect((await end('nobody@example.com')).status).toBe(404);
    expect(await audit.knowsName('nobody@example.com')).toBe(false);
  });

  test.each(['', '  ', 'two\nlines', null])('for the reason %j', async (reason) => {
    expect((await end('alice@example.com', bob, reason)).status).toBe(400);
  });
});
