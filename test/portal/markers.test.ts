// What the players show beside playing, in a real Chromium: markers, silences, finding inside a session, rows that come later.

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openingOf } from '../../core/session-evidence.ts';
import type { FakeSession } from '../harness/fake-gatehouse.ts';
import { answer, RecordingBuilder } from '../harness/recording-builder.ts';
import { barriers, launchBrowser, visit, type VisitOptions } from './browser.ts';
import { type PortalSite, startPortalSite } from './site.ts';
import { replayOf, terminalStory } from './terminal-story.ts';

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

function story(): FakeSession {
  const found = [...site.gatehouse.stored.values()].find(
    ({ entry }) => entry.state === 'sealed' && entry.task === 'SHOP-812',
  );
  if (!found) throw new Error('the fake has no such session');
  return found;
}

async function open(session: FakeSession, options: VisitOptions = {}, fragment = '') {
  site.gatehouse.stored.set(session.entry.id, session);
  const opened = await visit(browser, site, '/signed-out', options);
  const asked: string[] = [];
  opened.page.on('request', (request) => asked.push(request.url()));
  await opened.page.clock.install();
  await opened.page.clock.pauseAt(Date.now() + 60_000);
  await opened.page.goto(`${site.origin}/sessions/${session.entry.id}${fragment}`);
  await opened.page.locator('#player').waitFor();
  return { ...opened, asked };
}

async function load(page: Page): Promise<void> {
  await page.locator('#stage-play').click();
  await expect.poll(() => page.locator('#stage').getAttribute('aria-busy')).toBe('false');
  await page.keyboard.press('Space');
}

const position = (page: Page) => page.locator('#position').textContent();
const listed = (page: Page) => page.locator('#markers-list .marker').allTextContents();

describe('markers', () => {
  test('say what happened and when, a hold with who decided; kinds can be left out of bar and list', async () => {
    const session = story();
    const at = session.events.findIndex(({ kind }) => kind === 'ended');
    session.events.splice(
      at,
      0,
      { kind: 'notice', timeUs: 90_000_000, severity: 'HELD', message: 'Held.', statement: 9 },
      { kind: 'notice', timeUs: 99_000_000, severity: 'APPROVED', message: 'Approved by bob.', statement: 9 },
      { kind: 'notice', timeUs: 99_000_000, severity: 'MASKED', message: 'Masked: 2 values by emails.', statement: 9 },
      { kind: 'notice', timeUs: 100_000_000, severity: 'REFUSED', message: 'Blocked by rule r.', statement: 9 },
    );
    const { page, close } = await open(session);
    await load(page);
    await page.locator('#markers summary').click();
    const all = await listed(page);
    expect(all).toContain('1:30.000hold9: Approved by bob. It waited 9 s. (until 1:39.000)');
    expect(all).toContain('1:39.000masked9: Masked: 2 values by emails.');
    expect(all).toContain('1:40.000refused9: Blocked by rule r.');
    expect(await page.locator('#marks-hold').getAttribute('d')).toMatch(/^M8\d\d 2.5H9\d\d$/);
    expect(await page.locator('#markers-kinds label').allTextContents()).toEqual([
      ...[' 9 statements', ' 1 error', ' 1 refused', ' 1 hold', ' 1 masked', ' 1 event'],
    ]);
    await page.locator('#markers-kinds').getByText('statements').click();
    expect(await page.locator('#marks-action').getAttribute('d')).toBe('');
    expect(await listed(page)).toHaveLength(all.length - 9);
    await close();
  });

  test('are gone to by key, one after the other, among those that are looked at', async () => {
    const { page, close } = await open(story());
    await load(page);
    await page.locator('#player').press('n');
    expect(await page.locator('#player-status').textContent()).toBe('Statement 1');
    await page.locator('#markers summary').focus();
    await page.keyboard.press('Enter');
    await page.locator('#markers-kinds').getByText('statements').click();
    await page.locator('#player').press('n');
    expect(await position(page)).toBe('0:21.5');
    expect(await page.locator('#markers-list [aria-current]').textContent()).toContain('42P01');
    await page.locator('#player').press('n');
    await page.locator('#player').press('n');
    expect(await page.locator('#player-status').textContent()).toBe('No more markers that way.');
    await page.locator('#player').press('p');
    expect(await position(page)).toBe('0:21.5');
    await page.locator('#markers-list .marker').last().press('Enter');
    expect(await position(page)).not.toBe('0:21.5');
    await close();
  });

  test('of thousands of statements are places on the bar and pages of the list', async () => {
    const long = story();
    const [opened] = long.events;
    long.events.length = 0;
    if (opened) long.events.push(opened);
    for (let n = 1; n <= 20_000; n++) {
      const error = { code: '42601', severity: 'ERROR', message: 'no' };
      long.events.push(
        { kind: 'statement', timeUs: n * 5000, statement: n, text: `select ${n}` },
        { kind: 'result', timeUs: n * 5000, statement: n, tags: [], rows: 0, bytes: 0, durationUs: 1, error },
      );
    }
    const { page, close } = await open(long);
    await load(page);
    await page.locator('#markers summary').click();
    expect(await page.locator('#markers-count').textContent()).toBe('40,000');
    for (const kind of ['action', 'error'])
      expect((await page.locator(`#marks-${kind}`).getAttribute('d'))?.split('M').length).toBeLessThanOrEqual(1002);
    expect(await page.locator('#markers-list li').count()).toBe(100);
    await page.locator('#markers-later').click();
    expect((await listed(page))[0]).toContain('51: select 51');
    await page.locator('#seek').fill('60000');
    await page.locator('#player').press('n');
    expect(await page.locator('#markers-list [aria-current]').textContent()).toContain('12001: select 12001');
    expect(await page.locator('#markers-list li').count()).toBe(100);
    await close();
  });

  test('have no barrier in light and dark, and stay inside a phone', async () => {
    const { page, close } = await open(terminalStory(), { reducedMotion: 'reduce' });
    await load(page);
    await page.locator('#markers summary').click();
    await page.locator('#find-query').fill('ls');
    await page.locator('#find-query').press('Enter');
    await page.locator('#find-hits .marker').first().waitFor();
    await page.locator('#player').press('n');
    await page.clock.resume();
    expect(await barriers(page)).toEqual({ light: [], dark: [] });
    await page.setViewportSize({ width: 390, height: 740 });
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(390);
    await close();
  });
});

