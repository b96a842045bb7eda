// A statement that waits in the middle of a session, as its approver, its requester and whoever sent
// something nasty see it; and what the policy did, on the session's own page.

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Approval, HeldSubject } from '../../core/approval/approval.ts';
import type { SessionId } from '../../core/ids.ts';
import { ResourceName } from '../../core/resource.ts';
import { coverageOf, statementEntry } from '../harness/fake-data.ts';
import { PEOPLE } from '../harness/fake-gatehouse.ts';
import { barriers, launchBrowser, visit } from './browser.ts';
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

const DEMO = ResourceName.parse('demo');

const TEXT = `update orders set status = 'refunded', note = $1\n where placed_at < '2026-01-01' -- all of last year`;

const session = (): SessionId => [...site.gatehouse.stored.keys()][1] as SessionId;

function hold(changes: Partial<HeldSubject> = {}, more: Partial<Approval> = {}): Approval {
  const subject: HeldSubject = {
    kind: 'statement',
    resource: DEMO,
    reason: 'SHOP-812: refund what was never sent',
    labels: {},
    session: session(),
    text: TEXT,
    parameters: ['as agreed with finance', null],
    digest: 'ab12'.repeat(16),
    touches: ['public.orders'],
    pattern: 'update without primary key',
    inTransaction: true,
    estimate: { rows: 48_211.4, cost: 10_233.5 },
    ...changes,
  };
  const decideBy = new Date(site.clock.now() + 5 * 60_000).toISOString();
  return site.gatehouse.waitingRequests.ask(PEOPLE.alice, DEMO, subject.reason, { subject, decideBy, ...more });
}

const noSideways = (page: Page) =>
  page.evaluate<boolean>('document.documentElement.scrollWidth <= document.documentElement.clientWidth');

