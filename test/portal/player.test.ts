// The player in a real Chromium, its time driven by the test.

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { FakeSession } from '../harness/fake-gatehouse.ts';
import { launchBrowser, visit, type VisitOptions } from './browser.ts';
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

function story(state: 'sealed' | 'live' = 'sealed'): FakeSession {
  const found = [...site.gatehouse.stored.values()].find(
    ({ entry }) => entry.state === state && entry.task === 'SHOP-812',
  );
  if (!found) throw new Error('the fake has no such session');
  return found;
}

async function openPlayer(session: FakeSession, options: VisitOptions = {}, fragment = '') {
  const opened = await visit(browser, site, '/signed-out', options);
  await opened.page.clock.install();
  await opened.page.clock.pauseAt(Date.now() + 60_000);
  await opened.page.goto(`${site.origin}/sessions/${session.entry.id}${fragment}`);
  await opened.page.locator('#player').waitFor();
  return opened;
}

/** Starts playing and waits until the whole replay has arrived: time stands still until then. */
async function play(page: Page): Promise<void> {
  await page.locator('#stage-play').click();
  await expect.poll(() => page.locator('#stage').getAttribute('aria-busy')).toBe('false');
}

const shownStatements = (page: Page) => page.locator('#transcript .statement-number').allTextContents();
const position = (page: Page) => page.locator('#position').textContent();

