// Asking, deciding and fetching the secret, as two people with two browsers do it.

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ResourceName } from '../../core/resource.ts';
import { PEOPLE } from '../harness/fake-gatehouse.ts';
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
  const guarded = site.gatehouse.resourceList.find(({ name }) => name === 'demo-reporting');
  if (guarded) guarded.approval = { count: 1, decideWithinSeconds: 3600, breakGlass: true };
  return () => site.close();
});

const calls = (method: string) => site.gatehouse.calls.filter((call) => call.method === method);
const GUARDED = ResourceName.parse('demo-reporting');
const ask = (reason: string, changes: object = {}) =>
  site.gatehouse.waitingRequests.ask(PEOPLE.alice, GUARDED, reason, changes);

describe('a request that others decide', () => {
  test('is asked for, approved by keyboard alone, and shows its secret once, with no page reloaded', async () => {
    const alice = await visit(browser, site, '/request/demo-reporting', { expected: /409/ });
    await alice.page.getByText('Somebody has to approve this, within 1 h').waitFor();
    await alice.page.locator('#reason').fill('SHOP-9: the totals of Friday');
    await alice.page.getByRole('button', { name: 'Ask for access' }).click();
    await alice.page.waitForURL('**/requests/req_*');
    await alice.page.getByText('0 of 1 approval').waitFor();
    expect(await alice.page.getByRole('button', { name: 'Approve' }).count()).toBe(0);
    await alice.page.evaluate('window.notReloaded = true');

    const bob = await visit(browser, site, '/approvals', { as: 'bob' });
    const focusOn = async (text: string) => {
      for (let presses = 0; presses < 40; presses++) {
        await bob.page.keyboard.press('Tab');
        const focused = await bob.page.evaluate<string>("document.activeElement?.textContent ?? ''");
        if (focused.includes(text)) return;
      }
      throw new Error(`the keyboard never reached ${text}`);
    };
    await focusOn('the request of alice@example.com for demo-reporting');
    await bob.page.keyboard.press('Enter');
    await bob.page.waitForURL('**/requests/req_*');
    await bob.page.getByText('SHOP-9: the totals of Friday').waitFor();
    await bob.page.locator('#comment').focus();
    await bob.page.keyboard.type('go on');
    await focusOn('Approve');
    await bob.page.keyboard.press('Enter');
    await bob.page.locator('.badge-approved').waitFor();
    expect(await bob.page.getByRole('button', { name: 'Show the secret' }).count()).toBe(0);
    await bob.close();

    await alice.page.getByRole('button', { name: 'Show the secret' }).waitFor();
    expect(await alice.page.getByText('go on').count()).toBe(1);
    expect(await alice.page.evaluate('window.notReloaded')).toBe(true);
    const address = alice.page.url();
    await alice.page.getByRole('button', { name: 'Show the secret' }).click();
    const secret = (await alice.page.locator('#secret').textContent()) ?? '';
    expect(secret).toMatch(/^ght_[a-z2-7]{32}$/);
    await alice.page.reload();
    expect(await alice.page.content()).not.toContain(secret);
    await alice.page.goto(address);
    await alice.page.getByText('Its secret was fetched').waitFor();
    expect(await alice.page.content()).not.toContain(secret);
    await alice.close();
  });

  test('is denied with a reason, and a reason that is missing is asked for', async () => {
    const { id } = ask('SHOP-9');
    const bob = await visit(browser, site, `/requests/${id}`, { as: 'bob', expected: /400/ });
    await bob.page.getByRole('button', { name: 'Deny' }).click();
    await bob.page.getByRole('alert').waitFor();
    await bob.page.locator('#comment').fill('ask <b>carol</b> first');
    await bob.page.getByRole('button', { name: 'Deny' }).click();
    await bob.page.getByText('ask <b>carol</b> first').waitFor();
    await bob.close();
    const alice = await visit(browser, site, `/requests/${id}`);
    await alice.page.getByText('ask <b>carol</b> first').waitFor();
    await alice.page.getByRole('link', { name: 'Ask anew' }).waitFor();
    await alice.close();
  });

  test('keeps a comment that is being typed while the page refreshes itself', async () => {
    const { id } = ask('SHOP-9', { needed: 2 });
    const bob = await visit(browser, site, `/requests/${id}`, { as: 'bob' });
    await bob.page.locator('#comment').fill('half a tho');
    await site.gatehouse.decideApproval(PEOPLE.carol, id, { decision: 'approve', comment: 'yes' }, 'slack');
    await bob.page.getByText('1 of 2 approvals').waitFor();
    expect(await bob.page.locator('#comment').inputValue()).toBe('half a tho');
    await bob.page.getByText('in Slack').waitFor();
    await site.gatehouse.decideApproval(PEOPLE.carol, id, { decision: 'deny', comment: 'no' }, 'portal');
    await bob.page.locator('.badge-denied').waitFor();
    await expect.poll(() => bob.page.locator('#comment').count()).toBe(0);
    await bob.close();
  });

  test('is withdrawn by whoever asked', async () => {
    const { id } = ask('SHOP-9');
    const alice = await visit(browser, site, `/requests/${id}`);
    await alice.page.getByRole('button', { name: 'Withdraw' }).click();
    await alice.page.locator('.badge-withdrawn').waitFor();
    expect(calls('withdrawRequest')).toHaveLength(1);
    await alice.close();
  });

  test('shows up in an inbox that is open already', async () => {
    const bob = await visit(browser, site, '/approvals', { as: 'bob' });
    await bob.page.getByText('Nothing waits for you').waitFor();
    ask('SHOP-10');
    await bob.page.getByText('SHOP-10').waitFor();
    await bob.close();
  });

  test('is changed by forms alone, of this origin, and not by others', async () => {
    const { id } = ask('SHOP-9');
    const as = (person: string, path: string, init: RequestInit = {}) =>
      fetch(`${site.origin}/requests/${id}/${path}`, {
        redirect: 'manual',
        headers: { cookie: `person=${person}`, origin: site.origin },
        ...init,
      });
    expect((await as('bob', 'decision')).status).toBe(303);
    expect((await as('bob', 'claim')).status).toBe(303);
    const approve = { method: 'POST', body: new URLSearchParams({ decision: 'approve' }) };
    expect(
      (await as('bob', 'decision', { ...approve, headers: { cookie: 'person=bob', origin: 'http://evil.test' } }))
        .status,
    ).toBe(403);
    expect((await as('alice', 'decision', approve)).status).toBe(403);
    expect(site.gatehouse.waitingRequests.requests.get(id)?.state).toBe('pending');
    expect((await as('bob', 'decision', approve)).status).toBe(303);
    const claimed = await as('bob', 'claim', { method: 'POST' });
    expect(claimed.status).toBe(403);
  });
});

describe('breaking the glass', () => {
  test('is asked for beside the reason, and says what it does', async () => {
    const { page, close } = await visit(browser, site, '/request/demo-reporting');
    await page.locator('#reason').fill('the shop is down');
    await page.getByLabel('Break the glass').check();
    await page.getByRole('button', { name: 'Ask for access' }).click();
    await page.getByText('Emergency access (break glass)').waitFor();
    await page.locator('#secret').waitFor();
    await close();
  });

  test('is reviewed by somebody else', async () => {
    const now = new Date(site.clock.now()).toISOString();
    const { id } = ask('the shop is down', { state: 'claimed', workUntil: now, breakGlass: {} });
    const bob = await visit(browser, site, '/approvals', { as: 'bob' });
    await bob.page.getByText('Glass broken').waitFor();
    await bob.page.getByRole('link', { name: /^Review/ }).click();
    await bob.page.locator('#comment').fill('right so');
    await bob.page.getByRole('button', { name: 'Mark as reviewed' }).click();
    await bob.page.getByText('right so').waitFor();
    expect(site.gatehouse.waitingRequests.requests.get(id)?.breakGlass?.review?.by.email).toBe('bob@example.com');
    await bob.close();
  });
});
