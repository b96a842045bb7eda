// Watching on approval, originals and shared links, as people with browsers meet them.

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { launchBrowser, visit } from './browser.ts';
import { type PortalSite, startPortalSite } from './site.ts';

let browser: Browser;
let site: PortalSite;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  site = await startPortalSite();
  return () => site.close();
});

const sessionOf = (email: string, state: string) => {
  const found = [...site.gatehouse.stored.values()].find(({ entry }) => entry.email === email && entry.state === state);
  if (!found) throw new Error(`no ${state} session of ${email}`);
  return found.entry;
};

describe('a session that takes an approval', () => {
  test('is asked for on its page, watched once somebody agreed, and leaves the screen when that is over', async () => {
    const session = sessionOf('alice@example.com', 'live');
    site.gatehouse.needing.add(session.id);
    const bob = await visit(browser, site, '/sessions', { as: 'bob', expected: /403/ });
    await bob.page.locator('tr', { hasText: 'On approval' }).first().waitFor();
    await bob.page.goto(`${site.origin}/sessions/${session.id}`);
    await bob.page.getByText('nothing of what was done in it').waitFor();
    expect(await bob.page.locator('.statement, #player').count()).toBe(0);
    await bob.page.locator('#reason').fill('INC-7: who dropped the table');
    await bob.page.locator('#minutes').selectOption('30');
    await bob.page.getByRole('button', { name: 'Ask to watch it' }).click();
    await bob.page.waitForURL('**/requests/req_*');
    await bob.page.getByText(session.id).waitFor();
    expect(await bob.page.getByRole('button', { name: 'Approve' }).count()).toBe(0);

    const carol = await visit(browser, site, '/approvals', { as: 'carol' });
    await carol.page.getByText('bob@example.com asks to watch a session on').waitFor();
    await carol.page.getByRole('link', { name: /^Decide/ }).click();
    await carol.page.getByRole('button', { name: 'Approve' }).click();
    await carol.page.locator('.badge-approved').waitFor();
    expect(await carol.page.getByRole('button', { name: 'Show the secret' }).count()).toBe(0);
    await carol.close();

    await bob.page.getByRole('link', { name: 'Watch the session' }).click();
    await bob.page.locator('#player').waitFor();
    // Their time is over: what keeps the page fresh is refused, and the page asks again.
    site.clock.now = () => Date.now() + 31 * 60_000;
    await bob.page.getByText('nothing of what was done in it').waitFor();
    expect(await bob.page.locator('.statement, #player').count()).toBe(0);
    await bob.close();
  });

  test('says what is missing, and keeps what was written', async () => {
    const session = sessionOf('alice@example.com', 'live');
    site.gatehouse.needing.add(session.id);
    const bob = await visit(browser, site, `/sessions/${session.id}`, { as: 'bob', expected: /40[03]/ });
    await bob.page.evaluate("document.querySelector('#reason').required = false");
    await bob.page.getByRole('button', { name: 'Ask to watch it' }).click();
    await bob.page.getByRole('alert').getByText('Say why').waitFor();
    await bob.close();
  });
});

test('originals are asked for by their page, which then has the line that fetches them', async () => {
  const session = sessionOf('alice@example.com', 'live');
  const bob = await visit(browser, site, `/sessions/${session.id}/unlock`, { as: 'bob' });
  await bob.page.locator('#reason').fill('court order 7');
  await bob.page.getByRole('button', { name: 'Ask for the originals' }).click();
  await bob.page.waitForURL('**/requests/req_*');
  await bob.page.getByText('0 of 2 approvals').waitFor();
  for (const [id, request] of site.gatehouse.waitingRequests.requests)
    if (request.subject.kind === 'unlock')
      site.gatehouse.waitingRequests.requests.set(id, {
        ...{ ...request, state: 'approved', workUntil: new Date(Date.now() + 3_600_000).toISOString() },
      });
  await bob.page.getByRole('link', { name: 'Go to the originals' }).click();
  await bob.page.getByText(`original ${session.id} --identity FILE`).waitFor();
  await bob.close();
});

describe('a shared link', () => {
  test('is made for people who are named, shown once, listed and revoked', async () => {
    const session = sessionOf('alice@example.com', 'live');
    const alice = await visit(browser, site, `/sessions/${session.id}`, { expected: /400/ });
    await alice.page.getByRole('link', { name: 'Share', exact: true }).click();
    await alice.page.getByRole('button', { name: 'Make the link' }).click();
    await alice.page.getByRole('alert').getByText('people who are named').waitFor();
    await alice.page.locator('#names').fill('dan@example.com\ngroup:okta:support');
    await alice.page.locator('#length').selectOption('3d');
    await alice.page.getByRole('button', { name: 'Make the link' }).click();
    await alice.page.getByText('It is shown this once').waitFor();
    expect(await alice.page.locator('#share-link').innerText()).toContain('/shared#gsl_');
    await alice.page.getByRole('link', { name: 'Links you made' }).click();
    await alice.page.getByText('dan@example.com, okta:support').waitFor();
    expect(await alice.page.content()).not.toContain('gsl_');
    await alice.page.getByRole('button', { name: /^Revoke/ }).click();
    await alice.page.getByText('Revoked').waitFor();
    await alice.close();
  });

  test('sends its token in a form alone: no address, no history and no other request has it', async () => {
    const session = sessionOf('alice@example.com', 'live');
    await site.gatehouse.makeShare({ email: 'x@example.com' } as never, session.id, { with: ['bob@example.com'] });
    const bob = await visit(browser, site, '/', { as: 'bob' });
    const token = `gsl_${'k7'.repeat(26)}`;
    const told: string[] = [];
    bob.page.on('request', (request) => {
      told.push(
        request.url(),
        ...Object.entries(request.headers()).flatMap(([name, value]) => (name === 'cookie' ? [] : value)),
      );
    });
    await bob.page.goto(`${site.origin}/shared#${token}`);
    await bob.page.waitForURL(`**/sessions/${session.id}?at=3`);
    expect(site.gatehouse.tokens).toEqual([token]);
    expect(told.length).toBeGreaterThan(5);
    expect(told.filter((text) => text.includes(token))).toEqual([]);
    await bob.page.goBack();
    expect(bob.page.url()).not.toContain(token);
    await bob.close();
  });

  test('opened by somebody who is not signed in goes on behind signing in', async () => {
    const session = sessionOf('alice@example.com', 'live');
    await site.gatehouse.makeShare({ email: 'x@example.com' } as never, session.id, { with: ['bob@example.com'] });
    const nobody = await visit(browser, site, '/ca.pem', { as: 'nobody' as never });
    await nobody.page.goto(`${site.origin}/shared#gsl_${'k7'.repeat(26)}`);
    await nobody.page.getByRole('link', { name: 'Sign in', exact: true }).last().click();
    await nobody.page.waitForURL(`**/sessions/${session.id}?at=3`);
    await nobody.close();
  });
});
