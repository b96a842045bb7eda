// What a program opens tunnels with: for one grant, as long as it is live, and for no other address of the API.

import { SELF } from 'cloudflare:test';
import { beforeAll, expect, test } from 'vitest';
import type { ApiError, IssuedGrant } from '../../../core/api.ts';
import type { OpenedTunnel } from '../../../core/tunnel/opened-tunnel.ts';
import { EDGE } from '../../test/browser.ts';
import { resource, TestConnector, type TestLink } from '../../test/connector.ts';
import { grantFor, newest } from '../../test/grants.ts';
import { type Caller, callerAs } from '../../test/people.ts';
import { GITHUB, mint } from '../../test/workload-tokens.ts';

const RULES = `administrators: ["demo:administrators"]
rules:
  - name: ci
    resources: { env: demo }
    who: ["workload:github:acme/shop:ref:refs/heads/main"]
    access: { ttl: 15m }
  - name: people
    resources: { env: demo }
    who: [everyone]
    access: { ttl: 1h }
`;
let bob: Caller;
let link: TestLink;
beforeAll(async () => {
  bob = await callerAs('bob');
  const applied = await bob.send('PUT', '/policy', { text: RULES });
  if (applied.status !== 200) throw new Error(await applied.text());
  link = await (await TestConnector.join('jobs')).link([resource('orders'), resource('vault')]);
});

async function exchanged(name: string): Promise<IssuedGrant['grant']> {
  const answer = await SELF.fetch(`${EDGE}/api/v1/grants/exchange`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ subject_token: await mint('github', GITHUB), resource: name }),
  });
  if (answer.status !== 200) throw new Error(await answer.text());
  return (await answer.json<IssuedGrant>()).grant;
}

const ask = (token: string | undefined, method: string, path: string, body?: object) =>
  SELF.fetch(`${EDGE}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
const openBy = (token: string | undefined, name: string) => ask(token, 'POST', '/tunnels', { resource: name });
const join = (token: string | undefined, tunnel: string) =>
  SELF.fetch(`${EDGE}/api/v1/tunnels/${tunnel}`, {
    headers: { authorization: `Bearer ${token}`, upgrade: 'websocket' },
  });

test('it opens a tunnel to the resource of its grant, is written down with it, and meets the connector there', async () => {
  const { id, tunnelToken } = await exchanged('orders');
  const answer = await openBy(tunnelToken, 'orders');
  const opened = await answer.json<OpenedTunnel>();
  expect([answer.status, opened]).toMatchObject([200, { resource: 'orders' }]);
  await link.next('tunnel.open', (message) => message.tunnel === opened.tunnel);
  expect(await newest('tunnel.opened')).toMatchObject({
    actor: expect.stringMatching(/@github\.workload\.invalid$/),
    details: { tunnel: opened.tunnel, grant: id, by: 'tunnel_token' },
  });
  const joined = await join(tunnelToken, opened.tunnel);
  expect(joined.status).toBe(101);
  joined.webSocket?.accept();
  joined.webSocket?.close(4499);
});

test('no other resource, though its holder has a grant for that too, and no tunnel of that other grant', async () => {
  const [orders, vault] = [await exchanged('orders'), await exchanged('vault')];
  const refused = await openBy(orders.tunnelToken, 'vault');
  expect([refused.status, (await refused.json<ApiError>()).error.reason]).toEqual([403, 'denied']);
  const other = await (await openBy(vault.tunnelToken, 'vault')).json<OpenedTunnel>();
  expect((await join(orders.tunnelToken, other.tunnel)).status).toBe(404);
  const persons = await grantFor(bob, 'orders');
  expect(persons.id).toBeDefined();
  const his = await (await bob.send('POST', '/tunnels', { resource: 'orders' })).json<OpenedTunnel>();
  expect((await join(orders.tunnelToken, his.tunnel)).status).toBe(404);
});

test('nothing else of the API: it is not signed in', async () => {
  const { id, tunnelToken, secret } = await exchanged('orders');
  for (const [method, path, body] of [
    ['GET', '/me'],
    ['GET', '/resources'],
    ['GET', '/grants'],
    ['GET', '/sessions'],
    ['GET', '/connectors'],
    ['POST', '/requests', { resource: 'orders', reason: 'more' }],
    ['POST', `/grants/${id}/revoke`, { reason: 'over' }],
    ['POST', '/connectors/join-tokens', {}],
  ] as const)
    expect([path, (await ask(tunnelToken, method, path, body)).status]).toEqual([path, 401]);
  // And the grant's secret, which clients show, opens no tunnel.
  expect((await openBy(secret, 'orders')).status).toBe(401);
});

test('neither altered, nor with the id of another grant, nor once its grant has ended', async () => {
  const [{ id, tunnelToken = '' }, other] = [await exchanged('orders'), await exchanged('orders')];
  const last = tunnelToken.at(-1) === '0' ? '1' : '0';
  for (const wrong of [
    tunnelToken.slice(0, -1) + last,
    tunnelToken.slice(0, -1),
    tunnelToken.replace(id, other.id),
    `gtt_${id}_${'0'.repeat(64)}`,
  ])
    expect((await openBy(wrong, 'orders')).status).toBe(401);
  const opened = await (await openBy(tunnelToken, 'orders')).json<OpenedTunnel>();
  const revoked = await bob.send('POST', `/grants/${id}/revoke`, { reason: 'over' });
  expect(revoked.status).toBe(200);
  expect((await openBy(tunnelToken, 'orders')).status).toBe(401);
  expect((await join(tunnelToken, opened.tunnel)).status).toBe(401);
  expect((await openBy(other.tunnelToken, 'orders')).status).toBe(200);
});

test("a person's grant has none: people sign in", async () => {
  const answer = await bob.send('POST', '/requests', { resource: 'vault', reason: 'test' });
  const body = await answer.json<object>();
  expect(JSON.stringify(body)).not.toContain('gtt_');
});
