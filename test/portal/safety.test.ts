// What people and targets write must stay text, on the pages and in the player; and pages must work
// without scripts.

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { FakeSession } from '../harness/fake-gatehouse.ts';
import { statementEntry } from '../harness/fake-data.ts';
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

const ATTACKS = [
  '<script>alert(1)</script>',
  '</script><script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</textarea></code></pre><svg onload=alert(1)>',
  'javascript:alert(1)',
  '{{constructor.constructor("alert(1)")()}}',
  '&lt;script&gt;alert(1)&lt;/script&gt;',
];
const ATTACK = `${ATTACKS.join(' ')} \u202Egnp.exe\u2066 \u0000\u001b[2J\u200b`;

/** The session that carries the attack in every field a person or a target fills. */
function poison(): FakeSession {
  const session = [...site.gatehouse.stored.values()][0];
  if (!session) throw new Error('the fake has no session');
  const { entry } = session;
  Object.assign(entry, { reason: ATTACK, task: ATTACK, trace: ATTACK, email: `${ATTACK}@example.com`, fault: ATTACK });
  Object.assign(entry, { state: 'broken', client: { address: ATTACK, tls: ATTACK, application: ATTACK } });
  const parameters = [{ type: 0, format: 'text' as const, value: ATTACK }];
  const error = { code: ATTACK, severity: ATTACK, message: ATTACK };
  session.actions[0] = statementEntry(1, 10, { text: `select '${ATTACK}'`, parameters, tags: [ATTACK], error });
  session.events.length = 1;
  session.events.push(
    { kind: 'statement', timeUs: 10, statement: 1, text: `select '${ATTACK}' -- ${ATTACK}`, parameters },
    { kind: 'rows', timeUs: 20, statement: 1, columns: [ATTACK, 'b'], rows: [[ATTACK, null]], omitted: 3 },
    { kind: 'notice', timeUs: 25, severity: ATTACK, message: ATTACK },
    { kind: 'result', timeUs: 30, statement: 1, tags: [ATTACK], rows: 1, bytes: 5, durationUs: 20, error },
    { kind: 'damaged', timeUs: 40, message: ATTACK },
  );
  for (const resource of site.gatehouse.resourceList) {
    resource.labels = { env: ATTACK };
    resource.description = ATTACK;
  }
  for (const grant of site.gatehouse.listed)
    Object.assign(grant, { reason: ATTACK, labels: { task: ATTACK, trace: ATTACK } });
  return session;
}

/** No element or attribute came out of the attack, and what hides or reorders is named. */
async function expectHarmless(page: Page): Promise<void> {
  const found = await page.evaluate<string[]>(`[
    ...document.querySelectorAll('img, main svg[onload], main script, [onerror], [onload], [onmouseover], [style]'),
    ...[...document.querySelectorAll('[href], [src], [action]')].filter((element) =>
      /^javascript:/i.test(element.getAttribute('href') ?? element.getAttribute('src') ?? element.getAttribute('action') ?? '')),
  ].map((element) => element.outerHTML)`);
  expect(found).toEqual([]);
  const text = await page.evaluate<string>('document.title + document.body.textContent');
  expect(text).toContain('<script>alert(1)</script>');
  expect(text).toContain('&lt;script&gt;');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
  expect(/.{0,60}[\u202e\u2066\u0000\u001b\u200b]/s.exec(text)?.[0]).toBeUndefined();
  expect(text).toContain('\\u202e');
}

