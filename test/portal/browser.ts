// A real Chromium for the portal's tests. Every page notes what the Content-Security-Policy turned
// away and what scripts threw; `Visit.close` fails the test on either.

import { existsSync } from 'node:fs';
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';
import type { PortalSite } from './site.ts';

// Chromium's own build for programs costs half of what the one with windows does.
const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell';

export async function launchBrowser(): Promise<Browser> {
  if (!existsSync(EXECUTABLE))
    throw new Error(`no Chromium at ${EXECUTABLE}: apt-get install chromium-headless-shell, or set CHROMIUM`);
  return chromium.launch({
    executablePath: EXECUTABLE,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

export interface Visit {
  readonly page: Page;
  close(): Promise<void>;
}

export interface VisitOptions extends BrowserContextOptions {
  as?: 'alice' | 'bob' | 'carol' | undefined;
  /** Messages that this visit is meant to cause. */
  expected?: RegExp;
}

export async function visit(
  browser: Browser,
  site: PortalSite,
  path: string,
  options: VisitOptions = {},
): Promise<Visit> {
  const { as = 'alice', expected, ...rest } = options;
  const context = await browser.newContext({
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    viewport: { width: 1280, height: 800 },
    ...rest,
  });
  await context.addCookies([{ name: 'person', value: as, url: site.origin }]);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(`threw: ${error.message}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !expected?.test(message.text())) problems.push(message.text());
  });
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.addInitScript({
    content: `addEventListener('securitypolicyviolation', (event) => {
      console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI);
    });`,
  });
  await page.goto(site.origin + path);
  return {
    page,
    async close() {
      await context.close();
      expect(problems).toEqual([]);
    },
  };
}

/**
 * What axe finds wrong for people with assistive technology: `rule: elements`. In
 * the light all of its rules, in the dark what depends on it. Visit with `reducedMotion`: a colour that
 * still changes has no contrast yet.
 */
export async function barriers(page: Page): Promise<{ light: string[]; dark: string[] }> {
  await page.emulateMedia({ colorScheme: 'light' });
  await page.evaluate(axe.source);
  const light = await violations(page, {});
  await page.emulateMedia({ colorScheme: 'dark' });
  return { light, dark: await violations(page, { runOnly: ['color-contrast'] }) };
}

/** Made short in the page: whole results take longer to carry out of it than to find. */
function violations(page: Page, options: axe.RunOptions): Promise<string[]> {
  const all = JSON.stringify({ ...options, resultTypes: ['violations'] });
  return page.evaluate<string[]>(`axe.run(document, ${all}).then(({ violations }) => violations.map(
    ({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' | '),
  ))`);
}
