// How connectors join the edge.

import { SELF } from 'cloudflare:test';
import { beforeAll, describe, expect, test } from 'vitest';
import { EDGE } from '../test/browser.ts';
import { TestConnector } from '../test/connector.ts';
import { newest } from '../test/grants.ts';
import { type Caller, callerAs } from '../test/people.ts';

let alice: Caller;
let bob: Caller;
beforeAll(async () => {
  alice = await callerAs('alice');
  bob = await callerAs('bob');
});

describe('joining', () => {
  const join = (body: object) =>
    SELF.fetch(`${EDGE}/api/v1/connectors/join`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  test('a join token joins one connector; the same key may ask again, since an answer can be lost', async () => {
    const { token } = await (await bob.send('POST', '/connectors/join-tokens')).json<{ token: string }>();
    const { key } = await TestConnector.newKey();
    const first = await (await join({ token, name: 'a', key })).json();
    expect(await (await join({ token, name: 'a', key })).json()).toEqual(first);
    expect((await join({ token, name: 'b', key: (await TestConnector.newKey()).key })).status).toBe(403);
  });

  test('who made a token sees whether a connector joined by it, and nobody else does', async () => {
    const { token, id, expiresAt } = await (await bob.send('POST', '/connectors/join-tokens')).json<{
      token: string;
      id: string;
      expiresAt: string;
    }>();
    const use = async (caller: Caller, which = id) => {
      const response = await caller.get(`/connectors/join-tokens/${which}`);
      return { status: response.status, body: await response.json() };
    };
    expect(await use(bob)).toEqual({ status: 200, body: { expiresAt } });
    expect((await use(alice)).status).toBe(403);
    expect(
      (
        await use(
          bob,
          id.replace(/^./, (first) => (first === '0' ? '1' : '0')),
        )
      ).status,
    ).toBe(404);
    expect((await use(bob, token)).status).toBe(400);
    const joined = await (await join({ token, name: 'a', key: (await TestConnector.newKey()).key })).json();
    expect(await use(bob)).toEqual({ status: 200, body: joined });
  });

  test('what can be no key is refused, and leaves the token good', async () => {
    const { token } = await (await bob.send('POST', '/connectors/join-tokens')).json<{ token: string }>();
    for (const key of ['!'.repeat(43), 'A'.repeat(44), '<b>'.padEnd(43, 'A')])
      expect((await join({ token, name: 'a', key })).status).toBe(400);
    expect((await join({ token, name: 'a', key: (await TestConnector.newKey()).key })).status).toBe(200);
  });

  test('an unknown token joins nothing and is written down', async () => {
    expect((await join({ token: 'gjt_guess', name: 'a', key: (await TestConnector.newKey()).key })).status).toBe(403);
    expect((await newest('attempt.refused'))?.details.reason).toBe('join_token_wrong');
  });

  test('the token of the settings joins once', async () => {
    await TestConnector.join('automated', 'first-join-token-of-the-tests');
    await expect(TestConnector.join('automated', 'first-join-token-of-the-tests')).rejects.toThrow('403');
  });

  test('a key joins once, under whatever token', async () => {
    const { key } = await TestConnector.newKey();
    const tokens = await Promise.all(
      [1, 2].map(
        async () => (await (await bob.send('POST', '/connectors/join-tokens')).json<{ token: string }>()).token,
      ),
    );
    expect((await join({ token: tokens[0], name: 'a', key })).status).toBe(200);
    expect((await join({ token: tokens[1], name: 'a', key })).status).toBe(409);
  });

  test('only administrators invite', async () => {
    expect((await alice.send('POST', '/connectors/join-tokens')).status).toBe(403);
  });
});
