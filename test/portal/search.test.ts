// Searching in the portal, in a real browser: what is typed, what is shown, and where a hit leads.

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { statementEntry } from '../harness/fake-data.ts';
import type { FakeSession } from '../harness/fake-gatehouse.ts';
import { launchBrowser, visit, type VisitOptions } from './browser.ts';
import { type PortalSite, startPortalSite } from './site.ts';
import { terminalStory } from './terminal-story.ts';

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

const searches = () => site.gatehouse.calls.filter(({ method }) => method === 'search').length;
const address = (q: string) => `/search?q=${encodeURIComponent(q)}`;
const story = (state: 'sealed' | 'live' = 'sealed'): FakeSession => {
  const found = [...site.gatehouse.stored.values()].find(
    ({ entry }) => entry.state === state && entry.task === 'SHOP-812',
  );
  if (!found) throw new Error('the fake has no such session');
  return found;
};
const search = (q: string, options: VisitOptions = {}) => visit(browser, site, address(q), options);

describe('the search page', () => {
  test('says that hits may be missing while the catalogue is being made again', async () => {
    const { gatehouse } = site;
    const whole = gatehouse.search.bind(gatehouse);
    const { page, close } = await search('adresses');
    expect(await page.getByText('being made again').count()).toBe(0);
    gatehouse.search = async (...asked) => {
      const found = await whole(...asked);
      return found.ok ? { ...found, value: { ...found.value, incomplete: true } } : found;
    };
    await page.reload();
    await page.getByText('hits may be missing here').waitFor();
    await close();
  });

  test('asks nothing before somebody does, and its examples are queries to follow', async () => {
    const { page, close } = await visit(browser, site, '/search');
    expect(searches()).toBe(0);
    expect(await page.evaluate('document.activeElement.id')).toBe('q');
    await page.getByText('How to ask').click();
    await page.getByRole('link', { name: '"drop table"' }).waitFor();
    for (const link of await page.locator('a.query').all()) {
      const answer = await page.request.get(new URL((await link.getAttribute('href')) ?? '', site.origin).href);
      expect([await link.textContent(), answer.status()]).toEqual([await link.textContent(), 200]);
    }
    await close();
  });

  test.each([true, false])('by keyboard, with scripts: %s', async (javaScriptEnabled) => {
    const { page, close } = await visit(browser, site, '/sessions', { javaScriptEnabled });
    await page.getByPlaceholder('What was written or run').fill('adresses task:SHOP-812');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/search?q=adresses+task%3ASHOP-812');
    expect(await page.locator('#q').inputValue()).toBe('adresses task:SHOP-812');
    const hits = page.locator('.hit');
    expect(await hits.count()).toBe(2);
    expect(await hits.first().locator('mark').allTextContents()).toEqual(['adresses']);
    expect(await hits.first().textContent()).toMatch(
      /alice@example\.com on demo.*select \* from adresses.*ERROR 42P01/,
    );
    expect(searches()).toBe(1);
    await hits.first().locator('a').click();
    expect(await page.locator('noscript').textContent()).toContain('What was searched for is at 0:21.500');
    await close();
  });

  test('shows the newest first, a page at a time, and ends', async () => {
    const { page, close } = await search('version', { as: 'carol' });
    const times = () =>
      page.evaluate<string[]>('[...document.querySelectorAll(".hit time")].map(({ dateTime }) => dateTime)');
    const first = await times();
    expect(first).toHaveLength(20);
    expect(first.toSorted().reverse()).toEqual(first);
    await page.getByRole('link', { name: 'Older' }).click();
    await page.getByRole('link', { name: 'Newest' }).waitFor();
    const second = await times();
    expect((second[0] ?? '') < (first.at(-1) ?? '')).toBe(true);
    for (let left = 10; left > 0 && (await page.getByRole('link', { name: 'Older' }).count()) > 0; left--)
      await page.getByRole('link', { name: 'Older' }).click();
    expect(await page.locator('.hit').count()).toBeLessThan(20);
    await close();
  });

  test('says so when one request did not get to look at all, with a way on', async () => {
    site.gatehouse.searchedHits = 0;
    const { page, close } = await search('version');
    await page.getByText('Older sessions have not been looked at yet').waitFor();
    expect(await page.getByText('Nothing that you may view matches').count()).toBe(0);
    site.gatehouse.searchedHits = 3;
    await page.getByRole('link', { name: 'Look further back' }).click();
    expect(await page.locator('.hit').count()).toBe(3);
    await page.getByText('Older sessions have not been looked at yet').waitFor();
    await close();
  });

  test('names the place of what it cannot read, and asks nobody', async () => {
    const { page, close } = await search('drop usr:alice', { expected: /400/ });
    const notice = page.getByRole('alert');
    expect(await notice.textContent()).toContain('There is no field usr.');
    expect(await notice.locator('mark').textContent()).toBe('usr:alice');
    expect(await page.locator('#q').inputValue()).toBe('drop usr:alice');
    expect(searches()).toBe(0);
    await close();
  });

  test.each(['x'.repeat(1001), '"open', 'or', '-', '((((', '*', 'rows:many', '\u202e\u0000(', '😀*'])(
    'answers %j with a page',
    async (q) => {
      const answer = await fetch(site.origin + address(q), { headers: { cookie: 'person=alice' } });
      const text = await answer.text();
      expect([q, answer.status, text.includes('role="alert"')]).toEqual([q, 400, true]);
    },
  );

  test('takes days by name, and says where a word may have been meant as an operator', async () => {
    const { page, close } = await search('adresses AND select since:today');
    await page.getByText('Words beside each other are all looked for').waitFor();
    await page.goto(site.origin + address('adresses since:yesterday'));
    expect(await page.getByText('Words beside each other').count()).toBe(0);
    expect(await page.getByRole('alert').count()).toBe(0);
    await close();
  });

  test('says that nothing was found, and that the archive is away', async () => {
    const { page, close } = await search('nobodywrotethis', { expected: /503/ });
    await page.getByText('Nothing that you may view matches').waitFor();
    site.gatehouse.fault = { reason: 'unavailable', message: 'The archive does not answer right now.' };
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('alert').getByText('The archive does not answer right now.').waitFor();
    expect(await page.locator('#q').inputValue()).toBe('nobodywrotethis');
    await close();
  });

  test('shows recorded text as text, marked where it was asked for', async () => {
    const text = 'select "<img src=x onerror=alert(1)>" -- \u202eevil </mark><b>needle</b> & nee\u200bdle';
    story().actions.push(statementEntry(10, 97_000_000, { text }, { durationUs: 1 }));
    const { page, close } = await search('needle');
    const shown = page.locator('.hit-text');
    expect(await shown.textContent()).toBe(text.replace('\u202e', '\\u202e').replace('\u200b', '\\u200b'));
    expect(await shown.locator('mark').allTextContents()).toEqual(['needle', 'nee\\u200bdle']);
    expect(await shown.locator('img, b').count()).toBe(0);
    await close();
  });

  test('leads whoever may to a hold on what it shows', async () => {
    const { page, close } = await search('adresses', { as: 'carol' });
    const sessions = new Set(
      (await page.locator('.hit-where').all()).map(
        async (link) => /ses_\w+/.exec((await link.getAttribute('href')) ?? '')?.[0],
      ),
    );
    const ids = new Set(await Promise.all(sessions));
    await page.getByRole('link', { name: `Place a legal hold on these ${ids.size} sessions` }).click();
    expect(new Set((await page.locator('#session').inputValue()).split(' '))).toEqual(ids);
    await close();
    const other = await search('adresses');
    expect(await other.page.getByText('Place a legal hold').count()).toBe(0);
    await other.close();
  });

  test('finds what one may view and nothing else', async () => {
    const { page, close } = await search('user:bob');
    await page.getByText('Nothing that you may view matches').waitFor();
    await close();
    const auditor = await search('user:bob', { as: 'carol' });
    expect(await auditor.page.locator('.hit').count()).toBe(20);
    await auditor.close();
  });
});