test('silences are marked on the bar, of the terminal that is shown', async () => {
  const session = terminalStory(20, (builder) => builder.wait(240_000_000).bytes('target', new Uint8Array([36]), 1));
  session.entry.endedAt = '2026-11-20T12:04:15.000Z';
  const { page, close } = await open(session);
  await load(page);
  expect(await page.locator('#idle-words').textContent()).toContain('idle 4 min');
  expect(await page.locator('#marks-idle').getAttribute('d')).toMatch(/M\d+ 11H9\d\d/);
  await page.locator('#seek').fill('20000');
  await page.locator('#player').press(' ');
  await page.clock.runFor(500);
  expect(await page.locator('#player-status').textContent()).toBe('Skipped 3 min 51 s of idle time');
  expect(await position(page)).toMatch(/^4:11\./);
  await close();
});

describe('finding inside a session', () => {
  test('lists what was found, and each leads to its moment; one mistake is said in words', async () => {
    const { page, asked, close } = await open(story(), { expected: /400/ });
    await page.locator('#player').press('/');
    await page.keyboard.type('adresses');
    expect(asked.filter((url) => url.includes('/search'))).toEqual([]);
    await page.keyboard.press('Enter');
    const hit = page.locator('#find-hits .marker');
    expect(await hit.locator('mark').textContent()).toBe('adresses');
    expect(await page.locator('#find-status').textContent()).toBe('1 found, the newest first.');
    expect(asked.filter((url) => url.includes('/search'))).toHaveLength(1);
    await hit.press('Enter');
    await expect.poll(() => page.locator('#player-status').textContent()).toBe('Statement 3');
    await page.locator('#transcript').getByText('relation "adresses" does not exist').waitFor();
    await page.locator('#find-query').fill('"open');
    await page.locator('#find-query').press('Enter');
    await expect.poll(() => page.locator('#find-status').textContent()).toBe('This quote is not closed.');
    await page.locator('#find-query').fill('nowhere');
    await page.locator('#find-query').press('Enter');
    await expect.poll(() => page.locator('#find-status').textContent()).toBe('Nothing found, the newest first.');
    await close();
  });

  test('leads to a line that was typed at a terminal', async () => {
    const { page, close } = await open(terminalStory());
    await page.locator('#find-query').fill('ls -l');
    await page.locator('#find-query').press('Enter');
    await page.locator('#find-hits .marker').click();
    await expect.poll(() => page.locator('#player-status').textContent()).toBe('Command 6');
    await close();
  });
});

test('rows of a large result come when their statement is looked at, and others when they are asked for', async () => {
  const builder = new RecordingBuilder();
  for (let n = 1; n <= 3; n++) {
    const rows = Array.from({ length: 60 }, (_, row) => [String(row), `of ${n} ${'x'.repeat(80)} row ${row}`]);
    builder.wait(1_000_000).query(`select ${n}`, answer(['a', 'b'], rows), { rows: 60 });
  }
  builder.end();
  const { counts, state } = story().entry;
  const entry = { ...openingOf(builder.opened), state, counts, segments: 1, endedAt: '2026-11-20T12:00:04.000Z' };
  const session = { entry, actions: [], events: [], replay: replayOf(builder, entry) };
  const { page, asked, close } = await open(session, {}, '#statement-3');
  const rows = page.locator('#transcript .rows');
  await page
    .locator('#transcript')
    .getByText(/of 3 x+ row 0$/)
    .waitFor();
  expect(await rows.count()).toBe(1);
  expect(asked.filter((url) => url.includes('cursor='))).toHaveLength(1);
  await page.locator('#transcript').getByRole('button', { name: 'Show 60 rows' }).first().press('Enter');
  await page
    .locator('#transcript')
    .getByText(/of 1 x+ row 0$/)
    .waitFor();
  expect(await rows.count()).toBe(2);
  await page.locator('#player').press('k');
  await page
    .locator('#transcript')
    .getByText(/of 2 x+ row 0$/)
    .waitFor();
  expect(asked.filter((url) => url.includes('cursor='))).toHaveLength(3);
  await close();
});
