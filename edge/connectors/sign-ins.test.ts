// Signing in by the browser for a client of a connector.

import { runInDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import { Resource, ResourceName } from '../../core/resource.ts';
import { newId } from '../../core/ids.ts';
import { Throttles } from '../storage/throttles.ts';
import { SignIns } from './sign-ins.ts';
import { Browser, EDGE } from '../test/browser.ts';
import { resource, TestConnector, type TestLink } from '../test/connector.ts';
import { grantFor, newest } from '../test/grants.ts';
import { callerAs } from '../test/people.ts';

let link: TestLink;
let other: TestLink;
let bob: Browser;
let call = 0;

beforeAll(async () => {
  const [connector, second] = [await TestConnector.join('signs-in'), await TestConnector.join('another')];
  const hello = { kind: 'hello' as const, build: 'tests', live: [], understands: [] };
  const web = Resource.parse({ ...resource('web'), protocol: 'ssh' });
  [link, other] = [await connector.open(), await second.open()];
  link.send({ ...hello, connector: connector.id, resources: [web] });
  other.send({ ...hello, connector: second.id, resources: [] });
  expect((await link.next('welcome')).understands).toContain('sign_in.ask');
  bob = new Browser();
  await bob.signIn('bob');
});

async function ask(address = '10.0.0.9') {
  link.send({ kind: 'sign_in.ask', call: ++call, resource: ResourceName.parse('web'), protocol: 'ssh', address });
  return link.next('sign_in.asked');
}
async function look(signIn: string, at = link) {
  at.send({ kind: 'sign_in.look', call: ++call, signIn });
  return at.next('sign_in.standing');
}
const decide = (browser: Browser, user_code: string, approve: boolean) =>
  browser.fetch(`${EDGE}/api/v1/device/decision`, {
    method: 'POST',
    headers: { 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' },
    body: JSON.stringify({ user_code, approve }),
  });

test('whoever confirms it is let in, with a grant of theirs, once, at the connector that asked', async () => {
  const { signIn, userCode, link: at } = await ask();
  expect(at).toBe(`${EDGE}/device`);
  expect(await look(signIn)).toMatchObject({ state: 'waiting' });
  const decided = await decide(bob, userCode, true);
  expect(await decided.json()).toMatchObject({ resource: 'web', address: '10.0.0.9' });
  expect(await newest('sign_in.approved')).toMatchObject({
    actor: 'bob@example.com',
    object: 'web',
    details: { address: '10.0.0.9' },
  });
  const confirmed = await look(signIn);
  expect(confirmed).toMatchObject({ state: 'confirmed', message: expect.stringContaining(`${EDGE}/request/web`) });
  expect(confirmed.granted).toBeUndefined();
  const grant = await grantFor(await callerAs('bob'), 'web');
  // Not to others, and not as a token.
  expect(await look(signIn, other)).toMatchObject({ state: 'expired' });
  const token = await SELF.fetch(`${EDGE}/api/v1/device/token`, {
    method: 'POST',
    body: new URLSearchParams({ device_code: signIn }),
  });
  expect(await token.json()).toMatchObject({ error: 'expired_token' });
  const granted = await look(signIn);
  expect(granted).toMatchObject({ state: 'granted', granted: { email: 'bob@example.com', grant: { id: grant.id } } });
  expect(await look(signIn)).toMatchObject({ state: 'expired' });
  expect((await decide(bob, userCode, true)).status).toBe(404);
});

test('who turns it away ends it', async () => {
  const { signIn, userCode } = await ask();
  await decide(bob, userCode, false);
  expect(await newest('sign_in.denied')).toMatchObject({ actor: 'bob@example.com', object: 'web' });
  expect(await look(signIn)).toMatchObject({ state: 'denied' });
  expect(await look(signIn)).toMatchObject({ state: 'expired' });
});

test('one address begins twenty a minute', async () => {
  for (let i = 0; i < 20; i++) await ask('10.0.0.77');
  link.send({
    ...{ kind: 'sign_in.ask', call: ++call, protocol: 'ssh', address: '10.0.0.77' },
    resource: ResourceName.parse('web'),
  });
  expect(await link.next('sign_in.refused')).toMatchObject({ reason: 'too_many_logins' });
});

test('a link that somebody sent is not enough: the page does not show the code, and asks for it', async () => {
  const { userCode } = await ask();
  const page = await (await bob.fetch(`${EDGE}/device?user_code=${userCode}`)).text();
  expect(page).toContain('An SSH client asks to be let in to');
  expect(page).toContain('10.0.0.9');
  const approve = /<form method="post" action="\/device" class="form" id="approve">.*?<\/form>/s.exec(page)?.[0] ?? '';
  expect(approve).toContain('name="user_code"');
  expect(approve).not.toContain(userCode);
});

test('all addresses together begin six hundred a minute at a connector', async () => {
  const storage = env.DIRECTORY.get(env.DIRECTORY.idFromName('throttled'));
  await runInDurableObject(storage, (_object, state) => {
    const throttles = new Throttles(state.storage.sql);
    const allowed = (at: number) => throttles.allow('sign-in-links', 'a connector', at);
    expect(Array.from({ length: 601 }, () => allowed(1_000)).filter(Boolean)).toHaveLength(600);
    expect(allowed(62_000)).toBe(true);
  });
  const asked: string[] = [];
  const directory = { allow: async (name: string, who: string) => asked.push(`${name} ${who}`) < 2 };
  const signIns = new SignIns({ connector: { id: newId('con') }, directory } as never);
  const answer = await signIns.ask({
    ...{ kind: 'sign_in.ask', call: 1, protocol: 'ssh', address: '2001:db8::1' },
    resource: ResourceName.parse('web'),
  });
  expect(answer).toMatchObject({ kind: 'sign_in.refused', message: expect.stringContaining('were begun here') });
  expect(asked).toEqual([
    expect.stringMatching(/^sign-in-link con_\w+ 2001:db8::1$/),
    expect.stringMatching(/^sign-in-links con_\w+$/),
  ]);
});