/** Where the player stands, in seconds. */
const position = async (page: Page): Promise<number> => Number(await page.locator('#seek').inputValue()) / 1000;

describe('a hit opens the replay', () => {
  test('at its statement, with its answer', async () => {
    const { page, close } = await search('adresses task:SHOP-812');
    await page.locator('.hit-where').last().click();
    await expect.poll(() => position(page)).toBeCloseTo(21.5, 0);
    expect(page.url()).toMatch(/\?at=21\.5#statement-3$/);
    await page.locator('#transcript').getByText('relation "adresses" does not exist').waitFor();
    expect(await page.locator('.statement-now').getAttribute('id')).toBe('statement-3');
    expect(await page.locator('#player-status').textContent()).toBe('Statement 3');
    // From there on the list leads elsewhere, and a reload stays there.
    await page.locator('a[data-jump="5"]').click();
    expect(page.url()).toMatch(/[0-9a-z]#statement-5$/);
    await page.reload();
    await expect.poll(() => position(page)).toBeCloseTo(74, 0);
    await close();
  });

  /** The load, and the frames behind it in which the browser goes where the fragment says. */
  const settled = (page: Page) =>
    page.evaluate(`new Promise((done) => {
      let left = 5;
      const frame = () => (left-- === 0 ? done() : requestAnimationFrame(frame));
      if (document.readyState === 'complete') frame();
      else addEventListener('load', frame);
    })`);
  const inSight = async (page: Page, element: string): Promise<boolean> => {
    const box = await page.locator(element).boundingBox();
    return !!box && box.y >= 0 && box.y + box.height <= (page.viewportSize()?.height ?? 0);
  };
  const PARTS = ['#stage', '#transcript .shown-now', '#seek'];

  test.each([
    [390, 800],
    [360, 640],
    [800, 1100],
    [1280, 800],
  ])('in sight, whole, on a screen of %d by %d', async (width, height) => {
    for (const there of ['?at=21.5#statement-3', '#statement-5']) {
      const address = `/sessions/${story().entry.id}${there}`;
      const { page, close } = await visit(browser, site, address, { viewport: { width, height } });
      await page.locator('#transcript .shown-now').waitFor();
      await settled(page);
      // In the list too, where that stands beside it.
      const parts = width >= 1080 ? [...PARTS, '.statement-now'] : PARTS;
      const seen = await Promise.all(parts.map((part) => inSight(page, part)));
      expect([there, ...parts.filter((_, at) => !seen[at])]).toEqual([there]);
      await close();
    }
  });

  test('and whoever scrolls before the page has loaded stays where they went', async () => {
    const { page, close } = await visit(browser, site, '/signed-out', { viewport: { width: 390, height: 800 } });
    const held = Promise.withResolvers<void>();
    await page.route('**/slow.svg', async (route) => {
      await held.promise;
      await route.fulfill({ contentType: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg"/>' });
    });
    await page.addInitScript({
      content:
        "addEventListener('DOMContentLoaded', () => { document.body.append(Object.assign(new Image(), { src: '/slow.svg' })); });",
    });
    await page.goto(`${site.origin}/sessions/${story().entry.id}?at=21.5#statement-3`, { waitUntil: 'commit' });
    await page.locator('#transcript .shown-now').waitFor();
    await page.mouse.move(200, 5);
    await page.mouse.wheel(0, -20_000);
    await expect.poll(() => page.evaluate('scrollY')).toBe(0);
    held.resolve();
    await settled(page);
    expect(await page.evaluate('scrollY')).toBe(0);
    await close();
  });

  test.each(['sealed', 'live'] as const)('within two seconds, though its answer took a minute (%s)', async (state) => {
    const session = story(state);
    const text = 'select slow_report()';
    const timeUs = 30_000_000;
    const [durationUs, tags] = [60_000_000, ['SELECT 1']];
    session.actions.push(statementEntry(20, timeUs, { text, tags }, { durationUs }));
    const later = session.events.findIndex((event) => event.timeUs > timeUs);
    session.events.splice(later < 0 ? session.events.length : later, 0, {
      kind: 'statement',
      timeUs,
      statement: 20,
      text,
    });
    const doneUs = timeUs + durationUs;
    const after = session.events.findIndex((event) => event.timeUs > doneUs);
    const result = { kind: 'result', timeUs: doneUs, statement: 20, tags, rows: 1, bytes: 9, durationUs } as const;
    session.events.splice(after < 0 ? session.events.length : after, 0, result);
    const { page, close } = await search('slow_report');
    await page.locator('.hit-where').first().click();
    await expect.poll(() => position(page)).toBeGreaterThan(29.9);
    expect(await position(page)).toBeLessThanOrEqual(32);
    expect(await page.locator('#transcript .shown-now .statement-number').textContent()).toBe('20');
    await close();
  });

  test('of a terminal, on the lane where it ran', async () => {
    const session = terminalStory();
    site.gatehouse.stored.set(session.entry.id, session);
    const { page, close } = await search('uptime protocol:ssh');
    const moment = Number(
      /at=([\d.]+)/.exec((await page.locator('.hit-where').first().getAttribute('href')) ?? '')?.[1],
    );
    await page.locator('.hit-where').first().click();
    await expect.poll(() => page.locator('#player-status').textContent()).toMatch(/^Command \d+$/);
    expect(Math.abs((await position(page)) - moment)).toBeLessThanOrEqual(2);
    expect(await page.getByRole('tab', { selected: true }).textContent()).toBe('exec: uptime');
    await page.locator('.terminal-row').getByText('load average').waitFor();
    await close();
  });

  test('of a moment that is no action of its list: a notice, a channel', async () => {
    const { page, close } = await visit(browser, site, `/sessions/${story().entry.id}?at=75`);
    await expect.poll(() => position(page)).toBeCloseTo(75, 1);
    expect(await page.locator('#transcript .statement-number').last().textContent()).toBe('5');
    const session = terminalStory();
    site.gatehouse.stored.set(session.entry.id, session);
    await page.goto(`${site.origin}/sessions/${session.entry.id}?at=2`);
    await page.locator('.terminal-row').getByText('ls -l 漢字').waitFor();
    expect(await position(page)).toBeCloseTo(2, 1);
    await close();
  });

  test.each(['at=', 'at=-1', 'at=1e9', 'at=99999999', 'at=x&at=2'])(
    'wherever %s leads, the page works',
    async (query) => {
      const { page, close } = await visit(browser, site, `/sessions/${story().entry.id}?${query}`);
      await page.locator('#stage').waitFor();
      expect(await position(page)).toBeLessThanOrEqual(104);
      await close();
    },
  );
});
