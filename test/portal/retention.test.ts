// Retention in the portal, in a real browser: holds by two people, what keeps a session, purging before the time, the purge's report.

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newId } from '../../core/ids.ts';
import { ok } from '../../core/result.ts';
import { DAY_MS } from '../../core/retention/may-purge.ts';
import type { Purge } from '../../core/retention/purge.ts';
import { PEOPLE } from '../harness/fake-gatehouse.ts';
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

type Name = keyof typeof PEOPLE;
const called = (method: string) => site.gatehouse.calls.filter((call) => call.method === method).length;
const sessionOf = (person: Name, state = 'sealed') => {
  const found = [...site.gatehouse.stored.values()].find(
    ({ entry }) => entry.email === `${person}@example.com` && entry.state === state,
  );
  if (!found) throw new Error('the fake has no such session');
  return found.entry;
};
const open = (path: string, as: Name, expected?: RegExp) =>
  visit(browser, site, path, { as, ...(expected && { expected }) });
const because = async (page: Page, reason: string, button: string) => {
  await page.locator('#reason').fill(reason);
  await page.getByRole('button', { name: button }).click();
};
const main = (page: Page) => page.locator('main').innerText();
const statusOf = async (path: string, as: Name, body?: Record<string, string>) => {
  const headers = { cookie: `person=${as}`, origin: site.origin };
  const answer = await fetch(site.origin + path, {
    ...{ headers, redirect: 'manual' },
    ...(body && { method: 'POST', body: new URLSearchParams(body) }),
  });
  return answer.status;
};

describe('who may do what', () => {
  test('others see how long they are kept and why there is no more, and nothing is asked for them', async () => {
    const session = sessionOf('alice');
    const { page, close } = await open('/retention', 'alice', /403/);
    expect(await main(page)).toMatch(/for auditors and administrators.*demo-developers\s+30 days/s);
    expect(await page.getByRole('navigation').getByText('Retention').count()).toBe(0);
    await page.goto(`${site.origin}/sessions/${session.id}/retention`);
    expect(await main(page)).toContain('for auditors and administrators');
    for (const method of ['retentionOverview', 'holds', 'sessionRetention'])
      expect([method, called(method)]).toEqual([method, 0]);
    await page.goto(`${site.origin}/retention/holds/new`);
    await page.getByText('Holds and purges are for auditors and administrators.').waitFor();
    await close();
  });

  test.each([
    ['/retention/holds/new', { of: 'user', email: 'bob@example.com', reason: 'x' }],
    ['/purges/order', {}],
    ['/purges', undefined],
    ['/purges/dry-run', undefined],
    ['/retention/holds/hld_00000000000000000000000001', undefined],
  ])('%s refuses them', async (path, body) => {
    expect(await statusOf(path, 'alice', body)).toBe(403);
    expect(site.gatehouse.keeping.holds).toEqual([]);
  });

  test('nobody purges or sees what keeps a session that is not theirs', async () => {
    const { id } = sessionOf('bob');
    expect(await statusOf(`/sessions/${id}/retention`, 'alice')).toBe(404);
    expect(await statusOf(`/sessions/${id}/retention`, 'alice', { step: 'ask', reason: 'x' })).toBe(403);
  });

  test('whoever has not signed in sees nothing of it', async () => {
    for (const path of ['/retention', '/retention/holds/new', '/purges', '/purges/dry-run', '/search?q=a'])
      expect((await fetch(site.origin + path, { redirect: 'manual' })).status).toBe(303);
  });
});

