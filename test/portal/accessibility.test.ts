// Every page: nothing that axe finds, in light and dark; and nothing scrolls sideways on a phone.

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newId } from '../../core/ids.ts';
import { ResourceName } from '../../core/resource.ts';
import type { HoldList } from '../../core/retention/purge.ts';
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

interface PageOf {
  readonly name: string;
  readonly as?: 'alice' | 'bob' | 'carol';
  path(): string;
  prepare?(page: Page): Promise<void>;
}

const sessionIn = (state: string) =>
  [...site.gatehouse.stored.values()].find(({ entry }) => entry.state === state)?.entry;
const waitingRequest = () =>
  site.gatehouse.waitingRequests.ask(
    PEOPLE.alice,
    ResourceName.parse('demo-reporting'),
    'SHOP-9: the totals of last Friday do not add up with what the warehouse counted',
  );
const at = (path: string) => () => path;
const raise = (): never => {
  throw new Error('the fake has no such session');
};
function hold() {
  const hold: HoldList['holds'][number] = {
    id: newId('hld'),
    scope: { of: 'user', email: 'bob@example.com' },
    placed: { by: 'carol@example.com', at: new Date().toISOString(), reason: 'A dispute about the orders of October' },
    standing: { sessions: 20, whole: false, at: new Date().toISOString() },
  };
  site.gatehouse.keeping.holds.push(hold);
  return hold;
}

/** Nobody's. */
const KEY = Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x20'.padEnd(51, 'k'), 'latin1').toString('base64');

const kept = () => {
  const id = sessionIn('live')?.id;
  if (id) site.gatehouse.needing.add(id);
  return id;
};