describe('the player', () => {
  test('shows statements, rows, errors and the end in their order and with their own timing', async () => {
    const { page, close } = await openPlayer(story());
    await page.getByLabel('Skip idle time').uncheck();
    await play(page);
    expect(await shownStatements(page)).toEqual([]);
    await page.clock.runFor(1300);
    expect(await shownStatements(page)).toEqual(['1']);
    await page.getByText('PostgreSQL 18.4 on x86_64').waitFor();
    await page.clock.runFor(5000);
    expect(await shownStatements(page)).toEqual(['1']);
    await page.clock.runFor(600);
    expect(await shownStatements(page)).toEqual(['1', '2']);
    expect(await page.locator('#transcript').getByText('mina.okafor@example.net').count()).toBe(1);
    await page.clock.runFor(15_000);
    await page.locator('#transcript').getByText('relation "adresses" does not exist').waitFor();
    await page.clock.runFor(90_000);
    expect(await shownStatements(page)).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9']);
    await page.locator('#transcript').getByText('checked 90131 orders').waitFor();
    await page.locator('#transcript').getByText('Session ended.').waitFor();
    expect(await page.locator('#player-status').textContent()).toBe('The end');
    expect(await position(page)).toBe('1:44.0');
    await close();
  });

  test('goes faster at 4 times', async () => {
    const { page, close } = await openPlayer(story());
    await page.getByLabel('Skip idle time').uncheck();
    await page.getByText('4×', { exact: true }).click();
    await play(page);
    await page.clock.runFor(2000);
    expect(await position(page)).toMatch(/^0:0(7\.9|8\.0)$/);
    expect(await shownStatements(page)).toEqual(['1', '2']);
    await close();
  });

  test('skips idle time and says so', async () => {
    const { page, close } = await openPlayer(story());
    await play(page);
    // 1.2 s to the first statement, a second either side of the silence behind it.
    await page.clock.runFor(3600);
    expect(await shownStatements(page)).toEqual(['1', '2']);
    expect(await page.locator('#player-status').textContent()).toContain('Skipped');
    await close();
  });

  test('pauses, seeks by the bar and by keys, and takes back what has not happened yet', async () => {
    const { page, close } = await openPlayer(story());
    await play(page);
    await page.keyboard.press('Space');
    const at = await position(page);
    await page.clock.runFor(10_000);
    expect(await position(page)).toBe(at);
    await page.locator('#seek').fill('80000');
    expect((await shownStatements(page)).at(-1)).toBe('7');
    expect(await page.locator('#seek').getAttribute('aria-valuetext')).toBe('1:20 of 1:44');
    await page.keyboard.press('ArrowLeft');
    expect((await shownStatements(page)).at(-1)).toBe('5');
    expect(await position(page)).toBe('1:15.0');
    await page.keyboard.press('ArrowRight');
    expect((await shownStatements(page)).at(-1)).toBe('7');
    await close();
  });

  test('steps from statement to statement with j and k, each with its answer', async () => {
    const { page, close } = await openPlayer(story());
    await play(page);
    await page.keyboard.press('Space');
    for (const expected of ['1', '2', '3']) {
      await page.keyboard.press('j');
      expect((await shownStatements(page)).at(-1)).toBe(expected);
    }
    await page.locator('#transcript').getByText('relation "adresses" does not exist').waitFor();
    await page.keyboard.press('k');
    expect(await shownStatements(page)).toEqual(['1', '2']);
    expect(await page.locator('.statement-now').getAttribute('id')).toBe('statement-2');
    await close();
  });

  test('opens at the statement that the address names, and jumps from the list', async () => {
    const { page, close } = await openPlayer(story(), {}, '#statement-6');
    await expect.poll(() => shownStatements(page)).toEqual(['1', '2', '3', '4', '5', '6']);
    await page.locator('.statement-list a', { hasText: '4' }).click();
    await expect.poll(() => shownStatements(page)).toEqual(['1', '2', '3', '4']);
    expect(new URL(page.url()).hash).toBe('#statement-4');
    expect(await page.evaluate<string>('document.activeElement?.id')).toBe('player');
    await close();
  });

  test('says when the address names a statement that does not exist', async () => {
    const { page, close } = await openPlayer(story(), {}, '#statement-400');
    await page.getByText('This recording has no statement 400.').waitFor();
    await close();
  });

  test('marks statements and errors on the bar', async () => {
    const { page, close } = await openPlayer(story());
    await play(page);
    expect((await page.locator('#marks-action').getAttribute('d'))?.split('M')).toHaveLength(10);
    expect(await page.locator('#marks-error').getAttribute('d')).toBe('M207 2v10');
    await close();
  });

  test('keeps a long session smooth: a window of cards, and a jump to the end in a moment', async () => {
    const long = story();
    long.events.length = 1;
    for (let n = 1; n <= 20_000; n++) {
      const timeUs = n * 5000;
      long.events.push(
        { kind: 'statement', timeUs, statement: n, text: `select ${n} from a_table_of_some_name where id = ${n}` },
        {
          kind: 'rows',
          timeUs: timeUs + 400,
          statement: n,
          columns: ['a', 'b'],
          rows: [[String(n), null]],
          omitted: 0,
        },
        { kind: 'result', timeUs: timeUs + 500, statement: n, tags: ['SELECT 1'], rows: 1, bytes: 40, durationUs: 500 },
      );
    }
    const { page, close } = await visit(browser, site, `/sessions/${long.entry.id}#statement-19990`);
    await expect.poll(async () => (await shownStatements(page)).at(-1), { timeout: 20_000 }).toBe('19990');
    expect(await page.locator('#transcript > li').count()).toBeLessThanOrEqual(160);
    const drawn = await page.evaluate<number>(`(() => {
      const seek = document.getElementById('seek');
      const watch = new MutationObserver(() => {});
      watch.observe(document.getElementById('transcript'), { childList: true });
      for (const ms of [1000, 60000, 200, 99000]) {
        seek.value = String(ms);
        seek.dispatchEvent(new Event('input', { bubbles: true }));
      }
      return watch.takeRecords().reduce((cards, record) => cards + record.addedNodes.length, 0);
    })()`);
    // Four windows of cards, not four times what lies between them.
    expect(drawn).toBeGreaterThan(0);
    expect(drawn).toBeLessThanOrEqual(4 * 160);
    for (let scroll = 0; scroll < 12; scroll++) {
      await page.locator('#stage').evaluate('(stage) => { stage.scrollTop = 0; }');
      await page.evaluate('new Promise(requestAnimationFrame)');
    }
    expect(await page.locator('#transcript > li').count()).toBeLessThanOrEqual(200);
    await close();
  });

  test('tells when the replay cannot be loaded, and takes up again', async () => {
    const session = story();
    const { page, close } = await openPlayer(session, { expected: /503/ });
    await page.route('**/replay?*', (route) => route.fulfill({ status: 503, body: 'no' }));
    await page.locator('#stage-play').click();
    await page.getByText('The replay cannot be loaded just now.').waitFor();
    await page.unroute('**/replay?*');
    await play(page);
    await page.clock.runFor(1500);
    expect(await shownStatements(page)).toEqual(['1']);
    await close();
  });
});

