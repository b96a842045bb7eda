// The player of terminals in a real Chromium, its time driven by the test.

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Emulator } from '../../core/replay/emulator.ts';
import type { FakeSession } from '../harness/fake-gatehouse.ts';
import { barriers, launchBrowser, visit, type VisitOptions } from './browser.ts';
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

async function openPlayer(session: FakeSession, options: VisitOptions = {}, fragment = '') {
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

/** Starts playing, and waits until the first screen is there: time stands still until then. */
async function play(page: Page): Promise<void> {
  await page.locator('#stage-play').click();
  await page.locator('.terminal-row').first().waitFor({ state: 'attached' });
}

const rowsOf = async (page: Page) =>
  (await page.locator('.terminal-row').allTextContents()).map((row) => row.trimEnd()).filter((row) => row !== '');

const seekTo = (page: Page, ms: number) =>
  page.evaluate(
    `{ const seek = document.getElementById('seek'); seek.value = '${ms}'; seek.dispatchEvent(new Event('input')); }`,
  );

describe('the player of terminals', () => {
  test('plays the screen with its own timing, and ends', async () => {
    const { page, asked, close } = await openPlayer(terminalStory());
    await play(page);
    await page.clock.runFor(1200);
    expect(await rowsOf(page)).toEqual(['alice@web-1:~$']);
    await page.clock.runFor(1000);
    expect(await rowsOf(page)).toEqual(['alice@web-1:~$ ls -l 漢字 🎉']);
    await page.clock.runFor(5000);
    expect((await rowsOf(page)).join('\n')).toContain('line 9 .........');
    await page.clock.runFor(12_000);
    expect(await rowsOf(page)).toEqual(['the last screen']);
    await expect.poll(() => page.locator('#player-status').textContent()).toContain('Session ended');
    // Nothing of the recording is asked for elsewhere.
    expect(asked.filter((url) => !url.startsWith(site.origin))).toEqual([]);
    await close();
  });

  test('seeks by keyframe, forth and back, and shows what playing shows', async () => {
    const { page, asked, close } = await openPlayer(terminalStory(30_000));
    await play(page);
    await expect.poll(() => page.locator('#stage').getAttribute('aria-busy')).toBe('false');
    await page.locator('#player').press(' ');
    const at = async (ms: number) => {
      await seekTo(page, ms);
      await expect
        .poll(() => rowsOf(page).then((rows) => rows.join('\n')))
        .toMatch(ms < 12_000 ? /line \d/ : /last screen/);
      return rowsOf(page);
    };
    const late = await at(9000);
    const early = await at(4000);
    expect(early).not.toEqual(late);
    expect(await at(15_000)).toEqual(['the last screen']);
    await expect.poll(() => at(9000)).toEqual(late);
    await expect.poll(() => at(4000)).toEqual(early);
    const pages = asked.filter((url) => url.includes('cursor='));
    expect(pages.length).toBeGreaterThan(2);
    expect(pages.some((url) => url.includes('until='))).toBe(true);
    await close();
  });

  test('seeks to a large screen in many colours, which comes packed', async () => {
    const [columns, rows] = [150, 40];
    const played = new Emulator({ columns, rows });
    const session = terminalStory(20, (builder) => {
      builder.fact({ kind: 'terminal.resized', columns, rows }, 1);
      for (let n = 0; n < 12; n++) {
        const cells = Array.from(
          { length: 1500 },
          (_, i) =>
            `\u001b[38;2;${i % 256};${(i * 7) % 256};${(i * n) % 256}m${String.fromCharCode(65 + ((i + n) % 26))}`,
        ).join('');
        // Four fill the screen, the others begin at its top.
        const text = n < 4 ? cells : `\u001b[H${cells}`;
        builder.wait(100_000).bytes('target', new TextEncoder().encode(text), 1);
        played.write(text);
      }
    });
    const { page, asked, close } = await openPlayer(session);
    await play(page);
    await expect.poll(() => page.locator('#stage').getAttribute('aria-busy')).toBe('false');
    await page.locator('#player').press(' ');
    await seekTo(page, 13_400);
    const lines = Array.from({ length: rows }, (_, y) =>
      played.terminal.buffer.active.getLine(y)?.translateToString(true),
    );
    await expect.poll(() => rowsOf(page)).toEqual(lines);
    const cursors = asked.flatMap((url) => new URL(url).searchParams.get('cursor') ?? []);
    expect(JSON.parse(Buffer.from(cursors.at(-1) ?? '', 'base64url').toString()).frame).toBeGreaterThan(30);
    await close();
  });

  test('jumps to a command of the list, on the lane where it ran', async () => {
    const { page, close } = await openPlayer(terminalStory());
    await page.locator('a[data-jump="2"]').click();
    await expect.poll(() => rowsOf(page)).toEqual([' 12:00:14 up 3 days', ' load average: 0.01']);
    expect(await page.getByRole('tab', { selected: true }).textContent()).toBe('exec: uptime');
    expect(await page.locator('#command-2').getAttribute('class')).toContain('statement-now');
    await page.getByRole('tab', { selected: true }).press('ArrowLeft');
    expect(await page.getByRole('tab', { selected: true }).textContent()).toContain('shell');
    await expect.poll(() => rowsOf(page).then((rows) => rows.at(-1))).toContain('line 19');
    await page.locator('#markers summary').click();
    for (const words of [
      'Blocked by rule web.',
      'open /srv/a to read',
      'download /srv/a, 2 KiB',
      'remove /srv/b: not answered',
    ])
      await page.locator('#markers-list').getByText(words).waitFor();
    const file = page.locator('#file-4');
    expect(await file.textContent()).toMatch(
      /open \/srv\/a to read.*downloaded 2 KiB, maybe not the whole file \(with gaps\), SHA-256 abab/,
    );
    await close();
  });

  test('jumps to a line that was typed, and says that it is reconstructed', async () => {
    const { page, close } = await openPlayer(terminalStory());
    await page.locator('a[data-jump="6"]').click();
    await expect.poll(() => rowsOf(page).then((rows) => rows.at(-1) ?? rows[0])).toContain('ls -l 漢字');
    expect(await page.locator('#player-status').textContent()).toBe('Command 6');
    expect(await page.locator('.workbench-list').getByText('reconstructed from the terminal: an aid').count()).toBe(1);
    expect(await page.locator('#command-1').textContent()).toContain('With LANG=C TERM=xterm');
    await page.locator('#markers summary').click();
    await page.locator('#markers-list').getByText('signal WINCH, from the client').waitFor();
    await close();
  });

  test('obeys the keyboard, and answers nothing that the recording asks', async () => {
    const session = terminalStory(20, (builder) =>
      builder.bytes(
        'target',
        new TextEncoder().encode(
          '\u001b]52;c;b3duZWQ=\u0007\u001b]0;owned\u0007\u001b[c\u001b[6n\u001b]8;;https://evil.example\u001b\\link\u001b]8;;\u001b\\<img src=x onerror=alert(1)>\u202e',
        ),
        1,
      ),
    );
    const { page, close } = await openPlayer(session, {}, '#command-1');
    await page.locator('.terminal-row').first().waitFor({ state: 'attached' });
    await page.locator('#player').press('ArrowRight');
    await page.locator('#player').press('ArrowRight');
    await page.locator('#player').press('ArrowRight');
    await page.locator('#player').press('ArrowLeft');
    await page.locator('#player').press('j');
    expect(await page.locator('#player-status').textContent()).toBe('Command 2');
    await page.locator('#player').press('k');
    await seekTo(page, 13000);
    await page.getByText('<img src=x onerror=alert(1)>').waitFor();
    expect(await page.locator('#screen a, #screen img').count()).toBe(0);
    expect(await page.title()).not.toContain('owned');
    await close();
  });

  test('says where it shows no more: what nothing can be gone to in the middle of is not loaded without end', async () => {
    const session = terminalStory(20, (builder) => {
      // A string (SOS) that never ends, behind a character that one behind it may join: no screen can be told in the middle of it.
      builder.bytes('target', new TextEncoder().encode('before\u001bX'), 1);
      for (let i = 1; i <= 100; i++) {
        builder.wait(1000).bytes('target', new Uint8Array(100_000).fill(120), 1);
        if (i % 30 === 0) builder.cut();
      }
    });
    const { page, asked, close } = await openPlayer(session, {}, '#command-1');
    await page.locator('.terminal-row').first().waitFor({ state: 'attached' });
    await seekTo(page, 14_500);
    await expect.poll(() => page.locator('#player-status').textContent()).toContain('too much to be loaded here');
    expect((await rowsOf(page)).at(-1)).toBe('before');
    expect(asked.filter((url) => url.includes('cursor=')).length).toBeLessThanOrEqual(9 + 3);
    await close();
  });

  test('draws a screen of half a million cells in colour in part without them, and says so', async () => {
    const session = terminalStory(20, (builder) => {
      builder.fact({ kind: 'terminal.resized', columns: 1000, rows: 500 }, 1);
      for (let row = 1; row <= 60; row++) {
        const cells = Array.from(
          { length: 1000 },
          (_, x) => `\u001b[38;2;${x % 256};${row};${(x * row) % 256}m${x % 10}`,
        );
        builder.wait(1000).bytes('target', new TextEncoder().encode(`\u001b[${row};1H${cells.join('')}`), 1);
      }
    });
    const { page, close } = await openPlayer(session, {}, '#command-1');
    await page.locator('.terminal-row').first().waitFor({ state: 'attached' });
    await seekTo(page, 12_500);
    await expect
      .poll(() => page.locator('#player-status').textContent())
      .toContain('drawn in part without its colours');
    expect(await page.locator('#screen span').count()).toBeLessThanOrEqual(22_000);
    expect((await rowsOf(page))[59]).toHaveLength(1000);
    await close();
  });

  test('has no barrier in light and dark, and stays inside a phone', async () => {
    const { page, close } = await openPlayer(terminalStory(), { reducedMotion: 'reduce' }, '#command-1');
    await page.locator('.terminal-row').first().waitFor({ state: 'attached' });
    await seekTo(page, 7000);
    await expect.poll(() => rowsOf(page).then((rows) => rows.join())).toContain('line');
    // axe waits by the page's clock.
    await page.clock.resume();
    expect(await barriers(page)).toEqual({ light: [], dark: [] });
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(360);
    await close();
  });
});
