// What one may reach now, when it is much: programs hold dozens of grants.

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { GrantId, newId } from '../../core/ids.ts';
import { ResourceName } from '../../core/resource.ts';
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

function hold(resource: string, minutesAgo: number, reason: string, rule = 'demo-developers'): void {
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  site.gatehouse.listed.push({
    ...{ id: GrantId.parse(newId('grt')), email: 'alice@example.com', resource: ResourceName.parse(resource), reason },
    ...{ labels: {}, from: at(-minutesAgo * 60_000), until: at(3_600_000), rule, state: 'active', liveSessions: 1 },
  });
}

test('thirty grants are a card for each resource and rule, the newest first, and each can be revoked', async () => {
  for (let i = 0; i < 28; i++) hold('demo', 30 + i, `TASK-${i}`);
  hold('demo', 5, 'TASK-28', 'on-call');
  hold('warehouse', 1, 'TASK-29');
  const { page, close } = await visit(browser, site, '/');
  const cards = page.locator('.card');
  // The fake's own grant on demo is twelve minutes old, with one live session.
  expect(await cards.locator('.card-head strong').allTextContents()).toEqual(['warehouse', 'demo', 'demo']);
  expect(await cards.locator('> .card-reason').allTextContents()).toEqual([
    'TASK-29',
    'TASK-28',
    'SHOP-812: why do two orders of Friday have no address',
  ]);
  const many = cards.nth(2);
  expect(await many.locator('.live-link').textContent()).toBe('29 live');
  expect(
    await many
      .locator('.card-foot')
      .getByRole('link', { name: /Revoke/ })
      .count(),
  ).toBe(0);
  await many.getByText('29 grants').click();
  expect(await many.locator('.card-grants li').count()).toBe(29);
  await many.getByRole('link', { name: 'Revoke access to demo for TASK-27' }).click();
  await page.getByRole('heading', { name: /Revoke/ }).waitFor();
  await close();
});

test('what is more than a few resources is folded', async () => {
  for (let i = 0; i < 9; i++) hold(`shop-${i}`, i, `TASK-${i}`);
  const { page, close } = await visit(browser, site, '/', { javaScriptEnabled: false });
  expect(await page.locator('.card:visible').count()).toBe(6);
  await page.getByText('4 more resources you may reach').click();
  expect(await page.locator('.card:visible').count()).toBe(10);
  await close();
});

test('an auditor sees what there is to look at', async () => {
  const { page, close } = await visit(browser, site, '/', { as: 'carol' });
  await page.getByRole('heading', { name: 'Newest sessions' }).waitFor();
  expect(await page.locator('main table tbody tr').count()).toBeGreaterThan(0);
  for (const href of ['/approvals', '/retention', '/search', '/audit'])
    expect(await page.locator(`main a[href="${href}"]`).count(), href).toBe(1);
  await close();
});