const PAGES: readonly PageOf[] = [
  { name: 'a session to ask for', as: 'carol', path: () => `/sessions/${kept()}` },
  { name: 'originals', as: 'carol', path: () => `/sessions/${sessionIn('live')?.id}/unlock` },
  { name: 'sharing a session', path: () => `/sessions/${sessionIn('live')?.id}/share` },
  {
    name: 'a link that was made',
    path: () => `/sessions/${sessionIn('live')?.id}/share`,
    async prepare(page) {
      await page.locator('#names').fill('dan@example.com');
      await page.getByRole('button', { name: 'Make the link' }).click();
    },
  },
  {
    name: 'shared links',
    path: () => `/sessions/${sessionIn('live')?.id}/share`,
    async prepare(page) {
      await page.locator('#names').fill('dan@example.com group:okta:support');
      await page.getByRole('button', { name: 'Make the link' }).click();
      await page.getByRole('link', { name: 'Links you made' }).click();
    },
  },
  { name: 'where a link leads', path: at('/shared') },
  { name: 'overview', path: at('/') },
  { name: 'empty overview', as: 'carol', path: at('/') },
  { name: 'request', path: at('/request/demo') },
  {
    name: 'issued grant',
    path: at('/request/demo'),
    async prepare(page) {
      await page.locator('#reason').fill('SHOP-9');
      await page.getByRole('button', { name: 'Ask for access' }).click();
      await page.locator('#secret').waitFor();
    },
  },
  { name: 'grants', as: 'bob', path: at('/grants') },
  {
    name: 'approvals',
    as: 'bob',
    path: () => {
      waitingRequest();
      return '/approvals';
    },
  },
  { name: 'request to decide', as: 'bob', path: () => `/requests/${waitingRequest().id}` },
  { name: 'own request', path: () => `/requests/${waitingRequest().id}` },
  {
    name: 'revoke',
    path: () => `/grants/${site.gatehouse.listed.find((grant) => grant.state === 'active')?.id}/revoke`,
  },
  { name: 'sessions', as: 'carol', path: at('/sessions') },
  {
    name: 'session with player',
    path: () => `/sessions/${sessionIn('sealed')?.id}`,
    async prepare(page) {
      await page.locator('a[data-jump="8"]').click();
      await page.locator('#transcript .rows').last().waitFor();
    },
  },
  { name: 'live session', path: () => `/sessions/${sessionIn('live')?.id}` },
  { name: 'end a session', as: 'bob', path: () => `/sessions/${sessionIn('live')?.id}/end` },
  { name: 'broken session', as: 'bob', path: () => `/sessions/${sessionIn('broken')?.id}` },
  {
    name: 'search',
    path: at('/search'),
    prepare: (page) => page.getByText('How to ask').click(),
  },
  { name: 'what was found', as: 'carol', path: at('/search?q=orders') },
  { name: 'what was not understood', path: at('/search?q=usr:alice') },
  {
    name: 'retention',
    as: 'carol',
    path: () => {
      site.gatehouse.keeping.due = [{ day: '2026-12-01', sessions: 3, more: false }];
      hold();
      return '/retention';
    },
  },
  { name: 'retention for others', path: at('/retention') },
  { name: 'a hold to place', as: 'carol', path: at('/retention/holds/new') },
  { name: 'a hold', as: 'bob', path: () => `/retention/holds/${hold().id}` },
  { name: 'what keeps a session', as: 'carol', path: () => `/sessions/${sessionIn('sealed')?.id}/retention` },
  {
    name: 'purges',
    as: 'carol',
    path: () => {
      site.gatehouse.keeping.lastRun = {
        ...{ at: new Date().toISOString(), purged: 1, proposed: 0, refused: 1, failed: 1, more: true },
        failedSessions: [sessionIn('sealed')?.id ?? raise()],
      };
      const { id: session, connector } = sessionIn('sealed') ?? raise();
      const evidence = { versions: 3, markers: 0, bytes: 12_000, manifest: 'ab'.repeat(32) as never };
      const purge = { session, connector, at: new Date().toISOString(), evidence };
      site.gatehouse.keeping.purges.set('a', { ...purge, state: 'done' });
      site.gatehouse.keeping.purges.set('b', { ...purge, state: 'refused', refusals: [{ why: 'unknown' }] });
      return '/purges';
    },
  },
  { name: 'a dry run', as: 'carol', path: at('/purges/dry-run') },
  { name: 'audit', as: 'carol', path: at('/audit') },
  { name: 'connectors', as: 'bob', path: at('/connectors') },
  { name: 'device', path: at('/device') },
  {
    name: 'sign-in by the browser',
    path: () => {
      const now = new Date().toISOString();
      const asked = { address: '10.0.0.9', userAgent: '', requestedAt: now, expiresAt: now };
      const resource = ResourceName.parse('demo');
      site.gatehouse.waiting.set('BCDF-GHJK', { userCode: 'BCDF-GHJK', ...asked, resource });
      return '/device?user_code=BCDF-GHJK';
    },
  },
  {
    name: 'SSH keys',
    path: at('/keys'),
    async prepare(page) {
      await page.locator('#public_key').fill(`ssh-ed25519 ${KEY}`);
      await page.locator('#signature').fill('-----BEGIN SSH SIGNATURE-----');
      await page.getByRole('button', { name: 'Register', exact: true }).click();
      await page.getByRole('row').nth(1).waitFor();
    },
  },
  { name: 'not found', path: at('/nowhere') },
  { name: 'signed out', path: at('/signed-out') },
];

test.each(PAGES)('$name has no barrier, in light, dark and on a phone', async (what) => {
  const options = { as: what.as, expected: /40[04]/, reducedMotion: 'reduce' } as const;
  const { page, close } = await visit(browser, site, what.path(), options);
  await what.prepare?.(page);
  expect(await barriers(page)).toEqual({ light: [], dark: [] });
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(360);
  await close();
});

test('the style sheet and the scripts stay small', async () => {
  const size = async (name: string) => (await (await fetch(`${site.origin}/assets/${name}`)).arrayBuffer()).byteLength;
  expect(await size('portal-style.css')).toBeLessThan(28_000);
  expect((await size('portal.js')) + (await size('player-statements.js'))).toBeLessThan(37_000);
  // Most of it is the terminal that recordings are played in.
  expect(await size('player-terminal.js')).toBeLessThan(260_000);
});
