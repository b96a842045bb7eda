import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { Browser, EDGE } from '../test/browser.ts';
import { secret } from '../../core/secret.ts';
import { LOGIN_COOKIE, SESSION_COOKIE } from './cookies.ts';
import { OidcProvider } from './oidc.ts';
import { audit } from '../test/grants.ts';

const lastFailure = async () => {
  const { entries } = await audit.list({ kind: 'identity.sign_in_failed', limit: 1 });
  return entries[0]?.details.reason;
};

test('signs a person in through a real provider and comes back to where they were', async () => {
  const browser = new Browser();
  const landed = await browser.signIn('alice', '/login?return=%2Fgrants%3Fx%3D1');
  expect(landed.status).toBe(302);
  expect(landed.headers.get('location')).toBe('/grants?x=1');
  const cookie = landed.headers.getSetCookie().find((text) => text.startsWith(`${SESSION_COOKIE}=`)) ?? '';
  for (const attribute of ['Secure', 'HttpOnly', 'SameSite=Lax', 'Path=/']) expect(cookie).toContain(attribute);
  expect(cookie).not.toContain('Domain');
  const me = await (await browser.fetch(`${EDGE}/api/v1/me`)).json();
  expect(me).toMatchObject({
    identity: {
      subject: `${env.OIDC_ISSUER}#alice`,
      email: 'alice@example.com',
      groups: ['demo:developers'],
      provider: 'demo',
    },
    administrator: false,
    auditor: false,
  });
  const { entries } = await audit.list({ kind: 'identity.signed_in', limit: 1 });
  expect(entries[0]?.actor).toBe('alice@example.com');
});

test('sends the browser with PKCE, state and nonce, and keeps the verifier out of the address', async () => {
  const response = await new Browser().fetch(`${EDGE}/login`);
  const query = new URL(response.headers.get('location') ?? '').searchParams;
  expect(query.get('code_challenge_method')).toBe('S256');
  expect(query.get('state')?.length).toBeGreaterThan(20);
  expect(query.get('nonce')?.length).toBeGreaterThan(20);
  expect(query.get('redirect_uri')).toBe(`${EDGE}/login/callback`);
});

test('refuses a callback in another browser than the one that began', async () => {
  const victim = new Browser();
  const begun = await victim.fetch(`${EDGE}/login`);
  const state = new URL(begun.headers.get('location') ?? '').searchParams.get('state');
  const other = await new Browser().fetch(`${EDGE}/login/callback?code=x&state=${state}`);
  expect(other.status).toBe(400);
  expect(await lastFailure()).toBe('attempt_unknown');
});

test('refuses another state, and a forged login cookie', async () => {
  const browser = new Browser();
  await browser.fetch(`${EDGE}/login`);
  expect((await browser.fetch(`${EDGE}/login/callback?code=x&state=forged`)).status).toBe(400);
  expect(await lastFailure()).toBe('state_wrong');

  const begun = await browser.fetch(`${EDGE}/login`);
  const state = new URL(begun.headers.get('location') ?? '').searchParams.get('state');
  const sealed = browser.cookie(EDGE, LOGIN_COOKIE) ?? '';
  browser.setCookie(EDGE, LOGIN_COOKIE, `${sealed.slice(0, -4)}AAAA`);
  // From elsewhere: the same failure from the same address is counted and no entry of its own.
  const elsewhere = { headers: { 'cf-connecting-ip': '192.0.2.9' } };
  expect((await browser.fetch(`${EDGE}/login/callback?code=x&state=${state}`, elsewhere)).status).toBe(400);
  expect(await lastFailure()).toBe('attempt_unknown');
});

test('refuses a callback that is played again, even with its cookie put back', async () => {
  const browser = new Browser();
  const begun = await browser.fetch(`${EDGE}/login`);
  const sealed = browser.cookie(EDGE, LOGIN_COOKIE) ?? '';
  browser.visited.push(begun.headers.get('location') ?? '');
  const again = new Browser();
  const landed = await again.signIn('alice');
  expect(landed.status).toBe(302);
  const callback = again.visited.find((address) => address.startsWith(`${EDGE}/login/callback`)) ?? '';
  // The cookie of that very attempt is gone with it; with any other, the state does not fit.
  expect((await again.fetch(callback)).status).toBe(400);
  again.setCookie(EDGE, LOGIN_COOKIE, sealed);
  expect((await again.fetch(callback)).status).toBe(400);
});

