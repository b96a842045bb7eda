// Revoking a connector by the portal: asked first, with why.

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser, visit } from './browser.ts';
import { type PortalSite, startPortalSite } from './site.ts';

let browser: Browser;
let site: PortalSite;
beforeAll(async () => {
  [browser, site] = [await launchBrowser(), await startPortalSite()];
});
afterAll(async () => {
  await browser.close();
  await site.close();
});

test('a connector is revoked by an administrator after a question, with a reason that its page shows', async () => {
  const { page, close } = await visit(browser, site, '/connectors', { as: 'bob', expected: /400/ });
  const card = page.locator('.card').filter({ hasText: 'demo-connector' }).first();
  await card.getByRole('link', { name: 'Revoke this connector' }).click();
  await page.getByRole('heading', { name: 'Revoke demo-connector?' }).waitFor();
  await page.getByText('The 2 sessions that it carries end').waitFor();
  const asked = () => site.gatehouse.calls.filter(({ method }) => method === 'revokeConnector');
  expect(asked()).toEqual([]);
  await page.getByLabel('Why?').fill(' ');
  await page.getByRole('button', { name: 'Revoke this connector' }).click();
  await page.getByText('Say why in one line').waitFor();
  expect(asked()).toEqual([]);
  await page.getByLabel('Why?').fill('its machine was <stolen>');
  await page.getByRole('button', { name: 'Revoke this connector' }).click();
  await page.getByRole('heading', { name: 'Connectors' }).waitFor();
  expect(await card.textContent()).toContain('by bob@example.com: its machine was <stolen>');
  expect(asked()).toHaveLength(1);
  await close();
});

test('nobody else is shown the way', async () => {
  const { page, close } = await visit(browser, site, '/connectors', { as: 'alice' });
  expect(await page.getByRole('link', { name: 'Revoke this connector' }).count()).toBe(0);
  await close();
});

test('what is no connector is not found', async () => {
  for (const method of ['GET', 'POST']) {
    const answer = await fetch(`${site.origin}/connectors/con_x/revoke`, {
      method,
      headers: { cookie: 'person=bob', 'sec-fetch-site': 'same-origin', origin: site.origin },
      ...(method === 'POST' && { body: new URLSearchParams({ reason: 'x' }) }),
    });
    expect([method, answer.status]).toEqual([method, 404]);
  }
});
