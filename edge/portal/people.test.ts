// The page on people, as an administrator uses it and as others do not.

import { beforeAll, describe, expect, test } from 'vitest';
import { Browser, EDGE } from '../test/browser.ts';
import { callerAs } from '../test/people.ts';
import { newest } from '../test/grants.ts';

const bob = new Browser();
beforeAll(async () => {
  await bob.signIn('bob');
});
const post = (browser: Browser, path: string, form: Record<string, string>) =>
  browser.fetch(EDGE + path, {
    method: 'POST',
    headers: { 'sec-fetch-site': 'same-origin' },
    body: new URLSearchParams(form),
  });

describe('an administrator', () => {
  test('ends what somebody has open, and reads what that was', async () => {
    const alice = new Browser();
    await alice.signIn('alice');
    const token = await callerAs('alice');
    expect(await (await bob.fetch(`${EDGE}/people`)).text()).toContain('End everything of theirs');
    const ended = await post(bob, '/people/end', { email: ' Alice@Example.com', reason: 'lost laptop' });
    expect(ended.status).toBe(200);
    expect(await ended.text()).toContain('1 portal sign-ins, 1 API tokens');
    expect((await alice.fetch(`${EDGE}/grants`)).status).toBe(303);
    expect((await token.get('/me')).status).toBe(401);
    expect(await newest('person.ended')).toMatchObject({ details: { reason: 'lost laptop' } });
  });

  test.each([
    [{ email: 'nobody@example.com', reason: 'x' }, 'is known here'],
    [{ email: 'alice@example.com', reason: ' ' }, 'say why in one line'],
    [{ email: 'alice', reason: 'x' }, 'Give an address'],
  ])('hears what is wrong with %j', async (form, words) => {
    const refused = await post(bob, '/people/end', form);
    expect(refused.status).toBe(400);
    const page = await refused.text();
    expect(page).toContain(words);
    expect(page).toContain(`value="${form.email}"`);
  });

  test('makes a token, which is shown once, and revokes it', async () => {
    const made = await (await post(bob, '/people/scim-tokens', { name: 'okta' })).text();
    const token = /gsc_[a-z2-7]{32}/.exec(made)?.[0] ?? '';
    expect(token).not.toBe('');
    const page = await (await bob.fetch(`${EDGE}/people`)).text();
    expect(page).not.toContain(token);
    const id = /sct_[0-9a-z]{26}/.exec(page)?.[0] ?? '';
    expect((await post(bob, `/people/scim-tokens/${id}/revoke`, {})).status).toBe(303);
    expect(await (await bob.fetch(`${EDGE}/people`)).text()).toContain('no directory reaches Gatehouse');
  });
});

test('others see nothing of it and do nothing there', async () => {
  const carol = new Browser();
  await carol.signIn('carol');
  expect((await carol.fetch(`${EDGE}/people`)).status).toBe(403);
  expect((await post(carol, '/people/end', { email: 'bob@example.com', reason: 'x' })).status).toBe(403);
  expect((await post(carol, '/people/scim-tokens', { name: 'mine' })).status).toBe(403);
  expect((await bob.fetch(`${EDGE}/people`)).status).toBe(200);
  expect(await (await carol.fetch(`${EDGE}/`)).text()).not.toContain('href="/people"');
});
