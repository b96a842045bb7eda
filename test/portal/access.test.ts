// Signing in, asking for access, revoking: what a person does with the portal, in a real browser.

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ResourceName } from '../../core/resource.ts';
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

const calls = (method: string) => site.gatehouse.calls.filter((call) => call.method === method);

describe('signing in', () => {
  test('sends somebody unknown to sign in, and back to the very page with its filters', async () => {
    const answer = await fetch(`${site.origin}/sessions?resource=demo&since=24h`, { redirect: 'manual' });
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe('/login?return=%2Fsessions%3Fresource%3Ddemo%26since%3D24h');
    const { page, close } = await visit(browser, site, '/login?as=carol&return=%2Fsessions%3Fresource%3Ddemo');
    expect(page.url()).toBe(`${site.origin}/sessions?resource=demo`);
    expect(await page.locator('.account-email').textContent()).toBe('carol@example.com');
    await close();
  });

  test('tells nothing to somebody unknown, on any address', async () => {
    for (const path of [
      '/',
      '/grants',
      '/sessions',
      '/audit',
      '/connectors',
      '/device',
      '/keys',
      '/request/demo',
      '/approvals',
      '/requests/req_x',
      '/nowhere',
    ]) {
      const answer = await fetch(site.origin + path, { redirect: 'manual' });
      expect([path, answer.status]).toEqual([path, 303]);
    }
    expect(site.gatehouse.calls).toEqual([]);
  });

  test('signs out by a form and says so', async () => {
    const { page, close } = await visit(browser, site, '/');
    await page.locator('.account summary').click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
    await page.goto(`${site.origin}/signed-out`);
    expect(await page.getByRole('link', { name: 'Sign in again' }).getAttribute('href')).toBe('/login?return=%2F');
    await close();
  });
});

test('a target that the last session could not use is said beside its resource, and in the form', async () => {
  const demo = site.gatehouse.resourceList.find(({ name }) => name === 'demo');
  if (!demo) throw new Error('the fake has no demo');
  const fault = 'The database is not reachable (ECONNREFUSED).';
  demo.target = { at: '2026-11-20T12:03:00.000Z', fault };
  const { page, close } = await visit(browser, site, '/');
  const said = await page.getByText('Its target could not be used at').textContent();
  expect(said).toMatch(/at 20[^:]*\b(13|01):03\b.*: The database is not reachable \(ECONNREFUSED\)\.$/);
  await page.getByRole('link', { name: 'Ask for access to demo', exact: true }).click();
  await page.getByText('The last session that wanted its target could not use it').waitFor();
  demo.target = { at: '2026-11-20T12:04:00.000Z' };
  await page.goto(site.origin);
  expect(await page.getByText(fault).count()).toBe(0);
  await close();
});

