// Law 7 for requests: whoever looks, and whoever is refused, is in the audit log.

import { beforeAll, expect, test } from 'vitest';
import { AccessAnswer } from '../../core/api.ts';
import { Browser, EDGE } from '../test/browser.ts';
import { resource, TestConnector } from '../test/connector.ts';
import { type Caller, callerAs } from '../test/people.ts';
import { audit as readable } from '../test/grants.ts';

let alice: Caller;
let bob: Caller;
let carol: Caller;
let mallory: Caller;
let next = 0;

beforeAll(async () => {
  [alice, bob, carol, mallory] = await Promise.all([
    callerAs('alice'),
    callerAs('bob'),
    callerAs('carol'),
    callerAs('mallory'),
  ]);
  const guarded = Array.from({ length: 10 }, (_, index) => resource(`looked-at-${index}`, { env: 'guarded' }));
  await (await TestConnector.join('looks')).link([...guarded, resource('open-db')]);
});

const audit = async (limit = 200) => (await readable.list({ limit })).entries;
async function ask(): Promise<string> {
  const asked = await alice.send('POST', '/requests', { resource: `looked-at-${next++}`, reason: 'SHOP-1' });
  const answer = AccessAnswer.parse(await asked.json());
  if (!('request' in answer)) throw new Error('nothing waits');
  return answer.request.id;
}

test('whoever looks at a request is written down, once for what they saw', async () => {
  const id = await ask();
  const looks = async () =>
    (await audit()).filter(({ kind, object }) => kind === 'request.viewed' && object === id).map(({ actor }) => actor);
  await bob.get(`/requests/${id}`);
  await bob.get(`/requests/${id}`);
  expect(await looks()).toEqual(['bob@example.com']);
  await bob.send('POST', `/approvals/${id}/decision`, { decision: 'approve' });
  await bob.get(`/requests/${id}`);
  await carol.get(`/requests/${id}`);
  expect(await looks()).toEqual(['carol@example.com', 'bob@example.com', 'bob@example.com']);
});

test('whoever lists requests is written down, again when there is more to see', async () => {
  const listed = async () =>
    (await audit()).filter(({ kind, actor }) => kind === 'requests.listed' && actor === 'carol@example.com').length;
  await carol.get('/approvals?state=all');
  const before = await listed();
  await carol.get('/approvals?state=all');
  expect(await listed()).toBe(before);
  await ask();
  await carol.get('/approvals?state=all');
  expect(await listed()).toBe(before + 1);
});

test('the page of approvals is one look, and one more when there is more to see, not when it refreshes itself', async () => {
  const browser = new Browser();
  await browser.signIn('carol');
  const looks = async () =>
    (await audit())
      .filter(({ kind, actor }) => kind === 'requests.listed' && actor === 'carol@example.com')
      .map(({ details }) => details.which);
  const before = (await looks()).length;
  const look = async (query = '') => {
    const response = await browser.fetch(`${EDGE}/approvals${query}`);
    expect(response.status).toBe(200);
    return response.text();
  };
  await ask();
  await look();
  await look('?fragment=list');
  await look();
  expect((await looks()).slice(0, -before || undefined)).toEqual(['page']);
  await ask();
  await look('?fragment=list');
  await look('?fragment=list');
  expect((await looks()).slice(0, -before || undefined)).toEqual(['page', 'page']);
});

test('refused revocations and decisions are written down', async () => {
  const granted = AccessAnswer.parse(
    await (await alice.send('POST', '/requests', { resource: 'open-db', reason: 'SHOP-1' })).json(),
  );
  if (!('grant' in granted)) throw new Error('no grant');
  const id = await ask();
  expect((await mallory.send('POST', `/grants/${granted.grant.id}/revoke`, { reason: '' })).status).toBe(404);
  expect((await audit(1))[0]).toMatchObject({
    kind: 'revocation.refused',
    actor: 'mallory@example.com',
    object: granted.grant.id,
    details: { reason: 'not_the_holder' },
  });
  expect((await mallory.send('POST', `/approvals/${id}/decision`, { decision: 'approve' })).status).toBe(404);
  expect((await audit(1))[0]).toMatchObject({ kind: 'decision.refused', actor: 'mallory@example.com', object: id });
});