test('refuses an attempt that was finished before', async () => {
  const browser = new Browser();
  const begun = await browser.fetch(`${EDGE}/login`);
  const sealed = browser.cookie(EDGE, LOGIN_COOKIE) ?? '';
  const state = new URL(begun.headers.get('location') ?? '').searchParams.get('state');
  await browser.fetch(`${EDGE}/login/callback?code=x&state=${state}&iss=${encodeURIComponent(env.OIDC_ISSUER)}`);
  expect(await lastFailure()).toBe('code_rejected');
  browser.setCookie(EDGE, LOGIN_COOKIE, sealed);
  await browser.fetch(`${EDGE}/login/callback?code=x&state=${state}&iss=${encodeURIComponent(env.OIDC_ISSUER)}`);
  expect(await lastFailure()).toBe('attempt_replayed');
});

test('refuses a person whose e-mail address the provider has not verified', async () => {
  const landed = await new Browser().signIn('unverified');
  expect(landed.status).toBe(403);
  expect(await landed.text()).toContain('Your e-mail address is not verified');
  expect(await lastFailure()).toBe('email_unverified');
});

test('says no more to the browser than to start again', async () => {
  const page = await (
    await new Browser().fetch(`${EDGE}/login/callback?error=access_denied&error_description=secret-words`)
  ).text();
  const words = page.slice(page.indexOf('<main'), page.indexOf('</main'));
  expect(words).toContain('Start again');
  expect(words).not.toContain('secret-words');
});

test('a provider that turns the person away is told apart in the audit log', async () => {
  const browser = new Browser();
  const begun = await browser.fetch(`${EDGE}/login`);
  const state = new URL(begun.headers.get('location') ?? '').searchParams.get('state');
  const iss = encodeURIComponent(env.OIDC_ISSUER);
  await browser.fetch(`${EDGE}/login/callback?error=access_denied&state=${state}&iss=${iss}`);
  expect(await lastFailure()).toBe('provider_refused');
});

test('signing out ends the session at the edge, not only in the browser', async () => {
  const browser = new Browser();
  await browser.signIn('alice');
  const kept = browser.cookie(EDGE, SESSION_COOKIE) ?? '';
  const out = await browser.fetch(`${EDGE}/logout`, { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' } });
  expect(out.status).toBe(303);
  browser.setCookie(EDGE, SESSION_COOKIE, kept);
  expect((await browser.fetch(`${EDGE}/api/v1/me`)).status).toBe(401);
});

test('another site cannot sign anybody out', async () => {
  const browser = new Browser();
  await browser.signIn('alice');
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    {},
  ]) {
    expect((await browser.fetch(`${EDGE}/logout`, { method: 'POST', headers })).status).toBe(403);
  }
  expect((await browser.fetch(`${EDGE}/api/v1/me`)).status).toBe(200);
});

// --- a provider that forges ---

const provider = (flaw: string) =>
  new OidcProvider({
    issuer: `${env.FORGED_ISSUER}/${flaw}`,
    clientId: 'gatehouse',
    clientSecret: secret('only-for-tests'),
    groupsClaim: 'groups',
    groupsRequired: true,
    emailDomains: [],
    preset: 'generic',
    tenants: [],
    groupSource: undefined,
    extraScopes: '',
    providerName: 'forged',
    redirectUri: `${EDGE}/login/callback`,
  });

const signInAt = async (flaw: string, at = provider(flaw)) => {
  const begun = await at.begin('/');
  if (!begun.ok) return begun.error;
  const response = await fetch(begun.value.redirect, { redirect: 'manual' });
  const finished = await at.finish(new URL(response.headers.get('location') ?? ''), begun.value.attempt);
  return finished.ok ? finished.value : finished.error;
};

test.each([
  ['wrong-state', 'state_wrong'],
  ['wrong-iss', 'issuer_wrong'],
  ['no-iss', 'issuer_wrong'],
  ['wrong-nonce', 'nonce_wrong'],
  ['wrong-audience', 'audience_wrong'],
  ['wrong-issuer-in-token', 'issuer_wrong'],
  ['wrong-issuer-in-discovery', 'provider_unreachable'],
  ['expired', 'token_expired'],
  ['wrong-key', 'signature_wrong'],
  ['no-email', 'email_missing'],
])('refuses a sign-in with %s: %s', async (flaw, fault) => {
  expect(await signInAt(flaw)).toBe(fault);
});

test('bears a clock that is a little ahead', async () => {
  expect(await signInAt('clock-ahead')).toMatchObject({ email: 'dave@example.com', groups: ['forged:single-group'] });
});

test('takes keys rotated between two sign-ins', async () => {
  const at = provider('rotated-keys');
  expect(await signInAt('rotated-keys', at)).toMatchObject({ email: 'dave@example.com' });
  expect(await signInAt('rotated-keys', at)).toMatchObject({ email: 'dave@example.com' });
});