describe('a live session', () => {
  test('appends statements by itself, and says so to a screen reader', async () => {
    const session = story('live');
    const { page, close } = await openPlayer(session);
    expect(await page.locator('.statement-list > li').count()).toBe(4);
    site.gatehouse.append(session.entry.id, "select 'fresh'");
    await page.clock.runFor(3100);
    await page.locator('.statement-list').getByText("'fresh'").waitFor();
    expect(await page.locator('#announcer').textContent()).toBe('A new statement');
    await close();
  });

  test('follows the newest statement, and keeps the place of a reader who scrolled up', async () => {
    const session = story('live');
    for (let n = 5; n <= 60; n++) site.gatehouse.append(session.entry.id, `select ${n}`);
    const { page, close } = await openPlayer(session);
    const place = () => page.locator('.follow').evaluate((it) => it.scrollHeight - it.scrollTop - it.clientHeight);
    await expect.poll(place).toBeLessThan(2);
    site.gatehouse.append(session.entry.id, 'select 61');
    await page.clock.runFor(3100);
    await page.locator('#statement-61').waitFor();
    expect(await place()).toBeLessThan(2);
    await page.locator('.follow').evaluate((it) => it.scrollTo(0, 0));
    site.gatehouse.append(session.entry.id, 'select 62');
    await page.clock.runFor(3100);
    await page.locator('#statement-62').waitFor();
    expect(await page.locator('.follow').evaluate((it) => it.scrollTop)).toBe(0);
    await close();
  });

  test('turns the page by itself when one is full', async () => {
    const session = story('live');
    for (let n = 5; n <= 99; n++) site.gatehouse.append(session.entry.id, `select ${n}`);
    const { page, close } = await openPlayer(session);
    for (let n = 100; n <= 103; n++) site.gatehouse.append(session.entry.id, `select ${n}`);
    await page.clock.runFor(3100);
    await expect.poll(() => page.locator('.statement-list > li').count()).toBe(100);
    await page.clock.runFor(1100);
    await expect.poll(() => page.locator('.statement-list > li').count()).toBe(103);
    site.gatehouse.append(session.entry.id, 'select 104');
    await page.clock.runFor(3100);
    await expect.poll(() => page.locator('#statement-104').count()).toBe(1);
    expect(await page.locator('.statement-list > li').count()).toBe(104);
    await close();
  });

  test('shows that it ended, with its evidence, without a reload', async () => {
    const session = story('live');
    const { page, close } = await openPlayer(session);
    await page.getByText('Running now.').waitFor();
    session.entry.state = 'sealed';
    session.entry.endedAt = new Date().toISOString();
    await page.clock.runFor(5100);
    await page.getByText('It was read back whole').waitFor();
    await page.getByText('Nothing was masked.').waitFor();
    await close();
  });

  test('plays what came since', async () => {
    const session = story('live');
    const { page, close } = await openPlayer(session);
    await play(page);
    await page.clock.runFor(40_000);
    await page.getByText('That is all up to now.').waitFor();
    session.events.push({ kind: 'statement', timeUs: 30_000_000, statement: 5, text: 'select 5' });
    await page.locator('#play').click();
    await expect.poll(() => page.locator('#duration').textContent()).toBe('0:30');
    await page.clock.runFor(5000);
    expect(await shownStatements(page)).toEqual(['1', '2', '3', '4', '5']);
    await close();
  });

  test('keeps the list of sessions fresh, and the focus where it was', async () => {
    const { page, close } = await visit(browser, site, '/signed-out', { as: 'carol' });
    await page.clock.install();
    await page.goto(`${site.origin}/sessions`);
    const session = story('live');
    const link = page.locator(`a[href="/sessions/${session.entry.id}"]`);
    await link.focus();
    session.entry.state = 'ended';
    await page.clock.runFor(5100);
    await expect.poll(() => page.locator('.badge-live').count()).toBe(0);
    expect(await page.evaluate<string>("document.activeElement?.getAttribute('href')")).toBe(
      `/sessions/${session.entry.id}`,
    );
    await close();
  });
});