describe('asking for access', () => {
  test('gives a grant by keyboard alone, with the secret in no address, history or store', async () => {
    const { page, close } = await visit(browser, site, '/');
    const focusOn = async (text: string) => {
      for (let presses = 0; presses < 40; presses++) {
        await page.keyboard.press('Tab');
        const focused = await page.evaluate<string>("document.activeElement?.textContent ?? ''");
        if (focused.includes(text)) return;
      }
      throw new Error(`the keyboard never reached ${text}`);
    };
    await focusOn('Ask for access to demo');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/request/demo');
    await page.locator('#reason').focus();
    await page.keyboard.type('SHOP-9: look at an order');
    await page.keyboard.press('Tab');
    await page.keyboard.type('30 min');
    await focusOn('Ask for access');
    await page.keyboard.press('Enter');

    await page.getByRole('heading', { name: 'You have access to demo' }).waitFor();
    const secret = (await page.locator('#secret').textContent()) ?? '';
    expect(secret).toMatch(/^ght_[a-z2-7]{32}$/);
    expect(await page.locator('#connect-psql').textContent()).toMatch(
      new RegExp(`^PGPASSWORD=${secret} psql .* sslmode=verify-full`),
    );
    expect(await page.locator('#connect-ca').textContent()).toContain('/ca.pem');
    expect(page.url()).toBe(`${site.origin}/request/demo`);
    const kept = await page.evaluate<string>(
      'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state])',
    );
    expect(kept).not.toContain(secret);
    const addresses = await page.evaluate<string[]>(
      `[...document.querySelectorAll('[href], [src], [action]')].map((e) => e.getAttribute('href') ?? e.getAttribute('src') ?? e.getAttribute('action'))`,
    );
    expect(addresses.filter((address) => address.includes(secret))).toEqual([]);
    expect(calls('requestAccess')).toHaveLength(1);
    await close();
  });

  test('does not issue again when the answer is reloaded, and shows no secret then', async () => {
    const { page, close } = await visit(browser, site, '/request/demo');
    await page.locator('#reason').fill('SHOP-9');
    await page.getByRole('button', { name: 'Ask for access' }).click();
    const secret = (await page.locator('#secret').textContent()) ?? '';
    await page.reload();
    await page.getByRole('heading', { name: 'This request was already answered' }).waitFor();
    expect(await page.content()).not.toContain(secret);
    expect(calls('requestAccess')).toHaveLength(1);
    // Asking anew is a new form and gives a new grant.
    await page.getByRole('link', { name: 'Ask anew' }).click();
    await page.locator('#reason').fill('SHOP-9');
    await page.getByRole('button', { name: 'Ask for access' }).click();
    await page.locator('#secret').waitFor();
    expect(calls('requestAccess')).toHaveLength(2);
    await close();
  });

  test('answers with the secret only uncached, and only to a form of this origin', async () => {
    const form = new URLSearchParams({ reason: 'SHOP-9', seconds: '900', task: '', trace: '', made: '1' });
    const headers = { cookie: 'person=bob', origin: site.origin };
    const answer = await fetch(`${site.origin}/request/demo-reporting`, { method: 'POST', body: form, headers });
    expect(await answer.text()).toContain('ght_');
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  test('keeps what was typed when the policy refuses, and says what to do', async () => {
    const { page, close } = await visit(browser, site, '/request/demo', { expected: /403/ });
    await page.locator('#task').fill('SHOP-9');
    await page.getByRole('button', { name: 'Ask for access' }).click();
    await expect.poll(() => page.getByRole('alert').textContent()).toContain('asks for a reason');
    expect(await page.locator('#task').inputValue()).toBe('SHOP-9');
    expect(await page.title()).toContain('demo');
    await close();
  });

  test('says what the rule asks for, gives and records', async () => {
    const { page, close } = await visit(browser, site, '/request/demo');
    const terms = (await page.locator('section[aria-labelledby=terms]').textContent()) ?? '';
    for (const words of [
      'demo-developers',
      '8 h',
      'kept 30 d',
      'you, auditors, dba',
      'customers.email, credit-card',
      'drop',
    ])
      expect(terms).toContain(words);
    expect(await page.locator('#seconds option').allTextContents()).not.toContain('1 day');
    await close();
  });

  test('copies the line', async () => {
    const { page, close } = await visit(browser, site, '/request/demo', {
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    await page.locator('#reason').fill('SHOP-9');
    await page.getByRole('button', { name: 'Ask for access' }).click();
    await page.getByRole('button', { name: 'Copy the psql line', exact: true }).click();
    const line = await page.locator('#connect-psql').textContent();
    await expect.poll(() => page.evaluate<string>('navigator.clipboard.readText()')).toBe(line);
    await close();
  });

  test('refuses an unknown resource and one without a rule in calm words', async () => {
    const { page, close } = await visit(browser, site, '/request/nowhere', { expected: /40[34]/ });
    await page.getByRole('heading', { name: 'There is nothing here' }).waitFor();
    await page.goto(`${site.origin}/request/ledger`);
    await page.getByText('No rule gives you access to ledger').waitFor();
    await close();
  });
});

describe('grants', () => {
  test('are revoked after a confirmation, never by a GET', async () => {
    const { page, close } = await visit(browser, site, '/grants');
    await page.getByRole('link', { name: /Revoke alice@example.com on demo/ }).click();
    await page.getByText('One live session is cut within a second.').waitFor();
    expect(calls('revokeGrant')).toEqual([]);
    await page.locator('#reason').fill('done');
    await page.getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('Revoked. Its live sessions were ended.').waitFor();
    expect(calls('revokeGrant')).toHaveLength(1);
    expect(await page.locator('.badge-revoked').count()).toBe(1);
    await close();
  });

  test('of others are listed for an administrator, and for nobody else', async () => {
    const bob = await visit(browser, site, '/grants', { as: 'bob' });
    expect(await bob.page.getByText('alice@example.com', { exact: true }).count()).toBe(1);
    await bob.close();
    const alice = await visit(browser, site, '/grants');
    expect(await alice.page.getByText('bob@example.com').count()).toBe(0);
    await alice.close();
  });
});

describe('a live session', () => {
  test('is ended from its page with a reason and a confirmation, also without JavaScript', async () => {
    const live = [...site.gatehouse.stored.values()].find(({ entry }) => entry.state === 'live')?.entry;
    const { page, close } = await visit(browser, site, `/sessions/${live?.id}`, {
      as: 'carol',
      javaScriptEnabled: false,
      expected: /400|503/,
    });
    await page.getByRole('link', { name: 'End this session' }).click();
    await page.getByRole('heading', { name: `End the session of ${live?.email} on ${live?.resource}?` }).waitFor();
    expect(calls('endSession')).toEqual([]);
    // The browser asks for a reason, and so does the server.
    await page.locator('#reason').fill('   ');
    await page.getByRole('button', { name: 'End this session' }).click();
    await page.getByText('Say why in one line').waitFor();
    expect(calls('endSession')).toEqual([]);
    await page.locator('#reason').fill('it holds a lock');
    site.gatehouse.fault = { reason: 'unavailable', message: 'The session goes on: its connector is not linked.' };
    await page.getByRole('button', { name: 'End this session' }).click();
    await page.getByRole('alert').getByText('The session goes on').waitFor();
    expect(await page.locator('#reason').inputValue()).toBe('it holds a lock');
    site.gatehouse.fault = undefined;
    await page.getByRole('button', { name: 'End this session' }).click();
    await page.getByText('The connector has been asked to end it.').waitFor();
    expect(page.url()).toBe(`${site.origin}/sessions/${live?.id}?ended`);
    await page.getByText('It ended because somebody ended it').waitFor();
    await page.getByText('Your session was ended by carol@example.com: it holds a lock').waitFor();
    await page.goto(`${site.origin}/sessions/${live?.id}/end`);
    await page.getByText('It is over already.').waitFor();
    await close();
  });
});

describe('approving a device', () => {
  test('shows what asks, and approves only by a POST', async () => {
    const at = new Date().toISOString();
    site.gatehouse.waiting.set('BCDF-GHJK', {
      userCode: 'BCDF-GHJK',
      address: '203.0.113.7',
      userAgent: 'gatehouse/0.1.0 <b>linux</b>',
      requestedAt: at,
      expiresAt: at,
    });
    const { page, close } = await visit(browser, site, '/device', { expected: /400/ });
    await page.getByLabel('Code').fill('wrong');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('No device waits with this code').waitFor();
    await page.goto(`${site.origin}/device?user_code=bcdf-ghjk`);
    await page.getByText('gatehouse/0.1.0 <b>linux</b>').waitFor();
    await page.getByText('203.0.113.7').waitFor();
    expect(calls('approveDevice')).toEqual([]);
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByRole('heading', { name: 'Approved' }).waitFor();
    expect(calls('approveDevice').map((call) => call.actor)).toEqual(['alice@example.com']);
    await close();
  });
});

describe('what only some may see', () => {
  test('auditors alone are led to the audit log, read and check it; others are told why not', async () => {
    const carol = await visit(browser, site, '/audit', { as: 'carol' });
    await carol.page.getByText('attempt.refused', { exact: true }).last().waitFor();
    await carol.page.getByRole('button', { name: 'Check the chain' }).click();
    await carol.page.getByText('The chain holds').waitFor();
    expect(await carol.page.getByRole('link', { name: 'Audit', exact: true }).count()).toBe(1);
    await carol.close();
    for (const as of ['alice', 'bob'] as const) {
      const { page, close } = await visit(browser, site, '/audit', { as, expected: /403/ });
      await page.getByText('Only auditors read the audit log.').waitFor();
      // Once: a page of an error adds no second way out to a message that has one.
      expect(await page.locator('main').textContent()).not.toContain('administrator');
      expect(await page.getByRole('link', { name: 'Audit', exact: true }).count()).toBe(0);
      await close();
    }
  });

  test('only an administrator is offered a join token, and sees it once', async () => {
    const bob = await visit(browser, site, '/connectors', { as: 'bob' });
    // As `gatehouse connectors` lists it and `gatehouse verify --key` takes it.
    expect(await bob.page.getByText(/^[A-Za-z0-9_-]{43}$/).count()).toBe(2);
    const facts = await bob.page.locator('.card').last().locator('dl').innerText();
    for (const shown of ['office', '18 ms', '39.1 GiB free', '4 objects, 1.3 MiB', 'link protocol 2'])
      expect(facts).toContain(shown);
    await bob.page.getByLabel('Site').fill('Not a site');
    expect(await bob.page.locator('input:invalid').count()).toBe(1);
    await bob.page.getByLabel('Site').fill('office');
    await bob.page.getByRole('button', { name: 'Add a connector' }).click();
    await bob.page.locator('#join-token').waitFor();
    await bob.page.getByText('It joins one connector of site office').waitFor();
    expect(bob.page.url()).not.toContain('gjt_');
    // What to type, whole: settings for this edge, and the token by the shell's input.
    expect(await bob.page.locator('#join-settings').innerText()).toContain(`edge: ${site.origin}\nsite: office\n`);
    expect(await bob.page.locator('#join-store').innerText()).toMatch(/<<'END'\ngjt_\w+\nEND$/);
    const status = bob.page.locator('#joining');
    expect(await status.innerText()).toContain('nothing has joined by this token yet');
    const who = PEOPLE.bob;
    const [connectors, resources] = [await site.gatehouse.connectors(who), await site.gatehouse.resources(who)];
    const joined = connectors.ok ? connectors.value[0] : undefined;
    const own = resources.ok ? resources.value.filter((it) => it.connector.id === joined?.id) : [];
    expect(own.length).toBe(3);
    if (!joined) throw new Error('no connector');
    const { online, resources: names } = joined;
    site.gatehouse.joined = Object.assign(joined, { online: false, resources: [] });
    await status.getByText('demo-connector joined. Waiting for its link').waitFor();
    Object.assign(joined, { online });
    await status.getByText('is connected, and serves nothing').waitFor();
    Object.assign(joined, { resources: names });
    await status.getByText('demo-connector is connected, 0 of 3 targets reachable.').waitFor();
    await status.getByText('being tried').waitFor();
    const at = new Date(site.clock.now()).toISOString();
    const see = (from: number, target: object) => own.slice(from).map((it) => Object.assign(it, { target }));
    see(0, { at });
    see(2, { at, fault: 'The database is not reachable (ECONNREFUSED).' });
    await status.getByText('2 of 3 targets reachable.').waitFor();
    await status.getByText(`${own[2]?.name}: The database is not reachable (ECONNREFUSED).`).waitFor();
    see(2, { at });
    await status.getByText('3 of 3 targets reachable.').waitFor();
    expect(await status.getAttribute('data-live')).toBeNull();
    await status.getByRole('link', { name: 'ask for access' }).click();
    await bob.page.waitForURL('**/request/*');
    await bob.close();
    const alice = await visit(browser, site, '/connectors');
    expect(await alice.page.getByRole('button', { name: 'Add a connector' }).count()).toBe(0);
    await alice.close();
  });
});

describe('colours', () => {
  test('are switched without a reload and kept', async () => {
    const { page, close } = await visit(browser, site, '/grants');
    const ground = () => page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
    const light = await ground();
    const kept = page.waitForResponse('**/theme');
    await page.getByRole('button', { name: /Switch to dark/ }).click();
    await kept;
    expect(await ground()).not.toBe(light);
    await page.reload();
    expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
    await close();
  });

  test('lead back only to this portal', async () => {
    const lead = async (back: string) => {
      const body = new URLSearchParams({ theme: 'dark', return: back });
      const answer = await fetch(`${site.origin}/theme`, {
        method: 'POST',
        body,
        redirect: 'manual',
        headers: { origin: site.origin },
      });
      return answer.headers.get('location');
    };
    expect(await lead('/sessions?task=a')).toBe('/sessions?task=a');
    for (const outside of [
      '//evil.test',
      '/\\evil.test',
      'https://evil.test',
      'javascript:alert(1)',
      '/\n/evil.test',
    ]) {
      expect(await lead(outside)).toBe('/');
    }
  });
});

test('an SSH client is let in by the code typed again, and turned away without it', async () => {
  const wait = (userCode: string) => {
    const at = new Date().toISOString();
    const asked = { address: '10.0.0.9', userAgent: '', requestedAt: at, expiresAt: at };
    site.gatehouse.waiting.set(userCode, { userCode, ...asked, resource: ResourceName.parse('demo') });
  };
  wait('BCDF-GHJK');
  const { page, close } = await visit(browser, site, '/device?user_code=BCDF-GHJK', { expected: /404/ });
  await page.getByText('An SSH client asks to be let in to').waitFor();
  await page.getByRole('button', { name: 'Approve' }).click();
  // The browser asks for what is missing.
  expect(calls('approveDevice')).toEqual([]);
  await page.locator('#typed_code').fill('bcdf-ghjk');
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.getByRole('heading', { name: 'Approved' }).waitFor();
  expect(calls('approveDevice')).toMatchObject([{ actor: 'alice@example.com', object: 'bcdf-ghjk' }]);
  wait('LMNP-QRST');
  await page.goto(`${site.origin}/device?user_code=LMNP-QRST`);
  await page.getByRole('button', { name: 'Deny' }).click();
  await page.getByRole('heading', { name: 'Denied' }).waitFor();
  expect(calls('denyDevice')).toMatchObject([{ object: 'LMNP-QRST' }]);
  await close();
});
