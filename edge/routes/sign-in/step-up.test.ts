// Signing in again, as a rule asks for it: what is asked of the provider, what has to come of it, and what is refused until then.

import { env } from 'cloudflare:workers';
import type { Hono } from 'hono';
import { beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../app.ts';
import { createDeps } from '../../deps.ts';
import { SESSION_COOKIE } from '../../identity/cookies.ts';
import { Browser, EDGE } from '../../test/browser.ts';
import { resource, TestConnector } from '../../test/connector.ts';
import { newest } from '../../test/grants.ts';
import { apply } from '../../test/holds.ts';
import { callerAs, person } from '../../test/people.ts';

const POLICY = `administrators: ["demo:administrators"]
rules:
  - name: fresh
    resources: { name: fresh }
    who: [everyone]
    access: { ttl: 1h, require: { maxAge: 5m } }
  - name: strong
    resources: { name: strong }
    who: [everyone]
    access: { ttl: 1h, require: { acr: ["urn:mfa", "urn:key"], amr: [mfa], maxAge: 5m } }
  - name: agreed
    resources: { name: agreed }
    who: [everyone]
    access: { ttl: 1h, require: { amr: [mfa] }, approval: { from: ["demo:dba"] } }
  - name: plain
    resources: { name: plain }
    who: [everyone]
    access: { ttl: 1h }
`;

beforeAll(async () => {
  await apply(POLICY, await callerAs('bob'));
  await (await TestConnector.join()).link(['fresh', 'strong', 'plain', 'agreed'].map((name) => resource(name)));
});

describe('through a real provider', () => {
  test('a person is told before they fill in anything, signs in again, and comes back to where they were', async () => {
    const browser = new Browser();
    await browser.signIn('alice');
    const told = await browser.fetch(`${EDGE}/request/fresh`);
    const page = await told.text();
    expect(told.status).toBe(403);
    expect(page).toContain('Rule fresh asks for a sign-in at most 5 min ago');
    const link = (/href="(\/login\?[^"]+)"/.exec(page)?.[1] ?? '').replaceAll('&amp;', '&');
    expect(link).toBe('/login?step_up=fresh&return=%2Frequest%2Ffresh');

    const landed = await browser.signIn('alice', link);
    const asked = new URL(browser.visited.findLast((address) => address.includes('max_age')) ?? '').searchParams;
    expect([asked.get('prompt'), asked.get('max_age')]).toEqual(['login', '300']);
    expect(landed.headers.get('location')).toBe('/request/fresh');
    const form = await browser.fetch(`${EDGE}/request/fresh`);
    expect(form.status).toBe(200);
    const issued = await browser.fetch(`${EDGE}/request/fresh`, {
      method: 'POST',
      headers: { 'sec-fetch-site': 'same-origin' },
      body: new URLSearchParams({ reason: 'tests', made: String(Date.now()) }),
    });
    expect(await issued.text()).toContain('ght_');
  });

  test('somebody else who signs in there gets nothing of it', async () => {
    const browser = new Browser();
    await browser.signIn('alice');
    const before = browser.cookie(EDGE, SESSION_COOKIE);
    const refused = await browser.signIn('carol', '/login?step_up=fresh&return=%2F');
    expect(refused.status).toBe(403);
    expect(await refused.text()).toContain('somebody else than you were');
    expect(await newest('identity.sign_in_failed')).toMatchObject({ details: { reason: 'step_up_other_person' } });
    expect(browser.cookie(EDGE, SESSION_COOKIE)).toBe(before);
  });

  test('a sign-in raises itself alone, and no other of the same person', async () => {
    const stolen = new Browser();
    await stolen.signIn('alice');
    const browser = new Browser();
    await browser.signIn('alice', '/login?step_up=fresh&return=%2F');
    const [own, other] = await Promise.all([browser, stolen].map((each) => each.fetch(`${EDGE}/request/fresh`)));
    expect([own?.status, other?.status]).toEqual([200, 403]);
  });

  test('an address that names no such rule is refused', async () => {
    for (const rule of ['plain', 'unknown', ''])
      expect((await new Browser().fetch(`${EDGE}/login?step_up=${rule}`)).status).toBe(400);
  });
});