describe('what others wrote', () => {
  test('stays text on every page that shows it', async () => {
    const { entry } = poison();
    for (const path of ['/', '/grants', '/sessions', `/sessions/${entry.id}`, '/request/demo']) {
      const { page, close } = await visit(browser, site, path, { as: path === '/' ? 'alice' : 'bob' });
      await expectHarmless(page);
      await close();
    }
  });

  test('stays text in the player', async () => {
    const { entry } = poison();
    const { page, close } = await visit(browser, site, `/sessions/${entry.id}`, { as: 'bob' });
    await page.locator('#stage-play').click();
    await page.getByText('The recording is damaged from here on.').waitFor();
    await expectHarmless(page);
    expect(await page.locator('#transcript .rows td').first().textContent()).toContain('<img src=x onerror=alert(1)>');
    await close();
  });

  test('stays text in what an address carries back', async () => {
    const poisoned = encodeURIComponent(ATTACK.slice(0, 180));
    for (const path of [
      `/sessions?email=${poisoned}&since=${poisoned}&task=${poisoned}&cursor=0`,
      `/device?user_code=${poisoned}`,
    ]) {
      const { page, close } = await visit(browser, site, path, { expected: /40[04]/ });
      expect(await page.locator('script:not([src]), img, [onerror], [onmouseover]').count()).toBe(0);
      await close();
    }
  });

  test('in parts is waited for, then listed with links to the store and the command line', async () => {
    const { entry } = poison();
    const waiting = await fetch(`${site.origin}/sessions/${entry.id}/export?format=text&part=1`, {
      headers: { cookie: 'person=bob' },
    });
    expect(waiting.headers.get('refresh')).toBe(`3; url=/sessions/${entry.id}/export?format=text&part=0`);
    expect(await waiting.text()).toContain('being written');
    const { page, close } = await visit(browser, site, `/sessions/${entry.id}/export?format=text&part=0`, {
      as: 'bob',
    });
    const link = page.getByRole('link', { name: 'Part 1' });
    expect(await link.getAttribute('href')).toBe('https://store.test/0?signature=x');
    expect(await page.getByText('ab'.repeat(32)).count()).toBe(1);
    expect(await page.getByRole('link', { name: 'The next parts' }).getAttribute('href')).toMatch(/part=1$/);
    expect(await page.content()).toContain(`export ${entry.id} --format text --out ${entry.id}.text`);
    await close();
  });

  test('comes down as a download, never as a page of this origin', async () => {
    const { entry } = poison();
    const answer = await fetch(`${site.origin}/sessions/${entry.id}/export?format=html`, {
      headers: { cookie: 'person=bob' },
    });
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${entry.id}.html"`);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    await answer.body?.cancel();
  });
});

describe('sessions of others', () => {
  test('are neither shown nor replayed nor exported to who may not view them', async () => {
    const other = [...site.gatehouse.stored.values()].find(({ entry }) => entry.email === 'bob@example.com');
    const id = other?.entry.id ?? '';
    for (const path of ['', '/statements?fragment=1', '/replay', '/export?format=ndjson']) {
      const answer = await fetch(`${site.origin}/sessions/${id}${path}`, { headers: { cookie: 'person=alice' } });
      expect([path, answer.status]).toEqual([path, 404]);
      expect(await answer.text()).not.toContain('select version()');
    }
  });
});

describe('without scripts', () => {
  test('sessions, statements, access and revoking work', async () => {
    const story = [...site.gatehouse.stored.values()][0];
    const { page, close } = await visit(browser, site, '/sessions?task=SHOP-812', { javaScriptEnabled: false });
    await page.locator('.badge-sealed').waitFor();
    await page.locator(`a[href="/sessions/${story?.entry.id}"]`).click();
    await page.getByText('relation "adresses" does not exist').waitFor();
    expect(await page.locator('.statement').count()).toBe(9);
    expect(await page.locator('#player').isVisible()).toBe(false);
    expect(await page.locator('button[data-copy]').first().isVisible()).toBe(false);
    expect(await page.locator('time').first().textContent()).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
    await page.goto(`${site.origin}/request/demo`);
    await page.locator('#reason').fill('SHOP-9');
    await page.getByRole('button', { name: 'Ask for access' }).click();
    await page.locator('#secret').waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'This request was already answered' }).waitFor();
    await page.goto(`${site.origin}/grants`);
    await page
      .getByRole('link', { name: /^Revoke/ })
      .first()
      .click();
    await page.getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('Revoked. Its live sessions were ended.').waitFor();
    await page.getByRole('button', { name: /Switch to dark/ }).click();
    await expect.poll(() => page.locator('html').getAttribute('data-theme')).toBe('dark');
    expect(new URL(page.url()).pathname).toBe('/grants');
    await close();
  });

  test('long lists are paged by cursor, with the filters kept', async () => {
    const { page, close } = await visit(browser, site, '/sessions?resource=demo', {
      as: 'carol',
      javaScriptEnabled: false,
    });
    expect(await page.locator('tbody tr').count()).toBe(50);
    await page.getByRole('link', { name: 'Older' }).click();
    expect(await page.locator('tbody tr').count()).toBe(12);
    expect(await page.locator('#resource').inputValue()).toBe('demo');
    await page.getByRole('link', { name: 'Newest' }).click();
    expect(new URL(page.url()).search).toBe('?resource=demo');
    await close();
  });
});

describe('when a part is away', () => {
  test('the overview still shows, and lists say so calmly', async () => {
    site.gatehouse.fault = { reason: 'unavailable', message: 'The catalogue does not answer.' };
    const { page, close } = await visit(browser, site, '/sessions', { expected: /503/ });
    await page.getByRole('heading', { name: 'A part of Gatehouse does not answer just now' }).waitFor();
    await close();
  });
});
