// Registering and removing an SSH key by the portal, with a real ssh-keygen.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPublicLine } from '../../core/ssh/public-key.ts';
import { isSignedText } from '../../core/ssh/signed-text.ts';
import { launchBrowser, visit } from './browser.ts';
import { type PortalSite, startPortalSite } from './site.ts';

let browser: Browser;
let site: PortalSite;
let directory: string;
beforeAll(async () => {
  [browser, site] = [await launchBrowser(), await startPortalSite()];
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-portal-keys-'));
});
afterAll(async () => {
  await browser.close();
  await site.close();
  rmSync(directory, { recursive: true, force: true });
});

test('a key is registered by what the shown line prints, listed, and removed after a confirmation', async () => {
  const file = join(directory, 'id_ed25519');
  spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', "alice's laptop", '-f', file]);
  const { page, close } = await visit(browser, site, '/keys', { expected: /400/ });
  const line = (await page.locator('#sign').textContent())?.trim() ?? '';
  expect(line).toContain('~/.ssh/id_ed25519');
  const signed = spawnSync('sh', ['-c', line.replace('~/.ssh/id_ed25519', file)]).stdout.toString();
  const publicKey = readFileSync(`${file}.pub`, 'utf8');
  const key = readPublicLine(publicKey);
  const text = `This key signs in alice@example.com at ${site.origin}\n`;
  expect(key && (await isSignedText(signed, key, { namespace: 'gatehouse-key', text }))).toBe(true);

  await page.locator('#public_key').fill(publicKey);
  await page.locator('#signature').fill('of another');
  await page.locator('#name').fill('laptop');
  await page.getByRole('button', { name: 'Register', exact: true }).click();
  await page.getByText('has not signed that it signs in').waitFor();
  expect(await page.locator('#public_key').inputValue()).toContain(publicKey.trim());

  await page.locator('#signature').fill(signed);
  await page.getByRole('button', { name: 'Register', exact: true }).click();
  await page.getByText('It signs you in while you hold a grant').waitFor();
  const fingerprint =
    spawnSync('ssh-keygen', ['-lf', `${file}.pub`])
      .stdout.toString()
      .split(' ')[1] ?? '';
  const row = page.getByRole('row').filter({ hasText: fingerprint });
  expect(await row.textContent()).toContain('laptop');

  await row.getByRole('link', { name: 'Remove' }).click();
  await page.getByRole('heading', { name: 'Remove this key?' }).waitFor();
  expect(site.gatehouse.calls.filter(({ method }) => method === 'removeKey')).toEqual([]);
  await page.getByRole('button', { name: 'Remove', exact: true }).click();
  await page.getByText('It signs nobody in any more').waitFor();
  await page.getByText('No keys yet').waitFor();
  const gone = await fetch(`${site.origin}/keys/remove?key=${encodeURIComponent(fingerprint)}`, {
    headers: { cookie: 'person=alice' },
  });
  expect(gone.status).toBe(404);
  await close();
});