describe('a program that calls the API', () => {
  test('hears what to do, and it is written down', async () => {
    const alice = await callerAs('alice');
    const refused = await alice.send('POST', '/requests', { resource: 'strong', reason: '' });
    expect([refused.status, await refused.json()]).toEqual([
      403,
      {
        error: {
          reason: 'step_up_needed',
          message:
            'Rule strong asks for a sign-in with mfa, at the level urn:mfa or urn:key, at most 5 min ago, and yours was not. Sign in again, then ask again.',
          signInAgain: { rule: 'strong', link: `${EDGE}/login?step_up=strong` },
        },
      },
    ]);
    expect(await newest('request.denied')).toMatchObject({ details: { reason: 'step_up_needed', rule: 'strong' } });
    expect((await alice.send('POST', '/requests', { resource: 'plain', reason: '' })).status).toBe(200);
  });
});

test('an approved request is fetched by whoever signed in as the rule asks, then too', async () => {
  const { gatehouse } = createDeps(env);
  const strong = { ...person('heidi'), amr: ['mfa'] };
  const asked = await gatehouse.requestAccess(strong, { resource: 'agreed', reason: 'tests' } as never);
  const id = asked.ok && 'request' in asked.value ? asked.value.request.id : undefined;
  if (!id) throw new Error('nothing waits');
  expect(
    (await gatehouse.decideApproval(person('bob'), id, { decision: 'approve', comment: '' }, 'api' as never)).ok,
  ).toBe(true);
  expect(await gatehouse.claimRequest(person('heidi'), id)).toMatchObject({
    ok: false,
    error: { reason: 'step_up_needed', signInAgain: { rule: 'agreed' } },
  });
  expect((await gatehouse.claimRequest(strong, id)).ok).toBe(true);
});

describe('a provider', () => {
  const appOf = (client: string) =>
    createApp(
      createDeps({
        ...env,
        OIDC_ISSUER: `${env.OIDC_VENDORS}/okta`,
        OIDC_CLIENT_ID: client,
        OIDC_PRESET: 'okta',
      } as typeof env),
    );
  const cookieOf = (response: Response) =>
    response.headers
      .getSetCookie()
      .map((text) => text.split(';')[0])
      .join('; ');
  async function stepUp(app: Hono, session = '') {
    const begun = await app.fetch(
      new Request(`${EDGE}/login?step_up=strong&return=%2Fgrants`, { headers: { cookie: session } }),
    );
    const asked = new URL(begun.headers.get('location') ?? '');
    const back = await fetch(asked, { redirect: 'manual' });
    const cookie = `${cookieOf(begun)}; ${session}`;
    const landed = await app.fetch(new Request(back.headers.get('location') ?? '', { headers: { cookie } }));
    return { asked: asked.searchParams, landed };
  }

  test('that does what is asked has people in', async () => {
    const app = appOf('step-up');
    const { asked, landed } = await stepUp(app);
    expect(Object.fromEntries(asked)).toMatchObject({ acr_values: 'urn:mfa urn:key', max_age: '300', prompt: 'login' });
    expect([landed.status, landed.headers.get('location')]).toEqual([302, '/grants']);
    const cookie = cookieOf(landed);
    const send = (name: string) =>
      app.fetch(
        new Request(`${EDGE}/api/v1/requests`, {
          method: 'POST',
          headers: { cookie, 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' },
          body: JSON.stringify({ resource: name, reason: '' }),
        }),
      );
    expect((await send('strong')).status).toBe(200);
    expect((await stepUp(appOf('step-up-other'), cookie)).landed.status).toBe(403);
    expect(await newest('identity.sign_in_failed')).toMatchObject({ details: { reason: 'step_up_other_person' } });
  });

  test.each([
    ['step-up-low', 'step_up_acr', 'the level that the rule asks for'],
    ['step-up-no-amr', 'step_up_amr', 'the means that the rule asks for'],
    ['step-up-old', 'step_up_time', 'show your credentials again'],
    ['step-up-silent', 'step_up_time', 'show your credentials again'],
  ])('that does not (%s) is named, with what it lacks', async (client, reason, words) => {
    const { landed } = await stepUp(appOf(client));
    expect(landed.status).toBe(403);
    expect(await landed.text()).toContain(words);
    expect(await newest('identity.sign_in_failed')).toMatchObject({ details: { reason } });
    expect(landed.headers.getSetCookie().some((text) => text.startsWith(`${SESSION_COOKIE}=`))).toBe(false);
  });
});