describe('a legal hold', () => {
  test.each([true, false])('is placed by one and lifted by two, with scripts: %s', async (javaScriptEnabled) => {
    const { page, close } = await visit(browser, site, '/retention', { as: 'carol', javaScriptEnabled });
    await page.getByText('No hold is in force').waitFor();
    await page.getByRole('link', { name: 'Place a hold' }).click();
    await page.getByLabel('A person').check();
    expect(await page.locator('#session').isVisible()).toBe(false);
    await page.locator('#email').fill(' Bob@Example.com ');
    await because(page, 'case 4711', 'Place the hold');
    await page.getByText('The hold is in force').waitFor();
    const [hold] = site.gatehouse.keeping.holds;
    expect(hold?.scope).toEqual({ of: 'user', email: 'bob@example.com' });
    const address = page.url().replace('?placed', '');

    await because(page, 'closed', 'Ask to lift it');
    await page.getByText('It stays in force until somebody else agrees').waitFor();
    expect([hold?.lifting?.by, hold?.lifted]).toEqual(['carol@example.com', undefined]);
    expect(await page.getByRole('button', { name: /lift/ }).count()).toBe(0);

    const other = await visit(browser, site, '/retention', { as: 'bob', javaScriptEnabled });
    expect(await other.page.locator('.table').innerText()).toContain('Lift asked for');
    await other.page.getByRole('link', { name: 'case 4711' }).click();
    expect(other.page.url()).toBe(address);
    expect(await main(other.page)).toMatch(/Lift asked for\s+carol@example\.com.*closed/s);
    await because(other.page, 'settled', 'Agree, and lift it');
    await other.page.getByText('Lifted', { exact: true }).first().waitFor();
    expect(hold?.lifted?.by).toBe('bob@example.com');
    await other.page.goto(`${site.origin}/retention`);
    await other.page.getByText('1 lifted hold').click();
    await other.page.getByRole('link', { name: 'case 4711' }).waitFor();
    await other.close();
    await close();
  });

  test.each([
    [{ sessions: 12, more: false, known: true }, 'It holds 12 sessions now.'],
    [{ sessions: 200, more: true, known: true }, 'It holds more than 200 sessions now.'],
    [{ sessions: 0, more: false, known: false }, 'It holds 0 sessions now; alicia@example.com is not known here.'],
  ])('on a person says when it is placed what it holds now: %j', async (now, words) => {
    const place = site.gatehouse.placeHold.bind(site.gatehouse);
    site.gatehouse.placeHold = async (...asked) => {
      const placed = await place(...asked);
      return placed.ok ? ok({ ...placed.value, now }) : placed;
    };
    const { page, close } = await open('/retention/holds/new?email=alicia@example.com', 'carol');
    await because(page, 'case 4711', 'Place the hold');
    await page.getByText(words).waitFor();
    // Of one that somebody comes back to it is not said: it was so then.
    await page.goto(page.url().split('?')[0] ?? '');
    expect(await main(page)).not.toContain('now');
    await close();
  });

  test('whoever meant to ask does not find that they agreed', async () => {
    const { page, close } = await open('/retention/holds/new', 'carol', /409/);
    await page.locator('#session').fill(sessionOf('alice').id);
    await because(page, 'case 1', 'Place the hold');
    await page.getByText('The hold is in force').waitFor();
    const [hold] = site.gatehouse.keeping.holds;
    if (!hold) throw new Error('no hold was placed');
    await site.gatehouse.liftHold(PEOPLE.bob, hold.id, 'not needed');
    await because(page, 'I think so too', 'Ask to lift it');
    await page.getByRole('alert').getByText('Somebody else was here meanwhile').waitFor();
    expect(hold.lifted).toBeUndefined();
    expect(await page.locator('#reason').inputValue()).toBe('I think so too');
    await page.getByRole('button', { name: 'Agree, and lift it' }).waitFor();
    await close();
  });

  test.each([
    [{ of: 'session', session: 'ses_x' }, /Name one session/],
    [{ of: 'session' }, /Name one session/],
    [{ of: 'user', email: '' }, /Whose sessions/],
    [{ of: 'resource', resource: 'no such name' }, /On which resource/],
    [{ of: 'time', since: '2026-11-20T08:00', until: '2026-11-20T08:00' }, /the earlier one first/],
    [{ of: 'time', since: '2026-11-20T08:00' }, /Give both times/],
    [{ of: 'user', email: 'bob@example.com', reason: '  ' }, /Say why/],
    [{ of: 'user', email: 'bob@example.com', reason: 'x'.repeat(501) }, /Say why/],
    [{ of: 'nothing', session: '' }, /Name one session/],
  ])('on %j is none, and the form says what to do', async (fields, words) => {
    const body = new URLSearchParams({ reason: 'because', ...fields } as Record<string, string>);
    const headers = { cookie: 'person=carol', origin: site.origin };
    const answer = await fetch(`${site.origin}/retention/holds/new`, { method: 'POST', headers, body });
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringMatching(words)]);
    expect(called('placeHold')).toBe(0);
  });

  test('takes several sessions, and a time in UTC', async () => {
    const ids = [...site.gatehouse.stored.keys()].slice(0, 3);
    const place = (body: Record<string, string>) =>
      statusOf('/retention/holds/new', 'carol', { reason: 'a case', ...body });
    expect(await place({ of: 'session', session: ids.join(',\r\n ') })).toBe(303);
    expect(await place({ of: 'time', since: '2026-11-20T08:00', until: '2026-11-21T08:30' })).toBe(303);
    expect(site.gatehouse.keeping.holds.map(({ scope }) => scope)).toEqual([
      { of: 'time', since: '2026-11-20T08:00:00.000Z', until: '2026-11-21T08:30:00.000Z' },
      { of: 'sessions', sessions: ids },
    ]);
  });
});