describe('a statement that waits', () => {
  test('shows all that its approver has to know', async () => {
    const { id } = hold();
    const { page, close } = await visit(browser, site, `/requests/${id}`, { as: 'bob' });
    const main = (await page.locator('main').textContent()) ?? '';
    for (const words of [
      'A statement on demo',
      'It waits inside an open transaction.',
      "status = 'refunded'",
      'as agreed with finance',
      'NULL',
      'public.orders',
      'update without primary key',
      'about 48,211 rows, cost 10,234',
      'it was not run',
      session(),
      'ab12'.repeat(16),
      'SHOP-812: refund what was never sent',
      'alice@example.com',
    ])
      expect(main).toContain(words);
    expect(await page.locator('.held .sql-keyword').first().textContent()).toBe('update');
    expect(await page.locator('.held .sql-comment').textContent()).toBe('-- all of last year');
    expect(await page.getByRole('link', { name: session() }).getAttribute('href')).toBe(`/sessions/${session()}`);
    const left = page.locator('#request-status .time-left');
    const before = await left.textContent();
    await expect.poll(() => left.textContent()).not.toBe(before);
    await close();
  });

  test('of another kind is called what it is, and is not taken for SQL', async () => {
    const { id } = hold({ kind: 'command', title: 'in web-1', text: 'select everything', touches: ['/srv'] });
    const { page, close } = await visit(browser, site, `/requests/${id}`, { as: 'bob' });
    const main = (await page.locator('main').textContent()) ?? '';
    for (const words of ['A command on demo', 'Command', 'in web-1', 'select everything', 'Files', '/srv'])
      expect(main).toContain(words);
    expect(main).not.toContain('Statement');
    expect(await page.locator('.held .sql-keyword').count()).toBe(0);
    await close();
  });

  test('is in the inbox with what it would do, comes by itself, and goes by keyboard with a comment', async () => {
    const { page, close } = await visit(browser, site, '/approvals', { as: 'bob' });
    await page.getByText('Nothing waits for you').waitFor();
    const { id } = hold();
    await page.getByText('waits to run').waitFor();
    expect(await page.locator('.brief').textContent()).toContain('update orders');
    await page.getByText('In a transaction').waitFor();
    await page.getByRole('link', { name: /Decide/ }).focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/requests/${id}`);
    await page.locator('#comment').focus();
    await page.keyboard.type('fine by finance');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement?.textContent?.trim()')).toBe('Approve');
    await page.keyboard.press('Enter');
    await page.locator('.badge-approved').waitFor();
    await page.getByText('It may go on until').waitFor();
    expect(site.gatehouse.waitingRequests.requests.get(id)?.votes[0]?.comment).toBe('fine by finance');
    await close();
  });

  test('is whole in the inbox on a phone, with buttons for a finger', async () => {
    hold({
      text: Array.from({ length: 4 }, (_, line) => `-- line ${line} of a statement that takes more than a row`).join(
        '\n',
      ),
    });
    const { page, close } = await visit(browser, site, '/approvals', {
      as: 'bob',
      viewport: { width: 390, height: 844 },
    });
    await page.locator('.brief .sql').waitFor();
    const cut = await page.evaluate<number>(
      "(({ scrollHeight, clientHeight }) => scrollHeight - clientHeight)(document.querySelector('.brief .sql'))",
    );
    expect(cut).toBeLessThanOrEqual(1);
    const button = await page.getByRole('link', { name: /Decide/ }).boundingBox();
    expect(button?.height).toBeGreaterThanOrEqual(44);
    expect((button?.x ?? 999) + (button?.width ?? 999)).toBeLessThanOrEqual(390);
    await close();
  });

  test('says to its requester why they cannot decide, and changes under their eyes when somebody else does', async () => {
    const { id } = hold();
    const { page, close } = await visit(browser, site, `/requests/${id}`);
    await page.getByText('You asked for this yourself, so somebody else has to decide.').waitFor();
    expect(await page.getByText('Goes on within').count()).toBe(1);
    expect(await page.getByRole('button', { name: 'Approve' }).count()).toBe(0);
    await page.evaluate('window.notReloaded = true');
    const denial = { decision: 'deny', comment: 'not on a Friday' } as const;
    await site.gatehouse.decideApproval(PEOPLE.bob, id, denial, 'slack');
    await page.locator('.badge-denied').waitFor();
    await page.getByText('not on a Friday').waitFor();
    // What is over goes on no more, and waits in no transaction.
    await expect.poll(() => page.getByText('Goes on within').count()).toBe(0);
    expect(await page.getByText('It waits inside an open transaction.').count()).toBe(0);
    await expect.poll(() => page.getByText('You asked for this yourself').count()).toBe(0);
    expect(await page.getByRole('link', { name: 'Ask anew' }).count()).toBe(0);
    expect(await page.evaluate('window.notReloaded')).toBe(true);
    await close();
  });

  test('that could not be read says so, and one that was approved has no secret to show', async () => {
    const { id } = hold({ pattern: undefined, touches: [], inTransaction: false, estimate: undefined } as never);
    const { page, close } = await visit(browser, site, `/requests/${id}`);
    await page.getByText('it could not be read with certainty').waitFor();
    await page.getByText('none that could be read from it').waitFor();
    expect(await page.getByText('open transaction').count()).toBe(0);
    await site.gatehouse.decideApproval(PEOPLE.bob, id, { decision: 'approve', comment: '' }, 'portal');
    await page.locator('.badge-approved').waitFor();
    expect(await page.getByRole('button', { name: 'Show the secret' }).count()).toBe(0);
    await close();
  });
});

describe('a hostile statement', () => {
  const MARKUP = `</code></pre><script>alert(1)</script><img src=x onerror=alert(1)>"'><svg onload=alert(1)>`;

  test('is shown, character by character, and never rendered', async () => {
    const text = `select '${MARKUP}' -- \u202Eeteled\u2066 \u0000\u001b[2J\u200b\u3164\ud800\n/* ${MARKUP} */ drop table "${MARKUP}"`;
    const { id } = hold({ text, parameters: [MARKUP, `\u202E${MARKUP}`], touches: [MARKUP], pattern: MARKUP });
    for (const path of [`/requests/${id}`, '/approvals']) {
      const { page, close } = await visit(browser, site, path, { as: 'bob' });
      const strange =
        "document.querySelectorAll('main img, main script, main svg, [onerror], [onload], [style]').length";
      expect(await page.evaluate(strange)).toBe(0);
      const shown = (await page.locator('main').textContent()) ?? '';
      expect(shown).toContain('<script>alert(1)</script>');
      if (path !== '/approvals') {
        for (const mark of ['\\u202e', '\\u2066', '\\x00', '\\x1b', '\\u200b', '\\u3164'])
          expect(shown).toContain(mark);
        expect(shown).toContain(`drop table "${MARKUP}"`);
      }
      // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
      expect(/[\u202e\u2066\u0000\u001b\u200b\u3164]/.exec(shown)).toBeNull();
      await close();
    }
  });

  test('in letters that run from right to left stands in the order in which it is read by the server', async () => {
    const { id } = hold({ text: `delete from t where a = 'שלום' or b = 1 -- מוחק` });
    const { page, close } = await visit(browser, site, `/requests/${id}`, { as: 'bob' });
    const order = await page.evaluate<number[]>(`(() => {
      const code = document.querySelector('.held .sql code');
      const places = [];
      const walk = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
      for (let node = walk.nextNode(); node; node = walk.nextNode())
        for (let i = 0; i < node.length; i++) {
          const range = document.createRange();
          range.setStart(node, i); range.setEnd(node, i + 1);
          const box = range.getBoundingClientRect();
          places.push(Math.round(box.top) * 10000 + box.left);
        }
      return places;
    })()`);
    expect(order.length).toBeGreaterThan(40);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    await close();
  });

  test('of one line that never ends scrolls in its own box, on a phone too', async () => {
    const text = `select '${'x'.repeat(9_000)}', ${'a,'.repeat(9_000)}b`.slice(0, 20_000);
    const { id } = hold({ text, parameters: ['y'.repeat(2_000)], touches: ['z'.repeat(200)] });
    for (const viewport of [
      { width: 360, height: 740 },
      { width: 1280, height: 800 },
    ]) {
      const { page, close } = await visit(browser, site, `/requests/${id}`, { as: 'bob', viewport });
      expect(await noSideways(page)).toBe(true);
      const box = page.getByRole('region', { name: 'Long statement' });
      expect((await box.boundingBox())?.height ?? 9999).toBeLessThan(viewport.height * 0.7);
      await box.focus();
      await page.getByRole('button', { name: 'Approve' }).scrollIntoViewIfNeeded();
      await close();
    }
  });
});

describe("a session's page", () => {
  test('says of each statement what the policy made of it, and by whom it was decided', async () => {
    const [id, stored] = [...site.gatehouse.stored][0] ?? [];
    if (!stored) throw new Error('the fake has no session');
    const verdict = (index: number, given: object) => {
      const action = stored.actions[index];
      if (action) Object.assign(action, { verdict: given });
    };
    verdict(0, { outcome: 'warned', rule: 'orders-prod', message: 'Rule orders-prod: mind the <b>replica</b>.' });
    verdict(1, { outcome: 'approved', rule: 'orders-prod', message: 'It was held.', by: ['bob@example.com'] });
    stored.actions[2] = statementEntry(
      3,
      21_500_000,
      { text: 'drop table orders' },
      { verdict: { outcome: 'refused', rule: 'orders-prod', message: 'Rule orders-prod blocks it: drop.' } },
    );
    const { page, close } = await visit(browser, site, `/sessions/${id}`, { as: 'bob' });
    const statement = (number: number) => page.locator(`#statement-${number}`);
    expect(await statement(1).locator('.verdict').textContent()).toContain('mind the <b>replica</b>');
    expect(await statement(2).locator('.verdict').textContent()).toContain('Decided by bob@example.com.');
    expect(await statement(3).textContent()).toContain('not sent');
    expect(await statement(3).locator('.badge-refused').textContent()).toBe('Refused');
    await close();
  });

  test('counts what was masked by rule, and what was withheld', async () => {
    const [id] = [...site.gatehouse.stored][0] ?? [];
    const real = site.gatehouse.session;
    site.gatehouse.session = async (who, session) => {
      const found = await real(who, session);
      if (!found.ok) return found;
      const coverage = {
        ...coverageOf(found.value.session),
        masked: [{ rule: 'orders-prod: column *.email', count: 1204 }],
        withheld: [{ reason: 'lineage_unknown', count: 2 }],
        refused: [{ reason: 'hold_denied', count: 1 }],
        originals: { frames: 12, bytes: 900, keys: 2 },
        notKept: [
          { reason: 'too_large', count: 3 },
          { reason: 'secret', count: 1 },
        ],
      };
      return { ...found, value: { ...found.value, coverage } };
    };
    const { page, close } = await visit(browser, site, `/sessions/${id}`, { as: 'bob' });
    const evidence = (await page.locator('#session-evidence').textContent()) ?? '';
    expect(evidence).toContain('Masked by orders-prod: column *.email: 1,204 values.');
    expect(evidence).toContain('Withheld: 2 values, since it is not known which columns they were made of.');
    expect(evidence).toContain('Refused: an approver said no, 1 time.');
    expect(evidence).toContain('Sealed beside it: what masks hid in 12 frames is kept, sealed to 2 keys.');
    expect(evidence).toMatch(/Originals: hidden and not kept: 3 values, .*too large; 1 value, .*secret/);
    await close();
  });

  test('shows an exemption and a broken glass, there and in the list', async () => {
    const [id, stored] = [...site.gatehouse.stored][0] ?? [];
    if (!stored) throw new Error('the fake has no session');
    Object.assign(stored.entry, { exempt: 'rule backups: the nightly <i>dump</i>', breakGlass: true });
    const { page, close } = await visit(browser, site, `/sessions/${id}`, { as: 'bob' });
    await page.getByRole('alert').getByText('the nightly <i>dump</i>').waitFor();
    await page.getByText('The glass was broken.').waitFor();
    await page.goto(`${site.origin}/sessions`);
    await page.locator('.badge-exempt').waitFor();
    await page.locator('.badge-glass').waitFor();
    await close();
  });
});

describe('administration', () => {
  test('the policy in force is read by administrators and auditors, as it was written', async () => {
    site.gatehouse.policyText = `# <script>alert(1)</script> \u202E\nrules:\n  - name: a\n    who: [everyone]\n`;
    const bob = await visit(browser, site, '/policy', { as: 'bob' });
    expect(await bob.page.locator('.policy-line').count()).toBe(4);
    expect(await bob.page.locator('.policy-text').textContent()).toContain('# <script>alert(1)</script> \\u202e');
    await bob.page.getByText('version 7').waitFor();
    await bob.page.getByText('node gatehouse.mjs policy apply --file policy.yaml').waitFor();
    expect(await noSideways(bob.page)).toBe(true);
    await bob.close();
    const carol = await visit(browser, site, '/policy', { as: 'carol' });
    await carol.page.locator('.policy-text').waitFor();
    expect(await carol.page.getByText('policy apply').count()).toBe(0);
    await carol.close();
    const alice = await visit(browser, site, '/policy', { expected: /403/ });
    await alice.page.getByText('Only administrators and auditors read the policy.').waitFor();
    expect(await alice.page.getByRole('link', { name: 'Policy' }).count()).toBe(0);
    await alice.close();
  });

  test('an export of the audit log that fails is seen where people look, and one that works is a line', async () => {
    const works = await visit(browser, site, '/audit', { as: 'carol' });
    await works.page.getByText('entries 1 to 1,200').waitFor();
    await works.close();
    site.gatehouse.exportStanding = {
      exportedThrough: 1200,
      waiting: 77,
      waitingSince: '2026-11-20T10:00:00.000Z',
      failing: { since: '2026-11-20T10:00:00.000Z', reason: 'contradiction', tries: 1 },
    };
    for (const path of ['/audit', '/']) {
      const { page, close } = await visit(browser, site, path, { as: 'carol' });
      await page.getByRole('alert').getByText('The audit log is not exported').waitFor();
      await close();
    }
    const alice = await visit(browser, site, '/');
    expect(await alice.page.getByText('The audit log is not exported').count()).toBe(0);
    await alice.close();
  });
});

test('nothing is in the way of assistive technology', async () => {
  const { id } = hold({ text: TEXT.repeat(12) });
  const [other, stored] = [...site.gatehouse.stored][0] ?? [];
  for (const [index, outcome] of (['refused', 'held', 'warned', 'approved'] as const).entries())
    Object.assign(stored?.actions[index] ?? {}, { verdict: { outcome, rule: 'orders-prod', message: 'so it is.' } });
  Object.assign(stored?.entry ?? {}, { exempt: 'rule backups', breakGlass: true });
  for (const path of [`/requests/${id}`, '/approvals', '/policy', '/audit', `/sessions/${other}`]) {
    const { page, close } = await visit(browser, site, path, {
      as: path === '/audit' ? 'carol' : 'bob',
      reducedMotion: 'reduce',
    });
    expect(await barriers(page), path).toEqual({ light: [], dark: [] });
    await close();
  }
});