describe('what keeps a session', () => {
  test('stands on a page that its own leads to, with the holds that cover it', async () => {
    const session = sessionOf('bob');
    await site.gatehouse.placeHold(PEOPLE.carol, { of: 'user', email: 'bob@example.com' }, 'case 4711');
    const { page, close } = await open(`/sessions/${session.id}`, 'carol');
    await page.getByRole('link', { name: 'Locks, holds and purge' }).click();
    expect(await main(page)).toMatch(
      /30 days, rule demo-developers.*Governance mode until.*What stands against its purge today.*under legal hold.*Its rule keeps it until.*before its time\s+Not possible today:\s+It is under legal hold/s,
    );
    expect(await page.getByRole('button', { name: /purge/i }).count()).toBe(0);
    await page.getByRole('link', { name: /^hld_/ }).first().click();
    await page.getByRole('heading', { name: 'Legal hold' }).waitFor();
    await page.goBack();
    await page.getByRole('link', { name: 'Place a hold on it' }).click();
    expect(await page.locator('#session').inputValue()).toBe(session.id);
    await close();
  });

  test('goes before its time by two people', async () => {
    const { id } = sessionOf('alice');
    const address = `/sessions/${id}/retention`;
    const { page, close } = await open(address, 'carol', /409/);
    const late = await open(address, 'bob', /409/);
    await because(page, 'asked to be forgotten', 'Ask for its purge');
    await page.getByText('You have asked for it.').waitFor();
    await page.getByText('for somebody else to agree, on this page').waitFor();
    expect(site.gatehouse.keeping.purges.size).toBe(0);
    // Who opened the page before meant to ask.
    await because(late.page, 'me too', 'Ask for its purge');
    await late.page.getByRole('alert').getByText('Somebody else was here meanwhile').waitFor();
    expect(site.gatehouse.keeping.purges.size).toBe(0);
    expect(await main(late.page)).toMatch(/carol@example\.com asked for it, until .*: asked to be forgotten/);
    await because(late.page, 'seen the request', 'Agree, and purge it');
    await late.page.getByText('Its purge is ordered: the next run deletes it.').waitFor();
    expect(site.gatehouse.keeping.purges.get(id)).toMatchObject({ state: 'ordered', order: { mode: 'early' } });
    await late.close();
    await close();
  });

  test('says of a purged session what it was, and offers nothing', async () => {
    const { id: session, connector } = sessionOf('alice');
    const gatehouse = site.gatehouse;
    const at = new Date().toISOString();
    const evidence = { versions: 0, markers: 0, bytes: 0 };
    const retention = { rule: 'demo-developers', policyVersion: 7, retainDays: 30 };
    const was = { versions: 12, markers: 0, bytes: 4096, manifest: 'ab'.repeat(32) as never };
    const base = { session, connector, evidence, finished: false, locks: [], heldObjects: 0, holds: [] };
    const purge = { session, connector, at, retention, evidence: was, state: 'done' as const };
    gatehouse.sessionRetention = async () => ok({ ...base, refusals: [], early: [], purge });
    const { page, close } = await open(`/sessions/${session}/retention`, 'carol');
    expect(await main(page)).not.toContain('Purged at');
    expect(await main(page)).toMatch(
      /Deleted, since .*30 days, rule demo-developers.*it was 12 objects, 4 KiB\s+manifest abab/s,
    );
    expect(await page.locator('main form').count()).toBe(0);
    expect(await page.getByText('Place a hold on it').count()).toBe(0);
    // An hour after it was written down nothing is left but the edge's own word.
    gatehouse.sessionRetention = async () => ok({ ...base, refusals: [], early: [], purged: { at, audit: 41 } });
    await page.reload();
    expect(await main(page)).toMatch(/Purged at .*, as entry 41 of the audit log ordered\..*Stored\s+nothing/s);
    await close();
  });

  test('names every reason against a purge, and leads to its holds', async () => {
    const gatehouse = site.gatehouse;
    const whole = await gatehouse.sessionRetention(PEOPLE.carol, sessionOf('alice').id);
    if (!whole.ok) throw new Error('the fake has no such session');
    const until = '2027-02-18T13:00:00.000Z';
    const hold = newId('hld');
    const refusals = [
      { why: 'contradicted' as const, claimed: 1, granted: 30, until },
      { why: 'holds_differ' as const },
      { why: 'held' as const, holds: [hold] },
    ];
    gatehouse.sessionRetention = async () => ok({ ...whole.value, refusals });
    const { page, close } = await open(`/sessions/${whole.value.session}/retention`, 'carol');
    const said = await page.locator('.refusals').first().locator('li').allInnerTexts();
    expect(said).toEqual([
      expect.stringMatching(/^Its recording says 1 day, and it was granted for 30: kept until .*2027.*\.$/),
      expect.stringContaining('other holds than the edge'),
      `It is under legal hold: ${hold}.`,
    ]);
    await page.locator(`.refusals a[href="/retention/holds/${hold}"]`).first().waitFor();
    await close();
  });

  test('says when an early purge becomes possible where a lock cannot be passed', async () => {
    const session = sessionOf('alice');
    site.gatehouse.keeping.lockMode = 'COMPLIANCE';
    const { page, close } = await open(`/sessions/${session.id}/retention`, 'carol');
    const until = new Date(Date.parse(session.endedAt ?? '') + 30 * DAY_MS).toISOString();
    const early = page.locator('.early');
    expect(await early.innerText()).toMatch(
      /Not possible today:.*nobody can delete them before.*It becomes possible at/s,
    );
    expect(await early.locator('time').last().getAttribute('datetime')).toBe(until);
    await close();
  });
});

describe('the purge', () => {
  const due = async (): Promise<readonly string[]> => {
    const real = Date.now();
    site.clock.now = () => real + 22 * DAY_MS;
    const report = await site.gatehouse.purgeReport(PEOPLE.carol, undefined);
    return report.ok ? report.value.proposed : [];
  };

  test('is shown as a dry run first, and ordered from there', async () => {
    const kept = sessionOf('bob');
    await site.gatehouse.placeHold(PEOPLE.carol, { of: 'user', email: kept.email }, 'case 4711');
    const ids = await due();
    expect(ids.length).toBeGreaterThan(2);
    const { page, close } = await open('/purges', 'carol');
    await page.getByText('No purge is under way').waitFor();
    await page.getByRole('link', { name: 'What would go now?' }).click();
    await page.getByText('Nothing was changed.').waitFor();
    expect((await page.locator('.ids li').allInnerTexts()).toSorted()).toEqual(ids.toSorted());
    await page.getByRole('heading', { name: /would stay$/ }).waitFor();
    expect(await page.locator('.table').innerText()).toContain('It is under legal hold');
    expect(called('orderDuePurges')).toBe(0);
    await page.getByRole('button', { name: 'Order what is due now' }).click();
    await page.getByText(`${ids.length} purges are ordered`).waitFor();
    expect(await page.locator('.table').first().innerText()).toContain('Ordered: the next run deletes it');
    await page.goto(`${site.origin}/purges/dry-run`);
    await page.getByText('They are ordered already').waitFor();
    await close();
  });

  test('tells its last run, what was purged by numbers alone, and each refusal, a page at a time', async () => {
    const { keeping } = site.gatehouse;
    const at = new Date().toISOString();
    const all = [...site.gatehouse.stored.values()].map(({ entry }) => entry).sort((a, b) => (a.id < b.id ? -1 : 1));
    const [first, second, third, failed] = all;
    if (!first || !second || !third || !failed) throw new Error('too few sessions');
    keeping.lastRun = { at, purged: 4, proposed: 3, refused: 2, failed: 1, failedSessions: [failed.id], more: true };
    const evidence = { manifest: 'ab'.repeat(32) as never, versions: 12, markers: 0, bytes: 4096 };
    const put = ({ id, connector }: typeof first, more: Partial<Purge>) =>
      keeping.purges.set(id, { session: id, connector, at, evidence, state: 'settled', ...more });
    put(first, { order: { mode: 'early', at, audit: 7 } });
    put(second, { state: 'refused', refusals: [{ why: 'refused', objects: 3 }] });
    put(third, { state: 'refused', refusals: [{ why: 'unknown' }] });
    keeping.purgesAPage = 2;
    const { page, close } = await open('/purges', 'carol');
    const text = await main(page);
    expect(text).toMatch(/Deleted\s+4\s+Found due\s+3\s+Refused\s+2\s+Failed\s+1\s+More to do\s+yes/);
    expect(text).toMatch(/did not answer for 1 session/);
    expect(text).toMatch(/Deleted and written down, before its time.*12 objects, 4 KiB\s+manifest abab/s);
    expect(text).toContain('The store refuses to delete 3 objects');
    // Names stay out of what is told of a purge.
    expect(text).not.toMatch(/(alice|bob)@/);
    await page.getByText('Which').click();
    await page.getByRole('link', { name: failed.id }).waitFor();
    await page.getByRole('link', { name: 'More', exact: true }).click();
    await page.getByText('Nothing says how long to keep it').waitFor();
    expect(await main(page)).not.toContain('Last run');
    await close();
  });

  test('what comes up is told by day, or that the archive does not answer', async () => {
    const day = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);
    site.gatehouse.keeping.due = [
      { day: day(-2), sessions: 2, more: false },
      { day: day(0), sessions: 1, more: false },
      { day: day(3), sessions: 200, more: true },
    ];
    const { page, close } = await open('/retention', 'bob');
    expect(await page.locator('section[aria-labelledby=due] .amount').allInnerTexts()).toEqual([
      'Now\n3 sessions',
      `${day(3)}\nmore than 200 sessions`,
    ]);
    site.gatehouse.keeping.due = undefined;
    await page.reload();
    await page.getByText('The archive does not answer just now').waitFor();
    await close();
  });
});

test('a session whose rule is gone says so, to its owner and to auditors', async () => {
  const session = sessionOf('alice');
  Object.assign(session, { ruleGone: true });
  for (const as of ['alice', 'carol'] as const) {
    const { page, close } = await open(`/sessions?email=${session.email}`, as);
    expect(await page.locator('.table .badge-ruleless').count()).toBe(1);
    await page.getByText('The policy has no rule of that name any more.').waitFor();
    await page
      .locator('.row-link', { has: page.locator('.badge-ruleless') })
      .locator('a')
      .first()
      .click();
    await page.getByText('is gone from the policy').waitFor();
    await close();
  }
});
